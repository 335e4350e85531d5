//! What changed: by change numbers in Active Directory, by `modifyTimestamp` in other directories.
//!
//! Change numbers are a domain controller's own. If another one answers, its numbers say nothing about
//! those of the first, and everything is given as if it had changed.

use crate::client::{self, Worker};
use crate::departures;
use crate::filter::Filter;
use crate::mapping;
use crate::message::{Request, Search};
use crate::settings::{Settings, Tree};
use gangway_sdk::{Error, Result, log};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// Where changes begin.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mark {
    /// Changes with a higher `uSNChanged`, of this domain controller.
    Number {
        /// Its name for itself.
        server: String,
        /// The number it had given out last.
        last: u64,
    },
    /// Changes at or after this generalized time.
    Time(String),
}

/// Where the changes from now on begin.
pub fn mark(settings: &Settings, worker: &mut Worker, tree: &Tree, since_ms: u64) -> Result<String> {
    let mark = match number(settings, worker)? {
        Some(_) if !tree.reads_change_number => {
            let property = format!("ldap.{}.attributes", tree.entity_type);
            return Err(Error::unsupported(format!(
                "`{property}` does not list uSNChanged, by which Active Directory tells what changed"
            ))
            .with_detail("property", property));
        }
        Some(mark) => mark,
        None => Mark::Time(generalized(since_ms)?),
    };
    Ok(serde_json::to_string(&mark)?)
}

/// What changed since a mark: the tree with nothing else in it, and the names of what is gone. These are asked
/// for with the first page alone.
pub fn changed(
    settings: &Settings,
    worker: &mut Worker,
    tree: &Tree,
    mark: &str,
    first: bool,
) -> Result<(Tree, Vec<String>)> {
    let mark: Mark = serde_json::from_str(mark)?;
    let mut gone = Vec::new();
    let condition = match &mark {
        Mark::Time(time) => {
            if first {
                gone = departures::since_time(settings, worker, tree, time)?;
            }
            Filter::GreaterOrEqual("modifyTimestamp".to_owned(), time.clone().into_bytes())
        }
        Mark::Number { server, last } => match number(settings, worker)? {
            Some(Mark::Number { server: present, .. }) if present == *server => {
                let next = last.saturating_add(1);
                if first {
                    gone = departures::since_number(settings, worker, tree, next)?;
                }
                Filter::GreaterOrEqual("uSNChanged".to_owned(), next.to_string().into_bytes())
            }
            _ => {
                log::warn(format_args!(
                    "another server answers than {server}, whose change numbers are known: everything is read as \
                     if it had changed"
                ));
                return Ok((tree.clone(), gone));
            }
        },
    };
    let changed = Tree { filter: Filter::And(vec![tree.filter.clone(), condition]), ..tree.clone() };
    Ok((changed, gone))
}

/// What Active Directory says of its change numbers; none from another directory.
fn number(settings: &Settings, worker: &mut Worker) -> Result<Option<Mark>> {
    let attributes = ["highestCommittedUSN", "dsServiceName"].map(str::to_owned).to_vec();
    let request = Request::Search(Search::any_entry(String::new(), attributes));
    let answer =
        worker.run(settings, &[request]).pop().unwrap_or_else(|| Err(Error::internal("no answer")))?;
    let answer = answer.accept("read what the server says of itself")?;
    let Some(frame) = answer.entries.first() else { return Ok(None) };
    let root = client::entry(frame)?;
    let last = mapping::first(&root, "highestCommittedUSN").and_then(|number| number.parse().ok());
    let server = mapping::first(&root, "dsServiceName").unwrap_or_default().to_owned();
    Ok(last.map(|last| Mark::Number { server, last }))
}

fn generalized(since_ms: u64) -> Result<String> {
    let seconds = i64::try_from(since_ms / 1000).unwrap_or(i64::MAX);
    let time = OffsetDateTime::from_unix_timestamp(seconds)
        .map_err(|_| Error::internal(format!("{since_ms} is no time in milliseconds.")))?;
    let (date, clock) = (time.date(), time.time());
    Ok(format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second()
    ))
}
