//! Removing and renaming nodes of the output.

use std::borrow::Cow;

use super::write::holds;
use super::{Path, Scope, Step};
use crate::value::{Value, set};

/// Removes every node that the path matches. No match is no error.
pub fn remove<'a>(output: &mut Value<'a>, path: &'a Path, scope: Scope<'_, 'a>) {
    let Some((last, parents)) = path.steps.split_last() else {
        if let Value::Object(members) = output {
            members.clear();
        }
        return;
    };
    visit(output, parents, scope, &mut |parent| {
        let count = child_count(parent);
        match (last, parent) {
            (Step::Name(name), Value::Object(members)) => {
                if let Some(place) = name.place_in(members) {
                    members.remove(place);
                }
            }
            (Step::Names(names), Value::Object(members)) => {
                members.retain(|(key, _)| !names.iter().any(|name| name.as_ref() == key.as_ref()));
            }
            (Step::Index(index), Value::Array(items)) => drop_places(items, &[place(*index, count)]),
            (Step::Indices(indices), Value::Array(items)) => {
                let places: Vec<Option<usize>> = indices.iter().map(|index| place(*index, count)).collect();
                drop_places(items, &places);
            }
            (Step::Slice(bounds), Value::Array(items)) => {
                let (from, to) = **bounds;
                let bound = |index: Option<i64>, default: usize| match index {
                    Some(index) if index < 0 => {
                        count.saturating_sub(index.unsigned_abs().try_into().unwrap_or(usize::MAX))
                    }
                    Some(index) => usize::try_from(index).unwrap_or(usize::MAX).min(count),
                    None => default,
                };
                let (from, to) = (bound(from, 0), bound(to, count));
                if from < to {
                    items.drain(from..to);
                }
            }
            (Step::Wild, Value::Array(items)) => items.clear(),
            (Step::Wild, Value::Object(members)) => members.clear(),
            (Step::Filter(test), Value::Array(items)) => {
                items.retain(|item| matches!(item, Value::Hole) || !holds(test, item, scope));
            }
            _ => {}
        }
    });
}

/// Gives every node that the path matches a new name. An existing member of that name is replaced.
pub fn rename<'a>(output: &mut Value<'a>, path: &'a Path, new: &'a str, scope: Scope<'_, 'a>) {
    let Some((Step::Name(old), parents)) = path.steps.split_last() else { return };
    visit(output, parents, scope, &mut |parent| {
        let Value::Object(members) = parent else { return };
        let Some(at) = members.iter().position(|(key, _)| key.as_ref() == &**old) else { return };
        if &**old == new {
            return;
        }
        if members.iter().any(|(key, _)| key == new) {
            let (_, value) = members.remove(at);
            set(members, Cow::Borrowed(new), value);
        } else if let Some((key, _)) = members.get_mut(at) {
            *key = Cow::Borrowed(new);
        }
    });
}

fn child_count(node: &Value<'_>) -> usize {
    node.as_array().map_or(0, <[_]>::len)
}

fn place(index: i64, count: usize) -> Option<usize> {
    let count = i64::try_from(count).ok()?;
    usize::try_from(if index < 0 { index.checked_add(count)? } else { index }).ok()
}

fn drop_places(items: &mut Vec<Value<'_>>, places: &[Option<usize>]) {
    let mut at = 0;
    items.retain(|_| {
        let dropped = places.contains(&Some(at));
        at += 1;
        !dropped
    });
}

