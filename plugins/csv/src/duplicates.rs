//! Identifiers that occur twice in a file, in bounded memory.
//!
//! While a file is read from its start, a Bloom filter of fixed size knows the identifiers so far. The
//! filter never misses a second occurrence, but may take a first one for a second, so on its first alarm
//! (and whenever a read starts in the middle of a file) the file is surveyed: two more passes that note
//! exactly which identifiers occur twice, and where first.

use crate::header::Header;
use crate::rows::{Place, Row, Rows};
use gangway_sdk::Result;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

/// What is known of the identifiers of a file.
pub(crate) enum Duplicates {
    /// No identifier occurs twice before this place.
    None { filter: Filter, until: Place },
    /// Those that occur twice, with the row of the first occurrence.
    Known(HashMap<String, u64>),
}

impl Duplicates {
    /// For a read that begins at the first row.
    pub(crate) fn new(first: Place, file_size: u64) -> Self {
        Duplicates::None { filter: Filter::new(file_size), until: first }
    }

    /// The row in which an identifier occurred before this one.
    pub(crate) fn earlier(&self, id: &str, row: u64) -> Option<u64> {
        match self {
            Duplicates::None { .. } => None,
            Duplicates::Known(first) => first.get(id).copied().filter(|first| *first < row),
        }
    }

    /// Notes an identifier; whether the file has to be surveyed first.
    pub(crate) fn is_suspicious(&mut self, id: &str) -> bool {
        match self {
            Duplicates::None { filter, .. } => filter.insert(hash(id)),
            Duplicates::Known(_) => false,
        }
    }

    /// Notes that everything before a place has been noted.
    pub(crate) fn reached(&mut self, place: Place) {
        if let Duplicates::None { until, .. } = self {
            *until = place;
        }
    }

    /// Whether a read may go on at a place without a survey.
    pub(crate) fn follows(&self, place: Place) -> bool {
        match self {
            Duplicates::None { until, .. } => *until == place,
            Duplicates::Known(_) => true,
        }
    }

    /// Reads the whole file; the reader is left anywhere.
    pub(crate) fn survey(rows: &mut Rows, header: &Header, first: Place, file_size: u64) -> Result<Self> {
        let mut filter = Filter::new(file_size);
        let mut suspects: HashMap<u64, u64> = HashMap::new();
        each_id(rows, header, first, |id, _| {
            let hash = hash(id);
            if filter.insert(hash) {
                suspects.insert(hash, 0);
            }
        })?;
        let mut seen: HashMap<String, (u64, bool)> = HashMap::new();
        if !suspects.is_empty() {
            each_id(rows, header, first, |id, row| {
                if suspects.contains_key(&hash(id)) {
                    seen.entry(id.to_owned()).and_modify(|(_, twice)| *twice = true).or_insert((row, false));
                }
            })?;
        }
        let twice = seen.into_iter().filter(|(_, (_, twice))| *twice).map(|(id, (row, _))| (id, row));
        Ok(Duplicates::Known(twice.collect()))
    }
}

fn each_id(rows: &mut Rows, header: &Header, first: Place, mut note: impl FnMut(&str, u64)) -> Result<()> {
    rows.seek(first);
    loop {
        let row = rows.place_row();
        match rows.next(Some(header))? {
            None => return Ok(()),
            Some(Row::Good(record)) => {
                let id = record.value(header.id);
                if !id.trim().is_empty() {
                    note(&id, row);
                }
            }
            Some(_) => {}
        }
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(id.as_bytes());
    hasher.finish()
}

/// A split-block Bloom filter: sixteen bits for each identifier, two in each word of one cache line.
pub(crate) struct Filter {
    blocks: Vec<[u64; 8]>,
}

/// Odd numbers that spread one hash over the words.
const SALT: [u32; 8] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

impl Filter {
    /// A filter for a file: a block for about every fourteen rows of 40 bytes, but 4 MiB at most, which
    /// is reliable up to some millions of rows and costs surveys beyond.
    fn new(file_size: u64) -> Self {
        let blocks = usize::try_from(file_size / 560).unwrap_or(usize::MAX).clamp(64, 64 * 1024);
        Filter { blocks: vec![[0; 8]; blocks] }
    }

    /// Notes a hash; whether it, or one with the same bits, was noted before.
    fn insert(&mut self, hash: u64) -> bool {
        // The high half chooses the block (by multiplication, which needs no division), the low the bits.
        let (high, low) = (hash >> 32, hash as u32);
        let block = (high * self.blocks.len() as u64) >> 32;
        let Some(block) = self.blocks.get_mut(block as usize) else { return true };
        let mut known = true;
        for (word, salt) in block.iter_mut().zip(SALT) {
            let spread = low.wrapping_mul(salt);
            let bits = 1_u64 << (spread >> 26) | 1_u64 << (spread >> 20 & 63);
            known &= *word & bits == bits;
            *word |= bits;
        }
        known
    }
}
