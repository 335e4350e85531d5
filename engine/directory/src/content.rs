//! A resource's content as it is stored: only attributes that the schemas know, spelt as they spell
//! them, with values of their types.
//!
//! Attributes nobody knows are left out, as RFC 7643 lets a service provider do; values of a wrong
//! type are refused, because dropping them would lose what the client meant.

use crate::ScimError;
use crate::catalog::ResourceType;
use crate::schema::{Attribute, DataType, Mutability};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Reads a whole resource (POST, PUT).
pub(crate) fn read(resource_type: &ResourceType, body: &Value) -> Result<Map<String, Value>, ScimError> {
    let Value::Object(body) = body else {
        return Err(ScimError::syntax("the body must be a JSON object with a SCIM resource"));
    };
    let names = body.iter().find(|(k, _)| k.eq_ignore_ascii_case("schemas")).map(|(_, v)| v);
    let claims_core = names.and_then(Value::as_array).is_some_and(|all| {
        all.iter().filter_map(Value::as_str).any(|s| s.eq_ignore_ascii_case(&resource_type.core.id))
    });
    if !claims_core {
        return Err(ScimError::value(format!("\"schemas\" must contain {:?}", resource_type.core.id)));
    }
    let mut content = Map::with_capacity(body.len());
    for (key, value) in body {
        if let Some(extension) = resource_type.extension(key) {
            let Value::Object(inner) = value else {
                if value.is_null() {
                    continue;
                }
                return Err(ScimError::value(format!("{:?} must be a JSON object", extension.id)));
            };
            let mut kept = Map::with_capacity(inner.len());
            for (key, value) in inner {
                if let Some(attribute) = extension.attribute(key) {
                    keep(&mut kept, attribute, value)?;
                }
            }
            if !kept.is_empty() {
                content.insert(extension.id.clone(), Value::Object(kept));
            }
        } else if let Some(attribute) = resource_type.attribute(key) {
            keep(&mut content, attribute, value)?;
        }
    }
    Ok(content)
}

fn keep(into: &mut Map<String, Value>, attribute: &Attribute, value: &Value) -> Result<(), ScimError> {
    if attribute.mutability == Mutability::ReadOnly {
        return Ok(());
    }
    if let Some(value) = whole(attribute, value)? {
        into.insert(attribute.name.clone(), value);
    }
    Ok(())
}

/// The value of an attribute, an array if it is multi-valued. None if it is unassigned.
pub(crate) fn whole(attribute: &Attribute, value: &Value) -> Result<Option<Value>, ScimError> {
    if !attribute.multi_valued {
        return single(attribute, value);
    }
    match value {
        Value::Null => Ok(None),
        Value::Array(values) => {
            let mut kept = Vec::with_capacity(values.len());
            for value in values {
                if let Some(value) = single(attribute, value)? {
                    kept.push(value);
                }
            }
            Ok((!kept.is_empty()).then_some(Value::Array(kept)))
        }
        _ => Err(ScimError::value(format!("{:?} has many values and must be an array", attribute.name))),
    }
}

/// One value of an attribute. None if it is unassigned.
pub(crate) fn single(attribute: &Attribute, value: &Value) -> Result<Option<Value>, ScimError> {
    let wrong = |expected: &str| {
        Err(ScimError::value(format!("{:?} must be {expected}, not {}", attribute.name, kind_of(value))))
    };
    Ok(Some(match (attribute.kind, value) {
        (_, Value::Null) => return Ok(None),
        (DataType::Boolean, Value::Bool(b)) => Value::Bool(*b),
        // Sent by Microsoft Entra ID.
        (DataType::Boolean, Value::String(s)) if s.eq_ignore_ascii_case("true") => Value::Bool(true),
        (DataType::Boolean, Value::String(s)) if s.eq_ignore_ascii_case("false") => Value::Bool(false),
        (DataType::Boolean, _) => return wrong("true or false"),
        (DataType::Integer, Value::Number(n)) if n.is_i64() || n.is_u64() => value.clone(),
        (DataType::Integer, _) => return wrong("a whole number"),
        (DataType::Decimal, Value::Number(_)) => value.clone(),
        (DataType::Decimal, _) => return wrong("a number"),
        (DataType::DateTime, Value::String(s)) => {
            if s.parse::<jiff::Timestamp>().is_err() {
                return wrong("a time such as \"2026-01-31T08:00:00Z\"");
            }
            value.clone()
        }
        (DataType::String | DataType::Binary | DataType::Reference, Value::String(_)) => value.clone(),
        (DataType::String | DataType::Binary | DataType::Reference | DataType::DateTime, _) => {
            return wrong("a text");
        }
        (DataType::Complex, Value::Object(map)) => {
            let mut kept = Map::with_capacity(map.len());
            for (key, value) in map {
                if let Some(sub) = attribute.sub(key) {
                    keep(&mut kept, sub, value)?;
                }
            }
            if kept.is_empty() {
                return Ok(None);
            }
            Value::Object(kept)
        }
        // A bare value stands for the `value` of the object: sent for managers and for e-mails.
        (DataType::Complex, Value::String(_)) if attribute.sub("value").is_some() => {
            let mut kept = Map::new();
            kept.insert("value".to_owned(), value.clone());
            Value::Object(kept)
        }
        (DataType::Complex, _) => return wrong("an object"),
    }))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "this text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// What must hold for the resource as a whole, after every change.
pub(crate) fn check(resource_type: &ResourceType, content: &Map<String, Value>) -> Result<(), ScimError> {
    require(&resource_type.core.attributes, content, resource_type.kind.name())?;
    for extension in &resource_type.extensions {
        if let Some(Value::Object(values)) = content.get(&extension.id) {
            require(&extension.attributes, values, &extension.id)?;
            values.iter().try_for_each(|(name, value)| one_primary(name, value))?;
        }
    }
    content.iter().try_for_each(|(name, value)| one_primary(name, value))
}

fn require(attributes: &[Arc<Attribute>], values: &Map<String, Value>, of: &str) -> Result<(), ScimError> {
    for attribute in attributes.iter().filter(|a| a.required) {
        let blank = match values.get(&attribute.name) {
            None => true,
            Some(Value::String(text)) => text.trim().is_empty(),
            Some(_) => false,
        };
        if blank {
            return Err(ScimError::value(format!(
                "{:?} is required for a {of}: give it a value",
                attribute.name
            )));
        }
    }
    Ok(())
}

fn one_primary(name: &str, value: &Value) -> Result<(), ScimError> {
    let many = value
        .as_array()
        .map_or(0, |values| values.iter().filter(|v| v.get("primary") == Some(&Value::Bool(true))).count());
    if many > 1 {
        return Err(ScimError::value(format!("{name:?} has {many} primary values: only one may be")));
    }
    Ok(())
}

/// Refuses a change of a value that cannot be changed once it is set.
pub(crate) fn check_immutable(
    resource_type: &ResourceType,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
) -> Result<(), ScimError> {
    for extension in resource_type.extensions.iter().filter(|_| resource_type.has_immutable) {
        let Some(before) = old.get(&extension.id) else { continue };
        let after = new.get(&extension.id);
        for attribute in extension.attributes.iter().filter(|a| a.mutability == Mutability::Immutable) {
            if let Some(value) = before.get(&attribute.name)
                && after.and_then(|a| a.get(&attribute.name)) != Some(value)
            {
                let name = format!("{}:{}", extension.id, attribute.name);
                return Err(ScimError::mutability(format!("{name:?} is set and immutable")));
            }
        }
    }
    Ok(())
}
