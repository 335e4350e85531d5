//! Joins an author's types to the exported interfaces. The [`plugin!`](crate::plugin) macro uses it.

mod batches;

use crate::bindings::changes::exports::gangway::plugin::changes as changes_export;
use crate::bindings::source::exports::gangway::plugin::source as source_export;
use crate::bindings::target::exports::gangway::plugin::target as target_export;
use crate::bindings::transformation::exports::gangway::plugin::transformation::{
    self as transformation_export, Answers, Batch,
};
use crate::connector::{
    AttributeValue, ChangePage, Changes, Connector, Operation, Outcome, Page, Source, Target,
};
use crate::error::{Error, Result};
use crate::system::Properties;
use crate::transformation::{Diagnostic, Direction, Needs, Transformation};
use crate::types::Entity;
use batches::Answered;
use std::any::Any;
use std::cell::RefCell;
use std::marker::PhantomData;

thread_local! {
    /// The connectors of this instance: one, unless source and target are different types.
    static CONNECTORS: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// Calls the instance's connector of a type, making it first if need be. An instance serves one call at
/// a time, so the connector is taken out for the call's length; a call that traps ends the instance.
fn with<T: Connector, R>(call: impl FnOnce(&mut T) -> R) -> Result<R> {
    let kept = CONNECTORS.with_borrow_mut(|connectors| {
        let place = connectors.iter().position(|connector| connector.is::<T>())?;
        connectors.swap_remove(place).downcast::<T>().ok()
    });
    let mut connector = match kept {
        Some(connector) => connector,
        None => Box::new(T::open()?),
    };
    let answer = call(&mut connector);
    CONNECTORS.with_borrow_mut(|connectors| connectors.push(connector));
    Ok(answer)
}

/// One element each for a call that could not even begin.
fn each<T>(ids: &[String], error: &Error) -> Vec<Result<T>> {
    ids.iter().map(|_| Err(error.clone())).collect()
}

/// The exports of a source.
#[derive(Debug)]
pub struct SourceExport<T>(PhantomData<T>);

impl<T: Source> source_export::Guest for SourceExport<T> {
    fn read_page(entity_type: String, cursor: Option<String>, limit: u32) -> Result<Page> {
        with(|source: &mut T| source.read_page(&entity_type, cursor.as_deref(), limit))?
    }

    fn read_entities(entity_type: String, ids: Vec<String>) -> Vec<Result<Entity>> {
        with(|source: &mut T| source.read_entities(&entity_type, &ids))
            .unwrap_or_else(|error| each(&ids, &error))
    }
}

/// The exports of a source that says what changed.
#[derive(Debug)]
pub struct ChangesExport<T>(PhantomData<T>);

impl<T: Changes> changes_export::Guest for ChangesExport<T> {
    fn mark(entity_type: String, since_ms: u64) -> Result<Option<String>> {
        with(|source: &mut T| source.mark(&entity_type, since_ms))?
    }

    fn read_changes(
        entity_type: String,
        mark: String,
        cursor: Option<String>,
        limit: u32,
    ) -> Result<ChangePage> {
        with(|source: &mut T| source.read_changes(&entity_type, &mark, cursor.as_deref(), limit))?
    }
}

/// The exports of a target.
#[derive(Debug)]
pub struct TargetExport<T>(PhantomData<T>);

impl<T: Target> target_export::Guest for TargetExport<T> {
    fn write(operations: Vec<Operation>) -> Result<Vec<Outcome>> {
        with(|target: &mut T| target.write(&operations))?
    }

    fn read_entities(entity_type: String, ids: Vec<String>) -> Vec<Result<Entity>> {
        with(|target: &mut T| target.read_entities(&entity_type, &ids))
            .unwrap_or_else(|error| each(&ids, &error))
    }

    fn find(entity_type: String, attributes: Vec<AttributeValue>, limit: u32) -> Result<Vec<Entity>> {
        with(|target: &mut T| target.find(&entity_type, &attributes, limit))?
    }
}

/// The exports of a transformation.
#[derive(Debug)]
pub struct TransformationExport<T>(PhantomData<T>);

/// A compiled document in the host's hands.
#[derive(Debug)]
pub struct CompiledExport<T>(T);

impl<T: Transformation> transformation_export::Guest for TransformationExport<T> {
    type Compiled = CompiledExport<T>;

    fn compile(
        document: String,
        direction: String,
        properties: Vec<(String, String)>,
    ) -> Result<transformation_export::Compiled, Vec<Diagnostic>> {
        let direction = match direction.as_str() {
            "read" => Direction::Read,
            "write" => Direction::Write,
            other => {
                let message =
                    format!("This plugin does not know the direction {other:?}; update the plugin.");
                return Err(vec![Diagnostic::error("", message)]);
            }
        };
        T::compile(&document, direction, Properties::new(properties))
            .map(|compiled| transformation_export::Compiled::new(CompiledExport(compiled)))
    }
}

impl<T: Transformation> transformation_export::GuestCompiled for CompiledExport<T> {
    fn needs(&self) -> Vec<Needs> {
        self.0.needs()
    }

    fn warnings(&self) -> Vec<Diagnostic> {
        self.0.warnings()
    }

    fn apply(&self, batches: Vec<Batch>, explain: bool) -> Vec<Answers> {
        let apply = |batch| {
            let mut answered = Answered::to(batch);
            self.0.apply(&batches::requests(batch), explain, &mut answered);
            answered.into_answers()
        };
        batches.iter().map(apply).collect()
    }
}

#[cfg(test)]
mod tests;
