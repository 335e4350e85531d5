use super::{Filter, Operand, Operator};
use crate::path::Path;
use crate::schema::Attribute;
use serde_json::{Map, Value};
use std::cmp::Ordering;

impl Filter {
    /// Whether a resource (or one value of a complex attribute) satisfies the filter.
    pub(crate) fn matches(&self, resource: &Map<String, Value>) -> bool {
        match self {
            Self::And(all) => all.iter().all(|f| f.matches(resource)),
            Self::Or(any) => any.iter().any(|f| f.matches(resource)),
            Self::Not(inner) => !inner.matches(resource),
            Self::Present(path) => is_present(path, resource),
            Self::Compare(path, operator, Operand::Null) => {
                is_present(path, resource) == (*operator == Operator::NotEqual)
            }
            Self::Compare(path, Operator::NotEqual, operand) => {
                let attribute = path.leaf();
                // Without any value nothing is identical, which is what "not equal" asks.
                !path.any(resource, |_| true)
                    || path.any(resource, |value| !compare(attribute, value, Operator::Equal, operand))
            }
            Self::Compare(path, operator, operand) => {
                let attribute = path.leaf();
                path.any(resource, |value| compare(attribute, value, *operator, operand))
            }
            Self::Values(path, filter) => match path.value(resource) {
                Some(Value::Array(values)) => {
                    values.iter().any(|v| v.as_object().is_some_and(|v| filter.matches(v)))
                }
                Some(Value::Object(value)) => filter.matches(value),
                _ => false,
            },
        }
    }
}

fn is_present(path: &Path, resource: &Map<String, Value>) -> bool {
    if path.sub.is_none() {
        // A complex attribute is there if any part of it is, with or without a `value`.
        return path.value(resource).is_some_and(|v| !is_empty(v));
    }
    path.any(resource, |value| !is_empty(value))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn compare(attribute: &Attribute, value: &Value, operator: Operator, operand: &Operand) -> bool {
    match (value, operand) {
        (Value::Bool(value), Operand::Boolean(operand)) => operator == Operator::Equal && value == operand,
        (Value::Number(value), Operand::Number(operand)) => {
            value.as_f64().and_then(|v| v.partial_cmp(operand)).is_some_and(|o| ordered(o, operator))
        }
        (Value::String(value), Operand::Instant(operand)) => {
            value.parse::<jiff::Timestamp>().is_ok_and(|v| ordered(v.cmp(operand), operator))
        }
        (Value::String(value), Operand::Text(operand)) => {
            if attribute.case_exact {
                text(value, operator, operand)
            } else if value.is_ascii() && operator == Operator::Equal {
                value.eq_ignore_ascii_case(operand)
            } else {
                text(&value.to_lowercase(), operator, operand)
            }
        }
        _ => false,
    }
}

fn text(value: &str, operator: Operator, operand: &str) -> bool {
    match operator {
        Operator::Contains => value.contains(operand),
        Operator::StartsWith => value.starts_with(operand),
        Operator::EndsWith => value.ends_with(operand),
        _ => ordered(value.cmp(operand), operator),
    }
}

fn ordered(ordering: Ordering, operator: Operator) -> bool {
    match operator {
        Operator::Equal => ordering == Ordering::Equal,
        Operator::Greater => ordering == Ordering::Greater,
        Operator::GreaterOrEqual => ordering != Ordering::Less,
        Operator::Less => ordering == Ordering::Less,
        Operator::LessOrEqual => ordering != Ordering::Greater,
        _ => false,
    }
}
