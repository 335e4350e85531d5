use super::*;
use crate::budget::Budget;

fn full(pattern: &str, text: &str) -> bool {
    Regex::full(pattern, "").unwrap().is_match(text).unwrap()
}

#[test]
fn means_what_it_means_in_java() {
    for (pattern, text) in [
        (r"[\s\p{Punct}]+", " $+<=>^`|~"),
        (r"\p{Alnum}+", "aZ9"),
        (r"\d+", "12"),
        (r"\w+", "a_1"),
        (r"\Qa.b\E+", "a.bb"),
        (r"\0101\x42\u0043\cA", "ABC\u{1}"),
        (r"(?i)abc", "aBC"),
        (r"a++b", "aab"),
        (r"(?>a|b)c", "bc"),
        (r"(a)\1", "aa"),
        (r"[a-z&&[^aeiou]]+", "xyz"),
        (r"[\w-.]+", "a-b.c"),
        (r"[a-]+", "a-"),
        (r"[]a]+", "]a"),
        (r"(?=a)a", "a"),
        (r"(?<n>a)\k<n>", "aa"),
        (r"a.c", "abc"),
        (r"(?s)a.c", "a\nc"),
        (r"\p{javaLowerCase}+", "aé"),
        (r"\p{L}+", "aé"),
        (r"[^\d\s]+", "ab"),
        (r"\$\{a\}", "${a}"),
        (r"(?x)a b # c", "ab"),
        (r"a|b|", ""),
        (r"\bfoo\b", "foo"),
        (r"[&a]+", "a&"),
        (r"\p{IsAlphabetic}", "é"),
        (r"(?iu)É", "é"),
        (r"[A-C~]+", "AB~"),
        (r"\pL", "x"),
        (r".*_COMP", "a_COMP"),
        ("", ""),
        (r"[\D]+", "ab"),
        (r"\h\v\R", "\t\n\r\n"),
        (r"x{2,3}", "xxx"),
        (r"(?i)[x-z]+", "XyZ"),
        (r"\\", "\\"),
        ("a/b", "a/b"),
    ] {
        assert!(full(pattern, text), "{pattern} {text:?}");
    }
    for (pattern, text) in [
        (r"\d", "٣"),
        (r"\w", "é"),
        (r"\p{Punct}", "€"),
        ("(?i)é", "É"),
        ("(?i)k", "\u{212A}"),
        ("a.c", "a\rc"),
        ("a.c", "a\u{2028}c"),
        (r"a++a", "aaa"),
        ("abc", "abc\n"),
        (r"[a-z&&[^aeiou]]", "a"),
        (r"\p{Alpha}", "é"),
        ("[a-]", "b"),
    ] {
        assert!(!full(pattern, text), "{pattern} {text:?}");
    }
    for pattern in [
        "(",
        ")",
        "[",
        "[]",
        "a{",
        "{",
        r"\",
        r"\y",
        "(?<1a",
        "(?q)",
        "[b-a]",
        "*",
        r"\p{Nope}",
        "(?",
        &"(".repeat(5000),
        "[^]",
    ] {
        assert!(Regex::full(pattern, "").is_err(), "{pattern}");
    }
    assert!(Regex::full("abc", "i").unwrap().is_match("ABC").unwrap());
    assert!(Regex::full("abc", "q").is_err());
}

fn replace(pattern: &str, text: &str, which: Replace, replacement: &str) -> Result<Option<String>, String> {
    Regex::search(pattern).unwrap().replace(text, which, replacement, &Budget::default())
}

#[test]
fn replaces_as_java_does() {
    let done = |pattern, text, which, replacement: &str| {
        replace(pattern, text, which, replacement).unwrap().unwrap_or(String::from(text))
    };
    assert_eq!(done("x*", "xa", Replace::All, "-"), "--a-");
    assert_eq!(done(".*", "abc", Replace::All, "-"), "--");
    assert_eq!(done("b", "abcb", Replace::First, "-"), "a-cb");
    assert_eq!(done("b", "abcb", Replace::Last, "-"), "abc-");
    assert_eq!(done("(a)(b)", "ab", Replace::All, "$2$1x$11\\$"), "baxa1$");
    assert_eq!(done("(?<y>\\d+)", "a12", Replace::All, "<${y}>"), "a<12>");
    assert_eq!(done("zz", "ab", Replace::All, "$9"), "ab");
    assert_eq!(done("$", "a\n", Replace::First, "!"), "a!\n");
    assert_eq!(done("(?m)^", "a\nb", Replace::All, ">"), ">a\n>b");
    assert_eq!(done("é*", "éa", Replace::All, "-"), "--a-");
    assert!(replace("a", "a", Replace::All, "$1").is_err());
    assert!(replace("a", "a", Replace::All, "$").is_err());
    assert!(replace("a", "a", Replace::All, "\\").is_err());
    assert!(replace("a", "a", Replace::All, "${n}").is_err());
}

#[test]
fn catastrophic_patterns_end() {
    let started = std::time::Instant::now();
    let regex = Regex::full(r"(a*)*\1b", "").unwrap();
    let result = regex.is_match(&"a".repeat(40));
    assert!(result.is_err(), "{result:?}");
    assert!(started.elapsed().as_secs() < 10);
    assert!(Regex::full("(a{1000}){1000}", "").is_err());
}