/// Calls `edit` for every existing node that the steps lead to.
fn visit<'a>(
    node: &mut Value<'a>,
    steps: &'a [Step],
    scope: Scope<'_, 'a>,
    edit: &mut dyn FnMut(&mut Value<'a>),
) {
    if !scope.budget.step(1) || matches!(node, Value::Hole) {
        return;
    }
    let Some((first, rest)) = steps.split_first() else {
        edit(node);
        return;
    };
    let count = child_count(node);
    match (first, node) {
        (Step::Name(name), Value::Object(members)) => {
            if let Some((_, child)) = name.place_in(members).and_then(|place| members.get_mut(place)) {
                visit(child, rest, scope, edit);
            }
        }
        (Step::Names(names), Value::Object(members)) => {
            for (_, child) in
                members.iter_mut().filter(|(key, _)| names.iter().any(|name| name.as_ref() == key.as_ref()))
            {
                visit(child, rest, scope, edit);
            }
        }
        (Step::Index(index), Value::Array(items)) => {
            if let Some(child) = place(*index, count).and_then(|at| items.get_mut(at)) {
                visit(child, rest, scope, edit);
            }
        }
        (Step::Indices(indices), Value::Array(items)) => {
            let places: Vec<Option<usize>> = indices.iter().map(|index| place(*index, count)).collect();
            for (at, child) in items.iter_mut().enumerate() {
                if places.contains(&Some(at)) {
                    visit(child, rest, scope, edit);
                }
            }
        }
        (Step::Wild, Value::Array(items)) => {
            items.iter_mut().for_each(|child| visit(child, rest, scope, edit))
        }
        (Step::Wild, Value::Object(members)) => {
            members.iter_mut().for_each(|(_, child)| visit(child, rest, scope, edit));
        }
        (Step::Filter(test), Value::Array(items)) => {
            for child in items.iter_mut() {
                if holds(test, child, scope) {
                    visit(child, rest, scope, edit);
                }
            }
        }
        (Step::Filter(test), node) if matches!(node, Value::Object(_)) && holds(test, node, scope) => {
            visit(node, rest, scope, edit);
        }
        (Step::Deep, node) => deep(node, rest, scope, edit),
        _ => {}
    }
}

/// The node and everything below it.
fn deep<'a>(
    node: &mut Value<'a>,
    rest: &'a [Step],
    scope: Scope<'_, 'a>,
    edit: &mut dyn FnMut(&mut Value<'a>),
) {
    visit(node, rest, scope, edit);
    match node {
        Value::Array(items) => items.iter_mut().for_each(|child| deep(child, rest, scope, edit)),
        Value::Object(members) => members.iter_mut().for_each(|(_, child)| deep(child, rest, scope, edit)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;
    use crate::json::{parse, to_string};
    use crate::variables::Variables;

    fn edited(start: &'static str, path: &str, new: Option<&'static str>) -> String {
        let mut output = parse(start).unwrap();
        let path: &'static Path = Box::leak(Box::new(Path::parse(path).unwrap()));
        let variables = Variables::default();
        let budget = Budget::default();
        let scope = Scope { input: &Value::Null, variables: &variables, budget: &budget };
        match new {
            Some(new) => rename(&mut output, path, new, scope),
            None => remove(&mut output, path, scope),
        }
        to_string(&output)
    }

    #[test]
    fn removes_what_matches() {
        let start = r#"{"a":[{"p":1,"v":1},{"v":2}],"o":{"x":1,"y":2},"s":1}"#;
        for (path, expected) in [
            ("$.s", r#"{"a":[{"p":1,"v":1},{"v":2}],"o":{"x":1,"y":2}}"#),
            ("$.a[*].p", r#"{"a":[{"v":1},{"v":2}],"o":{"x":1,"y":2},"s":1}"#),
            ("$.a[?(@.p)]", r#"{"a":[{"v":2}],"o":{"x":1,"y":2},"s":1}"#),
            ("$.a[?(@.v == 2)].v", r#"{"a":[{"p":1,"v":1},{}],"o":{"x":1,"y":2},"s":1}"#),
            ("$.a[0]", r#"{"a":[{"v":2}],"o":{"x":1,"y":2},"s":1}"#),
            ("$.a[-1]", r#"{"a":[{"p":1,"v":1}],"o":{"x":1,"y":2},"s":1}"#),
            ("$.a[*]", r#"{"a":[],"o":{"x":1,"y":2},"s":1}"#),
            ("$.o['x','y']", r#"{"a":[{"p":1,"v":1},{"v":2}],"o":{},"s":1}"#),
            ("$..v", r#"{"a":[{"p":1},{}],"o":{"x":1,"y":2},"s":1}"#),
            ("$.zz.y[*].x", start),
            ("$", "{}"),
        ] {
            assert_eq!(edited(start, path, None), expected, "{path}");
        }
    }

    #[test]
    fn renames_what_matches() {
        assert_eq!(edited(r#"{"a":[{"p":1},{"v":2}]}"#, "$.a[*].p", Some("q")), r#"{"a":[{"q":1},{"v":2}]}"#);
        assert_eq!(edited(r#"{"a":1,"b":2}"#, "$.a", Some("b")), r#"{"b":1}"#);
        assert_eq!(edited(r#"{"a":1}"#, "$.zz", Some("b")), r#"{"a":1}"#);
        assert_eq!(edited(r#"{"a":1}"#, "$.a", Some("a")), r#"{"a":1}"#);
    }
}
