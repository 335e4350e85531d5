//! The numbered features (`tests/features.tsv`), a module for each area. The name of a test starts with the number of
//! what it shows; `make features` lists those without one.

mod assignments;
mod by_changes;
mod central;
mod conflicts;
mod deletion;
mod deletion_limits;
mod delta;
mod directory;
mod logs;
mod nested;
mod notifications;
mod rates;
mod realtime;
mod references;
mod retries;
mod schedules;
mod simulate;
mod source;
mod start;
mod targets;
mod tenancy;
mod undo;
mod updates;
mod validate;
