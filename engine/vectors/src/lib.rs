//! Test vectors: an input, a document, and what is expected to come out.
//!
//! A [`Desk`] is a transformation component at work without an engine around it: it checks documents,
//! transforms single entities with or without a trace, and runs vectors. Vectors stand one in a line as
//! JSON, or many in a YAML file for people; `docs/vectors.md` describes both.

#![forbid(unsafe_code)]

mod compare;
mod desk;
mod relations;
mod vector;

pub use desk::{Desk, DeskError, Question};
pub use vector::{Outcome, Vector, VectorError, read};
