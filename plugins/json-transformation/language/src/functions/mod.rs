//! Mapping functions: a chain that a mapping's value goes through.

mod country;
mod date;
mod date_format;
mod date_parse;
mod entries;
mod list;
mod locale;
mod params;
mod password;
mod patterns;
mod resolve;
mod text;
mod timezone;

pub use date_format::DateFormat;
pub use params::{Params, Settings};
pub use resolve::{Lookups, Query, Resolver};

use std::borrow::Cow;

use crate::condition::Condition;
use crate::path::Scope;
use crate::value::Value;

/// Randomness, given from outside.
pub trait Random {
    /// Fills the bytes with unpredictable ones.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), String>;
}

/// What functions may use besides the value.
pub struct Env<'e, 'r, 'a> {
    /// The input and the variables.
    pub scope: Scope<'r, 'a>,
    /// Randomness for passwords.
    pub random: &'e mut dyn Random,
    /// Identifiers resolved so far, and those still to resolve.
    pub lookups: &'e mut Lookups,
}

/// What a function makes of a value: a new one, or none (no match, out of range, not resolved).
pub type Outcome<'a> = Result<Option<Value<'a>>, String>;

/// One function of a chain, ready to run.
pub struct Call {
    /// Its name.
    pub name: &'static str,
    kind: Kind,
    condition: Option<Condition>,
    on_attribute: Option<Box<str>>,
    assign_to: Option<Box<str>>,
}

enum Kind {
    Text(text::Text),
    Pattern(patterns::Pattern),
    Entry(entries::Entry),
    ElementAt(list::ElementAt),
    Split(list::Split),
    Country(country::Country),
    Region(country::Region),
    Locale(locale::Locale),
    Timezone(timezone::Timezone),
    Date(Box<date::ManipulateDate>),
    Password(password::Password),
    Resolve(resolve::Resolve),
}

/// The names of all functions.
pub const NAMES: [&str; 27] = [
    "concatString",
    "convertCountryCode",
    "convertCountryRegion",
    "convertLocaleCode",
    "convertTimezoneCode",
    "compositeId",
    "copyMapEntry",
    "renameMapEntry",
    "encode",
    "decode",
    "toString",
    "elementAt",
    "getMatchedRegexGroup",
    "matchRegex",
    "manipulateDate",
    "putIfAbsent",
    "putIfPresent",
    "randomPassword",
    "replaceString",
    "replaceFirstString",
    "replaceLastString",
    "replaceAllString",
    "resolveEntityIds",
    "splitStringToArray",
    "substring",
    "toUpperCaseString",
    "toLowerCaseString",
];

impl Call {
    /// Builds a function from its object in the document. Problems go to the parameters' list.
    pub fn compile(name: &str, params: &mut Params<'_, '_>, settings: &Settings) -> Option<Call> {
        let condition = params.condition("condition", settings);
        params.flag("applyOnElements");
        let on_attribute = params.plain("applyOnAttribute").or_else(|| params.plain("applyOnJsonAttribute"));
        let assign_to = params.plain("assignToAttribute");
        let name = NAMES.iter().find(|known| **known == name)?;
        let kind = match *name {
            "concatString" | "compositeId" | "encode" | "decode" | "toString" | "replaceString"
            | "substring" | "toUpperCaseString" | "toLowerCaseString" => {
                text::Text::compile(name, params).map(Kind::Text)
            }
            "getMatchedRegexGroup"
            | "matchRegex"
            | "replaceFirstString"
            | "replaceLastString"
            | "replaceAllString" => patterns::Pattern::compile(name, params).map(Kind::Pattern),
            "copyMapEntry" | "renameMapEntry" | "putIfAbsent" | "putIfPresent" => {
                entries::Entry::compile(name, params).map(Kind::Entry)
            }
            "elementAt" => list::ElementAt::compile(params).map(Kind::ElementAt),
            "splitStringToArray" => list::Split::compile(params).map(Kind::Split),
            "convertCountryCode" => country::Country::compile(params).map(Kind::Country),
            "convertCountryRegion" => country::Region::compile(params).map(Kind::Region),
            "convertLocaleCode" => locale::Locale::compile(params).map(Kind::Locale),
            "convertTimezoneCode" => timezone::Timezone::compile(params).map(Kind::Timezone),
            "manipulateDate" => {
                date::ManipulateDate::compile(params, settings).map(|date| Kind::Date(Box::new(date)))
            }
            "randomPassword" => password::Password::compile(params).map(Kind::Password),
            _ => Some(Kind::Resolve(resolve::Resolve::compile(params))),
        };
        params.finish();
        Some(Call { name, kind: kind?, condition, on_attribute, assign_to })
    }

    /// The function makes a value of its own; the mapping needs no source.
    pub fn makes_value(&self) -> bool {
        matches!(self.kind, Kind::Password(_))
    }

    /// The function has an answer for a missing value.
    pub fn accepts_missing(&self) -> bool {
        matches!(self.kind, Kind::Password(_) | Kind::Timezone(_))
    }

    /// The function needs randomness.
    pub fn needs_random(&self) -> bool {
        matches!(self.kind, Kind::Password(_))
    }

