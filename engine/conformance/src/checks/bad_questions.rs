//! Questions that have no good answer get an error, never a trap.

use super::{Check, Expect, Stop, check, demand, refused, same};
use crate::bench::{Bench, write_one};
use gangway_model::{Operation, OperationKind, PluginError, code};

const NO_TYPE: &str = "no-such-type";

pub(super) const CHECKS: &[Check] = &[
    check!(
        Source,
        "read.unknown-cursor",
        unknown_cursor,
        "a cursor that the plugin did not write is an error"
    ),
    check!(
        Source,
        "read.unknown-type",
        read_unknown_type,
        "an entity type that the plugin does not know is an error"
    ),
    check!(
        Target,
        "write.unknown-type",
        write_unknown_type,
        "an entity type that the plugin does not know is an error"
    ),
    check!(
        Target,
        "write.malformed",
        malformed,
        "content that is no JSON object is an error of its operation; an update without identifier too"
    ),
];

/// An error that the plugin gave on purpose.
fn deliberate<T>(what: &str, answer: Result<T, PluginError>) -> Result<PluginError, Stop> {
    let error = refused(what, answer, &[])?;
    demand(error.code != code::INTERNAL, || format!("{what}: {error}; `internal` stands for a defect"))?;
    Ok(error)
}

/// One that speaks of the question, too. An unknown type may be a grant that is missing.
fn of_question<T>(what: &str, answer: Result<T, PluginError>) -> Result<(), Stop> {
    let error = deliberate(what, answer)?;
    demand(!error.is_of_system(), || {
        format!("{what}: {error}; `{}` says that the whole system is at fault, not the question", error.code)
    })
}

async fn unknown_cursor(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    let source = bench.source(None).await.expect_of("opening the source")?.side;
    for cursor in ["no-such-cursor", "", "{\"", "\u{0}é"] {
        of_question(
            &format!("the cursor {cursor:?}"),
            source.read_page(entity_type, Some(cursor), 10).await,
        )?;
    }
    Ok(())
}

async fn read_unknown_type(bench: &Bench<'_>, _: &str) -> Result<(), Stop> {
    let source = bench.source(None).await.expect_of("opening the source")?.side;
    deliberate("read-page", source.read_page(NO_TYPE, None, 10).await)?;
    let answers = source.read_entities(NO_TYPE, vec!["1".to_owned()]).await;
    same("answers", answers.len(), 1)?;
    answers.into_iter().try_for_each(|answer| deliberate("read-entities", answer).map(drop))
}

async fn write_unknown_type(bench: &Bench<'_>, _: &str) -> Result<(), Stop> {
    let target = bench.target(None).await.expect_of("opening the target")?.side;
    let operation = operation(OperationKind::Create, NO_TYPE, Some("1"), "{}");
    deliberate("create", write_one(target.as_ref(), operation).await)?;
    let attribute = vec![("name".to_owned(), "value".to_owned())];
    deliberate("find", target.find(NO_TYPE, attribute, 1).await).map(drop)
}

async fn malformed(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    let target = bench.target(None).await.expect_of("opening the target")?.side;
    for json in ["{\"userName\":", "[]", "", "null"] {
        let operation = operation(OperationKind::Create, entity_type, None, json);
        deliberate(
            &format!("create with the content {json:?}"),
            write_one(target.as_ref(), operation).await,
        )?;
    }
    let nobody = operation(OperationKind::Replace, entity_type, None, "{}");
    of_question("replace without identifier", write_one(target.as_ref(), nobody).await)
}

fn operation(kind: OperationKind, entity_type: &str, id: Option<&str>, json: &str) -> Operation {
    Operation {
        kind,
        entity_type: entity_type.to_owned(),
        id: id.map(str::to_owned),
        version: None,
        json: json.to_owned(),
        members: None,
    }
}
