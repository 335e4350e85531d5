//! Functions on text.

use std::borrow::Cow;

use base32ct::{Base32Upper, Base32UpperUnpadded, Encoding as _};
use base64ct::{Base64, Base64Unpadded, Encoding as _};

use super::params::{Number, Params, Source};
use super::{Env, Outcome};
use crate::value::Value;

pub(super) enum Text {
    Concat { prefix: Option<Source>, suffix: Option<Source> },
    Composite { separator: Option<Source>, sub_id: Source },
    Encode { base: Base, padding: bool },
    Decode { base: Base },
    ToString,
    Replace { target: Source, replacement: Source },
    Substring { begin: Number, end: Option<Number> },
    Case { upper: bool, rules: Rules },
}

#[derive(Clone, Copy)]
pub(super) enum Base {
    Base32,
    Base64,
}

/// Languages whose letters have cases of their own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    Root,
    Turkic,
    Lithuanian,
}

impl Text {
    pub fn compile(name: &str, params: &mut Params<'_, '_>) -> Option<Text> {
        Some(match name {
            "concatString" => Text::Concat {
                prefix: params.optional_source("prefix"),
                suffix: params.optional_source("suffix"),
            },
            "compositeId" => Text::Composite {
                separator: params.optional_source("separator"),
                sub_id: params.source("subId")?,
            },
            "encode" => {
                let base = base(params);
                Text::Encode { padding: !params.flag("skipPadding"), base: base? }
            }
            "decode" => {
                let base = base(params);
                params.flag("skipPadding");
                Text::Decode { base: base? }
            }
            "replaceString" => {
                let (target, replacement) = (params.source("target"), params.source("replacement"));
                Text::Replace { target: target?, replacement: replacement? }
            }
            "substring" => {
                let (begin, end) = (params.required_number("beginIndex"), params.number("endIndex"));
                Text::Substring { begin: begin?, end }
            }
            "toUpperCaseString" => Text::Case { upper: true, rules: rules(params) },
            "toLowerCaseString" => Text::Case { upper: false, rules: rules(params) },
            _ => Text::ToString,
        })
    }

    pub fn apply<'a>(&'a self, value: Value<'a>, env: &mut Env<'_, '_, 'a>) -> Outcome<'a> {
        let made = match self {
            Text::Concat { prefix, suffix } => {
                let piece = |source: &'a Option<Source>| {
                    source.as_ref().map_or(Cow::Borrowed(""), |source| source.text(env))
                };
                let (prefix, suffix) = (piece(prefix), piece(suffix));
                let text = value.into_text();
                if prefix.is_empty() && suffix.is_empty() {
                    return Ok(Some(Value::String(text)));
                }
                join(&[&prefix, &text, &suffix], env)
            }
            Text::Composite { separator, sub_id } => {
                let separator = separator.as_ref().map_or(Cow::Borrowed(":"), |source| source.text(env));
                let sub_id = sub_id.text(env);
                join(&[&value.into_text(), &separator, &sub_id], env)
            }
            Text::Encode { base, padding } => {
                let input = value.into_text();
                if !env.scope.budget.text(input.len().saturating_mul(2)) {
                    return Ok(None);
                }
                encode(*base, *padding, input.as_bytes())
            }
            Text::Decode { base } => {
                let text = value.into_text();
                return decode(*base, &text).map(|bytes| Some(Value::Bytes(bytes)));
            }
            Text::ToString => return Ok(Some(Value::String(value.into_text()))),
            Text::Replace { target, replacement } => {
                let (target, replacement) = (target.text(env), replacement.text(env));
                let text = value.into_text();
                let count = text.matches(target.as_ref()).count();
                if count == 0 {
                    return Ok(Some(Value::String(text)));
                }
                if !env.scope.budget.text(count.saturating_mul(replacement.len()).saturating_add(text.len()))
                {
                    return Ok(None);
                }
                text.replace(target.as_ref(), &replacement)
            }
            Text::Substring { begin, end } => {
                let (begin, end) = (begin.get(env)?, end.as_ref().map(|end| end.get(env)).transpose()?);
                return Ok(substring(value.into_text(), begin, end).map(Value::String));
            }
            Text::Case { upper, rules } => {
                let text = value.into_text();
                let unchanged =
                    |b: u8| if *upper { !b.is_ascii_lowercase() } else { !b.is_ascii_uppercase() };
                if text.is_ascii() && text.bytes().all(unchanged) && *rules == Rules::Root {
                    return Ok(Some(Value::String(text)));
                }
                if !env.scope.budget.text(text.len()) {
                    return Ok(None);
                }
                change_case(&text, *upper, *rules)
            }
        };
        Ok(Some(Value::String(Cow::Owned(made))))
    }
}

