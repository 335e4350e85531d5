//! The directory against a naive model: the same random requests, the same answers.
//!
//! The model keeps resources in a list and looks at every one of them. A seed by hand: GANGWAY_MODEL_SEED=7.

use super::*;
use crate::tests::robust::Dice;
use serde_json::Map;
use std::collections::BTreeSet;

const STEPS: usize = 250;

#[derive(Clone, Debug)]
struct One {
    id: String,
    group: bool,
    content: Map<String, Value>,
    modified: String,
}

#[derive(Default)]
struct Model {
    all: Vec<One>,
    /// (group, member).
    edges: BTreeSet<(String, String)>,
}

#[derive(Clone, Debug)]
enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Present(&'static str),
    Compare(&'static str, &'static str, String),
}

const NAMES: [&str; 12] =
    ["ann", "Anna", "annabel", "bob", "BOBBY", "Émile", "emile", "zoë", "Zoe", "carl", "a", "ß"];
const TITLES: [&str; 5] = ["Captain", "captain", "Mate", "mate 2", "Stoker"];
const USER_PATHS: [&str; 7] = [
    "userName",
    "title",
    "externalId",
    "emails.value",
    "name.familyName",
    "meta.lastModified",
    "groups.value",
];
const GROUP_PATHS: [&str; 3] = ["displayName", "externalId", "members.value"];
const OPERATORS: [&str; 9] = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];

fn exact(path: &str) -> bool {
    matches!(path, "externalId" | "groups.value" | "members.value")
}

impl Filter {
    fn random(dice: &mut Dice, model: &Model, group: bool, depth: usize) -> Self {
        let inner = |dice: &mut Dice| Box::new(Self::random(dice, model, group, depth - 1));
        match if depth == 0 { 4 } else { dice.below(8) } {
            0 | 1 => Self::And(inner(dice), inner(dice)),
            2 => Self::Or(inner(dice), inner(dice)),
            3 => Self::Not(inner(dice)),
            _ => {
                let path = if group { GROUP_PATHS[dice.below(3)] } else { USER_PATHS[dice.below(7)] };
                if dice.below(8) == 0 {
                    return Self::Present(path);
                }
                let mut operator = OPERATORS[dice.below(9)];
                let some = |dice: &mut Dice| {
                    (!model.all.is_empty()).then(|| model.all[dice.below(model.all.len())].clone())
                };
                let value = match path {
                    "userName" | "name.familyName" => NAMES[dice.below(12)].to_owned(),
                    "title" => TITLES[dice.below(5)].to_owned(),
                    "emails.value" => format!("{}@x.org", NAMES[dice.below(12)]),
                    "meta.lastModified" => {
                        if matches!(operator, "co" | "sw" | "ew" | "ne") {
                            operator = "gt";
                        }
                        some(dice).map_or_else(|| "2026-01-01T00:00:00Z".to_owned(), |one| one.modified)
                    }
                    "groups.value" | "members.value" => {
                        operator = "eq";
                        some(dice).map_or_else(|| "none".to_owned(), |one| one.id)
                    }
                    _ => format!("x{}", dice.below(20)),
                };
                Self::Compare(path, operator, value)
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Self::And(a, b) => format!("({}) and ({})", a.text(), b.text()),
            Self::Or(a, b) => format!("({}) or ({})", a.text(), b.text()),
            Self::Not(a) => format!("not ({})", a.text()),
            Self::Present(path) => format!("{path} pr"),
            Self::Compare(path, operator, value) => format!("{path} {operator} {}", json!(value)),
        }
    }

    fn matches(&self, model: &Model, one: &One) -> bool {
        match self {
            Self::And(a, b) => a.matches(model, one) && b.matches(model, one),
            Self::Or(a, b) => a.matches(model, one) || b.matches(model, one),
            Self::Not(a) => !a.matches(model, one),
            Self::Present(path) => !model.values(one, path).is_empty(),
            Self::Compare(path, operator, value) => {
                let fold = |text: &str| if exact(path) { text.to_owned() } else { text.to_lowercase() };
                let wanted = fold(value);
                let values: Vec<String> = model.values(one, path).iter().map(|v| fold(v)).collect();
                if *operator == "ne" {
                    return values.is_empty() || values.iter().any(|v| *v != wanted);
                }
                values.iter().any(|v| match *operator {
                    "eq" => *v == wanted,
                    "co" => v.contains(&wanted),
                    "sw" => v.starts_with(&wanted),
                    "ew" => v.ends_with(&wanted),
                    "gt" => *v > wanted,
                    "ge" => *v >= wanted,
                    "lt" => *v < wanted,
                    _ => *v <= wanted,
                })
            }
        }
    }
}

impl Model {
    fn values(&self, one: &One, path: &str) -> Vec<String> {
        let texts =
            |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned).into_iter().collect();
        match path {
            "meta.lastModified" => vec![one.modified.clone()],
            "groups.value" => self.edges.iter().filter(|e| e.1 == one.id).map(|e| e.0.clone()).collect(),
            "members.value" => self.edges.iter().filter(|e| e.0 == one.id).map(|e| e.1.clone()).collect(),
            "name.familyName" => texts(one.content.get("name").and_then(|n| n.get("familyName"))),
            "emails.value" => {
                let emails = one.content.get("emails").and_then(Value::as_array).cloned().unwrap_or_default();
                emails.iter().map(|e| e["value"].as_str().unwrap().to_owned()).collect()
            }
            _ => texts(one.content.get(path)),
        }
    }

