//! Parameters of functions: reading them from the document, and what they are worth in a run.

use std::borrow::Cow;

use super::Env;
use super::date_format::DateFormat;
use crate::condition::Condition;
use crate::diagnostic::Problems;
use crate::json;
use crate::nearest::nearest;
use crate::parser::Properties;
use crate::path::Path;
use crate::regex::Regex;
use crate::value::{Member, Value, find};
use crate::variables::Template;

/// What the document's surroundings say to functions.
pub struct Settings {
    /// Properties of the system.
    pub properties: Properties,
    /// The format of `currentDate`, the default of date functions.
    pub date_format: String,
}

/// Where a parameter's text comes from.
pub enum Source {
    /// As written.
    Text(String),
    /// With references to variables.
    Template(Template),
    /// A path into the input.
    Path(Path),
}

impl Source {
    fn of(text: &str) -> Source {
        if let Some(template) = Template::parse(text) {
            return Source::Template(template);
        }
        match path_of(text) {
            Some(Ok(path)) => Source::Path(path),
            _ => Source::Text(text.to_owned()),
        }
    }

    /// The text in this run.
    pub fn text<'a>(&'a self, env: &Env<'_, '_, 'a>) -> Cow<'a, str> {
        match self {
            Source::Text(text) => Cow::Borrowed(text),
            Source::Template(template) => {
                let text = template.expand(env.scope.variables, env.scope.budget);
                match path_of(&text) {
                    Some(Ok(path)) => read_text(&path, env),
                    _ => Cow::Owned(text),
                }
            }
            Source::Path(path) => read_text(path, env),
        }
    }
}

/// A text that is `$`, or starts with `$.` or `$[`, is a path.
fn path_of(text: &str) -> Option<Result<Path, String>> {
    if text == "$" || text.starts_with("$.") || text.starts_with("$[") {
        return Some(Path::parse(text).map_err(|error| error.to_string()));
    }
    None
}

/// The text of what a path finds, of a list the first element; nothing is the empty text.
fn read_text<'a>(path: &Path, env: &Env<'_, '_, 'a>) -> Cow<'a, str> {
    let found = path.read(env.scope.input, env.scope).first();
    let Some(value) = found.filter(|value| !value.is_null()) else { return Cow::Borrowed("") };
    if let Cow::Borrowed(Value::String(Cow::Borrowed(text))) = value {
        env.scope.budget.text(text.len());
        return Cow::Borrowed(*text);
    }
    let text = value.to_text();
    env.scope.budget.text(text.len());
    Cow::Owned(text.into_owned())
}

/// A whole number.
pub enum Number {
    /// As written.
    Fixed(i64),
    /// Known in the run.
    Template(Template),
}

impl Number {
    /// The number in this run.
    pub fn get(&self, env: &Env<'_, '_, '_>) -> Result<i64, String> {
        match self {
            Number::Fixed(number) => Ok(*number),
            Number::Template(template) => {
                let text = template.expand(env.scope.variables, env.scope.budget);
                json::to_integer(&text).ok_or_else(|| format!("`{text}` is not a whole number"))
            }
        }
    }
}

/// A pattern.
pub enum Pattern {
    /// Compiled once.
    Fixed(Box<Regex>),
    /// With references to variables: compiled in each run.
    Template(Template),
}

/// Reads the parameters of one function and collects what is wrong with them.
pub struct Params<'d, 'p> {
    function: &'d str,
    members: &'d [Member<'d>],
    pointer: String,
    problems: &'p mut Problems,
    known: Vec<&'static str>,
}

