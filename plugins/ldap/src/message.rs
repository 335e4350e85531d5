//! LDAP messages (RFC 4511), and the control of paged results (RFC 2696).

use crate::ber::{BOOLEAN, ENUMERATED, INTEGER, Malformed, OCTET_STRING, Reader, SEQUENCE, SET, Writer};
use crate::filter::Filter;

const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
/// Deleted objects too ([MS-ADTS] section 3.1.1.3.4.1.14).
const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";
const START_TLS: &str = "1.3.6.1.4.1.1466.20037";

const BIND_REQUEST: u8 = 0x60;
const UNBIND_REQUEST: u8 = 0x42;
const SEARCH_REQUEST: u8 = 0x63;
const SEARCH_ENTRY: u8 = 0x64;
const SEARCH_DONE: u8 = 0x65;
const SEARCH_REFERENCE: u8 = 0x73;
const MODIFY_REQUEST: u8 = 0x66;
const ADD_REQUEST: u8 = 0x68;
const DELETE_REQUEST: u8 = 0x4a;
const MODIFY_DN_REQUEST: u8 = 0x6c;
const EXTENDED_REQUEST: u8 = 0x77;
const INTERMEDIATE: u8 = 0x79;
const CONTROLS: u8 = 0xa0;

/// An attribute and its values.
pub type Attribute = (String, Vec<Vec<u8>>);

/// What a search looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// The entry itself.
    Base,
    /// Everything below it, and itself.
    Subtree,
}

/// What a modification does with an attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Adds the values.
    Add,
    /// Removes the values, or all of them if none is given.
    Delete,
    /// Puts the values in the place of all that are there.
    Replace,
}

/// A search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Search {
    /// Where it begins.
    pub base: String,
    /// How far it goes.
    pub scope: Scope,
    /// The most entries; 0 for any number.
    pub size_limit: u32,
    /// Which entries.
    pub filter: Filter,
    /// Which of their attributes.
    pub attributes: Vec<String>,
    /// The size of a page, and the cookie of the page before.
    pub page: Option<(u32, Vec<u8>)>,
    /// Deleted objects too, in Active Directory.
    pub deleted: bool,
}

impl Search {
    /// One entry, if it passes the filter.
    pub fn entry(dn: String, filter: Filter, attributes: Vec<String>) -> Self {
        Self { base: dn, scope: Scope::Base, size_limit: 1, filter, attributes, page: None, deleted: false }
    }

    /// One entry, whatever it is.
    pub fn any_entry(dn: String, attributes: Vec<String>) -> Self {
        Self::entry(dn, Filter::Present("objectClass".to_owned()), attributes)
    }

    /// Every entry of a tree that passes the filter.
    pub fn tree(base: String, filter: Filter, attributes: Vec<String>) -> Self {
        Self { base, scope: Scope::Subtree, size_limit: 0, filter, attributes, page: None, deleted: false }
    }
}

/// A request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// Looks for entries.
    Search(Search),
    /// Adds an entry.
    Add {
        /// Its name.
        dn: String,
        /// Its attributes.
        attributes: Vec<Attribute>,
    },
    /// Changes an entry.
    Modify {
        /// Its name.
        dn: String,
        /// What to change.
        changes: Vec<(Change, Attribute)>,
    },
    /// Renames or moves an entry.
    ModifyDn {
        /// Its name.
        dn: String,
        /// Its own part from now on; the values of the old one go.
        new_rdn: String,
        /// The entry above from now on, if it is another one.
        new_superior: Option<String>,
    },
    /// Removes an entry.
    Delete {
        /// Its name.
        dn: String,
    },
    /// Asks for TLS.
    StartTls,
    /// Ends the session.
    Unbind,
}

