//! What target entities held before a run changed them. Sealed: it is all that is known of a person.

use super::fault::Fault;
use super::tables::{IMAGE_RUNS, IMAGES, counted, counter, past, prefix};
use super::tenant::{Tenant, from_json, to_json};
use crate::codec::Reader;
use crate::seal::Sealer;
use crate::{Image, StoreError};
use ::redb::{ReadableTable, WriteTransaction};
use gangway_model::JobId;

fn until(bytes: &[u8]) -> Result<u64, StoreError> {
    Reader::new(bytes, "before-image").varint()
}

/// Adds images to those of a run, in their order.
pub(super) fn append(
    txn: &WriteTransaction,
    sealer: &Sealer,
    run: &JobId,
    images: &[Image],
) -> Result<(), Fault> {
    let Some(keep_until_ms) = images.iter().map(|image| image.keep_until_ms).max() else { return Ok(()) };
    let start = prefix(&[run.as_str()]);
    let mut table = txn.open_table(IMAGES)?;
    let first = match table.range(start.as_slice()..past(&start).as_slice())?.next_back() {
        None => 1,
        Some(last) => counter(last?.0.value())? + 1,
    };
    for (next, image) in (first..).zip(images) {
        let sealed = sealer
            .seal(&["before-image", run.as_str(), &next.to_string()], &to_json("before-image", image)?)?;
        table.insert(counted(&start, next).as_slice(), sealed.as_slice())?;
    }
    let mut runs = txn.open_table(IMAGE_RUNS)?;
    let known = runs.get(run.as_str())?.map(|value| until(value.value())).transpose()?.unwrap_or_default();
    let mut value = Vec::new();
    crate::codec::put_varint(&mut value, known.max(keep_until_ms));
    runs.insert(run.as_str(), value.as_slice())?;
    Ok(())
}

impl Tenant {
    pub(super) fn read_images(
        &self,
        run: &JobId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Image)>, StoreError> {
        let start = prefix(&[run.as_str()]);
        let end = before.map_or_else(|| past(&start), |before| counted(&start, before));
        let sealed = self.file.read(|txn| {
            let mut found = Vec::new();
            for entry in txn.open_table(IMAGES)?.range(start.as_slice()..end.as_slice())?.rev().take(limit) {
                let (key, value) = entry?;
                found.push((counter(key.value())?, value.value().to_vec()));
            }
            Ok(found)
        })?;
        sealed
            .into_iter()
            .map(|(number, sealed)| {
                let place = ["before-image", run.as_str(), &number.to_string()];
                Ok((number, from_json("before-image", &self.sealer.open(&place, &sealed)?)?))
            })
            .collect()
    }

    pub(super) fn remove_images(&self, now_ms: u64) -> Result<u64, StoreError> {
        let due = self.file.read(|txn| {
            let mut due = Vec::new();
            for entry in txn.open_table(IMAGE_RUNS)?.iter()? {
                let (run, value) = entry?;
                if until(value.value())? <= now_ms {
                    due.push(run.value().to_owned());
                }
            }
            Ok(due)
        })?;
        if due.is_empty() {
            return Ok(0);
        }
        self.file.write(|write| {
            for run in &due {
                let start = prefix(&[run]);
                let mut table = write.txn.open_table(IMAGES)?;
                table.retain_in(start.as_slice()..past(&start).as_slice(), |_, _| false)?;
                write.txn.open_table(IMAGE_RUNS)?.remove(run.as_str())?;
            }
            Ok(due.len() as u64)
        })
    }
}
