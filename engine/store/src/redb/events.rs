//! The entity log: lines in blocks, and an index that leads to the blocks with lines of a state.
//!
//! A line on its own would cost a write each; names of systems and types would be repeated in
//! every one. A block has them once.

use super::fault::Fault;
use super::tables::{EVENT_STATES, EVENTS, JOBS, counted, counter, past, prefix};
use super::tenant::Tenant;
use super::tenant::from_json;
use crate::codec::{Reader, put_optional_str, put_signed, put_str, put_varint};
use crate::seal::Sealer;
use crate::{PastEvent, StoreError};
use ::redb::{ReadableTable, WriteTransaction};
use gangway_model::{EntityEvent, EntityState, Job, JobId, PluginError, SystemId};
use memchr::memmem::Finder;

/// Lines in a block: two blocks of usual lines fill a page of the database.
const BLOCK: usize = 16;

const STATES: [EntityState; 5] = [
    EntityState::Created,
    EntityState::Updated,
    EntityState::Deleted,
    EntityState::Skipped,
    EntityState::Failed,
];

fn state_number(state: EntityState) -> u8 {
    match state {
        EntityState::Created => 0,
        EntityState::Updated => 1,
        EntityState::Deleted => 2,
        EntityState::Skipped => 3,
        EntityState::Failed => 4,
    }
}

/// Position of a name in the block's list of names.
fn name_number<'e>(names: &mut Vec<&'e str>, name: &'e str) -> u64 {
    let position = names.iter().position(|known| *known == name).unwrap_or_else(|| {
        names.push(name);
        names.len() - 1
    });
    position as u64
}

/// Bits of a line's first byte beside the state.
const HAS_ERROR: u8 = 8;
const HAS_CONTENT: u8 = 16;

/// What a line's content is sealed for.
const PLACE: &str = "content";

fn encode(events: &[EntityEvent], sealer: &Sealer, run: &JobId) -> Result<Vec<u8>, StoreError> {
    let mut names = Vec::new();
    let mut lines = Vec::new();
    let mut time = 0u64;
    for event in events {
        let has_error = if event.error.is_some() { HAS_ERROR } else { 0 };
        let has_content = if event.content.is_some() { HAS_CONTENT } else { 0 };
        lines.push(state_number(event.state) | has_error | has_content);
        put_varint(&mut lines, name_number(&mut names, event.entity_type.as_str()));
        put_varint(&mut lines, name_number(&mut names, event.system.as_str()));
        put_signed(&mut lines, event.time_ms.wrapping_sub(time) as i64);
        time = event.time_ms;
        put_optional_str(&mut lines, event.source_id.as_deref());
        put_optional_str(&mut lines, event.target_id.as_deref());
        put_optional_str(&mut lines, event.reason.as_deref());
        if let Some(error) = &event.error {
            encode_error(&mut lines, error);
        }
        if let Some(content) = &event.content {
            let sealed = sealer.seal(&[PLACE, run.as_str()], content.as_bytes())?;
            put_varint(&mut lines, sealed.len() as u64);
            lines.extend_from_slice(&sealed);
        }
    }
    let mut out = Vec::with_capacity(lines.len() + 64);
    put_varint(&mut out, events.len() as u64);
    put_varint(&mut out, names.len() as u64);
    names.into_iter().for_each(|name| put_str(&mut out, name));
    out.extend_from_slice(&lines);
    Ok(out)
}

fn encode_error(out: &mut Vec<u8>, error: &PluginError) {
    put_str(out, &error.code);
    put_str(out, &error.message);
    out.push(u8::from(error.retry_after_ms.is_some()));
    if let Some(wait) = error.retry_after_ms {
        put_varint(out, wait);
    }
    put_varint(out, error.details.len() as u64);
    for (key, value) in &error.details {
        put_str(out, key);
        put_str(out, value);
    }
}

fn decode_error(reader: &mut Reader<'_>) -> Result<PluginError, StoreError> {
    let mut error = PluginError::new(reader.str()?, reader.str()?);
    if reader.u8()? != 0 {
        error.retry_after_ms = Some(reader.varint()?);
    }
    for _ in 0..reader.size()? {
        error.details.push((reader.str()?.to_owned(), reader.str()?.to_owned()));
    }
    Ok(error)
}

fn count(bytes: &[u8]) -> Result<u64, StoreError> {
    Reader::new(bytes, "log").varint()
}

