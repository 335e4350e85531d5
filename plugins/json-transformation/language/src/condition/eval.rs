//! Evaluating conditions.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Expr, Operand, Operator, Relation};
use crate::json;
use crate::path::{Found, Scope};
use crate::same::same_text;
use crate::value::Value;
use crate::variables::Variables;

impl Expr {
    /// Alternatives, with constants folded.
    pub(super) fn or(mut list: Vec<Expr>) -> Expr {
        if list.iter().any(|expr| matches!(expr, Expr::Constant(true))) {
            return Expr::Constant(true);
        }
        list.retain(|expr| !matches!(expr, Expr::Constant(_)));
        match list.pop() {
            None => Expr::Constant(false),
            Some(only) if list.is_empty() => only,
            Some(last) => {
                list.push(last);
                Expr::Or(list)
            }
        }
    }

    /// Requirements, with constants folded.
    pub(super) fn and(mut list: Vec<Expr>) -> Expr {
        if list.iter().any(|expr| matches!(expr, Expr::Constant(false))) {
            return Expr::Constant(false);
        }
        list.retain(|expr| !matches!(expr, Expr::Constant(_)));
        match list.pop() {
            None => Expr::Constant(true),
            Some(only) if list.is_empty() => only,
            Some(last) => {
                list.push(last);
                Expr::And(list)
            }
        }
    }

    /// A comparison; one of two literals is decided here and now.
    pub(super) fn relation(left: Operand, operator: Operator, right: Operand) -> Expr {
        let decided = matches!(left, Operand::Literal(_)) && matches!(right, Operand::Literal(_));
        if decided {
            let scope = Scope {
                input: &Value::Null,
                variables: &Variables::default(),
                budget: &crate::budget::Budget::default(),
            };
            let relation = Relation { left, operator, right };
            return Expr::Constant(relation.holds(&Value::Null, scope));
        }
        Expr::Relation(Box::new(Relation { left, operator, right }))
    }

    /// Whether the expression holds for `current`, the `@`.
    pub fn holds<'a>(&self, current: &Value<'a>, scope: Scope<'_, 'a>) -> bool {
        if !scope.budget.step(1) {
            return false;
        }
        // The most frequent first.
        if let Expr::Relation(relation) = self {
            return relation.holds(current, scope);
        }
        match self {
            Expr::Or(list) => list.iter().any(|expr| expr.holds(current, scope)),
            Expr::And(list) => list.iter().all(|expr| expr.holds(current, scope)),
            Expr::Not(expr) => !expr.holds(current, scope),
            Expr::Exists(path) => match path.read(current, scope) {
                Found::Missing => false,
                Found::One(_) => true,
                Found::List(hits) => !hits.is_empty(),
            },
            Expr::Relation(relation) => relation.holds(current, scope),
            Expr::Call(call) => call.holds(current, scope),
            Expr::Constant(value) => *value,
        }
    }
}

impl Operand {
    fn read<'r, 'a>(&'r self, current: &'r Value<'a>, scope: Scope<'r, 'a>) -> Found<'r, 'a> {
        match self {
            Operand::Path(path) => match path.read(current, scope) {
                // A list whose place does not exist is an empty list.
                Found::Missing if !path.definite => Found::List(Vec::new()),
                found => found,
            },
            Operand::Literal(value) => Found::One(Cow::Borrowed(value)),
            Operand::Template(template) => Found::One(Cow::Owned(Value::String(Cow::Owned(
                template.expand(scope.variables, scope.budget),
            )))),
            Operand::Pattern(_) => Found::Missing,
        }
    }
}

impl Relation {
    #[inline]
    fn holds<'a>(&self, current: &Value<'a>, scope: Scope<'_, 'a>) -> bool {
        if let (Operand::Path(path), Operand::Literal(literal)) = (&self.left, &self.right)
            && path.is_straight()
            && let Some(decided) = decide(path.straight_apart(current, scope.input), self.operator, literal)
        {
            return decided;
        }
        compare(self, current, scope)
    }
}

