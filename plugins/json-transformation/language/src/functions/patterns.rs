//! Functions with a regular expression.

use std::borrow::Cow;

use super::params::{self, Number, Params, Source, with_pattern};
use super::{Env, Outcome};
use crate::regex::Replace;
use crate::value::Value;

pub(super) enum Pattern {
    Matches(params::Pattern),
    Group(params::Pattern, Number),
    Replace(params::Pattern, Replace, Source),
}

impl Pattern {
    pub fn compile(name: &str, params: &mut Params<'_, '_>) -> Option<Pattern> {
        let full = matches!(name, "matchRegex" | "getMatchedRegexGroup");
        let pattern = params.pattern("regex", full);
        let which = match name {
            "matchRegex" => return pattern.map(Pattern::Matches),
            "getMatchedRegexGroup" => {
                let index = params.required_number("groupIndex")?;
                let pattern = pattern?;
                if let (params::Pattern::Fixed(regex), Number::Fixed(index)) = (&pattern, &index)
                    && usize::try_from(*index).is_ok_and(|index| index > regex.groups())
                {
                    let message =
                        format!("the pattern has {} groups, there is no group {index}", regex.groups());
                    params.wrong("groupIndex", message);
                }
                return Some(Pattern::Group(pattern, index));
            }
            "replaceFirstString" => Replace::First,
            "replaceLastString" => Replace::Last,
            _ => Replace::All,
        };
        let replacement = params.source("replacement");
        Some(Pattern::Replace(pattern?, which, replacement?))
    }

    pub fn apply<'a>(&'a self, value: Value<'a>, env: &mut Env<'_, '_, 'a>) -> Outcome<'a> {
        let text = value.into_text();
        match self {
            Pattern::Matches(pattern) => with_pattern(pattern, true, env, |regex| regex.is_match(&text))
                .map(|matches| Some(Value::from(matches))),
            Pattern::Group(pattern, index) => {
                let index = index.get(env)?;
                let range = with_pattern(pattern, true, env, |regex| {
                    let place = usize::try_from(index).ok().filter(|index| *index <= regex.groups());
                    let place = place.ok_or_else(|| {
                        format!("the pattern has {} groups, there is no group {index}", regex.groups())
                    })?;
                    Ok(regex.groups_from(&text, 0)?.and_then(|groups| groups.get(place).copied().flatten()))
                })?;
                let group = range.and_then(|(from, to)| text.get(from..to));
                Ok(group.map(|group| Value::String(Cow::Owned(group.to_owned()))))
            }
            Pattern::Replace(pattern, which, replacement) => {
                let replacement = replacement.text(env);
                let replaced = with_pattern(pattern, false, env, |regex| {
                    regex.replace(&text, *which, &replacement, env.scope.budget)
                })?;
                Ok(Some(Value::String(replaced.map_or(text, Cow::Owned))))
            }
        }
    }
}
