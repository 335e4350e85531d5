//! Writing: setting a value where a path points, creating what is absent.

use std::borrow::Cow;

use super::{Path, Scope, Step};
use crate::condition::Expr;
use crate::value::{Value, find, set};

/// Writes `value` into `output` at a path for which [`Path::not_writable`] has no objection.
#[inline]
pub fn write<'a>(
    output: &mut Value<'a>,
    path: &'a Path,
    value: Value<'a>,
    scope: Scope<'_, 'a>,
) -> Result<(), String> {
    if let Some(place) = slot(output, path) {
        place.put(value);
        return Ok(());
    }
    if path.steps.is_empty() {
        return merge(output, value);
    }
    step(output, &path.steps, value, scope)
}

/// The place that a path of names leads to, made if it is not there; none if the path is of another
/// kind or leads into something else, which [`write`] then tells.
#[inline(never)]
pub fn slot<'v, 'a>(output: &'v mut Value<'a>, path: &'a Path) -> Option<&'v mut Value<'a>> {
    if !path.slot {
        return None;
    }
    let mut node = output;
    let mut steps = path.steps.as_slice();
    while let Some((step, rest)) = steps.split_first() {
        let child = if let Step::Name(name) = step {
            let Value::Object(members) = node else { return None };
            let known = if steps.len() > path.fresh { name.place_in(members) } else { None };
            let at = match known {
                Some(at) => at,
                None => {
                    debug_assert!(find(members, name).is_none(), "{name} is not fresh");
                    members.push((Cow::Borrowed(name), Value::Null));
                    members.len() - 1
                }
            };
            members.get_mut(at).map(|(_, child)| child)?
        } else {
            step.slot(node)?
        };
        if !child.is_container()
            && let Some(next) = rest.first()
        {
            child.put(match next {
                Step::Index(_) => Value::Array(Vec::with_capacity(4).into()),
                _ => Value::Object(Vec::with_capacity(8).into()),
            });
        }
        (node, steps) = (child, rest);
    }
    Some(node)
}

impl Step {
    /// The place in a list, made if it is the next one. Apart, so that a step is a name or not, which is
    /// one comparison.
    #[inline(never)]
    fn slot<'v, 'a>(&self, node: &'v mut Value<'a>) -> Option<&'v mut Value<'a>> {
        let (Step::Index(index), Value::Array(items)) = (self, node) else { return None };
        let index = usize::try_from(*index).ok()?;
        if index > items.len() {
            return None;
        }
        if index == items.len() {
            items.push(Value::Hole);
        }
        items.get_mut(index)
    }
}

/// `$`: the members of the value become members of the output.
fn merge<'a>(output: &mut Value<'a>, value: Value<'a>) -> Result<(), String> {
    let Value::Object(new) = value else {
        return Err(format!("only an object can be written to `$`, this is {}", value.kind()));
    };
    match output {
        Value::Object(members) if !members.is_empty() => {
            if members.len().saturating_mul(new.len()) > 4096 {
                // Long member lists are joined by the rule for duplicates, which is not quadratic.
                members.extend(new);
                crate::json::drop_duplicates(members);
            } else {
                new.into_iter().for_each(|(name, value)| set(members, name, value));
            }
        }
        other => *other = Value::Object(new),
    }
    Ok(())
}

/// An empty container for what comes after a step; nothing is created for `[*]`.
fn container<'a>(next: Option<&Step>) -> Option<Value<'a>> {
    match next {
        Some(Step::Wild) => None,
        Some(Step::Index(_) | Step::Filter(_)) => Some(Value::Array(Vec::with_capacity(4).into())),
        _ => Some(Value::Object(Vec::with_capacity(8).into())),
    }
}