fn base(params: &mut Params<'_, '_>) -> Option<Base> {
    params
        .choice("algorithm", &["base32", "base64"])
        .map(|word| if word == "base32" { Base::Base32 } else { Base::Base64 })
}

fn rules(params: &mut Params<'_, '_>) -> Rules {
    let locale = params.plain("locale").unwrap_or_default();
    match locale.split(['_', '-']).next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "tr" | "az" => Rules::Turkic,
        "lt" => Rules::Lithuanian,
        _ => Rules::Root,
    }
}

fn join(parts: &[&str], env: &Env<'_, '_, '_>) -> String {
    let length = parts.iter().map(|part| part.len()).sum();
    if !env.scope.budget.text(length) {
        return String::new();
    }
    let mut text = String::with_capacity(length);
    parts.iter().filter(|part| !part.is_empty()).for_each(|part| text.push_str(part));
    text
}

fn encode(base: Base, padding: bool, bytes: &[u8]) -> String {
    match (base, padding) {
        (Base::Base32, true) => Base32Upper::encode_string(bytes),
        (Base::Base32, false) => Base32UpperUnpadded::encode_string(bytes),
        (Base::Base64, true) => Base64::encode_string(bytes),
        (Base::Base64, false) => Base64Unpadded::encode_string(bytes),
    }
}

fn decode(base: Base, text: &str) -> Result<Vec<u8>, String> {
    let body = text.trim_end_matches('=');
    match base {
        Base::Base32 => {
            Base32UpperUnpadded::decode_vec(body).map_err(|error| format!("the value is not base32: {error}"))
        }
        Base::Base64 => {
            Base64Unpadded::decode_vec(body).map_err(|error| format!("the value is not base64: {error}"))
        }
    }
}

/// Characters counted as Java counts them, in UTF-16 units; the end is clamped.
fn substring(text: Cow<'_, str>, begin: i64, end: Option<i64>) -> Option<Cow<'_, str>> {
    let length = text.encode_utf16().count();
    let begin = usize::try_from(begin).ok()?;
    let end = end.map_or(Ok(length), usize::try_from).ok()?.min(length);
    if begin > end {
        return None;
    }
    let place = |units: usize| {
        let mut seen = 0;
        let at = text.char_indices().find(|(_, c)| {
            let here = seen >= units;
            seen += c.len_utf16();
            here
        });
        at.map_or(text.len(), |(at, _)| at)
    };
    let (from, to) = (place(begin), place(end));
    match text {
        Cow::Borrowed(text) => text.get(from..to).map(Cow::Borrowed),
        Cow::Owned(ref text) => text.get(from..to).map(|part| Cow::Owned(part.to_owned())),
    }
}

fn change_case(text: &str, upper: bool, rules: Rules) -> String {
    match (upper, rules) {
        (true, Rules::Turkic) => text.replace('i', "İ").to_uppercase(),
        (false, Rules::Turkic) => {
            text.replace("I\u{307}", "i").replace('İ', "i").replace('I', "ı").to_lowercase()
        }
        // The dot above of a lower-case letter with a further accent is not written on capitals.
        (true, Rules::Lithuanian) => {
            text.replace("i\u{307}", "i").replace("j\u{307}", "j").replace("į\u{307}", "į").to_uppercase()
        }
        (true, Rules::Root) => text.to_uppercase(),
        (false, _) => text.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn substrings() {
        let cut = |text, begin, end| substring(Cow::Borrowed(text), begin, end).map(Cow::into_owned);
        assert_eq!(cut("johnsmith", 3, Some(5)).as_deref(), Some("ns"));
        assert_eq!(cut("abc", 0, Some(10)).as_deref(), Some("abc"));
        assert_eq!(cut("abc", 3, None).as_deref(), Some(""));
        assert_eq!(cut("abc", 4, None), None);
        assert_eq!(cut("abc", 2, Some(1)), None);
        assert_eq!(cut("abc", -1, None), None);
        assert_eq!(cut("äöü", 1, Some(2)).as_deref(), Some("ö"));
        assert_eq!(cut("😀a", 2, None).as_deref(), Some("a"));
    }

    #[test]
    fn cases() {
        assert_eq!(change_case("istanbul straße", true, Rules::Turkic), "İSTANBUL STRASSE");
        assert_eq!(change_case("ISI", false, Rules::Turkic), "ısı");
        assert_eq!(change_case("straße", true, Rules::Root), "STRASSE");
    }

    #[test]
    fn codes() {
        assert_eq!(encode(Base::Base32, true, b"A"), "IE======");
        assert_eq!(encode(Base::Base64, false, b"ab"), "YWI");
        assert_eq!(decode(Base::Base32, "IE").as_deref(), Ok(&b"A"[..]));
        assert_eq!(decode(Base::Base64, "YWI=").as_deref(), Ok(&b"ab"[..]));
        assert!(decode(Base::Base32, "!!!").is_err());
    }
}
