//! The files as a target. A batch of operations is one pass: the rows are copied into a replacement, the
//! changed ones changed on the way, and the replacement takes the file's place as a whole. Rows that are
//! not named, readable or not, stay as they are, byte for byte.

mod content;
mod output;

use crate::encoding::Encoding;
use crate::header::Header;
use crate::rows::{Row, Rows};
use crate::settings::{Settings, file_name};
use gangway_sdk::files::{self, FileInfo};
use gangway_sdk::{Error, Kind, Operation, Outcome, Result};
use output::Output;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Carries out operations, one pass for each type among them.
pub(crate) fn write(settings: &Settings, operations: &[Operation]) -> Result<Vec<Outcome>> {
    let mut outcomes: Vec<Option<Outcome>> = vec![None; operations.len()];
    let mut types: Vec<&str> = operations.iter().map(|operation| operation.entity_type.as_str()).collect();
    let mut seen = HashSet::new();
    types.retain(|entity_type| seen.insert(*entity_type));
    for entity_type in types {
        let mut batch = Batch::new(settings, entity_type);
        let numbered = operations.iter().zip(&mut outcomes).filter(|(o, _)| o.entity_type == entity_type);
        for (operation, outcome) in numbered {
            match prepare(operation) {
                Ok((content, id)) => batch.steps.push(Step { operation, content, id, outcome }),
                Err(error) => *outcome = Some(Outcome::failed(error)),
            }
        }
        // After an error nothing of the batch was written: the replacement is gone.
        if let Err(error) = batch.run() {
            for step in &mut batch.steps {
                *step.outcome = Some(Outcome::failed(error.clone()));
            }
        }
    }
    let lost = || Outcome::failed(Error::internal("The operation was not carried out."));
    Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(lost)).collect())
}

/// The content of an operation and the identifier it names.
fn prepare(operation: &Operation) -> Result<(Value, Option<String>)> {
    let kind = operation.kind();
    let id = match kind {
        Kind::Create => operation.id.clone().filter(|id| !id.trim().is_empty()),
        Kind::Replace | Kind::Patch | Kind::Delete => Some(operation.require_id()?.to_owned()),
        Kind::Unknown => return Err(operation.unsupported()),
    };
    let content = if kind == Kind::Delete { Value::Null } else { operation.content()? };
    if kind != Kind::Delete && !content.is_object() {
        return Err(Error::invalid(format!("The {} to write is not a JSON object.", operation.entity_type)));
    }
    Ok((content, id))
}

/// An operation, with its content read.
struct Step<'a> {
    operation: &'a Operation,
    content: Value,
    id: Option<String>,
    outcome: &'a mut Option<Outcome>,
}

/// The operations on one type.
struct Batch<'a> {
    settings: &'a Settings,
    entity_type: &'a str,
    file: String,
    steps: Vec<Step<'a>>,
    /// The operations on each identifier, in their order, until its row came by.
    plan: HashMap<String, Vec<usize>>,
}

/// What became of a row.
enum Carried {
    Untouched,
    Changed(Vec<u8>),
    Gone,
}

impl<'a> Batch<'a> {
    fn new(settings: &'a Settings, entity_type: &'a str) -> Self {
        let file = file_name(entity_type);
        Batch { settings, entity_type, file, steps: Vec::new(), plan: HashMap::new() }
    }

    fn run(&mut self) -> Result<()> {
        if self.steps.is_empty() {
            return Ok(());
        }
        let before = files::info(&self.file)?;
        let mut output = Output::new(&self.file)?;
        let (header, copied) = match &before {
            Some(info) => self.copy(info, &mut output)?,
            None => (self.begin(&mut output)?, false),
        };
        let appended = self.append(&header, &mut output)?;
        if !copied && !appended {
            return Ok(());
        }
        // Another writer, or a person with an editor, must not lose what they wrote meanwhile.
        let stamp = |info: &FileInfo| (info.size, info.modified_ms);
        if before.as_ref().map(stamp) != files::info(&self.file)?.as_ref().map(stamp) {
            return Err(Error::unavailable(format!(
                "The file `{}` was changed by someone else while it was written. It was left as they made it; the write can be repeated.",
                self.file
            ))
            .with_detail("file", &self.file));
        }
        output.commit()
    }

    /// Copies the file, changing the rows that operations name; whether any was changed.
    fn copy(&mut self, info: &FileInfo, output: &mut Output) -> Result<(Header, bool)> {
        let start = files::read(&self.file, 0, 4)?;
        let mark = Encoding::marked(&start).map_or(0, |(_, length)| length);
        let (mut rows, header) = Rows::open(info, self.entity_type, self.settings)?;
        output.set_encoding(rows.encoding());
        output.put(start.get(..mark).unwrap_or_default())?;
        output.set_line_end(rows.verbatim().ends_with(b"\r\n"));
        output.copy(rows.verbatim())?;
        self.make_plan(&header);
        let mut changed = false;
        let mut gone: HashSet<String> = HashSet::new();
        while let Some(row) = rows.next(Some(&header))? {
            let named = match row {
                Row::Good(record) => {
                    let id = record.value(header.id);
                    output.note_id(&id);
                    if gone.contains(id.as_ref()) {
                        // The entity that was deleted stood in the file more than once.
                        continue;
                    }
                    self.plan.remove(id.as_ref()).map(|steps| {
                        let values =
                            (0..header.columns.len()).map(|column| record.value(column).into_owned());
                        (id.into_owned(), steps, values.collect())
                    })
                }
                Row::Bad { .. } | Row::Blank => None,
            };
            let carried = match named {
                None => Carried::Untouched,
                Some((id, steps, values)) => match self.carry_out(&steps, &id, Some(values), &header, output)
                {
                    Carried::Gone => {
                        gone.insert(id);
                        Carried::Gone
                    }
                    other => other,
                },
            };
            match carried {
                Carried::Untouched => output.copy(rows.verbatim())?,
                Carried::Changed(line) => {
                    changed = true;
                    output.put(&line)?;
                }
                Carried::Gone => changed = true,
            }
        }
        Ok((header, changed))
    }

