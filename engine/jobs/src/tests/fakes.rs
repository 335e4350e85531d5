//! The ports, in memory and counted.

use async_trait::async_trait;
use gangway_model::ports::{Clock, JobContext, Resolver, Source, Systems, Target, Transformation};
use gangway_model::{
    Answer, AnswerOutcome, Entity, Needs, Operation, OperationKind, Outcome, Page, PluginError, Problem,
    Request, System, SystemId, TransformOperation, code,
};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

pub(super) const DAY: u64 = 24 * 60 * 60 * 1000;

/// Moves on by a millisecond with each look.
pub(super) struct FakeClock(pub(super) AtomicU64);

impl Clock for FakeClock {
    fn now_ms(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// A source that hands out its entities in the order of the list.
#[derive(Default)]
pub(super) struct FakeSource {
    pub(super) entities: Mutex<BTreeMap<String, Vec<Entity>>>,
    pub(super) problems: Mutex<Vec<Problem>>,
    /// Fails when asked for this offset.
    pub(super) fails_at: Mutex<Option<(usize, PluginError)>>,
    /// Hands this page out a second time, under the cursor that follows.
    pub(super) repeats: Mutex<Option<usize>>,
    pub(super) pages_read: AtomicU64,
}

#[async_trait]
impl Source for FakeSource {
    async fn read_page(
        &self,
        entity_type: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page, PluginError> {
        self.pages_read.fetch_add(1, Ordering::SeqCst);
        let (offset, again) = match cursor {
            Some(cursor) => match cursor.strip_prefix("again:") {
                Some(offset) => (offset.parse::<usize>().unwrap(), true),
                None => (cursor.parse::<usize>().unwrap(), false),
            },
            None => (0, false),
        };
        if let Some((at, error)) = self.fails_at.lock().unwrap().clone()
            && at == offset
        {
            return Err(error);
        }
        let entities = self.entities.lock().unwrap();
        let all = entities.get(entity_type).cloned().unwrap_or_default();
        let end = (offset + limit as usize).min(all.len());
        let next_cursor = if *self.repeats.lock().unwrap() == Some(offset) && !again {
            Some(format!("again:{offset}"))
        } else {
            (end < all.len()).then(|| end.to_string())
        };
        let problems = if offset == 0 && entity_type == "user" {
            self.problems.lock().unwrap().clone()
        } else {
            Vec::new()
        };
        let entities = all[offset..end].to_vec();
        Ok(Page { entities, problems, next_cursor, total: Some(all.len() as u64), removed: Vec::new() })
    }

    async fn read_entities(&self, _: &str, _: Vec<String>) -> Vec<Result<Entity, PluginError>> {
        Vec::new()
    }

    fn entity_types(&self) -> Vec<String> {
        vec!["role".into(), "group".into(), "user".into()]
    }
}

/// What happens to an operation instead of success.
#[derive(Clone)]
pub(super) enum Fault {
    /// It has no effect.
    Refused(PluginError),
    /// It takes effect, and its answer is lost.
    Lost(PluginError),
    /// The whole call fails and no operation takes effect.
    Call(PluginError),
}

type Faults = Box<dyn FnMut(&Operation) -> Option<Fault> + Send>;
pub(super) type Waits = Arc<dyn Fn() -> bool + Send + Sync>;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Account {
    pub(super) entity_type: String,
    pub(super) content: Value,
    pub(super) created_ms: Option<u64>,
}

/// A target with one unique attribute for each type.
#[derive(Default)]
pub(super) struct FakeTarget {
    pub(super) accounts: Mutex<BTreeMap<String, Account>>,
    /// Operations that took effect, by kind and name.
    pub(super) done: Mutex<Vec<(OperationKind, String)>>,
    pub(super) writes: AtomicU64,
    pub(super) operations: AtomicU64,
    pub(super) finds: AtomicU64,
    pub(super) faults: Mutex<Option<Faults>>,
    /// While this is true, a call to it is not answered.
    pub(super) waits: Mutex<Option<Waits>>,
    /// Types that it takes, if not users and groups.
    pub(super) types: Mutex<Option<Vec<String>>>,
    pub(super) hides_created: Mutex<bool>,
    pub(super) find_fails: Mutex<Option<PluginError>>,
    pub(super) next: AtomicU64,
    pub(super) clock: Option<Arc<FakeClock>>,
}

pub(super) fn name_of(entity_type: &str, content: &Value) -> String {
    let key = if entity_type == "user" { "userName" } else { "displayName" };
    content.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

impl FakeTarget {
    /// An account that was there before the engine.
    pub(super) fn stands(&self, entity_type: &str, content: Value, created_ms: Option<u64>) -> String {
        let id = format!("t{}", self.next.fetch_add(1, Ordering::SeqCst));
        let account = Account { entity_type: entity_type.into(), content, created_ms };
        self.accounts.lock().unwrap().insert(id.clone(), account);
        id
    }

    pub(super) fn names(&self, entity_type: &str) -> Vec<String> {
        let accounts = self.accounts.lock().unwrap();
        let mut names: Vec<String> = accounts
            .values()
            .filter(|a| a.entity_type == entity_type)
            .map(|a| name_of(entity_type, &a.content))
            .collect();
        names.sort();
        names
    }

    pub(super) fn account(&self, name: &str) -> Option<(String, Account)> {
        let accounts = self.accounts.lock().unwrap();
        accounts
            .iter()
            .find(|(_, a)| name_of(&a.entity_type, &a.content) == name)
            .map(|(id, a)| (id.clone(), a.clone()))
    }

    /// Takes what was done since the last call, as `create a`, …, sorted.
    pub(super) fn take_done(&self) -> Vec<String> {
        let mut done: Vec<String> = std::mem::take(&mut *self.done.lock().unwrap())
            .into_iter()
            .map(|(kind, name)| format!("{} {name}", kind.as_str()))
            .collect();
        done.sort();
        done
    }

    pub(super) fn fault(&self, fault: impl FnMut(&Operation) -> Option<Fault> + Send + 'static) {
        *self.faults.lock().unwrap() = Some(Box::new(fault));
    }

    pub(super) fn heal(&self) {
        *self.faults.lock().unwrap() = None;
        *self.find_fails.lock().unwrap() = None;
        *self.waits.lock().unwrap() = None;
    }

    /// Answers no call as long as this is true.
    pub(super) fn wait_while(&self, waits: impl Fn() -> bool + Send + Sync + 'static) {
        *self.waits.lock().unwrap() = Some(Arc::new(waits));
    }

    async fn wait(&self) {
        loop {
            let waits = self.waits.lock().unwrap().clone();
            if !waits.is_some_and(|waits| waits()) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }

    fn carry_out(&self, operation: &Operation) -> Outcome {
        let mut accounts = self.accounts.lock().unwrap();
        let failed = |code, message: &str| Outcome::failed(PluginError::new(code, message));
        let content: Value = serde_json::from_str(&operation.json).unwrap_or_default();
        let name = name_of(&operation.entity_type, &content);
        let id = match operation.kind {
            OperationKind::Create => {
                let taken = |a: &Account| {
                    a.entity_type == operation.entity_type && name_of(&a.entity_type, &a.content) == name
                };
                if accounts.values().any(taken) {
                    return failed(code::CONFLICT, "exists already");
                }
                let id = operation
                    .id
                    .clone()
                    .unwrap_or_else(|| format!("t{}", self.next.fetch_add(1, Ordering::SeqCst)));
                let created_ms = self.clock.as_ref().map(|clock| clock.now_ms());
                let account = Account { entity_type: operation.entity_type.clone(), content, created_ms };
                accounts.insert(id.clone(), account);
                self.done.lock().unwrap().push((operation.kind, name));
                id
            }
            OperationKind::Replace | OperationKind::Patch => {
                let id = operation.id.clone().unwrap();
                let Some(account) = accounts.get_mut(&id) else { return failed(code::NOT_FOUND, "gone") };
                account.content = content;
                self.done.lock().unwrap().push((operation.kind, name));
                id
            }
            OperationKind::Delete => {
                let id = operation.id.clone().unwrap();
                let Some(account) = accounts.remove(&id) else { return failed(code::NOT_FOUND, "gone") };
                let name = name_of(&account.entity_type, &account.content);
                self.done.lock().unwrap().push((operation.kind, name));
                id
            }
        };
        Outcome { id: Some(id), version: None, error: None }
    }
}

#[async_trait]
impl Target for FakeTarget {
    async fn write(&self, operations: Vec<Operation>) -> Result<Vec<Outcome>, PluginError> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.operations.fetch_add(operations.len() as u64, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.wait().await;
        let mut outcomes = Vec::new();
        for operation in &operations {
            let fault = self.faults.lock().unwrap().as_mut().and_then(|fault| fault(operation));
            outcomes.push(match fault {
                Some(Fault::Call(error)) => return Err(error),
                Some(Fault::Refused(error)) => Outcome::failed(error),
                Some(Fault::Lost(error)) => {
                    self.carry_out(operation);
                    Outcome::failed(error)
                }
                None => self.carry_out(operation),
            });
        }
        Ok(outcomes)
    }

    async fn read_entities(&self, _: &str, ids: Vec<String>) -> Vec<Result<Entity, PluginError>> {
        let accounts = self.accounts.lock().unwrap();
        ids.into_iter()
            .map(|id| match accounts.get(&id) {
                Some(account) => Ok(Entity {
                    id,
                    version: None,
                    created_ms: account.created_ms,
                    json: account.content.to_string(),
                }),
                None => Err(PluginError::new(code::NOT_FOUND, "no such account")),
            })
            .collect()
    }

    async fn find(
        &self,
        entity_type: &str,
        attributes: Vec<(String, String)>,
        limit: u32,
    ) -> Result<Vec<Entity>, PluginError> {
        self.finds.fetch_add(1, Ordering::SeqCst);
        self.wait().await;
        if let Some(error) = self.find_fails.lock().unwrap().clone() {
            return Err(error);
        }
        let hides = *self.hides_created.lock().unwrap();
        let accounts = self.accounts.lock().unwrap();
        let matches = |a: &Account| {
            a.entity_type == entity_type
                && attributes
                    .iter()
                    .all(|(name, value)| a.content.get(name).and_then(Value::as_str) == Some(value.as_str()))
        };
        Ok(accounts
            .iter()
            .filter(|(_, a)| matches(a))
            .take(limit as usize)
            .map(|(id, a)| Entity {
                id: id.clone(),
                version: None,
                created_ms: a.created_ms.filter(|_| !hides),
                json: a.content.to_string(),
            })
            .collect())
    }

    fn entity_types(&self) -> Vec<String> {
        let both = || vec!["user".into(), "group".into()];
        self.types.lock().unwrap().clone().unwrap_or_else(both)
    }
}

pub(super) type Rule = Arc<dyn Fn(&Request<'_>) -> Answer + Send + Sync>;

/// A transformation that is a closure.
pub(super) struct FakeTransformation {
    pub(super) rule: Rule,
    pub(super) needs: Vec<(String, Needs)>,
    pub(super) configuration: [u8; 32],
    pub(super) resolver: Option<Arc<dyn Resolver>>,
    pub(super) calls: Arc<AtomicU64>,
}

#[async_trait]
impl Transformation for FakeTransformation {
    async fn apply(&self, requests: &[Request<'_>], _: bool) -> Result<Vec<Answer>, PluginError> {
        if requests.iter().any(|r| r.json.contains("poison")) {
            return Err(PluginError::new(code::INTERNAL, "trap: unreachable"));
        }
        self.calls.fetch_add(requests.len() as u64, Ordering::SeqCst);
        Ok(requests
            .iter()
            .map(|request| {
                let mut answer = (self.rule)(request);
                answer.depends |= self
                    .needs
                    .iter()
                    .any(|(t, n)| t == request.entity_type && (n.time || n.random || n.relations));
                if let Some(resolver) = &self.resolver {
                    resolve(resolver.as_ref(), &mut answer);
                }
                answer
            })
            .collect())
    }

    fn needs(&self) -> Vec<(String, Needs)> {
        self.needs.clone()
    }

    fn configuration(&self) -> [u8; 32] {
        self.configuration
    }
}

/// Replaces `members` by the target's identifiers, as `resolveEntityIds` does; groups are called `g…`.
fn resolve(resolver: &dyn Resolver, answer: &mut Answer) {
    let mut content: Value = serde_json::from_str(&answer.json).unwrap_or_default();
    let Some(members) = content.get("members").and_then(Value::as_array) else { return };
    let ids: Vec<String> = members.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let (groups, users): (Vec<_>, Vec<_>) = ids.into_iter().partition(|id| id.starts_with('g'));
    let mut found = resolver.resolve("user", &users, None, None).unwrap();
    found.extend(resolver.resolve("group", &groups, None, None).unwrap());
    answer.unresolved = found.iter().filter(|ids| ids.is_empty()).count() as u32;
    content["members"] = found.into_iter().flatten().map(Value::from).collect();
    answer.json = content.to_string();
}

pub(super) fn answer(outcome: AnswerOutcome, json: String, reason: &str) -> Answer {
    Answer { json, ..Answer::without(outcome, reason) }
}

pub(super) fn transformed(json: &str) -> Answer {
    Answer::transformed(json)
}

/// As the language takes an identifier: a text that is not empty, or a number.
pub(super) fn identifier(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The identity, with the source's identifier as the relation key. Documents steer it: `"fail"` and
/// `"hide"` fail and skip the entity on the source side.
pub(super) fn read_rule() -> Rule {
    Arc::new(|request| {
        let content: Value = serde_json::from_str(request.json).unwrap();
        if content.get("fail").is_some() {
            return answer(AnswerOutcome::Failed, String::new(), "no value for $.userName");
        }
        if content.get("hide").is_some() {
            return answer(
                AnswerOutcome::Filtered,
                String::new(),
                "Entity condition [$.hide EMPTY true] is not fulfilled",
            );
        }
        Answer { id: identifier(&content["id"]), ..transformed(request.json) }
    })
}

/// The identity without the source's identifier; `"exclude"` fails the condition, `"broken"` the
/// mapping; a password is written on create only.
pub(super) fn write_rule() -> Rule {
    Arc::new(|request| {
        if request.operation == TransformOperation::Delete {
            return answer(AnswerOutcome::Deleted, String::new(), "");
        }
        let mut content: Value = serde_json::from_str(request.json).unwrap();
        if content.get("exclude").is_some() {
            return answer(
                AnswerOutcome::Filtered,
                String::new(),
                "Entity condition [$.exclude EMPTY true] is not fulfilled",
            );
        }
        if content.get("broken").is_some() {
            return answer(AnswerOutcome::Failed, String::new(), "the value of $.broken is no string");
        }
        let object = content.as_object_mut().unwrap();
        object.remove("id");
        if request.operation == TransformOperation::Create {
            object.insert("password".into(), "initial".into());
        }
        transformed(&content.to_string())
    })
}

pub(super) fn skips(operation: TransformOperation, rule: Rule) -> Rule {
    Arc::new(move |request| {
        if request.operation == operation {
            let reason = format!("Operation [{}] is skipped in target transformation", operation.as_str());
            return answer(AnswerOutcome::Skipped, String::new(), &reason);
        }
        rule(request)
    })
}

/// How one system transforms.
#[derive(Clone)]
pub(super) struct Document {
    pub(super) rule: Rule,
    pub(super) needs: Needs,
    pub(super) configuration: [u8; 32],
    pub(super) calls: Arc<AtomicU64>,
}

pub(super) struct FakeSystems {
    pub(super) source: Arc<FakeSource>,
    pub(super) targets: Mutex<HashMap<SystemId, Arc<FakeTarget>>>,
    pub(super) documents: Mutex<HashMap<SystemId, Document>>,
    pub(super) unopenable: Mutex<Option<SystemId>>,
    pub(super) other_source: Mutex<Option<Arc<dyn Source>>>,
    pub(super) other_target: Mutex<Option<Arc<dyn Target>>>,
}

impl FakeSystems {
    fn transformation(
        &self,
        system: &System,
        resolver: Option<Arc<dyn Resolver>>,
    ) -> Arc<dyn Transformation> {
        let document = self.documents.lock().unwrap().get(&system.id).cloned().unwrap();
        let needs = document.needs;
        let group = Needs { relations: resolver.is_some(), ..needs.clone() };
        Arc::new(FakeTransformation {
            rule: document.rule,
            needs: vec![
                ("user".into(), needs.clone()),
                ("group".into(), group),
                ("role".into(), Needs { ignored: true, ..needs }),
            ],
            configuration: document.configuration,
            resolver,
            calls: document.calls,
        })
    }
}

#[async_trait]
impl Systems for FakeSystems {
    async fn source(&self, _: &System, _: &JobContext) -> Result<Arc<dyn Source>, PluginError> {
        Ok(self.other_source.lock().unwrap().clone().unwrap_or_else(|| self.source.clone()))
    }

    async fn target(&self, system: &System, _: &JobContext) -> Result<Arc<dyn Target>, PluginError> {
        if self.unopenable.lock().unwrap().as_ref() == Some(&system.id) {
            return Err(PluginError::new(code::CONFIGURATION, "URL is missing"));
        }
        if let Some(other) = self.other_target.lock().unwrap().clone() {
            return Ok(other);
        }
        Ok(self.targets.lock().unwrap().get(&system.id).cloned().unwrap())
    }

    async fn read_transformation(
        &self,
        system: &System,
        _: &JobContext,
    ) -> Result<Arc<dyn Transformation>, PluginError> {
        Ok(self.transformation(system, None))
    }

    async fn write_transformation(
        &self,
        system: &System,
        _: &JobContext,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Arc<dyn Transformation>, PluginError> {
        Ok(self.transformation(system, Some(resolver)))
    }
}
