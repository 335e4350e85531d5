use super::fault::Fault;
use super::records;
use super::seen;
use super::tables::{EVENT_STATES, EVENTS, JOBS, NEWS, UNFINISHED, past, prefix};
use super::tenant::{Tenant, from_json, to_json};
use crate::{News, Record, StoreError};
use ::redb::{ReadableTable, WriteTransaction};
use gangway_model::{Job, JobId, JobStatus};

/// Bits of [`NEWS`].
const FAILING: u8 = 1;
const ENDED: u8 = 2;

fn bits(news: News) -> u8 {
    (u8::from(news.failing) * FAILING) | (u8::from(news.ended) * ENDED)
}

/// Writes a job and keeps the short lists of those that have not ended, and of those with news.
pub(super) fn put(txn: &WriteTransaction, job: &Job) -> Result<(), Fault> {
    let id = job.id.as_str();
    txn.open_table(JOBS)?.insert(id, to_json("job", job)?.as_slice())?;
    let mut unfinished = txn.open_table(UNFINISHED)?;
    let failing = u8::from(job.status == JobStatus::RunningWithError);
    let news = if job.status.is_final() {
        let ended = unfinished.remove(id)?.is_some() && job.status != JobStatus::Resumed;
        News { failing: false, ended }
    } else {
        let before = unfinished.insert(id, failing)?.map(|before| before.value());
        News { failing: failing == 1 && before != Some(1), ended: false }
    };
    if news != News::default() {
        let mut table = txn.open_table(NEWS)?;
        let known = table.get(id)?.map_or(0, |known| known.value());
        table.insert(id, known | bits(news))?;
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

    pub(super) fn remove_job(&self, id: &JobId) -> Result<bool, StoreError> {
        self.file.write(|write| {
            let txn = write.txn;
            if txn.open_table(UNFINISHED)?.get(id.as_str())?.is_some()
                || txn.open_table(JOBS)?.remove(id.as_str())?.is_none()
            {
                return Ok(false);
            }
            txn.open_table(NEWS)?.remove(id.as_str())?;
            seen::forget(txn, id)?;
            let lines = prefix(&[id.as_str()]);
            txn.open_table(EVENTS)?.retain_in(lines.as_slice()..past(&lines).as_slice(), |_, _| false)?;
            txn.open_table(EVENT_STATES)?
                .retain_in(lines.as_slice()..past(&lines).as_slice(), |_, ()| false)?;
            Ok(true)
        })
    }

    pub(super) fn read_news(&self) -> Result<Vec<(JobId, News)>, StoreError> {
        self.file.read(|txn| {
            let mut all = Vec::new();
            for entry in txn.open_table(NEWS)?.iter()? {
                let (id, bits) = entry?;
                let news = News { failing: bits.value() & FAILING != 0, ended: bits.value() & ENDED != 0 };
                all.push((JobId::new(id.value()), news));
            }
            Ok(all)
        })
    }

    pub(super) fn write_settled(&self, job: &JobId, news: News, list: &[Record]) -> Result<(), StoreError> {
        let sealed = self.seal_records(list)?;
        self.file.write(|write| {
            let mut table = write.txn.open_table(NEWS)?;
            let known = table.get(job.as_str())?.map_or(0, |known| known.value());
            match known & !bits(news) {
                0 => table.remove(job.as_str())?,
                left => table.insert(job.as_str(), left)?,
            };
            records::put(write.txn, &sealed)
        })
    }
}
