//! The way out against real servers on loopback: each module holds the tests of one part of
//! `docs/egress.md`.

// The helpers of tests are tests too: a surprise in them must stop the run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod auth;
mod bench;
mod http;
mod logs;
mod pace;
mod reach;
mod server;
mod stream;
mod tls;
mod world;
