//! Whatever comes in: no panic, no run without end, the same answer twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use std::time::{Duration, Instant};

use common::{Relations, Sequence, apply, compiled};
use gangway_transformation_language::{Answer, Direction, Outcome, Request, compile};

/// A small generator: a repeatable stream of choices.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn pick<'t>(&mut self, list: &[&'t str]) -> &'t str {
        list[self.below(list.len())]
    }

    fn join(&mut self, list: &[&str], count: usize) -> String {
        (0..count).map(|_| self.pick(list)).collect()
    }
}

const PATHS: &[&str] = &[
    "$",
    "@",
    ".a",
    ".b",
    "['a']",
    "[\"b\"]",
    "['a','b']",
    "[0]",
    "[1]",
    "[-1]",
    "[*]",
    "..",
    "..a",
    "[?(@.a)]",
    "[?(@.a == 1)]",
    "[?(@ =~ /x.*/)]",
    ".length()",
    "[1:]",
    "[0,1]",
    "[",
    "]",
    "(",
    "'",
    " ",
    "é",
    "${v}",
    "[99]",
    ".*",
    "[?(",
];
const CONDITIONS: &[&str] = &[
    "$.a",
    "@.b",
    "$.l[*].v",
    " == ",
    " != ",
    "===",
    " < ",
    " >= ",
    " =~ ",
    "/a+/",
    "/(/",
    "'x'",
    "1",
    "-1e5",
    "null",
    "true",
    "[1,'a']",
    "{}",
    " EMPTY true",
    " IN ",
    " NIN ",
    " contains ",
    " SIZE 2",
    " ANYOF ",
    " && ",
    " || ",
    "!",
    "(",
    ")",
    "isRegularGroup()",
    "isValidEmail($.a)",
    "'${v}'",
    "${v}",
    " ",
    "'",
    "isAttributeWithMandatoryPrefix($.a, k)",
];
const VALUES: &[&str] = &[
    "null",
    "true",
    "1",
    "-0.5e10",
    "\"\"",
    "\"x\"",
    "\"ab@c.de\"",
    "[]",
    "{}",
    "[1,\"x\",null]",
    "{\"a\":1,\"b\":[{\"a\":1},{\"v\":\"x\"}]}",
    "[{\"a\":\"x\",\"value\":\"u1\"},{\"b\":2}]",
    "[[1],[2,[3]]]",
    "\"2024-01-31\"",
    "\"é😀\\u0000\"",
    "1e999999999999",
    "\"$.a\"",
];
const FUNCTIONS: &[&str] = &[
    r#"{"function":"concatString","prefix":"$.a","suffix":"${v}"}"#,
    r#"{"function":"compositeId","subId":"x"}"#,
    r#"{"function":"encode","algorithm":"base32"}"#,
    r#"{"function":"decode","algorithm":"base64"}"#,
    r#"{"function":"toString"}"#,
    r#"{"function":"elementAt","index":1}"#,
    r#"{"function":"elementAt","index":"-1"}"#,
    r#"{"function":"substring","beginIndex":1,"endIndex":2}"#,
    r#"{"function":"getMatchedRegexGroup","regex":"(x)|(y)","groupIndex":2}"#,
    r#"{"function":"matchRegex","regex":".*"}"#,
    r#"{"function":"replaceAllString","regex":"","replacement":"$0$0"}"#,
    r#"{"function":"replaceString","target":"","replacement":"ab"}"#,
    r#"{"function":"manipulateDate","sourceDateFormat":"yyyy-MM-dd","targetDateFormat":"d MMM yyyy","months":"1"}"#,
    r#"{"function":"manipulateDate","sourceDateFormat":"Date(milliseconds)","years":99999999}"#,
    r#"{"function":"putIfAbsent","key":"a","defaultValue":{"z":1}}"#,
    r#"{"function":"putIfPresent","key":"a","defaultValue":"$.b"}"#,
    r#"{"function":"copyMapEntry","sourceKey":"a","targetKey":"b"}"#,
    r#"{"function":"renameMapEntry","sourceKey":"a","targetKey":"a"}"#,
    r#"{"function":"splitStringToArray","separator":"x"}"#,
    r#"{"function":"resolveEntityIds"}"#,
    r#"{"function":"resolveEntityIds","applyOnAttribute":"a","condition":"@.a"}"#,
    r#"{"function":"toUpperCaseString","locale":"tr"}"#,
    r#"{"function":"convertTimezoneCode","outputFormat":"iana"}"#,
    r#"{"function":"convertLocaleCode","outputFormat":"bcp47"}"#,
    r#"{"function":"convertCountryCode","outputFormat":"alpha3","inputAttributes":["a"],"outputAttribute":"a"}"#,
    r#"{"function":"randomPassword","passwordLength":9,"minimumNumberOfLowercaseLetters":1,"minimumNumberOfUppercaseLetters":1,"minimumNumberOfDigits":1,"minimumNumberOfSpecialSymbols":1}"#,
];

fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

fn path(dice: &mut Dice) -> String {
    let count = dice.below(4) + 1;
    format!("$.{}", dice.pick(&["a", "b", "l"])) + &dice.join(PATHS, count - 1)
}

fn mapping(dice: &mut Dice) -> String {
    let mut members = vec![format!("\"targetPath\":{}", quoted(&path(dice)))];
    members.push(match dice.below(6) {
        0 => format!("\"constant\":{}", dice.pick(VALUES)),
        1 => "\"sourceVariable\":\"v\",\"variablePath\":\"$..*\"".to_owned(),
        2 => "\"type\":\"remove\"".to_owned(),
        3 => "\"type\":\"rename\",\"constant\":\"b\"".to_owned(),
        _ => format!("\"sourcePath\":{}", quoted(&path(dice))),
    });
    for (chance, member) in [
        (2, "\"optional\":true"),
        (2, "\"preserveArrayWithSingleElement\":true"),
        (3, "\"targetVariable\":\"v\""),
        (4, "\"correlationAttribute\":true"),
    ] {
        if dice.below(chance) == 0 {
            members.push(member.to_owned());
        }
    }
    if dice.below(4) == 0 {
        members.push(format!("\"defaultValue\":{}", dice.pick(VALUES)));
    }
    if dice.below(3) == 0 {
        let count = dice.below(5) + 1;
        members.push(format!("\"condition\":{}", quoted(&dice.join(CONDITIONS, count))));
    }
    if dice.below(2) == 0 {
        let functions: Vec<&str> = (0..dice.below(3) + 1).map(|_| dice.pick(FUNCTIONS)).collect();
        members.push(format!("\"functions\":[{}]", functions.join(",")));
    }
    format!("{{{}}}", members.join(","))
}

fn once(document: &str, input: &str, operation: &str) -> Option<Answer> {
    let compiled = compiled(document, "write", &[("k".to_owned(), "x".to_owned())]).ok()?;
    let request = Request { entity_type: "user", operation, json: input, variables: r#"{"v":[{"a":"x"}]}"# };
    Some(apply(&compiled, request, &mut Relations::default(), false))
}

/// A document, an entity and an operation.
fn generated(dice: &mut Dice) -> (String, String, &'static str) {
    let mappings: Vec<String> = (0..dice.below(4) + 1).map(|_| mapping(dice)).collect();
    let document = format!("{{\"user\":{{\"mappings\":[{}]}}}}", mappings.join(","));
    let input =
        format!("{{\"a\":{},\"b\":{},\"l\":{}}}", dice.pick(VALUES), dice.pick(VALUES), dice.pick(VALUES));
    (document, input, dice.pick(&["create", "update", "patch", "delete"]))
}

/// Runs it twice; whether it compiled, and whether there is a new entity.
fn tried(document: &str, input: &str, operation: &str) -> (bool, bool) {
    let started = Instant::now();
    let Some(answer) = once(document, input, operation) else { return (false, false) };
    if answer.outcome == Outcome::Transformed {
        serde_json::from_str::<serde_json::Value>(&answer.json.replace("1e999999999999", "1"))
            .unwrap_or_else(|error| panic!("{error}: {}", answer.json));
    }
    let again = once(document, input, operation).unwrap();
    assert_eq!((&again.json, &again.reason), (&answer.json, &answer.reason), "{document} {input}");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}: {document} {input}", started.elapsed());
    (true, answer.outcome == Outcome::Transformed)
}

