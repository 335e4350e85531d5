//! What is legal, but probably not what was meant.

use std::collections::HashSet;

use crate::condition::{Condition, Expr, Operand, Operator, Relation};
use crate::diagnostic::Problems;
use crate::mapping::{Action, Direction, Entity, Operation, Origin};
use crate::path::Step;
use crate::value::Value;

/// Properties that are not set become the text `null`. Inside a comparison with `null` that is the
/// idiom for "not set", so it is no surprise there.
pub(crate) fn missing_properties(missing: &[(String, String)], problems: &mut Problems) {
    for (pointer, key) in missing {
        if !pointer.ends_with("/condition") {
            problems.warning(pointer, format!("the property `{key}` is not set, it becomes the text `null`"));
        }
    }
}

/// Comparisons that cannot mean what they say.
pub(crate) fn condition(expr: &Expr, pointer: &str, problems: &mut Problems) {
    match expr {
        Expr::Or(list) | Expr::And(list) => list.iter().for_each(|expr| condition(expr, pointer, problems)),
        Expr::Not(inner) => condition(inner, pointer, problems),
        Expr::Relation(compared) => relation(compared, pointer, problems),
        _ => {}
    }
}

fn relation(relation: &Relation, pointer: &str, problems: &mut Problems) {
    match (&relation.left, relation.operator, &relation.right) {
        (Operand::Path(path), operator, Operand::Literal(literal)) => {
            let compares = matches!(
                operator,
                Operator::Equal
                    | Operator::NotEqual
                    | Operator::Identical
                    | Operator::NotIdentical
                    | Operator::Less
                    | Operator::LessOrEqual
                    | Operator::Greater
                    | Operator::GreaterOrEqual
            );
            let lists = !path.definite && !matches!(path.steps.last(), Some(Step::Length));
            if compares && lists && !matches!(literal, Value::Array(_)) {
                let message = "the path finds a list, which never equals a single value; use CONTAINS, `=~` or a list such as ['x']";
                problems.warning(pointer, message);
            }
        }
        (Operand::Path(_), Operator::Matches, Operand::Pattern(regex)) => {
            let source = regex.source();
            if !source.is_empty()
                && source.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ' ' | '-'))
            {
                let message = format!(
                    "`=~` compares the whole text, so /{source}/ only matches `{source}`; for \"contains\" write /.*{source}.*/ or CONTAINS"
                );
                problems.warning(pointer, message);
            }
        }
        _ => {}
    }
}

/// Mappings of an entity type that cannot run, or undo one another.
///
/// Conditions on properties (`dependent`) are decided when the document is compiled; that they are
/// false for this system is what they are for.
pub(crate) fn entity(
    entity: &Entity,
    direction: Direction,
    dependent: &HashSet<String>,
    problems: &mut Problems,
) {
    let never = |condition: Option<&Condition>, pointer: &str| {
        matches!(condition.and_then(Condition::expr), Some(Expr::Constant(false)))
            && !dependent.contains(pointer)
    };
    let pointer = format!("{}/condition", entity.pointer);
    if never(entity.condition.as_ref(), &pointer) {
        problems.warning(pointer, "the condition is never fulfilled: every entity is skipped");
    }
    let mut written: Vec<(String, &str, Option<Operation>)> = Vec::new();
    for mapping in &entity.mappings {
        let pointer = format!("{}/condition", mapping.pointer);
        if never(mapping.condition.as_ref(), &pointer) {
            problems.warning(pointer, "the condition is never fulfilled: the mapping never runs");
        }
        let Action::Set(set) = &mapping.action else {
            written.clear();
            continue;
        };
        if let Origin::Variable(name, _) = &set.origin
            && name.as_ref() == "entityIdTargetSystem"
            && set.variable.as_deref() == Some("entityIdTargetSystem")
            && direction == Direction::Read
        {
            problems.warning(
                &mapping.pointer,
                "a read transformation sets entityIdSourceSystem, not entityIdTargetSystem",
            );
        }
        let Some(path) = &set.target else { continue };
        let plain = !path.steps.is_empty() && path.steps.iter().all(|step| matches!(step, Step::Name(_)));
        if !plain {
            continue;
        }
        let key = format!("{:?}", path.steps);
        let constant = matches!(set.origin, Origin::Constant(_) | Origin::Text(_) | Origin::Template(_));
        if constant
            && mapping.condition.is_none()
            && let Some((_, earlier, _)) =
                written.iter().find(|(other, _, scope)| *other == key && *scope == mapping.scope)
        {
            let message = format!("this constant always overwrites what {earlier} wrote");
            problems.warning(&mapping.pointer, message);
        }
        if !constant || mapping.condition.is_some() {
            written.push((key, &mapping.pointer, mapping.scope));
        }
    }
    if direction == Direction::Read
        && !entity.ignored
        && !entity.mappings.is_empty()
        && !entity.mappings.iter().any(|mapping| {
            matches!(&mapping.action, Action::Set(set) if set.variable.as_deref() == Some("entityIdSourceSystem"))
        })
    {
        let message = "no mapping sets the variable entityIdSourceSystem, the identifier of the entity in the source";
        problems.warning(&entity.pointer, message);
    }
}

