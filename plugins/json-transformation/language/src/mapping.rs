//! A compiled document: entity types with their mappings.

use crate::condition::Condition;
use crate::diagnostic::Diagnostic;
use crate::functions::{Call, DateFormat};
use crate::path::Path;
use crate::same::same_text;
use crate::value::Value;
use crate::variables::Template;

pub(crate) use crate::functions::Settings;

/// Whether a document reads from a system or writes to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Direction {
    Read,
    Write,
}

impl Direction {
    /// The direction of a word.
    pub fn of(word: &str) -> Option<Direction> {
        match word {
            "read" => Some(Direction::Read),
            "write" => Some(Direction::Write),
            _ => None,
        }
    }
}

/// What is done with an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Operation {
    Read,
    Create,
    Update,
    Patch,
    Delete,
}

impl Operation {
    /// The operation of a word.
    pub fn of(word: &str) -> Option<Operation> {
        // Asked for every entity, so the first letter decides which word it can be.
        let operation = match word.as_bytes().first()? {
            b'r' => Operation::Read,
            b'c' => Operation::Create,
            b'u' => Operation::Update,
            b'p' => Operation::Patch,
            b'd' => Operation::Delete,
            _ => return None,
        };
        same_text(word, operation.as_str()).then_some(operation)
    }

    /// The word of an operation.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Read => "read",
            Operation::Create => "create",
            Operation::Update => "update",
            Operation::Patch => "patch",
            Operation::Delete => "delete",
        }
    }
}

/// A compiled document.
pub struct Compiled {
    pub(crate) direction: Direction,
    pub(crate) entities: Vec<Entity>,
    pub(crate) warnings: Vec<Diagnostic>,
    pub(crate) date_format: Option<DateFormat>,
}

/// What a document needs beyond the entity, for one entity type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// The entity type.
    pub entity_type: String,
    /// The current date.
    pub time: bool,
    /// A generated password.
    pub random: bool,
    /// Identifiers resolved by the engine.
    pub relations: bool,
    /// The type is switched off.
    pub ignored: bool,
}

impl Compiled {
    /// What each entity type needs.
    pub fn needs(&self) -> Vec<Needs> {
        self.entities.iter().map(Entity::needs).collect()
    }

    /// What is suspicious about the document.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    pub(crate) fn entity(&self, name: &str) -> Option<&Entity> {
        self.entities.iter().find(|entity| same_text(&entity.name, name))
    }
}

/// One entity type.
pub(crate) struct Entity {
    pub name: String,
    pub pointer: String,
    pub ignored: bool,
    pub condition: Option<Condition>,
    pub skip: Vec<Operation>,
    pub mappings: Vec<Mapping>,
    pub needs_time: bool,
}

impl Entity {
    fn needs(&self) -> Needs {
        let functions = || {
            self.mappings.iter().flat_map(|mapping| match &mapping.action {
                Action::Set(set) => set.functions.iter(),
                _ => [].iter(),
            })
        };
        Needs {
            entity_type: self.name.clone(),
            time: self.needs_time,
            random: !self.ignored && functions().any(Call::needs_random),
            relations: !self.ignored && functions().any(Call::needs_relations),
            ignored: self.ignored,
        }
    }
}

/// One mapping.
pub(crate) struct Mapping {
    pub pointer: String,
    /// Source and target for messages.
    pub label: String,
    pub condition: Option<Condition>,
    pub scope: Option<Operation>,
    pub action: Action,
}

impl Mapping {
    /// Whether the mapping runs for an operation.
    pub fn runs(&self, direction: Direction, operation: Operation) -> bool {
        match (direction, operation) {
            (Direction::Read, _) | (_, Operation::Read) => true,
            (_, Operation::Create) => matches!(self.scope, None | Some(Operation::Create)),
            (_, Operation::Update) => self.scope.is_none(),
            (_, Operation::Patch) => self.scope == Some(Operation::Patch),
            (_, Operation::Delete) => self.scope == Some(Operation::Delete),
        }
    }
}

/// What a mapping does.
pub(crate) enum Action {
    Remove(Path),
    Rename(Path, Box<str>),
    Set(Set),
}

/// A mapping that obtains a value and puts it somewhere.
pub(crate) struct Set {
    pub origin: Origin,
    pub functions: Vec<Call>,
    pub default: Option<Value<'static>>,
    pub optional: bool,
    pub preserve: bool,
    pub target: Option<Path>,
    pub variable: Option<Box<str>>,
    pub correlation: bool,
    /// It takes a value from one place to another as it is, by paths that lead straight there.
    pub copies: bool,
}

/// Where a value comes from.
pub(crate) enum Origin {
    /// The first function makes it.
    None,
    Constant(Value<'static>),
    /// A text with references to variables.
    Text(Template),
    /// Another constant with such texts in it.
    Template(Value<'static>),
    Path(Path),
    Variable(Box<str>, Option<Path>),
    Table(Table),
}

/// A table of values.
pub(crate) struct Table {
    pub paths: Vec<Path>,
    pub rows: Vec<(Vec<Box<str>>, Value<'static>)>,
}
