//! Prints how long a user takes: `cargo run --release --example bench [seconds]`.
#![allow(clippy::print_stdout, clippy::expect_used)]

use std::time::{Duration, Instant};

use gangway_transformation_language::{
    Compiled, Direction, Outcome, Outer, Query, Random, Request, Resolver, compile,
};

struct Nothing;

impl Random for Nothing {
    fn fill(&mut self, _bytes: &mut [u8]) -> Result<(), String> {
        Ok(())
    }
}

impl Resolver for Nothing {
    fn resolve(&mut self, _query: &Query, ids: &[String]) -> Result<Vec<Vec<String>>, String> {
        Ok(vec![Vec::new(); ids.len()])
    }
}

fn per_user(compiled: &Compiled, operation: &str, entity: &str, time: Duration) -> f64 {
    const BATCH: usize = 100;
    let variables = r#"{"entityIdTargetSystem":"2819c223"}"#;
    let request = Request { entity_type: "user", operation, json: entity, variables };
    let requests = vec![request; BATCH];
    let mut outer =
        Outer { now_milliseconds: &|| 0, random: &mut Nothing, resolver: &mut Nothing, explain: false };
    // The best batch: others were disturbed by whatever else the machine does.
    let (started, mut best) = (Instant::now(), f64::MAX);
    while started.elapsed() < time {
        let batch = Instant::now();
        let answers = compiled.apply(&requests, &mut outer);
        best = best.min(batch.elapsed().as_secs_f64());
        assert!(answers.iter().all(|answer| answer.outcome == Outcome::Transformed), "{:?}", answers.first());
    }
    best * 1e6 / BATCH as f64
}

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(2.0);
    let time = Duration::from_secs_f64(seconds);
    let samples = [
        (
            "25 mappings, LDAP user read",
            Direction::Read,
            "read",
            include_str!("../samples/ldap-user-read.json"),
            include_str!("../samples/ldap-user.json"),
        ),
        (
            "60 mappings, SCIM user write",
            Direction::Write,
            "update",
            include_str!("../samples/scim-user-write.json"),
            include_str!("../samples/scim-user.json"),
        ),
    ];
    for (name, direction, operation, document, entity) in samples {
        let started = Instant::now();
        let compiled = compile(document, direction, &[])
            .map_err(|problems| format!("{problems:?}"))
            .expect("a right document");
        let compile_time = started.elapsed().as_secs_f64() * 1e6;
        let user = per_user(&compiled, operation, entity, time);
        println!("{name}: {user:.2} µs per user, {:.0} users/s; compile {compile_time:.0} µs", 1e6 / user);
    }
}
