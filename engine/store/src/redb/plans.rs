//! Plans: a record for each, blocks of operations, and the pages of the source they were made from.
//!
//! A block is the operations without attribute values, which filters look at, and behind them the values,
//! sealed.

use super::fault::Fault;
use super::file::Write;
use super::tables::{PLAN_PAGES, PLANNED, PLANS, counted, counter, past, prefix};
use super::tenant::{Tenant, from_json, to_json};
use crate::codec::{Reader, put_str, put_varint};
use crate::seal::Sealer;
use crate::{Commit, PlanFilter, Plans, StoreError};
use ::redb::ReadableTable;
use gangway_model::{Delivered, JobId, Plan, PlannedContent, PlannedOperation};

/// Operations in a block.
const BLOCK: usize = 64;

fn place(run: &JobId, first: u64) -> [String; 3] {
    ["plan".to_owned(), run.as_str().to_owned(), first.to_string()]
}

fn encode(
    sealer: &Sealer,
    run: &JobId,
    first: u64,
    operations: &[PlannedOperation],
) -> Result<Vec<u8>, StoreError> {
    let heads = to_json("plan", &operations)?;
    let contents: Vec<&PlannedContent> = operations.iter().map(|operation| &operation.content).collect();
    let place = place(run, first);
    let sealed = sealer.seal(&place.each_ref().map(String::as_str), &to_json("plan", &contents)?)?;
    let mut block = Vec::with_capacity(heads.len() + sealed.len() + 16);
    put_varint(&mut block, operations.len() as u64);
    put_varint(&mut block, heads.len() as u64);
    block.extend_from_slice(&heads);
    block.extend_from_slice(&sealed);
    Ok(block)
}

fn count(block: &[u8]) -> Result<u64, StoreError> {
    Reader::new(block, "plan").varint()
}

fn encode_page(page: &Delivered) -> Vec<u8> {
    let mut out = Vec::with_capacity(page.entities.len() * 32);
    put_str(&mut out, page.entity_type.as_str());
    for (id, hash) in &page.entities {
        put_str(&mut out, id);
        out.extend_from_slice(hash);
    }
    out
}

fn decode_page(bytes: &[u8]) -> Result<Delivered, StoreError> {
    let mut reader = Reader::new(bytes, "plan");
    let entity_type = reader.str()?.into();
    let mut entities = Vec::new();
    while !reader.is_empty() {
        entities.push((reader.str()?.to_owned(), reader.array()?));
    }
    Ok(Delivered { entity_type, entities })
}

/// Adds what a step of a simulation found. The first operation has the number 1.
pub(super) fn append(write: &Write<'_>, sealer: &Sealer, batch: &Commit) -> Result<(), Fault> {
    let Some(run) = &batch.run else { return Ok(()) };
    let start = prefix(&[run.as_str()]);
    if !batch.planned.is_empty() {
        let mut blocks = write.txn.open_table(PLANNED)?;
        let mut next = match blocks.range(start.as_slice()..past(&start).as_slice())?.next_back() {
            None => 1,
            Some(last) => {
                let (last, block) = last?;
                counter(last.value())? + count(block.value())?
            }
        };
        for operations in batch.planned.chunks(BLOCK) {
            let block = encode(sealer, run, next, operations)?;
            blocks.insert(counted(&start, next).as_slice(), block.as_slice())?;
            next += operations.len() as u64;
        }
    }
    if !batch.delivered.is_empty() {
        let mut pages = write.txn.open_table(PLAN_PAGES)?;
        let next = match pages.range(start.as_slice()..past(&start).as_slice())?.next_back() {
            None => 1,
            Some(last) => counter(last?.0.value())? + 1,
        };
        for (number, page) in (next..).zip(&batch.delivered) {
            pages.insert(counted(&start, number).as_slice(), encode_page(page).as_slice())?;
        }
    }
    Ok(())
}