fn step<'a>(
    node: &mut Value<'a>,
    steps: &'a [Step],
    value: Value<'a>,
    scope: Scope<'_, 'a>,
) -> Result<(), String> {
    let Some((first, rest)) = steps.split_first() else {
        *node = value;
        return Ok(());
    };
    match first {
        Step::Name(name) => {
            let members = match node {
                Value::Object(members) => members,
                other => return Err(format!("`{name}` cannot be written into {}", other.kind())),
            };
            let place = name.place_in(members);
            if let Some((_, child)) = place.and_then(|place| members.get_mut(place)) {
                if !rest.is_empty() && !child.is_container() {
                    match container(rest.first()) {
                        Some(empty) => *child = empty,
                        None => return Ok(()),
                    }
                }
                return step(child, rest, value, scope);
            }
            let mut child = match rest.first() {
                None => Value::Null,
                next => match container(next) {
                    Some(empty) => empty,
                    None => return Ok(()),
                },
            };
            step(&mut child, rest, value, scope)?;
            members.push((Cow::Borrowed(name), child));
            Ok(())
        }
        Step::Index(index) => {
            let items = match node {
                Value::Array(items) => items,
                other => return Err(format!("the index [{index}] cannot be written into {}", other.kind())),
            };
            let index =
                usize::try_from(*index).map_err(|_| format!("the index [{index}] cannot be written"))?;
            if !scope.budget.copy(index.saturating_sub(items.len())) {
                return Ok(());
            }
            if rest.is_empty() {
                place(items, index, value);
                return Ok(());
            }
            while items.len() <= index {
                items.push(Value::Hole);
            }
            let Some(child) = items.get_mut(index) else { return Ok(()) };
            if !child.is_container() {
                match container(rest.first()) {
                    Some(empty) => *child = empty,
                    None => return Ok(()),
                }
            }
            step(child, rest, value, scope)
        }
        Step::Wild => {
            let children: Vec<&mut Value<'a>> = match node {
                Value::Array(items) => items.iter_mut().filter(|item| !matches!(item, Value::Hole)).collect(),
                Value::Object(members) => members.iter_mut().map(|(_, child)| child).collect(),
                _ => Vec::new(),
            };
            each(children, rest, value, scope)
        }
        Step::Filter(test) => filtered(node, test, rest, value, scope),
        other => Err(format!("a step like {other:?} cannot be written")),
    }
}

/// The last step `[n]`: a list is spliced in, an object is inserted, a scalar replaces.
fn place<'a>(items: &mut Vec<Value<'a>>, index: usize, value: Value<'a>) {
    while items.len() < index {
        items.push(Value::Hole);
    }
    let hole = matches!(items.get(index), Some(Value::Hole));
    match value {
        Value::Array(list) => {
            let end = if hole { index + 1 } else { index };
            items.splice(index..end, list);
        }
        value => match items.get_mut(index) {
            Some(old) if hole || !matches!(value, Value::Object(_)) => *old = value,
            Some(_) => items.insert(index, value),
            None => items.push(value),
        },
    }
}

/// Writes the same value below several nodes.
fn each<'a>(
    mut children: Vec<&mut Value<'a>>,
    rest: &'a [Step],
    value: Value<'a>,
    scope: Scope<'_, 'a>,
) -> Result<(), String> {
    if children.len() > 1 && !scope.budget.copy(children.len().saturating_mul(value.nodes())) {
        return Ok(());
    }
    let last = children.pop();
    for child in children {
        into_child(child, rest, value.clone(), scope)?;
    }
    match last {
        Some(child) => into_child(child, rest, value, scope),
        None => Ok(()),
    }
}

fn into_child<'a>(
    child: &mut Value<'a>,
    rest: &'a [Step],
    value: Value<'a>,
    scope: Scope<'_, 'a>,
) -> Result<(), String> {
    if !rest.is_empty() && !child.is_container() {
        match container(rest.first()) {
            Some(empty) => *child = empty,
            None => return Ok(()),
        }
    }
    step(child, rest, value, scope)
}

fn filtered<'a>(
    node: &mut Value<'a>,
    test: &'a Expr,
    rest: &'a [Step],
    value: Value<'a>,
    scope: Scope<'_, 'a>,
) -> Result<(), String> {
    if rest.is_empty()
        && let Some(names) = names_of(test)
    {
        return match node {
            Value::Array(items) => {
                let list = match value {
                    Value::Array(list) => list.into_vec(),
                    single => vec![single],
                };
                if scope.budget.copy(list.len()) {
                    items.extend(list.into_iter().map(|item| wrap(names, item)));
                }
                Ok(())
            }
            other => Err(format!("a list cannot be appended to {}", other.kind())),
        };
    }
    let children: Vec<&mut Value<'a>> = match node {
        Value::Array(items) => {
            items.iter_mut().filter(|item| !matches!(item, Value::Hole) && holds(test, item, scope)).collect()
        }
        other if matches!(other, Value::Object(_)) && holds(test, other, scope) => vec![other],
        _ => Vec::new(),
    };
    each(children, rest, value, scope)
}

/// The test looks at the output's element as `@`, but at the input as `$`.
pub(super) fn holds(test: &Expr, item: &Value<'_>, scope: Scope<'_, '_>) -> bool {
    test.holds(item, scope)
}

/// The names of a bare existence test, `@.a.b`.
fn names_of(test: &Expr) -> Option<&[Step]> {
    match test {
        Expr::Exists(path)
            if path.root == super::Root::Current
                && !path.steps.is_empty()
                && path.steps.iter().all(|step| matches!(step, Step::Name(_))) =>
        {
            Some(&path.steps)
        }
        _ => None,
    }
}