    /// The function asks for relations.
    pub fn needs_relations(&self) -> bool {
        matches!(self.kind, Kind::Resolve(_))
    }

    /// Applies the function to a value; a missing one only if it accepts that.
    pub fn apply<'a>(&'a self, value: Option<Value<'a>>, env: &mut Env<'_, '_, 'a>) -> Outcome<'a> {
        let Some(value) = value else { return self.make(&Value::Null, env) };
        match value {
            Value::Array(items) if !matches!(self.kind, Kind::ElementAt(_)) => {
                let mut results = Vec::with_capacity(items.len());
                for item in items {
                    if !env.scope.budget.step(1) {
                        break;
                    }
                    self.element(item, env, &mut results)?;
                }
                Ok(Some(Value::Array(results.into())))
            }
            value if self.is_plain() => self.one(value, env),
            value => {
                let mut results = Vec::with_capacity(1);
                self.element(value, env, &mut results)?;
                if results.len() > 1 {
                    return Ok(Some(Value::Array(results.into())));
                }
                Ok(results.pop())
            }
        }
    }

    /// `null` and missing, for the functions that have an answer to that.
    fn make<'a>(&'a self, current: &Value<'a>, env: &mut Env<'_, '_, 'a>) -> Outcome<'a> {
        if self.condition.as_ref().is_some_and(|condition| !condition.holds(current, env.scope)) {
            return Ok(None);
        }
        match &self.kind {
            Kind::Timezone(timezone) => Ok(Some(timezone.fallback())),
            Kind::Password(password) => password.make(env).map(Some),
            _ => Ok(None),
        }
    }

    /// One value, or one element of a list, with the condition and the attribute in view.
    fn element<'a>(
        &'a self,
        value: Value<'a>,
        env: &mut Env<'_, '_, 'a>,
        results: &mut Vec<Value<'a>>,
    ) -> Result<(), String> {
        if self.condition.as_ref().is_some_and(|condition| !condition.holds(&value, env.scope)) {
            results.push(value);
            return Ok(());
        }
        let attribute = match (&self.on_attribute, &self.kind, &value) {
            (Some(name), ..) => Some(name.as_ref()),
            // An object stands for its `value` where identifiers are resolved.
            (None, Kind::Resolve(_), Value::Object(_)) => Some("value"),
            _ => None,
        };
        let Some(attribute) = attribute else { return self.plain(value, env, results) };
        let Value::Object(members) = value else {
            results.push(value);
            return Ok(());
        };
        let Some(input) = crate::value::find(&members, attribute).filter(|input| !input.is_null()).cloned()
        else {
            results.push(Value::Object(members));
            return Ok(());
        };
        let mut made = Vec::new();
        match input {
            Value::Array(items) if !matches!(self.kind, Kind::ElementAt(_)) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    self.plain(item, env, &mut list)?;
                }
                made.push(Value::Array(list.into()));
            }
            input => self.plain(input, env, &mut made)?,
        }
        let target = self.assign_to.as_deref().unwrap_or(attribute);
        let last = made.pop();
        for value in made {
            let mut copy = members.clone();
            crate::value::set(&mut copy, Cow::Borrowed(target), value);
            results.push(Value::Object(copy.into()));
        }
        if let Some(value) = last {
            let mut members = members;
            crate::value::set(&mut members, Cow::Borrowed(target), value);
            results.push(Value::Object(members));
        }
        Ok(())
    }

    /// Nothing decides what the function applies to, and it makes one value of one.
    fn is_plain(&self) -> bool {
        self.condition.is_none() && self.on_attribute.is_none() && !matches!(self.kind, Kind::Resolve(_))
    }

    /// The function itself.
    fn plain<'a>(
        &'a self,
        value: Value<'a>,
        env: &mut Env<'_, '_, 'a>,
        results: &mut Vec<Value<'a>>,
    ) -> Result<(), String> {
        if let Kind::Resolve(resolve) = &self.kind {
            return if value.is_null() { Ok(()) } else { resolve.apply(&value, env, results) };
        }
        results.extend(self.one(value, env)?);
        Ok(())
    }

    /// A function that makes one value of one.
    fn one<'a>(&'a self, value: Value<'a>, env: &mut Env<'_, '_, 'a>) -> Outcome<'a> {
        Ok(match &self.kind {
            Kind::Timezone(timezone) => Some(timezone.convert(&value)),
            Kind::Password(password) => Some(password.make(env)?),
            _ if value.is_null() => None,
            Kind::Text(text) => text.apply(value, env)?,
            Kind::Pattern(pattern) => pattern.apply(value, env)?,
            Kind::Entry(entry) => Some(entry.apply(value, env)?),
            Kind::ElementAt(element_at) => element_at.apply(value, env)?,
            Kind::Split(split) => Some(split.apply(value, env)?),
            Kind::Country(country) => Some(country.apply(value)),
            Kind::Region(region) => Some(region.apply(value)),
            Kind::Locale(locale) => Some(locale.apply(&value)),
            Kind::Date(date) => Some(date.apply(&value, env)?),
            Kind::Resolve(_) => None,
        })
    }
}
