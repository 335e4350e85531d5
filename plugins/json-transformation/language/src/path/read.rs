//! Reading: what a path finds in a value.

use std::borrow::Cow;

use super::name::Name;
use super::{Path, Root, Step};
use crate::budget::Budget;
use crate::value::{Value, find};
use crate::variables::Variables;

/// What paths and conditions look at besides the value at hand.
#[derive(Clone, Copy)]
pub struct Scope<'r, 'a> {
    /// The input document, `$`.
    pub input: &'r Value<'a>,
    /// Variables, for references in conditions.
    pub variables: &'r Variables<'a>,
    /// The bounds of this entity.
    pub budget: &'r Budget,
}

/// What a path found.
#[derive(Debug)]
pub enum Found<'r, 'a> {
    /// Nothing; for a list: not even the place where the list would be.
    Missing,
    /// The one value of a definite path.
    One(Cow<'r, Value<'a>>),
    /// The hits of an indefinite path.
    List(Vec<Cow<'r, Value<'a>>>),
}

impl<'r, 'a> Found<'r, 'a> {
    fn one(value: &'r Value<'a>) -> Self {
        Found::One(Cow::Borrowed(value))
    }

    /// A copy of what was found; a list becomes an array.
    #[cfg(test)]
    pub fn into_value(self) -> Option<Value<'a>> {
        match self {
            Found::Missing => None,
            Found::One(value) => Some(value.into_owned()),
            Found::List(hits) => Some(Value::Array(hits.into_iter().map(Cow::into_owned).collect())),
        }
    }

    /// The value itself, or the first hit.
    pub fn first(self) -> Option<Cow<'r, Value<'a>>> {
        match self {
            Found::Missing => None,
            Found::One(Cow::Borrowed(Value::Array(items))) => items.first().map(Cow::Borrowed),
            Found::One(Cow::Owned(Value::Array(items))) => items.into_iter().next().map(Cow::Owned),
            Found::One(value) => Some(value),
            Found::List(hits) => hits.into_iter().next(),
        }
    }
}

impl Path {
    /// What a path of names and places leads to: [`Path::read`] without anything to hand around.
    #[inline(always)]
    pub fn straight<'r, 'a>(&self, current: &'r Value<'a>, input: &'r Value<'a>) -> Option<&'r Value<'a>> {
        let node = match self.root {
            Root::Document => input,
            Root::Current => current,
        };
        // Most paths have one step, and need no loop.
        match (self.steps.as_slice(), node) {
            ([Step::Name(name)], Value::Object(members)) => name.find_in(members),
            _ => self.further(node),
        }
    }

    /// What steps of names and places lead to.
    #[inline(never)]
    fn further<'r, 'a>(&self, mut node: &'r Value<'a>) -> Option<&'r Value<'a>> {
        for step in &self.steps {
            node = if let Step::Name(name) = step {
                let Value::Object(members) = node else { return None };
                name.find_in(members)?
            } else {
                step.element(node)?
            };
        }
        Some(node)
    }

    /// The same by a call, where something else is to stay in registers.
    #[inline(never)]
    pub fn straight_apart<'r, 'a>(
        &self,
        current: &'r Value<'a>,
        input: &'r Value<'a>,
    ) -> Option<&'r Value<'a>> {
        self.straight(current, input)
    }

    /// Whether [`Path::straight`] can read it.
    pub fn is_straight(&self) -> bool {
        self.straight
    }

    /// Reads from `$`, or from `current` if the path starts with `@`.
    #[inline]
    pub fn read<'r, 'a>(&'r self, current: &'r Value<'a>, scope: Scope<'r, 'a>) -> Found<'r, 'a> {
        if self.straight {
            return self.straight_apart(current, scope.input).map_or(Found::Missing, Found::one);
        }
        self.winding(current, scope)
    }