    fn taken(&self, group: bool, name: &str, but: &str) -> bool {
        let key = if group { "displayName" } else { "userName" };
        let folded = name.to_lowercase();
        self.all.iter().any(|o| {
            o.group == group && o.id != but && o.content[key].as_str().unwrap().to_lowercase() == folded
        })
    }
}

struct Run {
    d: Directory,
    model: Model,
    dice: Dice,
    seed: u64,
}

impl Run {
    fn pick(&mut self, group: bool) -> Option<usize> {
        let of: Vec<_> = (0..self.model.all.len()).filter(|n| self.model.all[*n].group == group).collect();
        (!of.is_empty()).then(|| of[self.dice.below(of.len())])
    }

    fn path(one: &One) -> String {
        format!("/{}/{}", if one.group { "Groups" } else { "Users" }, one.id)
    }

    /// When a resource was last changed is the directory's to say, once.
    fn refresh(&mut self, id: &str) {
        if let Some(one) = self.model.all.iter_mut().find(|o| o.id == id) {
            let now = get(&self.d, &Self::path(one));
            one.modified = now["meta"]["lastModified"].as_str().unwrap().to_owned();
        }
    }

    fn content(&mut self, group: bool) -> Map<String, Value> {
        let mut content = Map::new();
        let name = format!("{}{}", NAMES[self.dice.below(12)], self.dice.below(6));
        content.insert(if group { "displayName" } else { "userName" }.to_owned(), json!(name));
        if self.dice.below(2) == 0 {
            content.insert("externalId".to_owned(), json!(format!("x{}", self.dice.below(20))));
        }
        if !group {
            if self.dice.below(2) == 0 {
                content.insert("title".to_owned(), json!(TITLES[self.dice.below(5)]));
            }
            if self.dice.below(2) == 0 {
                content.insert("name".to_owned(), json!({ "familyName": NAMES[self.dice.below(12)] }));
            }
            let emails: Vec<_> = (0..self.dice.below(3))
                .map(|n| json!({ "value": format!("{}@x.org", NAMES[self.dice.below(12)]), "type": format!("t{n}") }))
                .collect();
            if !emails.is_empty() {
                content.insert("emails".to_owned(), json!(emails));
            }
        }
        content
    }

    fn step(&mut self) {
        let group = self.dice.below(4) == 0;
        match self.dice.below(10) {
            0..=3 => self.create(group),
            4 => self.replace(group),
            5 | 6 => self.patch(),
            7 | 8 => self.membership(),
            _ => self.delete(group),
        }
    }

    fn create(&mut self, group: bool) {
        let content = self.content(group);
        let mut body = content.clone();
        body.insert("schemas".to_owned(), json!([if group { GROUP } else { USER }]));
        let name = content[if group { "displayName" } else { "userName" }].as_str().unwrap().to_owned();
        let reply =
            call(&self.d, "POST", if group { "/Groups" } else { "/Users" }, Some(Value::Object(body)));
        if self.model.taken(group, &name, "") {
            assert_eq!(reply.status, 409, "seed {}", self.seed);
            return;
        }
        let body = reply.body.unwrap();
        assert_eq!(reply.status, 201, "seed {}: {body}", self.seed);
        let id = body["id"].as_str().unwrap().to_owned();
        self.model.all.push(One { id: id.clone(), group, content, modified: String::new() });
        self.refresh(&id);
    }

    fn replace(&mut self, group: bool) {
        let Some(at) = self.pick(group) else { return };
        let content = self.content(group);
        let one = self.model.all[at].clone();
        let mut body = content.clone();
        body.insert("schemas".to_owned(), json!([if group { GROUP } else { USER }]));
        let name = content[if group { "displayName" } else { "userName" }].as_str().unwrap().to_owned();
        let reply = call(&self.d, "PUT", &Self::path(&one), Some(Value::Object(body)));
        if self.model.taken(group, &name, &one.id) {
            assert_eq!(reply.status, 409, "seed {}", self.seed);
            return;
        }
        assert_eq!(reply.status, 200, "seed {}: {:?}", self.seed, reply.body);
        self.model.all[at].content = content;
        self.model.edges.retain(|e| e.0 != one.id);
        self.refresh(&one.id);
    }