#[cfg(test)]
mod tests {
    use crate::{Direction, compile};

    fn warnings(
        mappings: &str,
        direction: Direction,
        properties: &[(String, String)],
    ) -> Vec<(String, String)> {
        let id = r#"{"sourcePath":"$.id","targetVariable":"entityIdSourceSystem"}"#;
        let document = format!(r#"{{"user":{{"mappings":[{id},{mappings}]}}}}"#);
        let compiled =
            compile(&document, direction, properties).unwrap_or_else(|problems| panic!("{problems:?}"));
        compiled.warnings().iter().map(|warning| (warning.pointer.clone(), warning.message.clone())).collect()
    }

    #[test]
    fn warns_of_what_was_probably_not_meant() {
        for (mapping, pointer, part) in [
            (r#"{"constant":1,"targetPath":"$.a","condition":"'a' == 'b'"}"#, "/condition", "never runs"),
            (r#"{"constant":1,"targetPath":"$.a","condition":"$.e[*].v == 'x'"}"#, "/condition", "CONTAINS"),
            (r#"{"constant":1,"targetPath":"$.a","condition":"$.v =~ /abc/"}"#, "/condition", "whole text"),
            (r#"{"constant":"%zz%","targetPath":"$.a"}"#, "/constant", "`zz` is not set"),
            (r#"{"constant":1,"targetPath":"$.a","scope":"createEntity"}"#, "/scope", "no effect"),
            (
                r#"{"sourcePath":"$.m","targetPath":"$.a","functions":[{"function":"toString","prefx":1}]}"#,
                "/functions/0/prefx",
                "no parameter",
            ),
            (
                r#"{"sourcePath":"$.m","targetPath":"$.a","functions":[{"function":"resolveEntityIds"}]}"#,
                "/functions/0",
                "resolves nothing",
            ),
        ] {
            let found = warnings(mapping, Direction::Read, &[]);
            assert_eq!(found.len(), 1, "{mapping}: {found:?}");
            assert_eq!(found[0].0, format!("/user/mappings/1{pointer}"));
            assert!(found[0].1.contains(part), "{found:?}");
        }
        let overwritten = r#"{"sourcePath":"$.a","targetPath":"$.a"},{"constant":1,"targetPath":"$.a"}"#;
        assert!(warnings(overwritten, Direction::Write, &[])[0].1.contains("overwrites"));
    }

    #[test]
    fn stays_silent_otherwise() {
        for mapping in [
            r#"{"constant":1,"targetPath":"$.a","condition":"'%zz%' != 'null'"}"#,
            r#"{"constant":1,"targetPath":"$.a","condition":"$.e[*].v == ['x'] || $.v =~ /abc.*/ || $.e[*].v =~ /x|y/"}"#,
            r#"{"constant":true,"targetPath":"$.a"},{"constant":false,"targetPath":"$.a","condition":"$.x"}"#,
        ] {
            assert_eq!(warnings(mapping, Direction::Read, &[]), [], "{mapping}");
        }
    }
}