fn decode(bytes: &[u8], sealer: &Sealer, run: &JobId) -> Result<Vec<EntityEvent>, StoreError> {
    let mut reader = Reader::new(bytes, "log");
    let count = reader.size()?;
    let mut names = Vec::new();
    for _ in 0..reader.size()? {
        names.push(reader.str()?);
    }
    let name = |reader: &mut Reader<'_>| -> Result<&str, StoreError> {
        let number = reader.size()?;
        names.get(number).copied().ok_or_else(|| reader.damaged("refers to a name it does not have"))
    };
    let mut events = Vec::new();
    let mut time = 0u64;
    for _ in 0..count {
        let flags = reader.u8()?;
        let state = STATES.get(usize::from(flags & 7)).copied();
        let state = state.ok_or_else(|| reader.damaged("has an unknown state"))?;
        let entity_type = name(&mut reader)?.into();
        let system = name(&mut reader)?.into();
        time = time.wrapping_add(reader.signed()? as u64);
        events.push(EntityEvent {
            entity_type,
            system,
            state,
            time_ms: time,
            source_id: reader.optional_str()?.map(str::to_owned),
            target_id: reader.optional_str()?.map(str::to_owned),
            reason: reader.optional_str()?.map(str::to_owned),
            error: if flags & HAS_ERROR == 0 { None } else { Some(decode_error(&mut reader)?) },
            content: if flags & HAS_CONTENT == 0 {
                None
            } else {
                let length = reader.size()?;
                let clear = sealer.open(&[PLACE, run.as_str()], reader.bytes(length)?)?;
                Some(String::from_utf8(clear).map_err(|_| reader.damaged("holds a text that is not UTF-8"))?)
            },
        });
    }
    Ok(events)
}

/// Adds lines to a run's log. The first line has the number 1.
pub(super) fn append(
    txn: &WriteTransaction,
    sealer: &Sealer,
    run: &JobId,
    events: &[EntityEvent],
) -> Result<(), Fault> {
    if events.is_empty() {
        return Ok(());
    }
    let start = prefix(&[run.as_str()]);
    let mut blocks = txn.open_table(EVENTS)?;
    let mut states = txn.open_table(EVENT_STATES)?;
    let mut next = match blocks.range(start.as_slice()..past(&start).as_slice())?.next_back() {
        None => 1,
        Some(last) => {
            let (last, block) = last?;
            counter(last.value())? + count(block.value())?
        }
    };
    for block in events.chunks(BLOCK) {
        blocks.insert(counted(&start, next).as_slice(), encode(block, sealer, run)?.as_slice())?;
        for state in STATES {
            if block.iter().any(|event| event.state == state) {
                let start = state_prefix(&start, state);
                states.insert(counted(&start, next).as_slice(), ())?;
            }
        }
        next += block.len() as u64;
    }
    Ok(())
}

fn state_prefix(run: &[u8], state: EntityState) -> Vec<u8> {
    let mut start = run.to_vec();
    start.push(state_number(state));
    start
}

impl Tenant {
    pub(super) fn read_events(
        &self,
        run: &JobId,
        state: Option<EntityState>,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, EntityEvent)>, StoreError> {
        let start = prefix(&[run.as_str()]);
        let first = after.map_or(Some(0), |after| after.checked_add(1));
        let Some(first) = first else { return Ok(Vec::new()) };
        self.file.read(|txn| {
            let blocks = txn.open_table(EVENTS)?;
            let mut found = Vec::new();
            let take = |number: u64, block: &[u8], found: &mut Vec<(u64, EntityEvent)>| {
                let lines = (number..).zip(decode(block, &self.sealer, run)?);
                let wanted = lines.filter(|(number, event)| {
                    *number >= first && state.is_none_or(|state| event.state == state)
                });
                found.extend(wanted.take(limit - found.len()));
                Ok::<(), StoreError>(())
            };
            // The first wanted line may be in the middle of the block that starts before it.
            let start_of_first = {
                let before = blocks.range(start.as_slice()..counted(&start, first).as_slice())?.next_back();
                before.transpose()?.map_or(Ok(first), |(block, _)| counter(block.value()))?
            };
            match state {
                None => {
                    let from = counted(&start, start_of_first);
                    for entry in blocks.range(from.as_slice()..past(&start).as_slice())? {
                        if found.len() >= limit {
                            break;
                        }
                        let (number, block) = entry?;
                        take(counter(number.value())?, block.value(), &mut found)?;
                    }
                }
                Some(state) => {
                    let index = txn.open_table(EVENT_STATES)?;
                    let of_state = state_prefix(&start, state);
                    let from = counted(&of_state, start_of_first);
                    for entry in index.range(from.as_slice()..past(&of_state).as_slice())? {
                        if found.len() >= limit {
                            break;
                        }
                        let number = counter(entry?.0.value())?;
                        if let Some(block) = blocks.get(counted(&start, number).as_slice())? {
                            take(number, block.value(), &mut found)?;
                        }
                    }
                }
            }
            Ok(found)
        })
    }