impl Request {
    /// The message.
    pub fn encode(&self, id: u32) -> Vec<u8> {
        message(id, |to| match self {
            Self::Search(search) => search.write(to),
            Self::Add { dn, attributes } => to.constructed(ADD_REQUEST, |to| {
                to.element(OCTET_STRING, dn.as_bytes());
                to.constructed(SEQUENCE, |to| attributes.iter().for_each(|attribute| write(to, attribute)));
            }),
            Self::Modify { dn, changes } => to.constructed(MODIFY_REQUEST, |to| {
                to.element(OCTET_STRING, dn.as_bytes());
                to.constructed(SEQUENCE, |to| {
                    for (change, attribute) in changes {
                        to.constructed(SEQUENCE, |to| {
                            to.integer(ENUMERATED, *change as i64);
                            write(to, attribute);
                        });
                    }
                });
            }),
            Self::ModifyDn { dn, new_rdn, new_superior } => to.constructed(MODIFY_DN_REQUEST, |to| {
                to.element(OCTET_STRING, dn.as_bytes());
                to.element(OCTET_STRING, new_rdn.as_bytes());
                to.boolean(BOOLEAN, true);
                new_superior.iter().for_each(|dn| to.element(0x80, dn.as_bytes()));
            }),
            Self::Delete { dn } => to.element(DELETE_REQUEST, dn.as_bytes()),
            Self::StartTls => to.constructed(EXTENDED_REQUEST, |to| to.element(0x80, START_TLS.as_bytes())),
            Self::Unbind => to.element(UNBIND_REQUEST, &[]),
        })
    }
}

impl Search {
    fn write(&self, to: &mut Writer) {
        to.constructed(SEARCH_REQUEST, |to| {
            to.element(OCTET_STRING, self.base.as_bytes());
            to.integer(ENUMERATED, if self.scope == Scope::Base { 0 } else { 2 });
            // Aliases are never followed: an entry reached by two names would be two entities.
            to.integer(ENUMERATED, 0);
            to.integer(INTEGER, i64::from(self.size_limit));
            to.integer(INTEGER, 0);
            to.boolean(BOOLEAN, false);
            self.filter.write(to);
            to.constructed(SEQUENCE, |to| {
                self.attributes.iter().for_each(|name| to.element(OCTET_STRING, name.as_bytes()));
            });
        });
        if self.page.is_none() && !self.deleted {
            return;
        }
        // Critical: without paging a server might answer everything at once.
        let control = |to: &mut Writer, oid: &str, value: &[u8]| {
            to.constructed(SEQUENCE, |to| {
                to.element(OCTET_STRING, oid.as_bytes());
                to.boolean(BOOLEAN, true);
                if !value.is_empty() {
                    to.element(OCTET_STRING, value);
                }
            });
        };
        to.constructed(CONTROLS, |to| {
            if let Some((size, cookie)) = &self.page {
                let mut value = Writer::default();
                value.constructed(SEQUENCE, |to| {
                    to.integer(INTEGER, i64::from(*size));
                    to.element(OCTET_STRING, cookie);
                });
                control(to, PAGED_RESULTS, &value.into_bytes());
            }
            if self.deleted {
                control(to, SHOW_DELETED, &[]);
            }
        });
    }
}

fn message(id: u32, operation: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut message = Writer::default();
    message.constructed(SEQUENCE, |to| {
        to.integer(INTEGER, i64::from(id));
        operation(to);
    });
    message.into_bytes()
}

fn write(to: &mut Writer, (name, values): &Attribute) {
    to.constructed(SEQUENCE, |to| {
        to.element(OCTET_STRING, name.as_bytes());
        to.constructed(SET, |to| values.iter().for_each(|value| to.element(OCTET_STRING, value)));
    });
}

/// The bytes of a simple bind before its password, whose length alone is known here.
pub fn bind_before_password(id: u32, user: &str, password: usize) -> Vec<u8> {
    let encoded = |fill: &dyn Fn(&mut Writer)| {
        let mut writer = Writer::default();
        fill(&mut writer);
        writer.into_bytes()
    };
    let credentials = encoded(&|to| {
        to.integer(INTEGER, 3);
        to.element(OCTET_STRING, user.as_bytes());
        to.head(0x80, password);
    });
    let operation = encoded(&|to| {
        to.head(BIND_REQUEST, credentials.len() + password);
        to.raw(&credentials);
    });
    let body = encoded(&|to| {
        to.integer(INTEGER, i64::from(id));
        to.raw(&operation);
    });
    encoded(&|to| {
        to.head(SEQUENCE, body.len() + password);
        to.raw(&body);
    })
}

