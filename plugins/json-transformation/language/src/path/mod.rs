//! Paths in the JSONPath dialect of the language.

mod edit;
mod name;
mod parse;
mod read;
mod write;

pub use edit::{remove, rename};
use name::Name;
pub use read::{Found, Scope};
pub use write::{slot, write};

use crate::condition::Expr;
use crate::parser::{ParseError, Parser};

/// How many steps a path may have.
pub const MAX_STEPS: usize = 64;
/// The highest index that may be written: an array is filled up to it.
pub const MAX_INDEX: i64 = 9_999;

/// Where a path starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// `$`
    Document,
    /// `@`
    Current,
}

/// One step of a path.
#[derive(Debug)]
pub enum Step {
    /// `.name` or `['name']`
    Name(Name),
    /// `['a','b']`
    Names(Box<[Box<str>]>),
    /// `[n]`; negative counts from the end
    Index(i64),
    /// `[a,b]`
    Indices(Box<[i64]>),
    /// `[from:to]`
    Slice(Box<(Option<i64>, Option<i64>)>),
    /// `[*]`
    Wild,
    /// `[?(…)]`
    Filter(Box<Expr>),
    /// `..`
    Deep,
    /// `.length()`
    Length,
}

/// A parsed path.
#[derive(Debug)]
pub struct Path {
    /// Where it starts.
    pub root: Root,
    /// Its steps.
    pub steps: Vec<Step>,
    /// It denotes one value, not a list.
    pub definite: bool,
    /// It leads by names and places alone.
    straight: bool,
    /// It can be written to by following names, and places that names follow.
    slot: bool,
    /// So many steps at its end lead to what nothing has made yet when it is written to.
    fresh: usize,
}

impl Path {
    /// Parses a whole text as a path. One that does not start with `$` or `@` gets `$.` in front.
    pub fn parse(text: &str) -> Result<Path, ParseError> {
        if text.trim().is_empty() {
            return Err(ParseError { offset: 0, message: "a path is expected, such as `$.userName`".into() });
        }
        let prefixed;
        let (text, shift) = if text.starts_with(['$', '@']) {
            (text, 0)
        } else {
            prefixed = format!("$.{text}");
            (prefixed.as_str(), 2)
        };
        let mut parser = Parser::new(text, None);
        let path = parser.path(false).and_then(|path| parser.end().map(|()| path));
        path.map_err(|error| ParseError { offset: error.offset.saturating_sub(shift), ..error })
    }

    pub(crate) fn new(root: Root, steps: Vec<Step>) -> Path {
        let last = steps.len().saturating_sub(1);
        let definite = steps.iter().enumerate().all(|(at, step)| match step {
            Step::Name(_) | Step::Index(_) | Step::Length => true,
            // As the last step it builds one object; before that it fans out.
            Step::Names(_) => at == last,
            _ => false,
        });
        let simple = |step: &Step| matches!(step, Step::Name(_) | Step::Index(_));
        let straight = steps.iter().all(simple);
        let slot = straight && root == Root::Document && matches!(steps.last(), Some(Step::Name(_)));
        Path { root, steps, definite, straight, slot, fresh: 0 }
    }

    /// So many steps at its end lead to what no mapping has made before. Of them those count that come behind the last
    /// place other than the first: there [`slot`] can come to an end, and is asked again for what it has begun.
    pub(crate) fn set_fresh(&mut self, steps: usize) {
        let known = self.steps.iter().rposition(|step| matches!(step, Step::Index(index) if *index != 0));
        self.fresh = steps.min(self.steps.len() - known.map_or(0, |at| at + 1));
    }

    /// Whether [`slot`] can lead to it.
    pub fn is_slot(&self) -> bool {
        self.slot
    }

    /// What keeps this path from being written to, if anything.
    pub fn not_writable(&self) -> Option<String> {
        if self.root == Root::Current {
            return Some("a target path starts with `$`".into());
        }
        self.steps.iter().find_map(|step| match step {
            Step::Names(_) => Some("a target path names one member at a time".into()),
            Step::Indices(_) | Step::Slice(..) => {
                Some("a target path has one index, not a list or a range".into())
            }
            Step::Deep => Some("a target path cannot contain `..`".into()),
            Step::Length => Some("`length()` can be read but not written".into()),
            Step::Index(index) if *index < 0 => Some("a target path cannot count from the end".into()),
            Step::Index(index) if *index > MAX_INDEX => {
                Some(format!("the highest index of a target path is {MAX_INDEX}"))
            }
            _ => None,
        })
    }
}
