//! Filters (RFC 7644 section 3.4.2.2): parsed against the schemas, so that a misspelt attribute is an
//! error and never an empty answer.

mod evaluate;
mod parse;

pub(crate) use parse::{parse, parse_within};

use crate::path::Path;

/// A filter whose attributes are known.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Present(Path),
    Compare(Path, Operator, Operand),
    /// `emails[type eq "work" and value co "@"]`: one value satisfies all of it.
    Values(Path, Box<Filter>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// The right-hand side, prepared for its attribute: folded where case does not matter.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Operand {
    Null,
    Boolean(bool),
    Number(f64),
    Text(String),
    Instant(jiff::Timestamp),
}

impl Filter {
    /// Calls `f` for every attribute that takes part.
    pub(crate) fn each_path(&self, f: &mut impl FnMut(&Path)) {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().for_each(|x| x.each_path(f)),
            Self::Not(inner) => inner.each_path(f),
            Self::Present(path) | Self::Compare(path, ..) | Self::Values(path, _) => f(path),
        }
    }

    /// The `attribute eq value` pairs, if the filter consists of nothing else.
    pub(crate) fn equalities(&self) -> Option<Vec<(&Path, &Operand)>> {
        match self {
            Self::Compare(path, Operator::Equal, operand) => Some(vec![(path, operand)]),
            Self::And(all) => {
                let mut pairs = Vec::new();
                for each in all {
                    pairs.extend(each.equalities()?);
                }
                Some(pairs)
            }
            _ => None,
        }
    }
}
