//! The header: what each column is called, and where its values go in an entity's JSON.

use crate::json;
use crate::record::Record;
use crate::settings::{Settings, id_property};
use gangway_sdk::{Error, Result};

/// One step of an attribute's path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Item(usize),
}

/// A column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// Its name as it stands in the header.
    pub(crate) name: String,
    /// Several values in one field.
    pub(crate) multivalued: bool,
    /// The path of the attribute; empty for a column without a name, which is not read.
    path: Vec<Step>,
}

/// A part of the JSON that a row becomes, worked out once for all rows.
#[derive(Debug)]
enum Node {
    Value(usize),
    Values(usize),
    /// Members with their names as JSON text, colon included.
    Object(Vec<(String, Node)>),
    /// Items with their numbers.
    Array(Vec<(usize, Node)>),
}

/// The header of a file.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) columns: Vec<Column>,
    /// The column of the identifier.
    pub(crate) id: usize,
    layout: Node,
    /// How much longer a row's JSON is than the row, at most.
    overhead: usize,
    separator: String,
}

impl Header {
    pub(crate) fn new(
        names: Vec<String>,
        entity_type: &str,
        file: &str,
        settings: &Settings,
    ) -> Result<Self> {
        let refuse =
            |message: String| Error::configuration(message).with_detail("file", file).with_detail("row", 1);
        let mut columns: Vec<Column> = Vec::new();
        for name in names {
            if !name.is_empty() && columns.iter().any(|column| column.name == name) {
                return Err(refuse(format!(
                    "The header of the file `{file}` names the column `{name}` twice."
                )));
            }
            let column = Column::new(name, settings).map_err(|name| {
                refuse(format!(
                    "The file `{file}` has a column `{name}`, which is no attribute path such as `name.familyName` or `emails[0].value`. Rename it, or set `csv.nested.headers` to false to take names as they are."
                ))
            })?;
            columns.push(column);
        }
        let wanted = settings.id_column(entity_type);
        let id = columns.iter().position(|column| column.name == wanted).ok_or_else(|| {
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            refuse(format!(
                "The file `{file}` has no column `{wanted}` for the identifier. Set the property `{}` to one of its columns: {}.",
                id_property(entity_type),
                names.join(", ")
            ))
        })?;
        let mut layout = Node::Object(Vec::new());
        for (number, column) in columns.iter().enumerate().filter(|(_, column)| !column.path.is_empty()) {
            let leaf = if column.multivalued { Node::Values(number) } else { Node::Value(number) };
            if !layout.place(&column.path, leaf) {
                return Err(refuse(format!(
                    "The column `{}` of the file `{file}` stands for an attribute that another column stands for too, or contains. Rename one of them, or set `csv.nested.headers` to false.",
                    column.name
                )));
            }
        }
        let overhead = columns.iter().map(|column| column.name.len() + 16).sum();
        Ok(Header { columns, id, layout, overhead, separator: settings.separator.clone() })
    }

    /// The name of a column, or its number if the row has more fields than the header has columns.
    pub(crate) fn name(&self, column: usize) -> String {
        match self.columns.get(column) {
            Some(column) if !column.name.is_empty() => column.name.clone(),
            _ => format!("#{}", column + 1),
        }
    }

    /// The column for an attribute in the notation of the header.
    pub(crate) fn find(&self, attribute: &str) -> Option<usize> {
        let bare = |name: &str| name.strip_suffix("[]").unwrap_or(name) == attribute;
        self.columns
            .iter()
            .position(|column| column.name == attribute)
            .or_else(|| self.columns.iter().position(|column| column.multivalued && bare(&column.name)))
    }

    /// The values of a field: one, or those of a multi-valued column.
    pub(crate) fn values<'a>(&'a self, column: usize, text: &'a str) -> impl Iterator<Item = &'a str> {
        let separator = match self.columns.get(column) {
            Some(column) if column.multivalued => Some(self.separator.as_str()),
            _ => None,
        };
        split(text, separator)
    }

    /// The record as JSON text.
    pub(crate) fn json(&self, record: &Record<'_>) -> String {
        let mut out = String::with_capacity(record.length() + self.overhead);
        if !self.write(&self.layout, record, &mut out) {
            out.push_str("{}");
        }
        out
    }

    /// Writes a part; without any value in it, it is absent and nothing is written.
    fn write(&self, node: &Node, record: &Record<'_>, out: &mut String) -> bool {
        match node {
            Node::Value(column) => record.write_json(*column, out),
            Node::Values(column) => {
                let before = out.len();
                let text = record.value(*column);
                out.push('[');
                for value in split(&text, Some(&self.separator)) {
                    comma(out, before + 1);
                    json::write(value, out);
                }
                close(out, before, ']')
            }
            Node::Object(members) => {
                let before = out.len();
                out.push('{');
                for (name, member) in members {
                    let start = out.len();
                    comma(out, before + 1);
                    out.push_str(name);
                    if !self.write(member, record, out) {
                        out.truncate(start);
                    }
                }
                close(out, before, '}')
            }
            Node::Array(items) => {
                let before = out.len();
                out.push('[');
                for (_, item) in items {
                    let start = out.len();
                    comma(out, before + 1);
                    if !self.write(item, record, out) {
                        out.truncate(start);
                    }
                }
                close(out, before, ']')
            }
        }
    }
}

