//! Servers that answer nonsense, refuse, or do not answer.

use super::{Check, Stop, check};
use crate::bench::{Bench, delete, write_one};
use crate::faults::Fault;
use futures_util::future::BoxFuture;
use gangway_model::{PluginError, code};

const JSON: &str = "application/json";

/// A fault, and the codes that tell the engine what it was.
type Case = (&'static str, Fault, &'static [&'static str]);

const NONSENSE: &[Case] = &[
    (
        "an HTML page",
        Fault::Answer(200, "text/html", b"<!DOCTYPE html><html><body>Sign in</body></html>"),
        &[code::PROTOCOL],
    ),
    (
        "an HTML page that says it is JSON",
        Fault::Answer(200, JSON, b"<html><body>Sign in</body></html>"),
        &[code::PROTOCOL],
    ),
    (
        "JSON that breaks off",
        Fault::Answer(200, JSON, b"{\"Resources\":[{\"id\":\"1\",\"na"),
        &[code::PROTOCOL],
    ),
    ("bytes that are no text", Fault::Answer(200, JSON, b"\xff\xfe\x00\x80"), &[code::PROTOCOL]),
];
const REFUSALS: &[Case] = &[
    ("401", Fault::Answer(401, JSON, b"{}"), &[code::UNAUTHORIZED]),
    ("403", Fault::Answer(403, JSON, b"{}"), &[code::FORBIDDEN]),
];
const OUTAGES: &[Case] = &[
    ("500", Fault::Answer(500, "text/plain", b"oops"), &[code::UNAVAILABLE]),
    ("503", Fault::Answer(503, "text/html", b"<html>down</html>"), &[code::UNAVAILABLE]),
    ("a lost connection", Fault::None(code::UNAVAILABLE), &[code::UNAVAILABLE]),
    ("no answer in time", Fault::None(code::TIMEOUT), &[code::TIMEOUT]),
    ("a failed TLS handshake", Fault::None(code::TLS), &[code::TLS]),
];

pub(super) const CHECKS: &[Check] = &[
    check!(HttpSource, "read.nonsense", read_nonsense, "an answer that is not of the protocol is `protocol`"),
    check!(
        HttpTarget,
        "write.nonsense",
        write_nonsense,
        "an answer that is not of the protocol is `protocol`"
    ),
    check!(HttpSource, "read.refused", read_refused, "401 is `unauthorized`, 403 is `forbidden`"),
    check!(HttpTarget, "write.refused", write_refused, "401 is `unauthorized`, 403 is `forbidden`"),
    check!(
        HttpSource,
        "read.outage",
        read_outage,
        "5xx is `unavailable`; the host's own `unavailable`, `timeout` and `tls` are passed on"
    ),
    check!(
        HttpTarget,
        "write.outage",
        write_outage,
        "5xx is `unavailable`; the host's own `unavailable`, `timeout` and `tls` are passed on"
    ),
    check!(
        HttpSource,
        "read.rate-limit",
        read_rate_limit,
        "429 is `rate-limited` with the system's Retry-After, or the call succeeds after that time"
    ),
    check!(
        HttpTarget,
        "write.rate-limit",
        write_rate_limit,
        "429 is `rate-limited` with the system's Retry-After, or the call succeeds after that time"
    ),
];

/// A call, and how many requests met the fault.
type Called = (Result<(), PluginError>, usize);
type Call = for<'b> fn(&'b Bench<'b>, &'b str, Fault) -> BoxFuture<'b, Called>;

const READ: &[(&str, Call)] = &[
    ("read-page", |bench, entity_type, fault| Box::pin(read_page(bench, entity_type, fault))),
    ("read-entities", |bench, entity_type, fault| Box::pin(read_entities(bench, entity_type, fault))),
];
const WRITE: &[(&str, Call)] = &[
    ("create", |bench, entity_type, fault| Box::pin(create(bench, entity_type, fault))),
    ("delete", |bench, entity_type, fault| Box::pin(remove(bench, entity_type, fault))),
    ("find", |bench, entity_type, fault| Box::pin(find(bench, entity_type, fault))),
];

async fn read_page(bench: &Bench<'_>, entity_type: &str, fault: Fault) -> Called {
    match bench.source(Some(fault)).await {
        Ok(opened) => (opened.side.read_page(entity_type, None, 10).await.map(drop), opened.hits()),
        Err(error) => (Err(error), 0),
    }
}

async fn read_entities(bench: &Bench<'_>, entity_type: &str, fault: Fault) -> Called {
    match bench.source(Some(fault)).await {
        Ok(opened) => {
            let mut answers = opened.side.read_entities(entity_type, vec![bench.unknown(entity_type)]).await;
            (answers.pop().transpose().map(drop), opened.hits())
        }
        Err(error) => (Err(error), 0),
    }
}

async fn create(bench: &Bench<'_>, entity_type: &str, fault: Fault) -> Called {
    match (bench.target(Some(fault)).await, bench.specimen(entity_type)) {
        (Ok(opened), Some(specimen)) => {
            let answer = write_one(opened.side.as_ref(), specimen.creation()).await;
            if let Ok(outcome) = &answer {
                bench.note(entity_type, outcome);
            }
            (answer.map(drop), opened.hits())
        }
        (Ok(_), None) => (Ok(()), 0),
        (Err(error), _) => (Err(error), 0),
    }
}

async fn remove(bench: &Bench<'_>, entity_type: &str, fault: Fault) -> Called {
    match bench.target(Some(fault)).await {
        Ok(opened) => {
            let operation = delete(entity_type, &bench.unknown(entity_type));
            (write_one(opened.side.as_ref(), operation).await.map(drop), opened.hits())
        }
        Err(error) => (Err(error), 0),
    }
}

async fn find(bench: &Bench<'_>, entity_type: &str, fault: Fault) -> Called {
    let attributes = bench.specimen(entity_type).map(|specimen| specimen.find).unwrap_or_default();
    if attributes.is_empty() {
        return (Ok(()), 0);
    }
    match bench.target(Some(fault)).await {
        Ok(opened) => (opened.side.find(entity_type, attributes, 1).await.map(drop), opened.hits()),
        Err(error) => (Err(error), 0),
    }
}

/// Every call meets every fault, and all that is wrong is told at once.
async fn meet(
    bench: &Bench<'_>,
    entity_type: &str,
    calls: &[(&str, Call)],
    cases: &[Case],
) -> Result<(), Stop> {
    let (mut wrong, mut met) = (Vec::new(), 0);
    for (name, call) in calls {
        for (what, fault, codes) in cases {
            // The status of a delete says it all; what comes with it need not be read.
            if *name == "delete" && codes.contains(&code::PROTOCOL) {
                continue;
            }
            let (answer, hits) = call(bench, entity_type, *fault).await;
            met += hits;
            match answer {
                // What sends no request cannot meet the fault.
                _ if hits == 0 => {}
                Ok(()) => wrong.push(format!("{name} succeeded against {what}")),
                Err(error) if codes.contains(&error.code.as_str()) => {}
                Err(error) => wrong.push(format!("{name} against {what}: {error}")),
            }
        }
    }
    if !wrong.is_empty() {
        return Err(Stop::Failed(wrong.join("; ")));
    }
    if met == 0 {
        return Err(Stop::NotApplicable("no call sent an HTTP request".to_owned()));
    }
    Ok(())
}

async fn read_nonsense(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    meet(bench, entity_type, READ, NONSENSE).await
}

async fn write_nonsense(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    meet(bench, entity_type, WRITE, NONSENSE).await
}

async fn read_refused(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    meet(bench, entity_type, READ, REFUSALS).await
}

async fn write_refused(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    meet(bench, entity_type, WRITE, REFUSALS).await
}

async fn read_outage(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    meet(bench, entity_type, READ, OUTAGES).await
}

async fn write_outage(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    meet(bench, entity_type, WRITE, OUTAGES).await
}

fn slow_down(answer: Called) -> Result<(), Stop> {
    match answer {
        (_, 0) => Err(Stop::NotApplicable("the call sent no HTTP request".to_owned())),
        (Ok(()), _) => Ok(()),
        (Err(error), _) if error.code != code::RATE_LIMITED => Err(Stop::Failed(error.to_string())),
        (Err(error), _) if error.retry_after_ms.is_none_or(|wait| wait == 0) => {
            Err(Stop::Failed(format!("{error}, without retry-after-ms")))
        }
        (Err(_), _) => Ok(()),
    }
}

async fn read_rate_limit(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    slow_down(read_page(bench, entity_type, Fault::SlowDown).await)
}

async fn write_rate_limit(bench: &Bench<'_>, entity_type: &str) -> Result<(), Stop> {
    slow_down(create(bench, entity_type, Fault::SlowDown).await)
}
