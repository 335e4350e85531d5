//! Whole jobs against fakes of the ports and a real store in memory.

mod apart;
mod conflicts;
mod crashes;
mod deletions;
mod errors;
mod fakes;
mod lanes;
mod logs;
mod mortal;
mod plans;
mod queue;
mod reads;
mod safety;
mod schedules;
mod speed;
mod targets;
mod undoing;
mod world;