    #[inline(never)]
    fn winding<'r, 'a>(&'r self, current: &'r Value<'a>, scope: Scope<'r, 'a>) -> Found<'r, 'a> {
        let mut node = match self.root {
            Root::Document => scope.input,
            Root::Current => current,
        };
        for (at, step) in self.steps.iter().enumerate() {
            let next = match step {
                Step::Name(name) => member(node, name),
                Step::Index(index) => element(node, *index),
                Step::Length => return length(node).map_or(Found::Missing, |n| Found::One(Cow::Owned(n))),
                Step::Names(names) if self.definite => {
                    return match node {
                        Value::Object(_) => Found::One(Cow::Owned(project(node, names))),
                        _ => Found::Missing,
                    };
                }
                _ => {
                    let mut walk = Walk { scope, hits: Vec::with_capacity(4) };
                    walk.collect(node, self.steps.get(at..).unwrap_or_default());
                    return Found::List(walk.hits);
                }
            };
            match next {
                Some(next) => node = next,
                None => return Found::Missing,
            }
        }
        Found::one(node)
    }
}

impl Step {
    /// What `[n]` leads to. Apart, so that a step is a name or not, which is one comparison.
    #[inline(never)]
    fn element<'r, 'a>(&self, node: &'r Value<'a>) -> Option<&'r Value<'a>> {
        match self {
            Step::Index(index) => element(node, *index),
            _ => None,
        }
    }
}

#[inline(never)]
fn member<'r, 'a>(node: &'r Value<'a>, name: &Name) -> Option<&'r Value<'a>> {
    name.find_in(node.as_object()?)
}

/// The element at an index, from the end if negative.
fn element<'r, 'a>(node: &'r Value<'a>, index: i64) -> Option<&'r Value<'a>> {
    let items = node.as_array()?;
    let place = if index < 0 { i64::try_from(items.len()).ok()?.checked_add(index)? } else { index };
    items.get(usize::try_from(place).ok()?).filter(|item| !matches!(item, Value::Hole))
}

fn length<'a>(node: &Value<'_>) -> Option<Value<'a>> {
    let length = match node {
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        Value::String(text) => text.chars().count(),
        _ => return None,
    };
    Some(Value::Number(Cow::Owned(length.to_string())))
}

fn project<'a>(node: &Value<'a>, names: &[Box<str>]) -> Value<'a> {
    let members = node.as_object().unwrap_or_default();
    let chosen = names.iter().filter_map(|name| {
        let (key, _) = members.iter().find(|(key, _)| key.as_ref() == name.as_ref())?;
        Some((key.clone(), find(members, name)?.clone()))
    });
    Value::Object(chosen.collect())
}

struct Walk<'r, 'a> {
    scope: Scope<'r, 'a>,
    hits: Vec<Cow<'r, Value<'a>>>,
}

impl<'r, 'a> Walk<'r, 'a> {
    #[inline(always)]
    fn collect(&mut self, node: &'r Value<'a>, steps: &'r [Step]) {
        if !self.scope.budget.step(1) {
            return;
        }
        if steps.is_empty() {
            self.hits.push(Cow::Borrowed(node));
        } else {
            self.follow(node, steps);
        }
    }

    #[inline(never)]
    fn follow(&mut self, node: &'r Value<'a>, steps: &'r [Step]) {
        let Some((step, rest)) = steps.split_first() else { return };
        match (step, node) {
            (_, Value::Hole) => {}
            (Step::Name(name), _) => {
                if let Some(next) = member(node, name) {
                    self.collect(next, rest);
                }
            }
            (Step::Names(names), Value::Object(_)) if rest.is_empty() => {
                let affordable = self.scope.budget.copy(node.nodes());
                self.hits.extend(affordable.then(|| Cow::Owned(project(node, names))));
            }
            (Step::Names(names), Value::Object(_)) => {
                for next in names.iter().filter_map(|name| node.get(name)) {
                    self.collect(next, rest);
                }
            }
            (Step::Index(index), _) => {
                if let Some(next) = element(node, *index) {
                    self.collect(next, rest);
                }
            }
            (Step::Indices(indices), _) => {
                for next in indices.iter().filter_map(|index| element(node, *index)) {
                    self.collect(next, rest);
                }
            }
            (Step::Slice(bounds), Value::Array(items)) => {
                let (from, to) = **bounds;
                let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
                let place = |index: i64| {
                    let place = if index < 0 { index.saturating_add(length) } else { index };
                    usize::try_from(place.clamp(0, length)).unwrap_or(0)
                };
                let (from, to) = (place(from.unwrap_or(0)), place(to.unwrap_or(length)));
                for next in items.get(from..to).unwrap_or_default() {
                    self.collect(next, rest);
                }
            }
            (Step::Wild, Value::Array(items)) => items.iter().for_each(|next| self.collect(next, rest)),
            (Step::Wild, Value::Object(members)) => {
                members.iter().for_each(|(_, next)| self.collect(next, rest));
            }
            (Step::Filter(test), Value::Array(items)) => {
                for next in items {
                    if !matches!(next, Value::Hole) && test.holds(next, self.scope) {
                        self.collect(next, rest);
                    }
                }
            }
            // On an object the filter tests the object itself.
            (Step::Filter(test), Value::Object(_)) if test.holds(node, self.scope) => {
                self.collect(node, rest);
            }
            (Step::Deep, _) => self.deep(node, rest),
            (Step::Length, _) => self.hits.extend(length(node).map(Cow::Owned)),
            _ => {}
        }
    }

