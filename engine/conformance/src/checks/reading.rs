//! Paging, cursors, and single entities of a source.

use super::{Check, Expect, Stop, check, demand, refused, same};
use crate::bench::{Bench, Opened, write_one};
use gangway_model::ports::Source;
use gangway_model::{Page, code};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// A page so small that a few entities make several.
const SMALL: u32 = 2;
/// A page as the engine asks for it.
const LARGE: u32 = 1_000;
/// Enough entities for three small pages.
const ENOUGH: usize = 5;
/// Pages after which a large system has shown enough.
const PAGES: usize = 200;

pub(super) const CHECKS: &[Check] = &[
    check!(
        Source,
        "read.pages",
        pages,
        "each entity once on pages of at most `limit`, the same entities whatever the limit, in a stable order"
    ),
    check!(Source, "read.entities", entities, "an entity has an identifier, and is a JSON object"),
    check!(
        Source,
        "read.resume",
        resume,
        "the cursor is the checkpoint: in another instance it gives the page that followed it before"
    ),
    check!(
        Source,
        "read.by-id",
        by_id,
        "one answer for each identifier in the order of the question, `not-found` where there is none"
    ),
    check!(Source, "read.no-ids", no_ids, "a question for no identifier has no answer"),
];

async fn source(bench: &Bench<'_>) -> Result<Opened<dyn Source>, Stop> {
    bench.source(None).await.expect_of("opening the source")
}

/// All pages, or the first of a large system.
async fn read(source: &dyn Source, entity_type: &str, limit: u32) -> Result<Vec<Page>, Stop> {
    let mut pages: Vec<Page> = Vec::new();
    let mut cursors = BTreeSet::new();
    loop {
        let cursor = pages.last().and_then(|page| page.next_cursor.clone());
        let what = format!("page {} of at most {limit}", pages.len() + 1);
        let page = source.read_page(entity_type, cursor.as_deref(), limit).await.expect_of(&what)?;
        if let Some(next) = &page.next_cursor {
            demand(cursors.insert(next.clone()), || format!("{what}: the cursor {next:?} came before"))?;
        }
        let ends = page.next_cursor.is_none() || pages.len() + 1 >= PAGES;
        pages.push(page);
        if ends {
            return Ok(pages);
        }
    }
}

fn ids(pages: &[Page]) -> Vec<String> {
    pages.iter().flat_map(|page| &page.entities).map(|entity| entity.id.clone()).collect()
}

/// The entities of the system in small pages; a system that holds too few is given some.
async fn stocked(bench: &Bench<'_>, entity_type: &str) -> Result<Vec<Page>, Stop> {
    let first = source(bench).await?;
    let pages = read(first.side.as_ref(), entity_type, SMALL).await?;
    if ids(&pages).len() >= ENOUGH {
        return Ok(pages);
    }
    if !bench.roles.target || bench.specimen(entity_type).is_none() {
        return Err(Stop::Skipped(format!(
            "the system holds fewer than {ENOUGH} entities of the type; add some, or a sample to create them from"
        )));
    }
    let target = bench.target(None).await.expect_of("opening the target")?;
    for _ in 0..ENOUGH {
        let Some(specimen) = bench.specimen(entity_type) else { continue };
        let outcome = write_one(target.side.as_ref(), specimen.creation()).await;
        bench.note(entity_type, &outcome.expect_of("creating an entity to read")?);
    }
    let pages = read(source(bench).await?.side.as_ref(), entity_type, SMALL).await?;
    let found = ids(&pages).len();
    demand(found >= ENOUGH, || format!("{found} entities after {ENOUGH} were created"))?;
    Ok(pages)
}

async fn pages(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    let small = stocked(bench, entity_type).await?;
    for (number, page) in small.iter().enumerate() {
        let count = page.entities.len();
        demand(count <= SMALL as usize, || format!("{count} entities on page {} of {SMALL}", number + 1))?;
    }
    let found = ids(&small);
    let mut seen = BTreeSet::new();
    let twice: Vec<_> = found.iter().filter(|id| !seen.insert(*id)).collect();
    demand(twice.is_empty(), || format!("given twice: {twice:?}"))?;
    let again = read(source(bench).await?.side.as_ref(), entity_type, SMALL).await?;
    same("a second read", ids(&again), found.clone())?;
    if small.last().is_some_and(|page| page.next_cursor.is_some()) {
        return Ok(());
    }
    let large = read(source(bench).await?.side.as_ref(), entity_type, LARGE).await?;
    let large: BTreeSet<String> = ids(&large).into_iter().collect();
    let small: BTreeSet<String> = found.into_iter().collect();
    let differ: Vec<_> = large.symmetric_difference(&small).collect();
    demand(differ.is_empty(), || format!("only on pages of one of the sizes {SMALL} and {LARGE}: {differ:?}"))
}

async fn entities(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    let pages = stocked(bench, entity_type).await?;
    for entity in pages.iter().flat_map(|page| &page.entities) {
        demand(!entity.id.is_empty(), || "an entity without identifier".to_owned())?;
        serde_json::from_str::<Map<String, Value>>(&entity.json)
            .expect_of(&format!("the entity {:?} is no JSON object", entity.id))?;
    }
    Ok(())
}

async fn resume(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    let pages = stocked(bench, entity_type).await?;
    let followed = pages.iter().zip(pages.iter().skip(1)).take(5).enumerate();
    for (number, (before, expected)) in followed {
        let what = format!("the page after page {}", number + 1);
        let opened = source(bench).await?;
        let page = opened.side.read_page(entity_type, before.next_cursor.as_deref(), SMALL).await;
        let page = page.expect_of(&what)?;
        same(&what, ids(std::slice::from_ref(&page)), ids(std::slice::from_ref(expected)))?;
        same(
            &format!("{what}, whether another follows"),
            page.next_cursor.is_some(),
            expected.next_cursor.is_some(),
        )?;
    }
    Ok(())
}

async fn by_id(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    let pages = stocked(bench, entity_type).await?;
    let known: Vec<String> = ids(&pages).into_iter().take(2).collect();
    let [first, second] = known.as_slice() else {
        return Err(Stop::Skipped("fewer than two entities".to_owned()));
    };
    let asked = vec![second.clone(), bench.unknown(entity_type), first.clone()];
    let answers = source(bench).await?.side.read_entities(entity_type, asked.clone()).await;
    same("answers", answers.len(), asked.len())?;
    for (id, answer) in asked.iter().zip(answers) {
        if *id == bench.unknown(entity_type) {
            refused(&format!("reading {id:?}"), answer, &[code::NOT_FOUND])?;
        } else {
            let entity = answer.expect_of(&format!("reading {id:?}"))?;
            same("the identifier", entity.id, id.clone())?;
        }
    }
    Ok(())
}

async fn no_ids(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    let answers = source(bench).await?.side.read_entities(entity_type, Vec::new()).await;
    same("answers", answers.len(), 0)
}