    /// Identifiers stand in the blocks as they are, so that a block without them is passed over as fast as
    /// memory is read. An index over them would cost every job more than all the questions ever asked.
    pub(super) fn read_history(
        &self,
        id: &str,
        system: Option<&SystemId>,
        limit: usize,
    ) -> Result<Vec<PastEvent>, StoreError> {
        if id.is_empty() {
            return Ok(Vec::new());
        }
        let finder = Finder::new(id.as_bytes());
        self.file.read(|txn| {
            let mut found: Vec<PastEvent> = Vec::new();
            let jobs = txn.open_table(JOBS)?;
            for entry in txn.open_table(EVENTS)?.iter()?.rev() {
                if found.len() >= limit {
                    break;
                }
                let (place, block) = entry?;
                if finder.find(block.value()).is_none() {
                    continue;
                }
                let first = counter(place.value())?;
                let run = JobId::new(Reader::new(place.value(), "log").str()?);
                let reads_system = match (system, jobs.get(run.as_str())?) {
                    (Some(system), Some(job)) => from_json::<Job>("job", job.value())?.source == *system,
                    _ => false,
                };
                let lines = (first..).zip(decode(block.value(), &self.sealer, &run)?);
                let wanted = lines.filter(|(_, event)| {
                    let named =
                        [&event.source_id, &event.target_id].into_iter().flatten().any(|own| own == id);
                    named && (reads_system || system.is_none_or(|system| event.system == *system))
                });
                let mut lines: Vec<_> = wanted.collect();
                lines.reverse();
                let lines = lines.into_iter().take(limit - found.len());
                found.extend(lines.map(|(number, event)| PastEvent { run: run.clone(), number, event }));
            }
            Ok(found)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MasterKey;

    fn sealer() -> Sealer {
        MasterKey::from_bytes([7; 32]).sealer("acme", crate::os_random)
    }

    fn event(state: EntityState) -> EntityEvent {
        EntityEvent {
            entity_type: "user".into(),
            system: "s1".into(),
            source_id: Some("ada".to_owned()),
            target_id: None,
            state,
            reason: None,
            error: None,
            content: None,
            time_ms: 1_000,
        }
    }

    #[test]
    fn golden_block() {
        let mut failed = event(EntityState::Failed);
        failed.time_ms = 999;
        failed.reason = Some(String::new());
        let mut error = PluginError::new("rate-limited", "wait").with("status", "429");
        error.retry_after_ms = Some(300);
        failed.error = Some(error);
        let events = [event(EntityState::Created), failed];
        let (sealer, run) = (sealer(), JobId::new("run"));
        let bytes = encode(&events, &sealer, &run).unwrap();
        assert_eq!(
            bytes,
            b"\x02\x02\x04user\x02s1\
              \x00\x00\x01\xd0\x0f\x04ada\x00\x00\
              \x0c\x00\x01\x01\x04ada\x00\x01\
              \x0crate-limited\x04wait\x01\xac\x02\x01\x06status\x03429"
        );
        assert_eq!(decode(&bytes, &sealer, &run).unwrap(), events);
        assert_eq!(count(&bytes).unwrap(), 2);
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length], &sealer, &run).is_err(), "length {length}");
        }
    }

    #[test]
    fn any_time_comes_back() {
        let events: Vec<EntityEvent> = [u64::MAX, 0, 1, u64::MAX - 1]
            .into_iter()
            .map(|time_ms| EntityEvent { time_ms, ..event(EntityState::Skipped) })
            .collect();
        let (sealer, run) = (sealer(), JobId::new("run"));
        assert_eq!(decode(&encode(&events, &sealer, &run).unwrap(), &sealer, &run).unwrap(), events);
    }

    #[test]
    fn contents_are_sealed() {
        let (sealer, run) = (sealer(), JobId::new("run"));
        let events = [EntityEvent { content: Some("secret life".to_owned()), ..event(EntityState::Failed) }];
        let bytes = encode(&events, &sealer, &run).unwrap();
        assert!(memchr::memmem::find(&bytes, b"secret").is_none());
        assert_eq!(decode(&bytes, &sealer, &run).unwrap(), events);
        assert!(decode(&bytes, &sealer, &JobId::new("other")).is_err(), "moved to another job");
    }
}