    /// The node and everything below it, each taking the steps that follow.
    fn deep(&mut self, node: &'r Value<'a>, rest: &'r [Step]) {
        if !self.scope.budget.step(1) {
            return;
        }
        match rest.split_first() {
            // A filter tests every node once; through arrays it would test elements twice.
            Some((Step::Filter(test), after)) => {
                if test.holds(node, self.scope) {
                    self.collect(node, after);
                }
            }
            _ => self.collect(node, rest),
        }
        match node {
            Value::Array(items) => items.iter().for_each(|next| self.deep(next, rest)),
            Value::Object(members) => members.iter().for_each(|(_, next)| self.deep(next, rest)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{parse, to_string};

    fn read(path: &str, input: &str) -> Option<String> {
        let input = parse(input).unwrap();
        let path = Path::parse(path).unwrap();
        let scope = Scope { input: &input, variables: &Variables::default(), budget: &Budget::default() };
        path.read(&input, scope).into_value().map(|value| to_string(&value))
    }

    #[test]
    fn definite_and_indefinite() {
        let doc = r#"{"a":{"b":[1,2,3]},"e":[{"v":"x","t":"w","p":true},{"v":"y"}],"n":null,"s":"äb"}"#;
        for (path, expected) in [
            ("$.a.b[0]", Some("1")),
            ("$.a.b[-1]", Some("3")),
            ("$.a.b[-4]", None),
            ("$.a.b[3]", None),
            ("$.n", Some("null")),
            ("$.n.x", None),
            ("$.e[*].t", Some(r#"["w"]"#)),
            ("$.zz[*].t", None),
            ("$.e[?(@.p == true)].v", Some(r#"["x"]"#)),
            ("$.e[0][?(@.p == true)].v", Some(r#"["x"]"#)),
            ("$.e[?(@.zz)]", Some("[]")),
            ("$.a.b[0,2]", Some("[1,3]")),
            ("$.a.b[1:]", Some("[2,3]")),
            ("$.a.b[-2:-1]", Some("[2]")),
            ("$.a.b[2:1]", Some("[]")),
            ("$.e[*]['v','t']", Some(r#"[{"v":"x","t":"w"},{"v":"y"}]"#)),
            ("$.e[0]['t','zz']", Some(r#"{"t":"w"}"#)),
            ("$['a','n'].b", Some("[[1,2,3]]")),
            ("$..v", Some(r#"["x","y"]"#)),
            ("$..[?(@.v == 'y')].v", Some(r#"["y"]"#)),
            ("$..b[0]", Some("[1]")),
            ("$.a.b.length()", Some("3")),
            ("$.e[0].length()", Some("3")),
            ("$.s.length()", Some("2")),
            ("$.a.b[0].length()", None),
            ("$.e[*].v.length()", Some("[1,1]")),
        ] {
            assert_eq!(read(path, doc).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn deep_scans_are_bounded() {
        let doc = "[".repeat(100) + &"]".repeat(100);
        let path = "$..*..*..*..*..*..*";
        let input = parse(&doc).unwrap();
        let path = Path::parse(path).unwrap();
        let budget = Budget::default();
        let scope = Scope { input: &input, variables: &Variables::default(), budget: &budget };
        let _ = path.read(&input, scope);
        assert!(budget.fault().is_some());
    }
}
