//! Countries and their regions (ISO 3166).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

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

/// Alpha-2, alpha-3, numeric code and name.
type Row = [&'static str; 4];

/// Every form of a country, in lower case, and its row. Built at the first use.
fn countries() -> &'static HashMap<String, Row> {
    static INDEX: OnceLock<HashMap<String, Row>> = OnceLock::new();
    INDEX.get_or_init(|| {
        let mut index = HashMap::new();
        for line in COUNTRIES.lines() {
            let mut fields = line.split('\t');
            let [alpha2, alpha3, numeric, name, iso] = [(); 5].map(|()| fields.next().unwrap_or_default());
            for form in [alpha2, alpha3, numeric, name, iso] {
                if !form.is_empty() {
                    index.entry(form.to_lowercase()).or_insert([alpha2, alpha3, numeric, name]);
                }
            }
        }
        index
    })
}

/// The country that a text names in any form.
fn country(text: &str) -> Option<Row> {
    let wanted = text.trim();
    let is_number = !wanted.is_empty() && wanted.len() <= 3 && wanted.bytes().all(|b| b.is_ascii_digit());
    let key = if is_number { format!("{wanted:0>3}") } else { wanted.to_lowercase() };
    countries().get(&key).copied()
}

type Pair = (&'static str, &'static str);

/// Codes of regions, names of regions within a country (`us/alabama`) and names alone, in lower
/// case. Built at the first use.
fn regions() -> &'static HashMap<String, Pair> {
    static INDEX: OnceLock<HashMap<String, Pair>> = OnceLock::new();
    INDEX.get_or_init(|| {
        let mut index = HashMap::new();
        for (code, name) in REGIONS.lines().filter_map(|line| line.split_once('\t')) {
            let country = code.split('-').next().unwrap_or_default().to_lowercase();
            let lower = name.to_lowercase();
            index.entry(code.to_lowercase()).or_insert((code, name));
            index.entry(format!("{country}/{lower}")).or_insert((code, name));
            index.entry(format!("/{lower}")).or_insert((code, name));
        }
        index
    })
}

/// Code and name of a region given as `US-AL`, as `AL` with its country, or by its name.
fn region(text: &str, country_text: Option<&str>) -> Option<Pair> {
    let wanted = text.trim().to_lowercase();
    let find = |key: String| regions().get(&key).copied();
    let exact = if wanted.contains('-') { find(wanted.clone()) } else { None };
    exact.or_else(|| match country_text.and_then(country) {
        Some([alpha2, ..]) => {
            let alpha2 = alpha2.to_lowercase();
            find(format!("{alpha2}-{wanted}")).or_else(|| find(format!("{alpha2}/{wanted}")))
        }
        None => find(format!("/{wanted}")),
    })
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
