//! Problems of a document.

use crate::json;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The document is refused.
    Error,
    /// The document is legal, but probably not what was meant.
    Warning,
}

impl Severity {
    /// The word used outside.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One problem of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// JSON pointer to the value at fault.
    pub pointer: String,
    /// One-based line of that value; 0 if unknown.
    pub line: u32,
    /// One-based column, in characters; 0 if unknown.
    pub column: u32,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Collects problems, so that all are reported at once.
#[derive(Debug, Default)]
pub struct Problems {
    list: Vec<(Severity, String, String)>,
}

impl Problems {
    /// A problem that refuses the document.
    pub fn error(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.list.push((Severity::Error, pointer.into(), message.into()));
    }

    /// A problem that does not.
    pub fn warning(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.list.push((Severity::Warning, pointer.into(), message.into()));
    }

    /// Whether the document is refused.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|(severity, ..)| *severity == Severity::Error)
    }

    /// The diagnostics with their places in the text.
    pub fn locate(self, text: &str) -> Vec<Diagnostic> {
        let place = |pointer: &str| position(text, json::locate(text, pointer));
        let diagnostics = self.list.into_iter().map(|(severity, pointer, message)| {
            let (line, column) = place(&pointer);
            Diagnostic { severity, pointer, line, column, message }
        });
        diagnostics.collect()
    }
}

/// Line and column of a byte offset.
pub fn position(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}
