//! One row of a file, cut into fields.

use crate::dialect::Field;
use crate::json;
use std::borrow::Cow;

/// A row whose fields are as many as the header has columns, in valid text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) text: &'a str,
    pub(crate) fields: &'a [Field],
    pub(crate) quote: char,
}

impl<'a> Record<'a> {
    pub(crate) fn length(&self) -> usize {
        self.text.len()
    }

    fn raw(&self, column: usize) -> Option<(&'a str, Field)> {
        let field = *self.fields.get(column)?;
        self.text.get(field.start..field.end).map(|text| (text, field))
    }

    /// The content of a field.
    pub(crate) fn value(&self, column: usize) -> Cow<'a, str> {
        match self.raw(column) {
            Some((text, field)) if field.doubled => {
                let mut twice = String::with_capacity(2);
                twice.extend([self.quote, self.quote]);
                Cow::Owned(text.replace(&twice, twice.get(1..).unwrap_or_default()))
            }
            Some((text, _)) => Cow::Borrowed(text),
            None => Cow::Borrowed(""),
        }
    }

    /// Writes a field as a JSON string; nothing for an empty one, which is an absent attribute.
    pub(crate) fn write_json(&self, column: usize, out: &mut String) -> bool {
        match self.raw(column) {
            None | Some(("", _)) => return false,
            Some((text, field)) if field.plain => {
                out.push('"');
                out.push_str(text);
                out.push('"');
            }
            Some((text, field)) if !field.doubled => json::write(text, out),
            Some(_) => json::write(&self.value(column), out),
        }
        true
    }
}