impl<'d, 'p> Params<'d, 'p> {
    /// The parameters of the function object at `pointer`.
    pub fn new(
        function: &'d str,
        members: &'d [Member<'d>],
        pointer: String,
        problems: &'p mut Problems,
    ) -> Self {
        Params { function, members, pointer, problems, known: vec!["function", "type"] }
    }

    fn at(&self, name: &str) -> String {
        format!("{}/{}", self.pointer, json::pointer_token(name))
    }

    /// Notes a problem with a parameter.
    pub fn wrong(&mut self, name: &str, message: impl Into<String>) {
        let pointer = self.at(name);
        let message = format!("{}: {}", self.function, message.into());
        self.problems.error(pointer, message);
    }

    fn optional(&mut self, name: &'static str) -> Option<&'d Value<'d>> {
        self.known.push(name);
        find(self.members, name)
    }

    fn required(&mut self, name: &'static str) -> Option<&'d Value<'d>> {
        let value = self.optional(name);
        if value.is_none() {
            let message = format!("{} needs the parameter `{name}`", self.function);
            self.problems.error(self.pointer.clone(), message);
        }
        value
    }

    fn scalar(&mut self, name: &str, value: &'d Value<'d>) -> Option<Cow<'d, str>> {
        match value {
            Value::Array(_) | Value::Object(_) | Value::Null => {
                self.wrong(name, format!("`{name}` is a text, this is {}", value.kind()));
                None
            }
            scalar => Some(scalar.to_text()),
        }
    }

    fn source_of(&mut self, name: &str, value: &'d Value<'d>) -> Option<Source> {
        let text = self.scalar(name, value)?;
        if let (None, Some(Err(message))) = (Template::parse(&text), path_of(&text)) {
            self.wrong(name, format!("`{text}` looks like a path, but is none {message}"));
            return None;
        }
        Some(Source::of(&text))
    }

    /// A required text, which may refer to variables or be a path.
    pub fn source(&mut self, name: &'static str) -> Option<Source> {
        let value = self.required(name)?;
        self.source_of(name, value)
    }

    /// The same, optional.
    pub fn optional_source(&mut self, name: &'static str) -> Option<Source> {
        let value = self.optional(name)?;
        self.source_of(name, value)
    }

    /// An optional text that is taken literally.
    pub fn plain(&mut self, name: &'static str) -> Option<Box<str>> {
        let value = self.optional(name)?;
        self.scalar(name, value).map(|text| text.as_ref().into())
    }

    /// A required text that is taken literally.
    pub fn required_plain(&mut self, name: &'static str) -> Option<Box<str>> {
        let value = self.required(name)?;
        self.scalar(name, value).map(|text| text.as_ref().into())
    }

    /// A required word out of a list.
    pub fn choice(&mut self, name: &'static str, words: &[&'static str]) -> Option<&'static str> {
        let text = self.required_plain(name)?;
        let found = words.iter().find(|word| word.eq_ignore_ascii_case(&text)).copied();
        if found.is_none() {
            self.wrong(name, format!("`{text}` is not one of {}", words.join(", ")));
        }
        found
    }

    /// Required names of attributes.
    pub fn names(&mut self, name: &'static str) -> Option<Vec<Box<str>>> {
        let value = self.required(name)?;
        match value {
            Value::Array(items) => {
                items.iter().map(|item| self.scalar(name, item).map(|text| text.as_ref().into())).collect()
            }
            single => self.scalar(name, single).map(|text| vec![text.as_ref().into()]),
        }
    }

    /// An optional value of any kind.
    pub fn any(&mut self, name: &'static str) -> Option<&'d Value<'d>> {
        self.required(name)
    }

    /// An optional boolean, also as text.
    pub fn flag(&mut self, name: &'static str) -> bool {
        match self.optional(name) {
            None | Some(Value::False) => false,
            Some(Value::True) => true,
            Some(other) => match other.to_text().as_ref() {
                "true" => true,
                "false" => false,
                _ => {
                    self.wrong(name, format!("`{name}` is true or false, this is {}", other.kind()));
                    false
                }
            },
        }
    }

    /// An optional whole number, also as text.
    pub fn number(&mut self, name: &'static str) -> Option<Number> {
        let value = self.optional(name)?;
        let text = self.scalar(name, value)?;
        if let Some(template) = Template::parse(&text) {
            return Some(Number::Template(template));
        }
        let number = json::to_integer(&text).map(Number::Fixed);
        if number.is_none() {
            self.wrong(name, format!("`{name}` is a whole number, this is `{text}`"));
        }
        number
    }

    /// A required whole number.
    pub fn required_number(&mut self, name: &'static str) -> Option<Number> {
        self.required(name)?;
        self.number(name)
    }

    /// A required pattern, matched against the whole text or searched for.
    pub fn pattern(&mut self, name: &'static str, full: bool) -> Option<Pattern> {
        let text = self.required_plain(name)?;
        if let Some(template) = Template::parse(&text) {
            return Some(Pattern::Template(template));
        }
        match if full { Regex::full(&text, "") } else { Regex::search(&text) } {
            Ok(regex) => Some(Pattern::Fixed(Box::new(regex))),
            Err(message) => {
                self.wrong(name, message);
                None
            }
        }
    }

    /// A date format with a default.
    pub fn date_format(&mut self, name: &'static str, default: &str) -> Option<DateFormat> {
        let text = self.plain(name);
        match DateFormat::parse(text.as_deref().unwrap_or(default)) {
            Ok(format) => Some(format),
            Err(message) => {
                self.wrong(name, message);
                None
            }
        }
    }

    /// An optional condition.
    pub fn condition(&mut self, name: &'static str, settings: &Settings) -> Option<Condition> {
        let text = self.plain(name)?;
        match Condition::parse(&text, &settings.properties) {
            Ok(condition) => Some(condition),
            Err(error) => {
                self.wrong(name, format!("the condition [{text}] is wrong {error}"));
                None
            }
        }
    }

    /// Warns about parameters that the function does not have.
    pub fn finish(&mut self) {
        for (name, _) in self.members {
            if !self.known.iter().any(|known| known == name) {
                let near = nearest(name, &self.known)
                    .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                let message = format!("{} has no parameter `{name}`, it is ignored{near}", self.function);
                self.problems.warning(self.at(name), message);
            }
        }
    }
}

/// Matches or replaces with the pattern of this run.
pub fn with_pattern<T>(
    pattern: &Pattern,
    full: bool,
    env: &Env<'_, '_, '_>,
    action: impl FnOnce(&Regex) -> Result<T, String>,
) -> Result<T, String> {
    match pattern {
        Pattern::Fixed(regex) => action(regex),
        Pattern::Template(template) => {
            let text = template.expand(env.scope.variables, env.scope.budget);
            let regex = if full { Regex::full(&text, "") } else { Regex::search(&text) }?;
            action(&regex)
        }
    }
}
