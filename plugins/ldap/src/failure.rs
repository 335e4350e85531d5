//! What a result code means to the engine (RFC 4511 appendix A).

use crate::message::LdapResult;
use gangway_sdk::Error;
use gangway_sdk::error::code;

/// An entry of that name exists.
pub const ENTRY_ALREADY_EXISTS: u32 = 68;
/// There is no entry of that name.
pub const NO_SUCH_OBJECT: u32 = 32;
/// The server would give more.
pub const SIZE_LIMIT_EXCEEDED: u32 = 4;

/// The error for a result that is no success. `what` is what was tried, such as `add the entry "…"`.
pub fn failure(result: &LdapResult, what: &str) -> Error {
    let (code, hint) = meaning(result);
    let said =
        if result.text.is_empty() { String::new() } else { format!(" It says: {}.", stop(&result.text)) };
    let mut error = Error::new(
        code,
        format!("The LDAP server refused to {what}: {} ({}).{said} {hint}", name(result.code), result.code),
    )
    .with_detail("resultCode", result.code);
    if !result.text.is_empty() {
        error = error.with_detail("diagnostic", &result.text);
    }
    if !result.matched.is_empty() {
        error = error.with_detail("matchedDn", &result.matched);
    }
    match attribute(&result.text) {
        Some(attribute) => error.with_detail("attribute", attribute),
        None => error,
    }
}

fn stop(text: &str) -> &str {
    text.trim_end_matches('.')
}

fn meaning(result: &LdapResult) -> (&'static str, &'static str) {
    match result.code {
        2 => (
            code::PROTOCOL,
            "The server did not understand the request; check that it speaks LDAP version 3.",
        ),
        3 => (code::TIMEOUT, "The server's time limit is too short for this; raise it for the bind user."),
        4 | 11 => (
            code::TOO_LARGE,
            "The server gives this user no more entries; raise its size limit for the bind user, or lower \
             `ldap.page.size`.",
        ),
        7 | 8 | 13 => (
            code::CONFIGURATION,
            "The server wants another or a better protected bind; use ldaps:// in the URL, or set `ldap.starttls` \
             to true.",
        ),
        10 | 71 => {
            (code::UNSUPPORTED, "The entry is kept by another server; connect the system to that one.")
        }
        12 => (code::UNSUPPORTED, "The server has no paged results (RFC 2696), which reading needs."),
        19 if result.text.contains("unique") => {
            (code::CONFLICT, "Another entry has the same value, which must be unique.")
        }
        16..=21 => (code::INVALID, "Correct the attribute in the write transformation."),
        32 => (code::NOT_FOUND, "There is no such entry."),
        34 => {
            (code::INVALID, "The name of the entry is no distinguished name; see `ldap.attribute.user.id`.")
        }
        48 | 49 => (code::UNAUTHORIZED, "Check the user and the password of the system."),
        50 => (code::FORBIDDEN, "Give the bind user the right to do this."),
        53 => (code::INVALID, "The server's own rules forbid it."),
        64 => (code::INVALID, "The attribute that names the entry must be one of its attributes."),
        65 => (code::INVALID, "Correct the object classes or the attributes in the write transformation."),
        66 => (code::INVALID, "There are entries below it; remove those first."),
        67 | 69 => {
            (code::INVALID, "This cannot be changed in an entry that exists; delete it and create it anew.")
        }
        68 => (code::CONFLICT, "An entry of this name exists already."),
        // Busy, unavailable, loop, and whatever a server cannot put a better name to: what became of the
        // request is not known.
        _ => (code::UNAVAILABLE, "The fault is on the server's side; the engine may try again later."),
    }
}

fn name(code: u32) -> &'static str {
    match code {
        1 => "operationsError",
        2 => "protocolError",
        3 => "timeLimitExceeded",
        4 => "sizeLimitExceeded",
        7 => "authMethodNotSupported",
        8 => "strongerAuthRequired",
        10 => "referral",
        11 => "adminLimitExceeded",
        12 => "unavailableCriticalExtension",
        13 => "confidentialityRequired",
        16 => "noSuchAttribute",
        17 => "undefinedAttributeType",
        18 => "inappropriateMatching",
        19 => "constraintViolation",
        20 => "attributeOrValueExists",
        21 => "invalidAttributeSyntax",
        32 => "noSuchObject",
        34 => "invalidDNSyntax",
        48 => "inappropriateAuthentication",
        49 => "invalidCredentials",
        50 => "insufficientAccessRights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwillingToPerform",
        64 => "namingViolation",
        65 => "objectClassViolation",
        66 => "notAllowedOnNonLeaf",
        67 => "notAllowedOnRDN",
        68 => "entryAlreadyExists",
        69 => "objectClassModsProhibited",
        71 => "affectsMultipleDSAs",
        80 => "other",
        _ => "a code of its own",
    }
}

/// The attribute that the server complains of, where its words have one of the usual shapes:
/// `mail: value #0 invalid per syntax`, `attribute 'x' not allowed`, `requires attribute 'sn'`.
fn attribute(text: &str) -> Option<&str> {
    let plausible = |name: &&str| crate::filter::is_description(name);
    if let Some((_, after)) = text.split_once("attribute '") {
        return after.split('\'').next().filter(plausible);
    }
    let (name, rest) = text.split_once(": ")?;
    let complaint = ["value #", "attribute", "no ", "multiple values", "requires", "contains"];
    complaint.iter().any(|start| rest.starts_with(start)).then_some(name).filter(plausible)
}