#[test]
fn generated_documents_run_without_an_accident() {
    let mut dice = Dice(0x5EED);
    let (mut ran, mut transformed) = (0, 0);
    for _ in 0..8_000 {
        let (document, input, operation) = generated(&mut dice);
        let (compiled, done) = tried(&document, &input, operation);
        ran += usize::from(compiled);
        transformed += usize::from(done);
    }
    assert!(ran > 800 && transformed > 300, "{ran} ran, {transformed} transformed");
}

/// Some bytes changed, left out or doubled; what is no text any more is made one.
fn damaged(dice: &mut Dice, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..dice.below(6) + 1 {
        let at = dice.below(bytes.len());
        match dice.below(4) {
            0 => bytes[at] = dice.below(256) as u8,
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, b"{}[]\",:$@?*'%\\0"[dice.below(15)]),
            _ => {
                let end = (at + dice.below(40)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = dice.below(bytes.len());
                bytes.splice(to..to, piece);
            }
        }
        if bytes.is_empty() {
            return String::new();
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `make fuzz`: generated documents, and the samples damaged, for as long as `GANGWAY_FUZZ_SECONDS` says,
/// each time from another seed. What it finds belongs into the tests below.
#[test]
#[ignore = "make fuzz"]
fn fuzz() {
    let seconds = std::env::var("GANGWAY_FUZZ_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(60);
    let seed =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    println!("seed {seed}");
    let samples = [
        (include_str!("../samples/ldap-user-read.json"), include_str!("../samples/ldap-user.json")),
        (include_str!("../samples/scim-user-write.json"), include_str!("../samples/scim-user.json")),
    ];
    let mut dice = Dice(seed);
    let (started, mut cases, mut ran) = (Instant::now(), 0u64, 0u64);
    while started.elapsed() < Duration::from_secs(seconds) {
        let (mut document, mut input, operation) = generated(&mut dice);
        if dice.below(3) == 0 {
            let (sample, entity) = samples[dice.below(2)];
            document = if dice.below(2) == 0 { damaged(&mut dice, sample) } else { sample.to_owned() };
            input = damaged(&mut dice, entity);
        }
        cases += 1;
        ran += u64::from(tried(&document, &input, operation).0);
    }
    println!("{cases} cases in {seconds} s, {ran} of them documents that compiled");
}

#[test]
fn arbitrary_texts_are_refused_not_feared() {
    let mut dice = Dice(0xBAD);
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        "\"",
        ":",
        ",",
        "\\",
        "u",
        "1",
        "-",
        "e",
        "true",
        "null",
        " ",
        "/*",
        "//",
        "\n",
        "%",
        "user",
        "\"mappings\"",
        "é",
        "\u{0}",
    ];
    for _ in 0..20_000 {
        let count = dice.below(24);
        let text = dice.join(&pieces, count);
        let _ = compile(&text, Direction::Read, &[]);
        let _ = once(r#"{"user":{"mappings":[{"sourcePath":"$","targetPath":"$"}]}}"#, &text, "update");
    }
}

#[test]
fn greedy_documents_end_in_bounded_time() {
    let list = format!("{{\"a\":[{}]}}", vec!["{\"v\":\"x\"}"; 100_000].join(","));
    let started = Instant::now();
    for (mappings, expected) in [
        // Every element against every element.
        (r#"{"sourcePath":"$.a[?(@.v == $..v)]","targetPath":"$.b","preserveArrayWithSingleElement":true}"#.to_owned(), "steps"),
        // A list of lists of lists.
        (r#"{"sourcePath":"$.a","targetPath":"$.a"},{"sourcePath":"$.a","targetPath":"$.a[*].b"}"#.to_owned(), "values written"),
        // A text that doubles with every mapping.
        (format!(r#"{{"constant":"xxxxxxxx","targetVariable":"v"}},{}"#, vec![r#"{"constant":"${v}${v}","targetVariable":"v"}"#; 60].join(",")), "bytes of text"),
        (r#"{"constant":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","targetPath":"$.x","functions":[{"function":"matchRegex","regex":"(a*)*\\1b"}]}"#.to_owned(), "given up"),
        (r#"{"sourcePath":"$..*..*..*..*","targetPath":"$.x"}"#.to_owned(), ""),
    ] {
        let document = format!("{{\"user\":{{\"mappings\":[{mappings}]}}}}");
        let answer = once(&document, &list, "update").unwrap();
        assert!(answer.reason.contains(expected), "{mappings}: {}", answer.reason);
    }
    assert!(started.elapsed() < Duration::from_secs(120));
}

#[test]
fn large_and_odd_entities() {
    let copy = r#"{"user":{"mappings":[{"sourcePath":"$","targetPath":"$"}]}}"#;
    let big = format!("{{\"a\":\"{}\"}}", "x".repeat(10_000_000));
    assert_eq!(once(copy, &big, "update").unwrap().json, big);
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(once(copy, &deep, "update").unwrap().reason.contains("levels"));
    for (input, expected) in [
        (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
        (r#"{"a":"\u0000"}"#, r#"{"a":"\u0000"}"#),
        (r#"{"a":123456789012345678901234567890.10}"#, r#"{"a":123456789012345678901234567890.10}"#),
        (r#"{"":{"":1}}"#, r#"{"":{"":1}}"#),
    ] {
        assert_eq!(once(copy, input, "update").unwrap().json, expected);
    }
    for input in ["", "[]", "1", "{\"a\":\"\\ud800\"}", "{", "nul"] {
        let answer = once(copy, input, "update").unwrap();
        assert_eq!(answer.outcome, Outcome::Failed, "{input}");
        assert!(answer.reason.contains("the entity is"), "{}", answer.reason);
    }
}

#[test]
fn one_question_for_a_batch() {
    let document = r#"{"user":{"mappings":[{"sourcePath":"$.m","targetPath":"$.m","preserveArrayWithSingleElement":true,"functions":[{"function":"resolveEntityIds"}]}]}}"#;
    let compiled = compiled(document, "write", &[]).ok().unwrap();
    let inputs: Vec<String> = (0..50).map(|i| format!("{{\"m\":[\"u{i}\",\"u{}\"]}}", i + 1)).collect();
    let requests: Vec<Request<'_>> = inputs
        .iter()
        .map(|json| Request { entity_type: "user", operation: "update", json, variables: "" })
        .collect();
    let mut relations = Relations::of(&serde_json::json!({"user": {"u1": "T1", "u2": "T2"}}));
    let mut outer = gangway_transformation_language::Outer {
        now_milliseconds: &|| 0,
        random: &mut Sequence(1),
        resolver: &mut relations,
        explain: false,
    };
    let answers = compiled.apply(&requests, &mut outer);
    assert_eq!(answers[1].json, r#"{"m":["T1","T2"]}"#);
    assert_eq!((answers[0].json.as_str(), answers[0].unresolved), (r#"{"m":["T1"]}"#, 1));
    assert_eq!((answers[9].json.as_str(), answers[9].unresolved), (r#"{"m":[]}"#, 2));
    assert_eq!(relations.questions, 1);
}