    /// Begins a file that does not exist yet: its columns are those that the administrator named, or those
    /// of the entities.
    fn begin(&mut self, output: &mut Output) -> Result<Header> {
        let mut names: Vec<String> =
            self.settings.columns(self.entity_type).into_iter().map(str::to_owned).collect();
        if names.is_empty() {
            let id = self.settings.id_column(self.entity_type).to_owned();
            let contents = self.steps.iter().filter(|step| step.operation.kind() == Kind::Create);
            names = content::columns(id, contents.map(|step| &step.content), self.settings.nested);
        }
        output.set_encoding(self.settings.encoding);
        let line = output.line(&names, &self.settings.dialect)?;
        output.put(&line)?;
        let header = Header::new(names, self.entity_type, &self.file, self.settings)?;
        self.make_plan(&header);
        Ok(header)
    }

    /// Sorts the operations by identifier. A create without one takes that of its content; without that
    /// either it waits until all identifiers of the file are known.
    fn make_plan(&mut self, header: &Header) {
        for (number, step) in self.steps.iter_mut().enumerate() {
            if step.id.is_none() {
                let own = header.columns.get(header.id).and_then(|column| column.lookup(&step.content));
                step.id = own.and_then(content::scalar).filter(|id| !id.trim().is_empty());
            }
            if let Some(id) = &step.id {
                self.plan.entry(id.clone()).or_default().push(number);
            }
        }
    }

    /// Carries out what no row was there for, in the order of the operations, and then the creates that
    /// need an identifier which nobody else has; whether a row was added.
    fn append(&mut self, header: &Header, output: &mut Output) -> Result<bool> {
        let ids: Vec<Option<String>> = self.steps.iter().map(|step| step.id.clone()).collect();
        let mut appended = false;
        for id in ids.iter().flatten() {
            if let Some(steps) = self.plan.remove(id) {
                appended |= self.append_row(&steps, id, header, output)?;
            }
        }
        for (number, _) in ids.iter().enumerate().filter(|(_, id)| id.is_none()) {
            let id = output.next_id();
            appended |= self.append_row(&[number], &id, header, output)?;
        }
        Ok(appended)
    }

    fn append_row(
        &mut self,
        steps: &[usize],
        id: &str,
        header: &Header,
        output: &mut Output,
    ) -> Result<bool> {
        let carried = self.carry_out(steps, id, None, header, output);
        let Carried::Changed(line) = carried else { return Ok(false) };
        output.note_id(id);
        output.append(&line)?;
        Ok(true)
    }

    /// Carries out the operations on one row, or on an identifier that has none.
    fn carry_out(
        &mut self,
        steps: &[usize],
        id: &str,
        row: Option<Vec<String>>,
        header: &Header,
        output: &Output,
    ) -> Carried {
        let existed = row.is_some();
        let mut values = row;
        let mut done = Vec::new();
        for &number in steps {
            let Some(step) = self.steps.get_mut(number) else { continue };
            let applied =
                apply(step, id, values.as_ref(), header, &self.settings.separator).and_then(|values| {
                    // A row that its encoding cannot hold must fail here and not with the whole file.
                    let line = values.as_ref().map(|values| output.line(values, &self.settings.dialect));
                    line.transpose().map(|line| (values, line))
                });
            *step.outcome = Some(match applied {
                Ok((next, line)) => {
                    values = next;
                    done.push(line);
                    Outcome::done(id)
                }
                Err(error) => Outcome::failed(
                    error.with_detail("file", &self.file).with_detail("entityType", self.entity_type),
                ),
            });
        }
        match done.pop() {
            None => Carried::Untouched,
            Some(Some(line)) => Carried::Changed(line),
            Some(None) if existed => Carried::Gone,
            Some(None) => Carried::Untouched,
        }
    }
}

/// The values of a row after an operation on it; `None` for no row.
fn apply(
    step: &Step<'_>,
    id: &str,
    values: Option<&Vec<String>>,
    header: &Header,
    separator: &str,
) -> Result<Option<Vec<String>>> {
    let entity_type = step.operation.entity_type.as_str();
    let missing = || Error::no_entity(entity_type, id);
    match step.operation.kind() {
        Kind::Create if values.is_some() => Err(Error::conflict(format!(
            "There is a {entity_type} with the identifier {id:?} in the file already."
        ))
        .with_detail("id", id)),
        Kind::Create => content::fill(&step.content, id, None, header, separator).map(Some),
        Kind::Replace => {
            values.ok_or_else(missing)?;
            content::fill(&step.content, id, None, header, separator).map(Some)
        }
        Kind::Patch => {
            let values = values.ok_or_else(missing)?;
            content::fill(&step.content, id, Some(values), header, separator).map(Some)
        }
        Kind::Delete => values.ok_or_else(missing).map(|_| None),
        Kind::Unknown => Err(step.operation.unsupported()),
    }
}