    fn patch(&mut self) {
        let Some(at) = self.pick(false) else { return };
        let title = TITLES[self.dice.below(5)];
        let name = NAMES[self.dice.below(12)];
        let (kind, op) = (self.dice.below(5), ["replace", "Replace", "add", "ADD"][self.dice.below(4)]);
        let one = &mut self.model.all[at];
        let operation = match kind {
            0 => {
                one.content.insert("title".to_owned(), json!(title));
                json!({ "op": op, "path": "TITLE", "value": title })
            }
            1 => {
                one.content.shift_remove("title");
                json!({ "op": "remove", "path": "title" })
            }
            2 => {
                one.content.insert("name".to_owned(), json!({ "familyName": name }));
                json!({ "op": op, "value": { "name.familyName": name } })
            }
            3 => {
                let new = json!({ "value": format!("{name}@x.org"), "type": "extra" });
                let emails = one.content.entry("emails").or_insert_with(|| json!([])).as_array_mut().unwrap();
                if !emails.contains(&new) {
                    emails.push(new.clone());
                }
                json!({ "op": "add", "path": "emails", "value": [new] })
            }
            _ => {
                let mut there = false;
                if let Some(Value::Array(emails)) = one.content.get_mut("emails") {
                    there = emails.iter().any(|e| e["type"] == "extra");
                    emails.retain(|e| e["type"] != "extra");
                    if emails.is_empty() {
                        one.content.shift_remove("emails");
                    }
                }
                let operation = json!({ "op": "remove", "path": "emails[type eq \"extra\"]" });
                let (path, id) = (Self::path(one), one.id.clone());
                let reply = patch(&self.d, &path, json!([operation]));
                assert_eq!(
                    reply.status,
                    if there { 200 } else { 400 },
                    "seed {}: {:?}",
                    self.seed,
                    reply.body
                );
                self.refresh(&id);
                return;
            }
        };
        let (path, id) = (Self::path(one), one.id.clone());
        let reply = patch(&self.d, &path, json!([operation]));
        assert_eq!(reply.status, 200, "seed {}: {:?}", self.seed, reply.body);
        self.refresh(&id);
    }

    fn membership(&mut self) {
        let nested = self.dice.below(4) == 0;
        let (Some(group), Some(member)) = (self.pick(true), self.pick(nested)) else { return };
        let (group, member) = (self.model.all[group].clone(), self.model.all[member].clone());
        if group.id == member.id {
            return;
        }
        let edge = (group.id.clone(), member.id.clone());
        let operation = match self.dice.below(3) {
            0 => {
                self.model.edges.remove(&edge);
                json!({ "op": "remove", "path": format!("members[value eq \"{}\"]", member.id) })
            }
            _ => {
                self.model.edges.insert(edge);
                json!({ "op": "add", "path": "members", "value": [{ "value": member.id }] })
            }
        };
        let reply = patch(&self.d, &Self::path(&group), json!([operation]));
        assert_eq!(reply.status, 200, "seed {}: {:?}", self.seed, reply.body);
        self.refresh(&group.id);
    }

    fn delete(&mut self, group: bool) {
        let Some(at) = self.pick(group) else { return };
        let one = self.model.all.remove(at);
        assert_eq!(call(&self.d, "DELETE", &Self::path(&one), None).status, 204, "seed {}", self.seed);
        let groups: Vec<_> = self.model.edges.iter().filter(|e| e.1 == one.id).map(|e| e.0.clone()).collect();
        self.model.edges.retain(|e| e.0 != one.id && e.1 != one.id);
        for group in groups {
            self.refresh(&group);
        }
    }

