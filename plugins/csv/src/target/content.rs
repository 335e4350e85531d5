//! From an entity's JSON to the values of a row, and to the columns of a new file.

use crate::header::Header;
use gangway_sdk::{Error, Result};
use serde_json::Value;

/// A value that fits into one field.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The values of a row that holds this content. With `base` only what the content names changes;
/// without, everything else is empty.
pub(crate) fn fill(
    content: &Value,
    id: &str,
    base: Option<&Vec<String>>,
    header: &Header,
    separator: &str,
) -> Result<Vec<String>> {
    every_leaf_has_a_column(content, header)?;
    let mut values = base.cloned().unwrap_or_default();
    values.resize(header.columns.len(), String::new());
    for (column, value) in header.columns.iter().zip(&mut values) {
        if let Some(new) = column.lookup(content) {
            *value = if column.multivalued {
                joined(new, &column.name, separator)?
            } else if new.is_null() {
                String::new()
            } else {
                scalar(new).ok_or_else(|| {
                    refuse(&column.name, "holds an object or an array, but the column holds one value")
                })?
            };
        }
    }
    if let Some(value) = values.get_mut(header.id) {
        if !value.is_empty() && value != id {
            return Err(refuse(
                &header.name(header.id),
                &format!("is {value:?}, but the identifier is {id:?} and cannot be changed"),
            ));
        }
        id.clone_into(value);
    }
    Ok(values)
}

fn joined(value: &Value, column: &str, separator: &str) -> Result<String> {
    let one = std::slice::from_ref(value);
    let items = match value {
        Value::Null => return Ok(String::new()),
        Value::Array(items) => items.as_slice(),
        _ => one,
    };
    let mut texts = Vec::with_capacity(items.len());
    for item in items {
        let text = scalar(item).ok_or_else(|| refuse(column, "holds something else than texts"))?;
        if text.contains(separator) {
            return Err(refuse(
                column,
                &format!(
                    "contains the separator {separator:?}; set `csv.multivalue.separator` to another one"
                ),
            ));
        }
        texts.push(text);
    }
    Ok(texts.join(separator))
}

fn refuse(attribute: &str, what: &str) -> Error {
    Error::invalid(format!("The attribute `{attribute}` {what}.")).with_detail("attribute", attribute)
}

/// An attribute that the file has no column for must not get lost in silence.
fn every_leaf_has_a_column(content: &Value, header: &Header) -> Result<()> {
    let columns: Vec<(String, bool)> =
        header.columns.iter().map(|column| (column.pointer(), column.multivalued)).collect();
    let mut lost = None;
    leaves(content, &mut Leaf::default(), &mut |leaf, value| {
        let known = columns.iter().any(|(pointer, multivalued)| {
            *pointer == leaf.pointer || (*multivalued && leaf.list.as_ref() == Some(pointer))
        });
        if !known && lost.is_none() && !is_empty(value) {
            lost = Some(leaf.name.clone());
        }
    });
    match lost {
        None => Ok(()),
        Some(name) => {
            let names: Vec<&str> = header.columns.iter().map(|column| column.name.as_str()).collect();
            Err(refuse(
                &name,
                &format!(
                    "has no column. Add one to the file's header, or leave the attribute out in the write transformation; the columns are {}",
                    names.join(", ")
                ),
            ))
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// Where a leaf is.
#[derive(Default)]
struct Leaf {
    /// As a path like `/emails/0/value`.
    pointer: String,
    /// In the notation of a header, `emails[0].value`.
    name: String,
    /// The path of the list of plain values that it is an item of.
    list: Option<String>,
    /// The name of the column that holds such a list.
    list_name: Option<String>,
}

/// Visits every value that is not made of others.
fn leaves(value: &Value, at: &mut Leaf, visit: &mut impl FnMut(&Leaf, &Value)) {
    let (pointer, name) = (at.pointer.len(), at.name.len());
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, member) in members {
                at.pointer.push_str(&format!("/{key}"));
                if !at.name.is_empty() {
                    at.name.push('.');
                }
                at.name.push_str(key);
                leaves(member, at, visit);
                at.pointer.truncate(pointer);
                at.name.truncate(name);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let plain = items.iter().all(|item| scalar(item).is_some());
            for (number, item) in items.iter().enumerate() {
                if plain {
                    at.list = Some(at.pointer.clone());
                    at.list_name = Some(format!("{}[]", at.name));
                }
                at.pointer.push_str(&format!("/{number}"));
                at.name.push_str(&format!("[{number}]"));
                leaves(item, at, visit);
                at.pointer.truncate(pointer);
                at.name.truncate(name);
                (at.list, at.list_name) = (None, None);
            }
        }
        leaf => visit(at, leaf),
    }
}

/// The columns of a new file: the identifier, and every attribute that one of the entities has.
pub(crate) fn columns<'a>(
    id: String,
    contents: impl Iterator<Item = &'a Value>,
    nested: bool,
) -> Vec<String> {
    let mut names = vec![id];
    let mut add = |name: String| {
        if !names.contains(&name) {
            names.push(name);
        }
    };
    for content in contents {
        if nested {
            leaves(content, &mut Leaf::default(), &mut |leaf, value| {
                if !is_empty(value) {
                    add(leaf.list_name.clone().unwrap_or_else(|| leaf.name.clone()));
                }
            });
        } else if let Value::Object(members) = content {
            for (key, member) in members.iter().filter(|(_, member)| !is_empty(member)) {
                add(if member.is_array() { format!("{key}[]") } else { key.clone() });
            }
        }
    }
    names
}