#[inline(never)]
fn compare<'a>(relation: &Relation, current: &Value<'a>, scope: Scope<'_, 'a>) -> bool {
    let Relation { left, operator, right } = relation;
    let operator = *operator;
    let value = left.read(current, scope);
    if let Operand::Pattern(regex) = right {
        return any_text(&value, |text| match regex.is_match(text) {
            Ok(matches) => matches,
            Err(message) => {
                scope.budget.fail(message);
                false
            }
        });
    }
    let other = right.read(current, scope);
    if let Found::List(list) = &value
        && !scope.budget.step(list.len())
    {
        return false;
    }
    match operator {
        Operator::Equal => equal(&value, &other),
        Operator::NotEqual => !equal(&value, &other),
        Operator::Identical => same_type(&value, &other) && equal(&value, &other),
        Operator::NotIdentical => !(same_type(&value, &other) && equal(&value, &other)),
        Operator::Less => order(&value, &other).is_some_and(Ordering::is_lt),
        Operator::LessOrEqual => order(&value, &other).is_some_and(Ordering::is_le),
        Operator::Greater => order(&value, &other).is_some_and(Ordering::is_gt),
        Operator::GreaterOrEqual => order(&value, &other).is_some_and(Ordering::is_ge),
        Operator::Empty => one(&other).and_then(Value::as_bool) == Some(empty(&value)),
        Operator::In => is_in(&value, &other, scope),
        Operator::NotIn => !is_in(&value, &other, scope),
        Operator::Contains => contains(&value, &other, scope),
        Operator::Size => size(&value).is_some_and(|n| one(&other).is_some_and(|v| is_count(v, n))),
        Operator::SubsetOf | Operator::AnyOf | Operator::NoneOf => sets(&value, operator, &other, scope),
        Operator::Matches => false,
    }
}

/// The usual comparisons, of one value with a literal, without anything to hand around.
fn decide(value: Option<&Value<'_>>, operator: Operator, literal: &Value<'_>) -> Option<bool> {
    let equal = || value.map_or_else(|| literal.is_null(), |value| loosely_equal(value, literal));
    let alike = || value.unwrap_or(&Value::Null).kind() == literal.kind();
    match operator {
        Operator::Equal => Some(equal()),
        Operator::NotEqual => Some(!equal()),
        Operator::Identical => Some(alike() && equal()),
        Operator::NotIdentical => Some(!(alike() && equal())),
        Operator::Empty => Some(literal.as_bool() == Some(value.is_none_or(is_empty))),
        _ => None,
    }
}

fn one<'x>(found: &'x Found<'_, '_>) -> Option<&'x Value<'x>> {
    match found {
        Found::One(value) => Some(value),
        _ => None,
    }
}

/// The elements of a list, whether a path's hits or an array value.
fn elements<'x>(found: &'x Found<'_, '_>) -> Option<Vec<&'x Value<'x>>> {
    match found {
        Found::Missing => None,
        Found::One(value) => value.as_array().map(|items| items.iter().collect()),
        Found::List(hits) => Some(
            hits.iter()
                .map(|hit| {
                    let value: &Value<'_> = hit;
                    value
                })
                .collect(),
        ),
    }
}

/// `==` between two values: a number equals a text that is the same number.
fn loosely_equal(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => same_text(a, b),
        (Value::Number(a), Value::String(b)) | (Value::String(b), Value::Number(a)) => {
            json::compare_numbers(a, b) == Some(Ordering::Equal)
        }
        _ => a.same(b),
    }
}

fn equal(a: &Found<'_, '_>, b: &Found<'_, '_>) -> bool {
    match (a, b) {
        (Found::Missing, Found::Missing) => true,
        (Found::Missing, Found::One(value)) => value.is_null(),
        (Found::One(value), Found::Missing) => value.is_null(),
        (Found::One(a), Found::One(b)) => loosely_equal(a, b),
        _ => match (elements(a), elements(b)) {
            (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.same(b)),
            _ => false,
        },
    }
}

