//! Reading and writing JSON. The engine's parser builds [`Value`](crate::value::Value) directly
//! from the entity's text: strings without escapes and all numbers are borrowed, which a general
//! parser behind a data model cannot give (numbers would lose their text).

mod clean;
mod locate;
mod number;
mod parse;
mod scan;
mod write;

pub use clean::clean;
pub(crate) use clean::string_end;
pub use locate::{locate, pointer_token};
pub use number::{Integer, compare as compare_numbers, is_number, to_integer};
pub(crate) use parse::drop_duplicates;
pub use parse::{MAX_DEPTH, MAX_NODES, SyntaxError, parse};
use scan::{plain_prefix, special};
pub use write::{Out, text, to_string};
