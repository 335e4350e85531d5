//! The people, made from a seed: the same number is the same person in every instance and on every machine.

use gangway_sdk::Result;
use gangway_sdk::system::Properties;
use serde::{Deserialize, Serialize};
use serde_json::json;

const GIVEN: [&str; 12] =
    ["Ada", "Björn", "Chloé", "D'Arcy", "Éva", "Farid", "Grete", "Hüseyin", "Ines", "Jörg", "Kōji", "Łucja"];
const FAMILY: [&str; 12] = [
    "Byron",
    "Müller",
    "O'Neil",
    "da Silva",
    "Ångström",
    "Nguyễn",
    "Smith-Jones",
    "Weiß",
    "Çelik",
    "Novák",
    "García",
    "Lee",
];

/// Who there is at first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct People {
    users: u64,
    groups: u64,
    first: u64,
    seed: u64,
    revision: String,
}

/// A number that looks random and is not.
fn mix(seed: u64, number: u64) -> u64 {
    let mut z =
        seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn pick<'a>(names: &[&'a str], number: u64) -> &'a str {
    names.get((number % names.len() as u64) as usize).copied().unwrap_or_default()
}

impl People {
    pub(crate) fn new(properties: &Properties) -> Result<Self> {
        Ok(People {
            users: properties.number("chaos.users", 0, 0..=100_000_000)?,
            groups: properties.number("chaos.groups", 0, 0..=1_000_000)?,
            first: properties.number("chaos.first", 1, 1..=100_000_000)?,
            seed: properties.number("chaos.seed", 1, 0..=u64::MAX)?,
            revision: properties.get_or("chaos.revision", "0").to_owned(),
        })
    }

    /// How many there are of a type.
    pub(crate) fn count(&self, entity_type: &str) -> u64 {
        match entity_type {
            "user" => (self.users + 1).saturating_sub(self.first),
            "group" => self.groups,
            _ => 0,
        }
    }

    /// The identifier of the one at a place, counted from zero.
    pub(crate) fn id(&self, entity_type: &str, place: u64) -> String {
        match entity_type {
            "user" => format!("u{:07}", self.first + place),
            _ => format!("g{:05}", place + 1),
        }
    }

    /// The place of an identifier.
    pub(crate) fn place(&self, entity_type: &str, id: &str) -> Option<u64> {
        let number: u64 = id.get(1..)?.parse().ok()?;
        let place = number.checked_sub(if entity_type == "user" { self.first } else { 1 })?;
        (place < self.count(entity_type) && self.id(entity_type, place) == id).then_some(place)
    }

    /// The one at a place.
    pub(crate) fn json(&self, entity_type: &str, place: u64) -> String {
        let id = self.id(entity_type, place);
        if entity_type == "user" {
            let number = self.first + place;
            let random = mix(self.seed, number);
            json!({
                "id": id,
                "userName": format!("user{number}"),
                "name": { "givenName": pick(&GIVEN, random), "familyName": pick(&FAMILY, random >> 8) },
                "emails": [{ "value": format!("user{number}@example.com"), "primary": true }],
                "title": format!("Title {}", self.revision),
                "active": !random.is_multiple_of(20),
            })
            .to_string()
        } else {
            let users = self.count("user");
            let members = users.min(10);
            let members: Vec<_> =
                (0..members).map(|n| json!({ "value": self.id("user", (place * 10 + n) % users) })).collect();
            json!({ "id": id, "displayName": format!("Group {}", place + 1), "members": members }).to_string()
        }
    }
}
