//! The built engine from outside: real servers, killed processes, hostile plugins, bad input.
//!
//! One binary, so that the suite links once. Each module is one promise.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod bad_input;
mod canary;
mod chaos;
mod conformance;
mod crash;
mod directory_crash;
mod directory_hostile;
mod directory_page;
mod features;
mod home;
mod hostile;
mod hot_load;
mod ldap;
mod operations;
mod page;
mod reference;
mod scale;
mod scim;
mod scim_clients;
mod setting;
mod systems;
mod transformation;
mod tutorial;
