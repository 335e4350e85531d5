//! Small records of kinds that others define. All are sealed: some hold secrets, and none needs to be read
//! from outside.

use super::fault::Fault;
use super::tables::{RECORDS, past, prefix};
use super::tenant::Tenant;
use crate::codec::Reader;
use crate::{Record, StoreError};
use ::redb::WriteTransaction;

/// A record's place, and what is to stand there.
pub(super) type Sealed = (Vec<u8>, Option<Vec<u8>>);

pub(super) fn put(txn: &WriteTransaction, records: &[Sealed]) -> Result<(), Fault> {
    let mut table = txn.open_table(RECORDS)?;
    for (place, value) in records {
        match value {
            Some(value) => table.insert(place.as_slice(), value.as_slice())?,
            None => table.remove(place.as_slice())?,
        };
    }
    Ok(())
}

impl Tenant {
    pub(super) fn seal_records(&self, records: &[Record]) -> Result<Vec<Sealed>, StoreError> {
        let seal = |record: &Record| {
            let (kind, key) = (record.kind, record.key.as_str());
            let value = record.value.as_deref();
            let sealed = value.map(|value| self.sealer.seal(&["record", kind, key], value)).transpose()?;
            Ok((prefix(&[kind, key]), sealed))
        };
        records.iter().map(seal).collect()
    }

    pub(super) fn write_records(&self, records: &[Record]) -> Result<(), StoreError> {
        let sealed = self.seal_records(records)?;
        self.file.write(|write| put(write.txn, &sealed))
    }

    pub(super) fn read_record(&self, kind: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let place = prefix(&[kind, key]);
        let sealed = self.file.read(|txn| {
            let value = txn.open_table(RECORDS)?.get(place.as_slice())?.map(|value| value.value().to_vec());
            Ok(value)
        })?;
        sealed.map(|sealed| self.sealer.open(&["record", kind, key], &sealed)).transpose()
    }

    pub(super) fn read_record_list(
        &self,
        kind: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let start = prefix(&[kind]);
        // Keys are in the order of the bytes that they have after their length, not of the lengths.
        let mut found = self.file.read(|txn| {
            let mut found = Vec::new();
            for entry in txn.open_table(RECORDS)?.range(start.as_slice()..past(&start).as_slice())? {
                let (place, value) = entry?;
                let mut place = Reader::new(place.value().get(start.len()..).unwrap_or_default(), "record");
                let key = place.str()?;
                if after.is_none_or(|after| key > after) {
                    found.push((key.to_owned(), value.value().to_vec()));
                }
            }
            Ok(found)
        })?;
        found.sort();
        found.truncate(limit);
        let open = |(key, sealed): (String, Vec<u8>)| {
            let value = self.sealer.open(&["record", kind, &key], &sealed)?;
            Ok((key, value))
        };
        found.into_iter().map(open).collect()
    }
}
