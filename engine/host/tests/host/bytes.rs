//! Whatever bytes are offered, the answer is a value or an error.

use crate::guests::{Guest, manifest};
use crate::world::{World, tenant};
use gangway_host::Host;
use gangway_model::PluginId;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A generator that gives the same numbers on every machine (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % below
    }
}

fn mutated(wasm: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = wasm.to_vec();
    match random.next(5) {
        0 => bytes.truncate(random.next(wasm.len())),
        1 => {
            let (from, count) = (random.next(wasm.len()), random.next(64));
            bytes.drain(from..(from + count).min(wasm.len()));
        }
        2 => {
            let at = random.next(wasm.len());
            let piece: Vec<_> =
                (0..random.next(64)).map(|_| u8::try_from(random.next(256)).unwrap()).collect();
            bytes.splice(at..at, piece);
        }
        _ => {
            for _ in 0..=random.next(8) {
                let at = random.next(wasm.len());
                bytes[at] = u8::try_from(random.next(256)).unwrap();
            }
        }
    }
    bytes
}

#[test]
fn a_thousand_seeded_mutations_are_refused_or_run() {
    let world = World::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let wasm = Guest::default().build();
    let mut random = Random(0x5eed);
    let mut kinds = BTreeMap::new();
    let mut slowest = Duration::ZERO;
    for _ in 0..1_000 {
        let bytes = mutated(&wasm, &mut random);
        let start = Instant::now();
        let kind = match runtime.block_on(world.host.load(&tenant(), &PluginId::new("guest"), bytes)) {
            Ok(_) => "loaded",
            Err(error) => error.kind(),
        };
        slowest = slowest.max(start.elapsed());
        *kinds.entry(kind).or_insert(0) += 1;
    }
    println!("{kinds:?}, slowest {slowest:?}");
    assert!(kinds["malformed"] > 500, "{kinds:?}");
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    // And the host is as good as before.
    runtime.block_on(async {
        world.load("guest", wasm).await;
        assert!(world.read().await.unwrap().entities.is_empty());
    });
}

#[test]
fn every_truncation_is_refused() {
    let wasm = Guest::default().build();
    let mut accepted = Vec::new();
    for length in 0..wasm.len() {
        match Host::inspect(&wasm[..length]) {
            Ok(inspection) if inspection.refusals.is_empty() => accepted.push(length),
            _ => {}
        }
    }
    // What ends before a custom section (names, tools) that nothing needs is a whole component.
    assert!(accepted.len() <= 3, "{accepted:?} of {}", wasm.len());
    assert!(accepted.iter().all(|length| wasm[*length] == 0), "{accepted:?}");
}

#[test]
fn random_bytes_are_refused() {
    let mut random = Random(7);
    for round in 0..1_000 {
        let mut bytes: Vec<u8> =
            (0..random.next(4_000)).map(|_| u8::try_from(random.next(256)).unwrap()).collect();
        if round % 2 == 0 {
            // Behind the head of a component the parser has to look at the rest.
            bytes.splice(0..0, *b"\0asm\x0d\0\x01\0");
        }
        assert!(Host::inspect(&bytes).is_err());
    }
}

#[test]
fn what_is_no_component_is_told_apart() {
    let kind = |bytes: &[u8]| Host::inspect(bytes).unwrap_err().kind();
    assert_eq!(kind(b""), "not-a-component");
    assert_eq!(kind(b"PK\x03\x04"), "not-a-component");
    let core = Host::inspect(b"\0asm\x01\0\0\0").unwrap_err();
    assert!(
        core.to_string().contains("it is a core module; build it for the target wasm32-wasip2"),
        "{core}"
    );
    assert_eq!(kind(b"\0asm\x0d\0\x01\0"), "manifest");
    assert_eq!(kind(&vec![0; (64 << 20) + 1]), "too-large");
}

#[test]
fn an_inspection_says_what_is_in_it() {
    let guest = Guest {
        manifest: manifest("guest", "1.0.0", &["state"]),
        world: "import gangway:plugin/state@0.1.0;",
        imports: r#"(import "gangway:plugin/state@0.1.0" "get" (func $get (param i32 i32 i32)))"#,
        functions: r#"(func $use (export "use") (call $get (i32.const 0) (i32.const 0) (i32.const 0)))"#,
        ..Guest::default()
    };
    let wasm = guest.build();
    let inspection = Host::inspect(&wasm).unwrap();
    assert_eq!(inspection.refusals, []);
    assert_eq!(inspection.size, wasm.len());
    assert_eq!(inspection.manifest.name, "guest");
    assert_eq!(inspection.roles.names(), ["source"]);
    assert!(
        inspection.imports.contains(&"gangway:plugin/state@0.1.0".to_owned()),
        "{:?}",
        inspection.imports
    );
    assert_eq!(inspection.exports, ["gangway:plugin/metadata@0.1.0", "gangway:plugin/source@0.1.0"]);
}