    /// A list by a random filter, sorted or not, paged in one of three ways.
    fn ask(&mut self) {
        let group = self.dice.below(4) == 0;
        let endpoint = if group { "/Groups" } else { "/Users" };
        let filter = (self.dice.below(5) > 0).then(|| Filter::random(&mut self.dice, &self.model, group, 2));
        let model = &self.model;
        let mut expected: Vec<&One> = model
            .all
            .iter()
            .filter(|o| o.group == group && filter.as_ref().is_none_or(|f| f.matches(model, o)))
            .collect();
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(filter) = &filter {
            query.append_pair("filter", &filter.text());
        }
        let count = 1 + self.dice.below(7);
        query.append_pair("count", &count.to_string());
        let way = self.dice.below(4);
        if way == 0 {
            let path = if group {
                "displayName"
            } else {
                ["userName", "title", "meta.lastModified"][self.dice.below(3)]
            };
            let descending = self.dice.below(2) == 0;
            query.append_pair("sortBy", path);
            query.append_pair("sortOrder", if descending { "descending" } else { "ascending" });
            let key = |one: &One| model.values(one, path).first().map(|v| v.to_lowercase());
            expected.sort_by(|a, b| {
                let order = match (key(a), key(b)) {
                    (None, None) => std::cmp::Ordering::Equal,
                    (None, _) => std::cmp::Ordering::Greater,
                    (_, None) => std::cmp::Ordering::Less,
                    (a, b) => a.cmp(&b),
                };
                if descending { order.reverse() } else { order }
            });
        } else if way == 3 {
            expected.sort_by(|a, b| a.id.cmp(&b.id));
        }
        let expected: Vec<_> = expected.into_iter().map(|o| o.id.clone()).collect();
        let query = query.finish();
        let (mut seen, mut next) = (
            Vec::new(),
            match way {
                2 => String::new(),
                3 => "initial".to_owned(),
                _ => "1".to_owned(),
            },
        );
        loop {
            let parameter = ["startIndex", "startIndex", "cursor", "startId"][way];
            let page = get(&self.d, &format!("{endpoint}?{query}&{parameter}={next}"));
            let ids: Vec<_> = page["Resources"]
                .as_array()
                .unwrap()
                .iter()
                .map(|r| r["id"].as_str().unwrap().to_owned())
                .collect();
            if way < 2 {
                assert_eq!(page["totalResults"], expected.len(), "seed {}: {:?}", self.seed, filter);
            }
            let full = ids.len() == count;
            seen.extend(ids);
            next = match way {
                2 => match page.get("nextCursor") {
                    Some(cursor) => cursor.as_str().unwrap().to_owned(),
                    None => break,
                },
                3 if page["nextId"] == "end" => break,
                3 => page["nextId"].as_str().unwrap().to_owned(),
                _ if full => (seen.len() + 1).to_string(),
                _ => break,
            };
        }
        assert_eq!(
            seen,
            expected,
            "seed {}: {} {query}",
            self.seed,
            filter.map_or_else(String::new, |f| f.text())
        );
    }

    /// Every single resource.
    fn compare(&self) {
        for one in &self.model.all {
            let body = get(&self.d, &Self::path(one));
            for (name, value) in &one.content {
                assert_eq!(body.get(name), Some(value), "seed {}: {body}", self.seed);
            }
            for name in ["title", "externalId", "emails", "name"] {
                assert_eq!(
                    body.get(name).is_some(),
                    one.content.contains_key(name),
                    "seed {}: {body}",
                    self.seed
                );
            }
            let (key, side) =
                if one.group { ("members", "members.value") } else { ("groups", "groups.value") };
            let shown = body.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
            let shown: BTreeSet<_> = shown.iter().map(|m| m["value"].as_str().unwrap().to_owned()).collect();
            let expected: BTreeSet<_> = self.model.values(one, side).into_iter().collect();
            assert_eq!(shown, expected, "seed {}: {body}", self.seed);
        }
        let report = self.d.check().unwrap();
        assert_eq!(report.problems, [""; 0], "seed {}", self.seed);
        assert_eq!(report.users + report.groups, self.model.all.len() as u64);
    }
}

fn run(seed: u64, steps: usize) {
    let mut run = Run { d: directory(), model: Model::default(), dice: Dice::new(seed), seed };
    for step in 0..steps {
        run.step();
        if step % 3 == 0 {
            run.ask();
        }
    }
    run.compare();
}

#[test]
fn random_requests_are_answered_as_a_naive_model_answers_them() {
    match std::env::var("GANGWAY_MODEL_SEED").ok().and_then(|s| s.parse().ok()) {
        Some(seed) => run(seed, STEPS),
        None => (1..=12).for_each(|seed| run(seed, STEPS)),
    }
}

#[test]
fn a_check_finds_what_contradicts() {
    let d = directory();
    let ann = user(&d, "ann", json!({ "emails": [{ "value": "a@x" }] }));
    group(&d, "crew", &[&ann]);
    assert_eq!(d.check().unwrap().problem_count, 0);
    d.committer
        .write(|writer| {
            writer.tables.index.remove((1, "ann", 1))?;
            writer.tables.index.insert((1, "nobody", 7), ())?;
            writer.tables.memberships.remove((1, 2))?;
            Ok(())
        })
        .unwrap();
    let report = d.check().unwrap();
    assert_eq!(report.problem_count, 3, "{report:?}");
    assert!(report.problems.iter().any(|p| p.contains(&ann) && p.contains("userName")), "{report:?}");
}
