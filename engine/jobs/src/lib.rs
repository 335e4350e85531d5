//! Provisioning jobs: read, transform, decide, apply, commit, delete.
//!
//! The engine decides over people's accounts, so the way of an entity is one straight line
//! (`pipeline`), what happens to it is a pure function ([`decide`]), and what was done is durable
//! together with the place where the job goes on (`checkpoint`). `docs/jobs.md` says what all of
//! this must guarantee.
//!
//! Systems are reached through [`gangway_model::ports`] and state through [`gangway_store`]; nothing
//! here knows how either is made.

#![forbid(unsafe_code)]

mod appgroup;
mod apply;
mod assignments;
mod attribute;
mod blocker;
mod checkpoint;
mod content;
mod correlate;
pub mod decide;
mod deletion;
pub mod delta;
mod difference;
mod error;
mod execute;
mod fingerprint;
mod identities;
mod impact;
mod intents;
mod item;
mod journal;
mod live;
pub mod logs;
mod members;
mod memory;
pub mod mode;
mod moved;
mod pipeline;
mod plan;
mod plans;
mod policy;
mod prepare;
mod progress;
pub mod realtime;
pub mod records;
mod resolver;
mod run;
mod runner;
mod safety;
mod scheduler;
mod services;
mod simulate;
mod stats;
mod trace;
mod transform;
mod unanswered;
mod undo;
mod unresolved;
mod validate;
mod verbatim;
mod watchdog;
pub mod why;
mod writeback;

pub use difference::{Change, differences};
pub use error::{StartError, StopError, ValidateError};
pub use identities::{Identities, SourceUsers};
pub use impact::Impact;
pub use policy::{delta_margin_ms, no_full_read_planned};
pub use resolver::StoreResolver;
pub use runner::Runner;
pub use scheduler::Scheduler;
pub use services::{JobIds, Limits, News, Order, Services, SystemsFactory};
pub use trace::{CONTENT_SWITCHES, MASKED};
pub use undo::Undoable;
pub use validate::Sheets;

#[cfg(test)]
mod tests;
