use super::fault::Fault;
use super::tables::{JOBS, UNFINISHED};
use super::tenant::{Tenant, from_json, to_json};
use crate::StoreError;
use ::redb::{ReadableTable, WriteTransaction};
use gangway_model::{Job, JobId};

/// Writes a job and keeps the short list of those that have not ended.
pub(super) fn put(txn: &WriteTransaction, job: &Job) -> Result<(), Fault> {
    let id = job.id.as_str();
    txn.open_table(JOBS)?.insert(id, to_json("job", job)?.as_slice())?;
    let mut unfinished = txn.open_table(UNFINISHED)?;
    if job.status.is_final() {
        unfinished.remove(id)?;
    } else {
        unfinished.insert(id, ())?;
    }
    Ok(())
}

impl Tenant {
    pub(super) fn read_job(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        self.file.read(|txn| {
            let found = txn.open_table(JOBS)?.get(id.as_str())?;
            Ok(found.map(|value| from_json("job", value.value())).transpose()?)
        })
    }

    pub(super) fn read_jobs(&self, before: Option<&JobId>, limit: usize) -> Result<Vec<Job>, StoreError> {
        self.file.read(|txn| {
            let table = txn.open_table(JOBS)?;
            let newest_first = match before {
                Some(before) => table.range(..before.as_str())?,
                None => table.range::<&str>(..)?,
            };
            let mut jobs = Vec::new();
            for entry in newest_first.rev().take(limit) {
                jobs.push(from_json("job", entry?.1.value())?);
            }
            Ok(jobs)
        })
    }

    pub(super) fn read_unfinished(&self) -> Result<Vec<Job>, StoreError> {
        self.file.read(|txn| {
            let all = txn.open_table(JOBS)?;
            let mut jobs = Vec::new();
            for entry in txn.open_table(UNFINISHED)?.iter()? {
                let id = entry?.0;
                if let Some(value) = all.get(id.value())? {
                    jobs.push(from_json("job", value.value())?);
                }
            }
            Ok(jobs)
        })
    }
}
