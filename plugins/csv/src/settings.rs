//! What the system's properties say.

use crate::dialect::Dialect;
use crate::encoding::Encoding;
use gangway_sdk::system::{Properties, wrong};
use gangway_sdk::{Error, Result};

/// The properties, checked.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) dialect: Dialect,
    pub(crate) encoding: Encoding,
    /// Between two values of a multi-valued field.
    pub(crate) separator: String,
    /// Multi-valued columns whose names do not end in `[]`.
    pub(crate) multivalued: Vec<String>,
    pub(crate) nested: bool,
    properties: Properties,
}

impl Settings {
    pub(crate) fn new(properties: Properties) -> Result<Self> {
        let delimiter = character(&properties, "csv.delimiter", b',')?;
        let quote = character(&properties, "csv.quote", b'"')?;
        if delimiter == quote {
            return Err(Error::configuration(
                "The properties `csv.delimiter` and `csv.quote` name the same character.",
            )
            .with_detail("property", "csv.quote"));
        }
        Ok(Settings {
            dialect: Dialect::new(delimiter, quote),
            encoding: Encoding::named(properties.get_or("csv.encoding", "utf-8"))?,
            separator: properties.verbatim("csv.multivalue.separator").unwrap_or(";").to_owned(),
            multivalued: properties.list("csv.multivalue.columns").into_iter().map(str::to_owned).collect(),
            nested: properties.flag("csv.nested.headers", true)?,
            properties,
        })
    }

    /// The column that holds the identifier of a type.
    pub(crate) fn id_column(&self, entity_type: &str) -> &str {
        self.properties.get_or(&id_property(entity_type), "id")
    }

    /// The columns of a file that does not exist yet, if the administrator named them.
    pub(crate) fn columns(&self, entity_type: &str) -> Vec<&str> {
        self.properties.list(&format!("csv.{entity_type}.columns"))
    }
}

/// The property that names the column of the identifier.
pub(crate) fn id_property(entity_type: &str) -> String {
    format!("csv.{entity_type}.id.column")
}

/// The name of the file that holds a type.
pub(crate) fn file_name(entity_type: &str) -> String {
    format!("{entity_type}s")
}

/// A property that names one ASCII character which means nothing else in a CSV file.
fn character(properties: &Properties, name: &str, default: u8) -> Result<u8> {
    match properties.verbatim(name) {
        None => Ok(default),
        Some("tab" | "\\t") => Ok(b'\t'),
        Some(value) => match value.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) => Ok(*byte),
            _ => Err(wrong(name, value, "one ASCII character, or `tab`")),
        },
    }
}