/// A message of the server.
#[derive(Debug)]
pub struct Message<'a> {
    /// Of the request it answers; 0 for one that answers none.
    pub id: u32,
    /// What it says.
    pub body: Body<'a>,
    /// The cookie of the paged results control, if there is one.
    pub cookie: Option<&'a [u8]>,
}

/// What a message says.
#[derive(Debug)]
pub enum Body<'a> {
    /// An entry that a search found.
    Entry(Entry<'a>),
    /// Where a search might go on.
    Reference,
    /// Something that comes before the result.
    Intermediate,
    /// The result of a request, with the tag of its type.
    Result(u8, LdapResult),
}

/// An entry that a search found.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Its name.
    pub dn: &'a str,
    /// Its attributes and their values.
    pub attributes: Vec<(&'a str, Vec<&'a [u8]>)>,
}

/// How a request ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LdapResult {
    /// 0 for success.
    pub code: u32,
    /// How much of the name exists.
    pub matched: String,
    /// The server's own words.
    pub text: String,
}

impl<'a> Message<'a> {
    /// Reads one whole message.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut message = Reader::new(bytes).inside(SEQUENCE)?;
        let id = u32::try_from(message.integer(INTEGER)?)
            .map_err(|_| Malformed("a message has a negative number"))?;
        let (tag, content) = message.any()?;
        let content = Reader::new(content);
        let body = match tag {
            SEARCH_ENTRY => Body::Entry(entry(content)?),
            SEARCH_REFERENCE => Body::Reference,
            INTERMEDIATE => Body::Intermediate,
            // Bind, search, modify, add, delete, modify DN, extended.
            0x61 | SEARCH_DONE | 0x67 | 0x69 | 0x6b | 0x6d | 0x78 => Body::Result(tag, result(content)?),
            _ => return Err(Malformed("a message is of a type that no server sends")),
        };
        let cookie = match message.optional(CONTROLS)? {
            Some(controls) => cookie(Reader::new(controls))?,
            None => None,
        };
        Ok(Self { id, body, cookie })
    }
}

fn entry<'a>(mut content: Reader<'a>) -> Result<Entry<'a>, Malformed> {
    let dn = content.text(OCTET_STRING)?;
    let mut list = content.inside(SEQUENCE)?;
    let mut attributes = Vec::new();
    while !list.is_empty() {
        let mut attribute = list.inside(SEQUENCE)?;
        let name = attribute.text(OCTET_STRING)?;
        let mut set = attribute.inside(SET)?;
        let mut values = Vec::new();
        while !set.is_empty() {
            values.push(set.element(OCTET_STRING)?);
        }
        attributes.push((name, values));
    }
    Ok(Entry { dn, attributes })
}

fn result(mut content: Reader<'_>) -> Result<LdapResult, Malformed> {
    let code =
        u32::try_from(content.integer(ENUMERATED)?).map_err(|_| Malformed("a result code is negative"))?;
    // Some servers put bytes of another encoding into their messages.
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\0').trim().to_owned();
    let matched = lossy(content.element(OCTET_STRING)?);
    let text = lossy(content.element(OCTET_STRING)?);
    Ok(LdapResult { code, matched, text })
}

fn cookie<'a>(mut controls: Reader<'a>) -> Result<Option<&'a [u8]>, Malformed> {
    while !controls.is_empty() {
        let mut control = controls.inside(SEQUENCE)?;
        let oid = control.element(OCTET_STRING)?;
        control.optional(BOOLEAN)?;
        let value = control.optional(OCTET_STRING)?;
        if let (true, Some(value)) = (oid == PAGED_RESULTS.as_bytes(), value) {
            let mut value = Reader::new(value).inside(SEQUENCE)?;
            value.integer(INTEGER)?;
            return value.element(OCTET_STRING).map(Some);
        }
    }
    Ok(None)
}