fn comma(out: &mut String, first: usize) {
    if out.len() > first {
        out.push(',');
    }
}

/// Ends an object or array that was opened at `start`, or takes it back if it is empty.
fn close(out: &mut String, start: usize, bracket: char) -> bool {
    let filled = out.len() > start + 1;
    if filled {
        out.push(bracket);
    } else {
        out.truncate(start);
    }
    filled
}

fn split<'a>(text: &'a str, separator: Option<&'a str>) -> impl Iterator<Item = &'a str> {
    let (whole, parts) = match separator {
        None => (Some(text), None),
        Some(separator) => (None, Some(text.split(separator).map(str::trim))),
    };
    whole.into_iter().chain(parts.into_iter().flatten()).filter(|value| !value.is_empty())
}

impl Column {
    fn new(name: String, settings: &Settings) -> Result<Self, String> {
        let bare = name.strip_suffix("[]");
        let multivalued = bare.is_some() || settings.multivalued.contains(&name);
        let text = bare.unwrap_or(&name);
        let path = if text.is_empty() {
            Vec::new()
        } else if settings.nested {
            path(text).ok_or_else(|| name.clone())?
        } else {
            vec![Step::Member(text.to_owned())]
        };
        Ok(Column { name, multivalued, path })
    }

    /// The value that a JSON document holds at the column's path.
    pub(crate) fn lookup<'a>(&self, document: &'a serde_json::Value) -> Option<&'a serde_json::Value> {
        if self.path.is_empty() {
            return None;
        }
        self.path.iter().try_fold(document, |value, step| match step {
            Step::Member(name) => value.get(name),
            Step::Item(number) => value.get(number),
        })
    }

    /// The path in the notation of JSON pointers, to compare with the leaves of a document.
    pub(crate) fn pointer(&self) -> String {
        self.path
            .iter()
            .map(|step| match step {
                Step::Member(name) => format!("/{name}"),
                Step::Item(number) => format!("/{number}"),
            })
            .collect()
    }
}

/// Reads an attribute path: members separated by dots, items in brackets. A schema's URN is one member,
/// dots and all; the attribute follows its last colon and the next dot.
fn path(text: &str) -> Option<Vec<Step>> {
    let text = text.strip_prefix("$.").unwrap_or(text);
    let mut steps = Vec::new();
    let mut rest = text;
    if text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:")) {
        let colon = text.rfind(':')?;
        let end = text.get(colon..)?.find('.').map_or(text.len(), |dot| colon + dot);
        steps.push(Step::Member(text.get(..end)?.to_owned()));
        match text.get(end..)?.strip_prefix('.') {
            Some(after) => rest = after,
            None => return Some(steps),
        }
    }
    for part in rest.split('.') {
        let (name, mut items) = match part.find('[') {
            Some(bracket) => part.split_at(bracket),
            None => (part, ""),
        };
        if name.is_empty() || name.contains(']') {
            return None;
        }
        steps.push(Step::Member(name.to_owned()));
        while !items.is_empty() {
            let (number, after) = items.strip_prefix('[')?.split_once(']')?;
            steps.push(Step::Item(number.parse().ok()?));
            items = after;
        }
    }
    Some(steps)
}

impl Node {
    /// Puts a leaf at a path; false if something stands there or in the way.
    fn place(&mut self, path: &[Step], leaf: Node) -> bool {
        let Some((step, rest)) = path.split_first() else { return false };
        let empty = match rest.first() {
            None => None,
            Some(Step::Member(_)) => Some(Node::Object(Vec::new())),
            Some(Step::Item(_)) => Some(Node::Array(Vec::new())),
        };
        match (self, step) {
            (Node::Object(members), Step::Member(name)) => {
                let mut key = String::new();
                json::write(name, &mut key);
                key.push(':');
                match (members.iter_mut().find(|(name, _)| *name == key), empty) {
                    (Some((_, node)), Some(_)) => node.place(rest, leaf),
                    (Some(_), None) => false,
                    (None, None) => {
                        members.push((key, leaf));
                        true
                    }
                    (None, Some(mut node)) => {
                        let placed = node.place(rest, leaf);
                        members.push((key, node));
                        placed
                    }
                }
            }
            (Node::Array(items), Step::Item(number)) => {
                match (items.binary_search_by_key(number, |(n, _)| *n), empty) {
                    (Ok(at), Some(_)) => items.get_mut(at).is_some_and(|(_, node)| node.place(rest, leaf)),
                    (Ok(_), None) => false,
                    (Err(at), None) => {
                        items.insert(at, (*number, leaf));
                        true
                    }
                    (Err(at), Some(mut node)) => {
                        let placed = node.place(rest, leaf);
                        items.insert(at, (*number, node));
                        placed
                    }
                }
            }
            _ => false,
        }
    }
}