fn same_type(a: &Found<'_, '_>, b: &Found<'_, '_>) -> bool {
    let kind = |found: &Found<'_, '_>| match found {
        Found::Missing => Value::Null.kind(),
        Found::One(value) => value.kind(),
        Found::List(_) => Value::Array(Vec::new().into()).kind(),
    };
    kind(a) == kind(b)
}

fn order(a: &Found<'_, '_>, b: &Found<'_, '_>) -> Option<Ordering> {
    match (one(a)?, one(b)?) {
        (Value::Number(a), Value::Number(b)) => json::compare_numbers(a, b),
        (Value::String(a), Value::String(b)) if a.is_ascii() && b.is_ascii() => Some(a.cmp(b)),
        // By UTF-16 code units, which differs from UTF-8 order beyond the basic plane.
        (Value::String(a), Value::String(b)) => Some(a.encode_utf16().cmp(b.encode_utf16())),
        _ => None,
    }
}

fn empty(found: &Found<'_, '_>) -> bool {
    match found {
        Found::Missing => true,
        Found::List(hits) => hits.is_empty(),
        Found::One(value) => is_empty(value),
    }
}

fn is_empty(value: &Value<'_>) -> bool {
    match value {
        Value::Null | Value::Hole => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::True | Value::False | Value::Number(_) => false,
    }
}

fn is_in(found: &Found<'_, '_>, list: &Found<'_, '_>, scope: Scope<'_, '_>) -> bool {
    let Some(list) = elements(list) else { return false };
    if !scope.budget.step(list.len()) {
        return false;
    }
    match found {
        Found::Missing => false,
        Found::One(value) => list.iter().any(|item| loosely_equal(value, item)),
        Found::List(_) => list.iter().any(|item| equal(found, &Found::One(Cow::Borrowed(item)))),
    }
}

fn contains(found: &Found<'_, '_>, wanted: &Found<'_, '_>, scope: Scope<'_, '_>) -> bool {
    let Some(wanted) = one(wanted) else { return false };
    if let Some(list) = elements(found) {
        return scope.budget.step(list.len()) && list.iter().any(|item| loosely_equal(item, wanted));
    }
    match (one(found), wanted) {
        (Some(Value::String(text)), Value::String(_) | Value::Number(_) | Value::True | Value::False) => {
            text.contains(wanted.to_text().as_ref())
        }
        _ => false,
    }
}

fn size(found: &Found<'_, '_>) -> Option<usize> {
    match (elements(found), one(found)) {
        (Some(list), _) => Some(list.len()),
        (None, Some(Value::String(text))) => Some(text.chars().count()),
        _ => None,
    }
}

fn is_count(value: &Value<'_>, count: usize) -> bool {
    json::compare_numbers(&value.to_text(), &count.to_string()) == Some(Ordering::Equal)
}

fn sets(found: &Found<'_, '_>, operator: Operator, other: &Found<'_, '_>, scope: Scope<'_, '_>) -> bool {
    let (Some(list), Some(other)) = (elements(found), elements(other)) else { return false };
    if !scope.budget.step(list.len().saturating_mul(other.len())) {
        return false;
    }
    let is_other = |item: &&Value<'_>| other.iter().any(|other| loosely_equal(item, other));
    match operator {
        Operator::SubsetOf => list.iter().all(is_other),
        Operator::AnyOf => list.iter().any(is_other),
        _ => !list.iter().any(is_other),
    }
}

/// Whether a test holds for the text of a value, or of any element of a list.
fn any_text(found: &Found<'_, '_>, test: impl Fn(&str) -> bool) -> bool {
    if let Some(list) = elements(found) {
        return list.iter().any(|item| scalar_text(item).is_some_and(|text| test(&text)));
    }
    match one(found) {
        None => test(""),
        Some(value) => scalar_text(value).is_some_and(|text| test(&text)),
    }
}

fn scalar_text<'x>(value: &'x Value<'_>) -> Option<Cow<'x, str>> {
    match value {
        Value::Null | Value::Hole => Some(Cow::Borrowed("")),
        Value::Array(_) | Value::Object(_) => None,
        other => Some(other.to_text()),
    }
}
