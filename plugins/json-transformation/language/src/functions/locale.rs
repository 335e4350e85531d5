//! Language codes and locales.

use std::borrow::Cow;

use super::params::Params;
use crate::value::Value;

/// `code TAB locale`: the language codes and the locale each stands for.
const TABLE: &str = include_str!("../../data/languages.tsv");

pub(super) struct Locale {
    to_bcp47: bool,
}

impl Locale {
    pub fn compile(params: &mut Params<'_, '_>) -> Option<Self> {
        params
            .choice("outputFormat", &["bcp47", "iso639"])
            .map(|format| Locale { to_bcp47: format == "bcp47" })
    }

    /// Whatever the table does not know becomes English.
    pub fn apply<'a>(&self, value: &Value<'a>) -> Value<'a> {
        let text = value.to_text();
        let converted = if self.to_bcp47 { bcp47(&text) } else { iso639(&text) };
        Value::String(Cow::Borrowed(converted))
    }
}

fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.lines().filter_map(|line| line.split_once('\t'))
}

fn same(a: &str, b: &str) -> bool {
    let plain = |text: &str| text.replace('_', "-").to_ascii_lowercase();
    plain(a) == plain(b)
}

fn bcp47(text: &str) -> &'static str {
    let by = |wanted: &str| rows().find(|(code, locale)| same(code, wanted) || same(locale, wanted));
    let language = text.split(['-', '_']).next().unwrap_or_default();
    by(text).or_else(|| by(language)).map_or("en-US", |(_, locale)| locale)
}

fn iso639(text: &str) -> &'static str {
    let language = text.split(['-', '_']).next().unwrap_or_default();
    let exact = rows().find(|(code, _)| same(code, text));
    // A locale of two rows belongs to the plain language, if that has one of its own.
    let plain = rows().find(|(code, locale)| same(locale, text) && code.len() == 2);
    let regional = rows().find(|(code, locale)| same(locale, text) && code.len() > 2);
    let by_language = || {
        rows().find(|(code, _)| same(code, language)).or_else(|| {
            rows().find(|(_, locale)| locale.split('-').next().is_some_and(|prefix| same(prefix, language)))
        })
    };
    exact.or(regional).or(plain).or_else(by_language).map_or("EN", |(code, _)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_both_ways() {
        for (code, locale) in [
            ("EN", "en-US"),
            ("DE", "de-DE"),
            ("ZH", "zh-CN"),
            ("zh_TW", "zh-TW"),
            ("pt_BR", "pt-BR"),
            ("MA", "mn-MN"),
        ] {
            assert_eq!(bcp47(code), locale);
            assert_eq!(iso639(locale), code);
        }
        assert_eq!(bcp47("EO"), "en-US");
        assert_eq!(bcp47("de-DE"), "de-DE");
        assert_eq!(iso639("de-AT"), "DE");
        assert_eq!(iso639("de_DE"), "DE");
        assert_eq!(iso639("xx-YY"), "EN");
    }
}
