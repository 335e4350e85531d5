//! What ended a call, in words that tell an administrator whom to ask.

use crate::guest::CpuExceeded;
use crate::limits::{Ended, Limits, Meter};
use crate::output::Tail;
use gangway_model::{PluginError, code};
use std::sync::atomic::Ordering;
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

/// Frames named in a message; the backtrace in the details has all.
const FRAMES: usize = 4;
/// Bytes of the plugin's own output that travel with an error; the crash record has all.
const OUTPUT: usize = 4 << 10;
/// Where a panic is raised, as opposed to where it comes from.
const MACHINERY: &[&str] =
    &["std::", "core::", "alloc::", "__rust", "rust_", "_rust", "abort", "__wasm_call", "wit_bindgen::"];

/// A call that did not come back as the plugin meant it to.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) error: PluginError,
    /// The text for the crash record; none if it does not count as one.
    pub(crate) crash: Option<String>,
}

/// A call that was ended from outside.
pub(crate) fn ended(plugin: &str, call: &str, writes: bool, ended: Ended) -> Fault {
    let error = match ended {
        Ended::Late(limit) => PluginError::new(
            code::TIMEOUT,
            format!(
                "the plugin {plugin} did not return from {call} within {} s and was stopped",
                limit.as_secs_f64()
            ),
        ),
        // A write that is cut off may have had its effect; `cancelled` would say that it had none.
        Ended::Cancelled if writes => PluginError::new(
            code::TIMEOUT,
            format!("the job was stopped, and the plugin {plugin} did not return from {call} in time"),
        ),
        Ended::Cancelled => PluginError::new(
            code::CANCELLED,
            format!("the job was stopped; the plugin {plugin} did not return from {call} in time"),
        ),
    };
    Fault { error: error.with("call", call), crash: None }
}

/// A call that the guest, or its sandbox, ended.
pub(crate) fn trapped(
    plugin: &str,
    call: &str,
    error: &wasmtime::Error,
    output: &Tail,
    meter: &Meter,
    limits: &Limits,
) -> Fault {
    let cpu = error.downcast_ref::<CpuExceeded>();
    let memory = meter.memory_refused.load(Ordering::Relaxed);
    let output = output.text();
    let backtrace =
        error.downcast_ref::<WasmBacktrace>().map(|trace| readable(&trace.to_string())).unwrap_or_default();
    let reason = if let Some(CpuExceeded(budget)) = cpu {
        format!("was stopped: it used more than {} s of processor time", budget.as_secs_f64())
    } else if memory {
        format!("was stopped: it wanted more than its {} MiB of memory", limits.memory_bytes >> 20)
    } else if let Some(exit) = error.downcast_ref::<I32Exit>() {
        format!("ended itself with exit status {}", exit.0)
    } else if let Some(panic) = panic_text(&output) {
        format!("panicked: {panic}")
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        format!("trapped: {trap}")
    } else {
        format!("trapped: {}", error.root_cause())
    };
    let names: Vec<_> = functions(&backtrace).collect();
    let own = names.iter().filter(|name| !MACHINERY.iter().any(|prefix| name.starts_with(prefix)));
    let mut place: Vec<_> = own.take(FRAMES).copied().collect();
    if place.is_empty() {
        place = names.into_iter().take(FRAMES).collect();
    }
    let place = if place.is_empty() { String::new() } else { format!(", in {}", place.join(" ← ")) };
    let message = format!("the plugin {plugin} {reason} (call {call}{place})");
    let crash = format!("{message}\n{backtrace}\n{output}");
    let kind = if cpu.is_some() { code::TIMEOUT } else { code::INTERNAL };
    let mut error = PluginError::new(kind, message).with("call", call);
    if !backtrace.is_empty() {
        error = error.with("backtrace", backtrace);
    }
    if !output.is_empty() {
        error = error.with("output", tail(&output, OUTPUT));
    }
    Fault { error, crash: Some(crash) }
}

/// A backtrace without the hashes of crates in it: `std[d123b7a1a2ed1472]::process` is `std::process`.
fn readable(backtrace: &str) -> String {
    let mut text = String::with_capacity(backtrace.len());
    let mut rest = backtrace;
    while let Some((before, after)) = rest.split_once('[') {
        text.push_str(before);
        match after.split_once(']') {
            Some((hash, behind)) if hash.len() >= 12 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
                rest = behind;
            }
            _ => {
                text.push('[');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

/// The function names of a backtrace, innermost first, demangled. They stand behind the module's name.
fn functions(backtrace: &str) -> impl Iterator<Item = &str> {
    backtrace.lines().filter_map(|line| line.split_once('!').map(|(_, name)| name.trim()))
}

/// What a Rust plugin says when it panics: the place, and the message on the next line.
fn panic_text(output: &str) -> Option<String> {
    let (_, after) = output.rsplit_once("panicked at ")?;
    let mut lines = after.lines();
    let place = lines.next()?.trim_end_matches(':');
    let message = lines.next().unwrap_or_default();
    Some(format!("{message} at {place}").chars().take(400).collect())
}

fn tail(text: &str, bytes: usize) -> &str {
    let mut from = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_found_in_the_output() {
        let output = "hello\n\nthread 'main' panicked at src/lib.rs:7:9:\nno such row\nnote: run with\n";
        assert_eq!(panic_text(output).unwrap(), "no such row at src/lib.rs:7:9");
        assert_eq!(panic_text("hello"), None);
    }

    #[test]
    fn names_come_after_the_module() {
        let backtrace = "error while executing at wasm backtrace:\n    0:   0x1a - chaos.wasm!core::panicking::panic\n\
                         \x20   1:   0x2b - chaos.wasm!<chaos::Chaos as Source>::read_page\n";
        let names: Vec<_> = functions(backtrace).collect();
        assert_eq!(names, ["core::panicking::panic", "<chaos::Chaos as Source>::read_page"]);
    }

    #[test]
    fn hashes_of_crates_are_left_out() {
        assert_eq!(readable("a!std[d123b7a1a2ed1472]::process::abort"), "a!std::process::abort");
        assert_eq!(readable("<[u8] as x[d123b7a1a2ed147]::T>[0]"), "<[u8] as x::T>[0]");
    }

    #[test]
    fn a_tail_begins_at_a_character() {
        assert_eq!(tail("aé", 1), "");
        assert_eq!(tail("aé", 2), "é");
        assert_eq!(tail("aé", 9), "aé");
    }
}
