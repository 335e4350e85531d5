//! The journal of a directory: what was committed since its file was last made durable.
//!
//! A durable commit writes pages all over the file, and a request would wait for all of them. A record of the journal is
//! one piece of one file behind the last one. The file catches up when the journal is long, or nothing happens; if the
//! engine dies before, the records are done again when it is opened.
//!
//! A record: length of its content (4 bytes), hash of everything that follows (16), generation (8), number (4), content.
//! All numbers are little-endian. The generation stands in the file, too, and is another number each time that it catches up, so
//! that records it holds already are none any more; they are written over from the beginning.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// So long, and the file catches up.
const LONG: u64 = 2 * 1024 * 1024;
/// The content of a record has at most so many bytes: more are as well written where they belong.
const MOST: usize = 256 * 1024;
const HEAD: usize = 4 + 16 + 8 + 4;
/// The file grows by so much at once: a record in a part that is there already is one write to the disk, and one that
/// makes the file longer is two.
const GROWTH: usize = 256 * 1024;

/// An open journal.
pub(crate) struct Journal {
    file: File,
    generation: u64,
    /// Records of this generation.
    count: u32,
    end: u64,
    /// Bytes of the file that are there.
    length: u64,
    /// A record did not reach the disk: the next commit goes into the file itself.
    broken: bool,
    record: Vec<u8>,
}

impl Journal {
    pub(crate) fn open(path: &Path, generation: u64) -> std::io::Result<Self> {
        let is_new = !path.exists();
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        if is_new {
            file.sync_all()?;
            // Its name is to be there after a crash, too.
            #[cfg(unix)]
            if let Some(folder) = path.parent() {
                File::open(folder)?.sync_all()?;
            }
        }
        let length = file.metadata()?.len();
        Ok(Self { file, generation, count: 0, end: 0, length, broken: false, record: Vec::new() })
    }

    /// The contents of the records that the directory's file does not hold.
    pub(crate) fn records(&mut self) -> std::io::Result<Vec<Vec<u8>>> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        self.file.read_to_end(&mut bytes)?;
        let (mut records, mut rest, mut number) = (Vec::new(), bytes.as_slice(), 0);
        while let Some((content, more)) = record(rest, self.generation, number) {
            records.push(content.to_vec());
            rest = more;
            number += 1;
        }
        Ok(records)
    }

    /// Whether it has records that the file does not hold.
    pub(crate) fn is_ahead(&self) -> bool {
        self.count > 0
    }

    /// Whether a record of this content can be written.
    pub(crate) fn takes(&self, content: &[u8]) -> bool {
        !self.broken && content.len() <= MOST && self.end < LONG
    }

    /// Writes a record, and returns when it is durable.
    pub(crate) fn append(&mut self, content: &[u8]) -> std::io::Result<()> {
        write_record(&mut self.record, content, self.generation, self.count);
        let written = self.make_room().and_then(|()| {
            self.file.seek(SeekFrom::Start(self.end))?;
            self.file.write_all(&self.record)?;
            self.file.sync_data()
        });
        match written {
            Ok(()) => {
                self.end += self.record.len() as u64;
                self.count += 1;
            }
            Err(_) => self.broken = true,
        }
        written
    }

    fn make_room(&mut self) -> std::io::Result<()> {
        if self.end + self.record.len() as u64 <= self.length {
            return Ok(());
        }
        let more = vec![0; self.record.len() + GROWTH];
        self.file.seek(SeekFrom::Start(self.length))?;
        self.file.write_all(&more)?;
        self.file.sync_data()?;
        self.length += more.len() as u64;
        Ok(())
    }

    /// The file does not hold what the journal has: nothing may follow in it.
    pub(crate) fn give_up(&mut self) {
        self.broken = true;
    }

    /// The file has caught up, and holds this generation.
    pub(crate) fn begin(&mut self, generation: u64) {
        (self.generation, self.count, self.end, self.broken) = (generation, 0, 0, false);
    }
}

fn write_record(record: &mut Vec<u8>, content: &[u8], generation: u64, number: u32) {
    record.clear();
    record.extend_from_slice(&u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes());
    record.extend_from_slice(&[0; 16]);
    record.extend_from_slice(&generation.to_le_bytes());
    record.extend_from_slice(&number.to_le_bytes());
    record.extend_from_slice(content);
    let hash = record.get(20..).map(hash).unwrap_or_default();
    if let Some(place) = record.get_mut(4..20) {
        place.copy_from_slice(&hash);
    }
}

fn hash(bytes: &[u8]) -> [u8; 16] {
    let hash = blake3::hash(bytes);
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}

/// The record at the beginning, if it is this one of this generation, and what follows it.
fn record(bytes: &[u8], generation: u64, number: u32) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (said, rest) = rest.split_first_chunk::<16>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= MOST)?;
    let (hashed, more) = rest.split_at_checked(HEAD - 20 + length)?;
    let (own, rest) = hashed.split_first_chunk::<8>()?;
    let (place, content) = rest.split_first_chunk::<4>()?;
    let is_it = u64::from_le_bytes(*own) == generation && u32::from_le_bytes(*place) == number;
    (is_it && hash(hashed) == *said).then_some((content, more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_again_up_to_the_first_that_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path, 7).unwrap();
        for content in ["one", "two", "three"] {
            journal.append(content.as_bytes()).unwrap();
        }
        let found = |generation| Journal::open(&path, generation).unwrap().records().unwrap();
        assert_eq!(found(7), [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
        assert_eq!(found(8), Vec::<Vec<u8>>::new(), "the file holds them");
        let mut whole = std::fs::read(&path).unwrap();
        whole.truncate(35 + 35 + 37);
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(found(7).len(), [35, 70].iter().filter(|end| cut >= **end).count(), "{cut}");
            let mut damaged = whole.clone();
            damaged[cut] ^= 1;
            std::fs::write(&path, &damaged).unwrap();
            assert_eq!(found(7).len(), [35, 70].iter().filter(|end| cut >= **end).count(), "{cut}");
        }
    }

    #[test]
    fn records_of_a_generation_before_do_not_follow_those_of_the_present() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path, 1).unwrap();
        for content in ["one", "two", "six"] {
            journal.append(content.as_bytes()).unwrap();
        }
        journal.begin(2);
        journal.append(b"new").unwrap();
        let found = |generation| Journal::open(&path, generation).unwrap().records().unwrap();
        assert_eq!((found(1), found(2)), (Vec::new(), vec![b"new".to_vec()]));
    }
}
