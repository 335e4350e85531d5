//! How a system wants to be convinced of who is calling: read from its properties.

use crate::policy::Origin;
use crate::secret::Secret;
use crate::tls::{CLIENT_KEY, Identity, identity};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gangway_model::{PluginError, System, code};
use reqwest::header::HeaderValue;
use url::Url;

/// Properties that are secret whatever the system's record says.
const ALWAYS_SECRET: [&str; 4] = ["Password", "Token", CLIENT_KEY, "ldap.password"];

/// What the engine adds to a request with `auth: system`.
#[derive(Clone, Debug)]
pub(crate) enum Credentials {
    /// Nothing.
    None,
    /// A fixed `Authorization` header, marked as sensitive.
    Header(HeaderValue),
    /// The client certificate of the connection is enough.
    Certificate,
    /// A token of the token service.
    OAuth(Box<OAuth>),
    /// The properties do not fit together; said when credentials are first asked for, because a
    /// system that is reached by streams has other uses for the same properties.
    Misconfigured(PluginError),
}

/// The client-credentials grant.
#[derive(Clone, Debug)]
pub(crate) struct OAuth {
    pub(crate) url: Url,
    pub(crate) origin: Origin,
    /// `Authorization` of the token request, for `AuthType` Basic.
    pub(crate) header: Option<HeaderValue>,
    /// The form, ready to send. Holds the client secret for `AuthType` Form.
    pub(crate) form: Secret,
}

/// The credentials and the client certificate that a system's properties describe.
pub(crate) fn credentials(system: &System) -> (Credentials, Option<Identity>) {
    match read(system) {
        Ok(found) => found,
        Err(error) => (Credentials::Misconfigured(error), None),
    }
}

fn read(system: &System) -> Result<(Credentials, Option<Identity>), PluginError> {
    let token_service = value(system, "OAuth2TokenServiceURL");
    match value(system, "Authentication") {
        Some("NoAuthentication") => Ok((Credentials::None, None)),
        Some("BasicAuthentication") => {
            let user = required(system, "User", "BasicAuthentication")?;
            let password = required(system, "Password", "BasicAuthentication")?;
            let credentials = match token_service {
                None => Credentials::Header(basic(system, user, password)?),
                Some(url) => Credentials::OAuth(Box::new(with_secret(system, url, user, password)?)),
            };
            Ok((credentials, None))
        }
        Some("BearerTokenAuthentication") => {
            let token = required(system, "Token", "BearerTokenAuthentication")?;
            let header = bearer(token).ok_or_else(|| {
                wrong(system, "Token", "holds characters that no HTTP header can carry".to_owned())
            })?;
            Ok((Credentials::Header(header), None))
        }
        Some("ClientCertificateAuthentication") => {
            let identity = identity(system)?;
            let credentials = match token_service {
                None => Credentials::Certificate,
                Some(url) => {
                    let client = required(
                        system,
                        "client_id",
                        "ClientCertificateAuthentication with a token service",
                    )?;
                    Credentials::OAuth(Box::new(oauth(system, url, None, vec![("client_id", client)])?))
                }
            };
            Ok((credentials, Some(identity)))
        }
        Some(other) => Err(wrong(
            system,
            "Authentication",
            format!(
                "is {other:?}; it must be NoAuthentication, BasicAuthentication, ClientCertificateAuthentication or \
                 BearerTokenAuthentication"
            ),
        )),
        None if ["User", "Password", "Token"].iter().all(|key| value(system, key).is_none()) => {
            Ok((Credentials::None, None))
        }
        None => Err(wrong(
            system,
            "Authentication",
            "is not set, although there are credentials; set it to BasicAuthentication (User, Password) or \
             BearerTokenAuthentication (Token)"
                .to_owned(),
        )),
    }
}

fn with_secret(system: &System, url: &str, user: &str, password: &str) -> Result<OAuth, PluginError> {
    match value(system, "AuthType").unwrap_or("Basic") {
        kind if kind.eq_ignore_ascii_case("basic") => {
            oauth(system, url, Some(basic(system, user, password)?), Vec::new())
        }
        kind if kind.eq_ignore_ascii_case("form") => {
            oauth(system, url, None, vec![("client_id", user), ("client_secret", password)])
        }
        other => Err(wrong(system, "AuthType", format!("is {other:?}; it must be Basic or Form"))),
    }
}

fn oauth(
    system: &System,
    url: &str,
    header: Option<HeaderValue>,
    client: Vec<(&str, &str)>,
) -> Result<OAuth, PluginError> {
    let wrong_url = |text: String| wrong(system, "OAuth2TokenServiceURL", text);
    let url = Url::parse(url).map_err(|error| wrong_url(format!("is no URL ({error})")))?;
    let origin = Origin::of(&url).ok_or_else(|| wrong_url("must begin with https://".to_owned()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong_url("carries a user or password: put them into User and Password".to_owned()));
    }
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    if let Some(scope) = value(system, "OAuth2TokenScope") {
        form.append_pair("scope", scope);
    }
    form.extend_pairs(client);
    Ok(OAuth { url, origin, header, form: Secret::new(&form.finish()) })
}

