//! Countries and their regions (ISO 3166).

use std::borrow::Cow;

use super::params::Params;
use crate::value::{Member, Value, find, set};

/// `alpha-2 TAB alpha-3 TAB numeric TAB name TAB ISO name`
const COUNTRIES: &str = include_str!("../../data/countries.tsv");
/// `code TAB name`, as in `US-AL TAB Alabama`
const REGIONS: &str = include_str!("../../data/subdivisions.tsv");

pub(super) struct Country {
    format: &'static str,
    input: Vec<Box<str>>,
    output: Box<str>,
}

impl Country {
    pub fn compile(params: &mut Params<'_, '_>) -> Option<Self> {
        let format = params.choice("outputFormat", &["fullName", "alpha2", "alpha3", "numeric"]);
        let (input, output) = (params.names("inputAttributes"), params.required_plain("outputAttribute"));
        Some(Country { format: format?, input: input?, output: output? })
    }

    /// Writes the country of an object in the wanted form; one it does not know stays.
    pub fn apply<'a>(&'a self, value: Value<'a>) -> Value<'a> {
        let mut members = match value {
            Value::Object(members) => members,
            other => return other,
        };
        let row = self.input.iter().find_map(|name| country(&text_of(&members, name)?));
        if let Some([alpha2, alpha3, numeric, name]) = row {
            let form = match self.format {
                "alpha2" => alpha2,
                "alpha3" => alpha3,
                "numeric" => numeric,
                _ => name,
            };
            if !form.is_empty() {
                set(&mut members, Cow::Borrowed(&self.output), Value::String(Cow::Borrowed(form)));
            }
        }
        Value::Object(members)
    }
}

pub(super) struct Region {
    full_name: bool,
    input: Vec<Box<str>>,
    output: Box<str>,
}

impl Region {
    pub fn compile(params: &mut Params<'_, '_>) -> Option<Self> {
        let format = params.choice("outputFormat", &["fullName", "alpha2"]);
        let (input, output) = (params.names("inputAttributes"), params.required_plain("outputAttribute"));
        Some(Region { full_name: format? == "fullName", input: input?, output: output? })
    }

    /// The first input attribute is the region, the second its country.
    pub fn apply<'a>(&'a self, value: Value<'a>) -> Value<'a> {
        let mut members = match value {
            Value::Object(members) => members,
            other => return other,
        };
        let attribute = |place: usize| text_of(&members, self.input.get(place)?);
        if let Some((code, name)) = attribute(0).and_then(|text| region(&text, attribute(1).as_deref())) {
            let form = if self.full_name { name } else { code };
            set(&mut members, Cow::Borrowed(&self.output), Value::String(Cow::Borrowed(form)));
        }
        Value::Object(members)
    }
}

fn text_of(members: &[Member<'_>], name: &str) -> Option<String> {
    let value = find(members, name)?;
    match value {
        Value::String(_) | Value::Number(_) => Some(value.to_text().into_owned()),
        _ => None,
    }
}

/// Alpha-2, alpha-3, numeric code and name of the country that a text names in any form.
fn country(text: &str) -> Option<[&'static str; 4]> {
    let wanted = text.trim();
    let number = if wanted.bytes().all(|b| b.is_ascii_digit()) { wanted.parse::<u16>().ok() } else { None };
    COUNTRIES.lines().find_map(|line| {
        let mut fields = line.split('\t');
        let [alpha2, alpha3, numeric, name, iso] = [(); 5].map(|()| fields.next().unwrap_or_default());
        let is = |field: &str| !field.is_empty() && field.to_lowercase() == wanted.to_lowercase();
        let found = match number {
            Some(number) => numeric.parse() == Ok(number),
            None => !wanted.is_empty() && [alpha2, alpha3, name, iso].iter().any(|field| is(field)),
        };
        found.then_some([alpha2, alpha3, numeric, name])
    })
}

/// Code and name of a region given as `US-AL`, as `AL` with its country, or by its name.
fn region(text: &str, country_text: Option<&str>) -> Option<(&'static str, &'static str)> {
    let wanted = text.trim().to_lowercase();
    let alpha2 = country_text.and_then(country).map(|row| row[0]);
    let rows = || REGIONS.lines().filter_map(|line| line.split_once('\t'));
    if let Some(found) = rows().find(|(code, _)| code.to_lowercase() == wanted) {
        return Some(found);
    }
    let of_country =
        || rows().filter(|(code, _)| alpha2.is_none_or(|alpha2| code.split('-').next() == Some(alpha2)));
    if alpha2.is_some()
        && let Some(found) = of_country()
            .find(|(code, _)| code.split_once('-').is_some_and(|(_, part)| part.to_lowercase() == wanted))
    {
        return Some(found);
    }
    of_country().find(|(_, name)| name.to_lowercase() == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_countries_in_any_form() {
        for text in ["US", "usa", "840", "United States", "united states of america"] {
            assert_eq!(country(text), Some(["US", "USA", "840", "United States"]), "{text}");
        }
        assert_eq!(country("8").map(|row| row[0]), Some("AL"));
        assert_eq!(country("Atlantis"), None);
        assert_eq!(country(""), None);
    }

    #[test]
    fn finds_regions() {
        let alabama = Some(("US-AL", "Alabama"));
        assert_eq!(region("US-AL", None), alabama);
        assert_eq!(region("al", Some("United States")), alabama);
        assert_eq!(region("alabama", Some("US")), alabama);
        assert_eq!(region("Alabama", None), alabama);
        assert_eq!(region("AL", None), None);
        assert_eq!(region("Nowhere", Some("US")), None);
        assert_eq!(region("Alabama", Some("DE")), None);
    }
}