impl Plans for Tenant {
    fn put(&self, plan: &Plan) -> Result<(), StoreError> {
        let json = to_json("plan", plan)?;
        self.file.write(|write| {
            write.txn.open_table(PLANS)?.insert(plan.id.as_str(), json.as_slice())?;
            Ok(())
        })
    }

    fn get(&self, id: &JobId) -> Result<Option<Plan>, StoreError> {
        self.file.read(|txn| {
            let found = txn.open_table(PLANS)?.get(id.as_str())?;
            Ok(found.map(|value| from_json("plan", value.value())).transpose()?)
        })
    }

    fn list(&self) -> Result<Vec<Plan>, StoreError> {
        self.file.read(|txn| {
            let mut plans = Vec::new();
            for entry in txn.open_table(PLANS)?.iter()?.rev() {
                plans.push(from_json("plan", entry?.1.value())?);
            }
            Ok(plans)
        })
    }

    fn delete(&self, id: &JobId) -> Result<bool, StoreError> {
        let start = prefix(&[id.as_str()]);
        self.file.write(|write| {
            for table in [PLANNED, PLAN_PAGES] {
                let mut table = write.txn.open_table(table)?;
                table.retain_in(start.as_slice()..past(&start).as_slice(), |_, _| false)?;
            }
            let found = write.txn.open_table(PLANS)?.remove(id.as_str())?.is_some();
            Ok(found)
        })
    }

    fn operations(
        &self,
        plan: &JobId,
        wanted: &PlanFilter,
        after: Option<u64>,
        limit: usize,
        contents: bool,
    ) -> Result<Vec<(u64, PlannedOperation)>, StoreError> {
        let start = prefix(&[plan.as_str()]);
        let first = after.map_or(Some(0), |after| after.checked_add(1));
        let Some(first) = first else { return Ok(Vec::new()) };
        self.file.read(|txn| {
            let blocks = txn.open_table(PLANNED)?;
            // The first wanted operation may be in the middle of the block that starts before it.
            let from = {
                let before = blocks.range(start.as_slice()..counted(&start, first).as_slice())?.next_back();
                before.transpose()?.map_or(Ok(first), |(block, _)| counter(block.value()))?
            };
            let mut found: Vec<(u64, PlannedOperation)> = Vec::new();
            for entry in blocks.range(counted(&start, from).as_slice()..past(&start).as_slice())? {
                if found.len() >= limit {
                    break;
                }
                let (block, value) = entry?;
                let start_of_block = counter(block.value())?;
                let mut reader = Reader::new(value.value(), "plan");
                let count = reader.size()?;
                let heads = reader.size()?;
                let heads: Vec<PlannedOperation> = from_json("plan", reader.bytes(heads)?)?;
                let mut values: Option<Vec<PlannedContent>> = None;
                for ((position, number), mut operation) in (0..count).zip(start_of_block..).zip(heads) {
                    if number < first || found.len() >= limit || !wanted.wants(&operation) {
                        continue;
                    }
                    if contents {
                        let opened = match values.take() {
                            Some(opened) => opened,
                            None => {
                                let place = place(plan, start_of_block);
                                let sealed = reader.rest();
                                let opened =
                                    self.sealer.open(&place.each_ref().map(String::as_str), sealed)?;
                                from_json("plan", &opened)?
                            }
                        };
                        operation.content = opened.get(position).cloned().unwrap_or_default();
                        values = Some(opened);
                    }
                    found.push((number, operation));
                }
            }
            Ok(found)
        })
    }

    fn pages(
        &self,
        plan: &JobId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Delivered)>, StoreError> {
        let start = prefix(&[plan.as_str()]);
        let first = after.map_or(0, |after| after.saturating_add(1));
        self.file.read(|txn| {
            let pages = txn.open_table(PLAN_PAGES)?;
            let range = pages.range(counted(&start, first).as_slice()..past(&start).as_slice())?;
            let mut found = Vec::new();
            for entry in range.take(limit) {
                let (key, value) = entry?;
                found.push((counter(key.value())?, decode_page(value.value())?));
            }
            Ok(found)
        })
    }
}