fn basic(system: &System, user: &str, password: &str) -> Result<HeaderValue, PluginError> {
    if user.contains(':') {
        return Err(wrong(
            system,
            "User",
            "contains ':', which Basic authentication cannot carry".to_owned(),
        ));
    }
    let text = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    // Base64 always fits into a header.
    let mut header = HeaderValue::from_str(&text)
        .map_err(|_| wrong(system, "Password", "cannot be put into a header".to_owned()))?;
    header.set_sensitive(true);
    Ok(header)
}

/// The header for a token; none if it holds characters that a header cannot carry.
pub(crate) fn bearer(token: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(&format!("Bearer {}", token.trim())).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// Every value that no answer may show: the secret properties and the header made of them.
pub(crate) fn secret_values(system: &System) -> Vec<String> {
    let mut values: Vec<String> = system
        .properties
        .iter()
        .filter(|(key, property)| property.secret || ALWAYS_SECRET.contains(&key.as_str()))
        .map(|(_, property)| property.value.clone())
        .collect();
    if let (Some(user), Some(password)) = (system.property("User"), system.property("Password")) {
        values.push(STANDARD.encode(format!("{user}:{password}")));
    }
    values
}

fn value<'a>(system: &'a System, key: &str) -> Option<&'a str> {
    system.property(key).filter(|text| !text.trim().is_empty()).map(|text| {
        // A password may begin or end with a space; nothing else means one.
        if key == "Password" { text } else { text.trim() }
    })
}

fn required<'a>(system: &'a System, key: &str, why: &str) -> Result<&'a str, PluginError> {
    value(system, key).ok_or_else(|| wrong(system, key, format!("is not set, but {why} needs it")))
}

fn wrong(system: &System, key: &str, text: String) -> PluginError {
    PluginError::new(code::CONFIGURATION, format!("system \"{}\": the property {key} {text}", system.name))
        .with("property", key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::system;

    fn of(properties: &[(&str, &str)]) -> Credentials {
        credentials(&system(properties)).0
    }

    fn error(properties: &[(&str, &str)]) -> PluginError {
        match of(properties) {
            Credentials::Misconfigured(error) => error,
            other => panic!("{other:?}"),
        }
    }

    const BASIC: (&str, &str) = ("Authentication", "BasicAuthentication");

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        assert!(matches!(of(&[]), Credentials::None));
        let table: &[(&[(&str, &str)], &str)] = &[
            (&[BASIC, ("User", "u")], "the property Password is not set"),
            (&[BASIC, ("Password", "p")], "the property User is not set"),
            (&[BASIC, ("User", "a:b"), ("Password", "p")], "contains ':'"),
            (&[("Authentication", "Kerberos")], "\"Kerberos\""),
            (&[("Authentication", "BearerTokenAuthentication")], "the property Token is not set"),
            (&[("User", "u"), ("Password", "p")], "the property Authentication is not set"),
            (
                &[("Authentication", "ClientCertificateAuthentication")],
                "the property ClientCertificate is not set",
            ),
            (
                &[BASIC, ("User", "u"), ("Password", "p"), ("OAuth2TokenServiceURL", "ftp://x")],
                "OAuth2TokenServiceURL must begin with https://",
            ),
            (
                &[
                    BASIC,
                    ("User", "u"),
                    ("Password", "p"),
                    ("OAuth2TokenServiceURL", "https://x"),
                    ("AuthType", "Mail"),
                ],
                "AuthType is \"Mail\"",
            ),
        ];
        for (properties, expected) in table {
            let error = error(properties);
            assert_eq!(error.code, code::CONFIGURATION);
            assert!(error.message.contains(expected), "{} lacks {expected}", error.message);
        }
    }

    #[test]
    fn debug_output_and_errors_hold_no_secret() {
        for properties in [
            vec![BASIC, ("User", "canary-user"), ("Password", "canary-4711")],
            vec![
                BASIC,
                ("User", "u"),
                ("Password", "canary-4711"),
                ("OAuth2TokenServiceURL", "https://x"),
                ("AuthType", "Form"),
            ],
            vec![BASIC, ("User", "u"), ("Password", "canary-4711"), ("OAuth2TokenServiceURL", "https://x")],
            vec![("Authentication", "BearerTokenAuthentication"), ("Token", "canary-4711")],
            vec![("Authentication", "BearerTokenAuthentication"), ("Token", "canary-4711\u{1}")],
            vec![
                ("Authentication", "ClientCertificateAuthentication"),
                ("ClientCertificate", "x"),
                ("ClientKey", "canary-4711"),
            ],
        ] {
            let shown = format!("{:?}", of(&properties));
            assert!(!shown.contains("canary-4711"), "{shown}");
            assert!(!shown.contains(&STANDARD.encode("u:canary-4711")), "{shown}");
        }
    }
}
