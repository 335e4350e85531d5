//! The way out against real servers on loopback: each module holds the tests of one part of
//! `docs/egress.md`.

mod auth;
mod bench;
mod http;
mod pace;
mod reach;
mod server;
mod stream;
mod tls;
mod world;
