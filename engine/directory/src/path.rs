//! Attribute paths: `userName`, `name.familyName`, `urn:…:User:department`, and with a value filter
//! in brackets for PATCH.

use crate::catalog::ResourceType;
use crate::filter::{self, Filter};
use crate::schema::Attribute;
use crate::{ScimError, schema::DataType};
use serde_json::{Map, Value};
use std::sync::Arc;

/// An attribute, found in the schemas of a resource type.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    /// The extension's URN; none for core and common attributes.
    pub(crate) extension: Option<String>,
    pub(crate) attribute: Arc<Attribute>,
    pub(crate) sub: Option<Arc<Attribute>>,
}

/// What a PATCH path or an `attributes` entry may also name.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// A whole extension.
    Extension(String),
    /// An attribute, its values narrowed by a filter.
    Attribute(Path, Option<Filter>),
}

impl Path {
    /// Finds `text` among the attributes of a resource type. The message names what is unknown.
    pub(crate) fn resolve(resource_type: &ResourceType, text: &str) -> Result<Self, String> {
        match split(resource_type, text)? {
            (None, "") => Err(format!("{text:?} is no attribute")),
            (Some(extension), "") => Err(format!("{extension:?} is a schema, not an attribute")),
            (extension, rest) => {
                let (name, sub) = match rest.split_once('.') {
                    Some((name, sub)) => (name, Some(sub)),
                    None => (rest, None),
                };
                let attribute = match &extension {
                    Some(urn) => resource_type.extension(urn).and_then(|s| s.attribute(name)),
                    None => resource_type.attribute(name),
                }
                .ok_or_else(|| {
                    format!("attribute {text:?} is unknown to {}; see /Schemas", resource_type.kind.name())
                })?;
                let sub = match sub {
                    None => None,
                    Some(sub) => Some(
                        attribute
                            .sub(sub)
                            .ok_or_else(|| {
                                format!("{:?} has no sub-attribute {sub:?}; see /Schemas", attribute.name)
                            })?
                            .clone(),
                    ),
                };
                Ok(Self { extension, attribute: attribute.clone(), sub })
            }
        }
    }

    /// A path inside the values of a multi-valued complex attribute.
    pub(crate) fn within(parent: &Attribute, text: &str) -> Result<Self, String> {
        parent
            .sub(text)
            .map(|sub| Self { extension: None, attribute: sub.clone(), sub: None })
            .ok_or_else(|| format!("{:?} has no sub-attribute {text:?}; see /Schemas", parent.name))
    }

    /// The attribute whose values are compared: the sub-attribute, or for a complex multi-valued
    /// attribute its `value`.
    pub(crate) fn leaf(&self) -> &Arc<Attribute> {
        if let Some(sub) = &self.sub {
            return sub;
        }
        if self.attribute.kind == DataType::Complex
            && let Some(value) = self.attribute.sub("value")
        {
            return value;
        }
        &self.attribute
    }

    /// What a resource has under the attribute, whichever sub-attribute the path names.
    pub(crate) fn value<'v>(&self, resource: &'v Map<String, Value>) -> Option<&'v Value> {
        let holder = match &self.extension {
            None => Some(resource),
            Some(urn) => resource.get(urn).and_then(Value::as_object),
        };
        holder?.get(&self.attribute.name)
    }

    /// Calls `f` for each value until it says true; tells whether it did.
    pub(crate) fn any(&self, resource: &Map<String, Value>, mut f: impl FnMut(&Value) -> bool) -> bool {
        let Some(value) = self.value(resource) else { return false };
        let leaf = self.leaf();
        let mut one = |element: &Value| {
            if Arc::ptr_eq(leaf, &self.attribute) {
                f(element)
            } else {
                element.get(&leaf.name).is_some_and(&mut f)
            }
        };
        match value {
            Value::Array(elements) => elements.iter().any(one),
            single => one(single),
        }
    }

    /// As a person writes it.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if let Some(urn) = &self.extension {
            text.push_str(urn);
            text.push(':');
        }
        text.push_str(&self.attribute.name);
        if let Some(sub) = &self.sub {
            text.push('.');
            text.push_str(&sub.name);
        }
        text
    }
}

impl Target {
    /// Reads a PATCH path.
    pub(crate) fn parse(resource_type: &ResourceType, text: &str) -> Result<Self, ScimError> {
        let text = text.trim();
        let Some(open) = text.find('[') else {
            return match split(resource_type, text).map_err(ScimError::path)? {
                (Some(urn), "") => Ok(Self::Extension(urn)),
                _ => Path::resolve(resource_type, text)
                    .map(|p| Self::Attribute(p, None))
                    .map_err(ScimError::path),
            };
        };
        let close = text
            .rfind(']')
            .filter(|close| *close > open)
            .ok_or_else(|| ScimError::path(format!("path {text:?} has no closing bracket")))?;
        let (name, inside, after) = (
            text.get(..open).unwrap_or_default(),
            text.get(open + 1..close).unwrap_or_default(),
            text.get(close + 1..).unwrap_or_default(),
        );
        let mut path = Path::resolve(resource_type, name.trim()).map_err(ScimError::path)?;
        if path.sub.is_some() || path.attribute.kind != DataType::Complex {
            return Err(ScimError::path(format!(
                "{name:?} takes no filter in brackets: it has no sub-attributes"
            )));
        }
        let filter = filter::parse_within(&path.attribute, inside)
            .map_err(|e| ScimError::path(format!("path {text:?}: {}", e.detail)))?;
        if !after.is_empty() {
            let sub = after
                .strip_prefix('.')
                .ok_or_else(|| ScimError::path(format!("path {text:?}: expected '.' after ']'")))?;
            path.sub = Some(Path::within(&path.attribute, sub).map_err(ScimError::path)?.attribute);
        }
        Ok(Self::Attribute(path, Some(filter)))
    }
}

/// Parts the schema URN from the rest. The core schema's URN counts as none.
fn split<'t>(resource_type: &ResourceType, text: &'t str) -> Result<(Option<String>, &'t str), String> {
    if !text.get(..4).is_some_and(|p| p.eq_ignore_ascii_case("urn:")) {
        return Ok((None, text));
    }
    let rest_of = |urn: &str| -> Option<&'t str> {
        let head = text.get(..urn.len())?;
        let tail = text.get(urn.len()..)?;
        if !head.eq_ignore_ascii_case(urn) {
            return None;
        }
        if tail.is_empty() { Some(tail) } else { tail.strip_prefix(':') }
    };
    if let Some(rest) = rest_of(&resource_type.core.id) {
        return Ok((None, rest));
    }
    for extension in &resource_type.extensions {
        if let Some(rest) = rest_of(&extension.id) {
            return Ok((Some(extension.id.clone()), rest));
        }
    }
    Err(format!("{text:?} names no schema of {}; see /Schemas", resource_type.kind.name()))
}