fn wrap<'a>(names: &'a [Step], item: Value<'a>) -> Value<'a> {
    names.iter().rev().fold(item, |inner, step| match step {
        Step::Name(name) => Value::Object(vec![(Cow::Borrowed(&**name), inner)].into()),
        _ => inner,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;
    use crate::json::{parse, to_string};
    use crate::variables::Variables;

    /// Writes pairs of path and value one after the other.
    fn written(start: &'static str, writes: &[(&str, &'static str)]) -> Result<String, String> {
        let mut output = parse(start).unwrap();
        let paths: Vec<Path> = writes.iter().map(|(path, _)| Path::parse(path).unwrap()).collect();
        let paths: &'static [Path] = Box::leak(paths.into());
        let variables = Variables::default();
        let budget = Budget::default();
        let scope = Scope { input: &Value::Null, variables: &variables, budget: &budget };
        for (path, (_, value)) in paths.iter().zip(writes) {
            write(&mut output, path, parse(value).unwrap(), scope)?;
        }
        Ok(to_string(&output))
    }

    #[test]
    fn creates_what_is_absent() {
        for (start, writes, expected) in [
            ("{}", vec![("$.a.b", "1"), ("$.a.c", "2")], r#"{"a":{"b":1,"c":2}}"#),
            ("{}", vec![("$['x:y']['z']", "1")], r#"{"x:y":{"z":1}}"#),
            ("{}", vec![("$.a[0].b", "1"), ("$.a[0].c", "2")], r#"{"a":[{"b":1,"c":2}]}"#),
            ("{}", vec![("$.a[1].b", "1")], r#"{"a":[{"b":1}]}"#),
            ("{}", vec![("$.a[0]", "[]")], r#"{"a":[]}"#),
            ("{}", vec![("$.a[0]", "[1,2]"), ("$.a[0]", "[3]")], r#"{"a":[3,1,2]}"#),
            ("{}", vec![("$.a[0]", "\"x\""), ("$.a[0]", "\"y\"")], r#"{"a":["y"]}"#),
            ("{}", vec![("$.a[0]", "{\"x\":1}"), ("$.a[0]", "{\"y\":1}")], r#"{"a":[{"y":1},{"x":1}]}"#),
            ("{}", vec![("$.a[1]", "1"), ("$.a[0]", "[2,3]")], r#"{"a":[2,3,1]}"#),
            ("{}", vec![("$.a[*].b", "1")], "{}"),
            (r#"{"a":[{},{"b":2}]}"#, vec![("$.a[*].b", "1")], r#"{"a":[{"b":1},{"b":1}]}"#),
            (r#"{"a":[1,2]}"#, vec![("$.a[*]", "3")], r#"{"a":[3,3]}"#),
            (
                "{}",
                vec![("$.a[?(@.v)]", "[1,2]"), ("$.a[?(@.v)]", "3")],
                r#"{"a":[{"v":1},{"v":2},{"v":3}]}"#,
            ),
            ("{}", vec![("$.a[?(@['v'])]", "[]")], r#"{"a":[]}"#),
            ("{}", vec![("$.a[?(@.u.v)]", "1")], r#"{"a":[{"u":{"v":1}}]}"#),
            (
                r#"{"a":[{"t":"x"},{"t":"y"}]}"#,
                vec![("$.a[?(@.t == 'x')].n", "1")],
                r#"{"a":[{"t":"x","n":1},{"t":"y"}]}"#,
            ),
            (r#"{"a":[{"t":"x"},{"t":"y"}]}"#, vec![("$.a[?(@.t == 'x')]", "1")], r#"{"a":[1,{"t":"y"}]}"#),
            (r#"{"a":"s"}"#, vec![("$.a.b", "1")], r#"{"a":{"b":1}}"#),
            (r#"{"a":null}"#, vec![("$.a[0]", "1")], r#"{"a":[1]}"#),
            (r#"{"a":1,"b":2}"#, vec![("$", r#"{"b":3,"c":4}"#)], r#"{"a":1,"b":3,"c":4}"#),
            ("{}", vec![("$.a[0][1].b", "1")], r#"{"a":[[{"b":1}]]}"#),
        ] {
            assert_eq!(written(start, &writes).as_deref(), Ok(expected), "{writes:?}");
        }
    }

    #[test]
    fn refuses_a_step_into_the_wrong_container() {
        assert!(written(r#"{"a":[1]}"#, &[("$.a.b", "1")]).is_err());
        assert!(written(r#"{"a":{"x":1}}"#, &[("$.a[0]", "1")]).is_err());
        assert!(written("{}", &[("$", "[1]")]).is_err());
        assert!(Path::parse("$.a[10000]").unwrap().not_writable().is_some());
        assert!(Path::parse("$..a").unwrap().not_writable().is_some());
    }
}
