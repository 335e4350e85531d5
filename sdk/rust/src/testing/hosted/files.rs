use crate::error::{Error, Result};
use crate::files::FileInfo;
use crate::testing::{File, world};
use std::cell::RefCell;

pub(crate) fn list() -> Result<Vec<FileInfo>> {
    Ok(world(|world| {
        let info = |(name, file): (&String, &File)| FileInfo {
            name: name.clone(),
            size: file.content.len() as u64,
            modified_ms: file.modified_ms,
            writable: !file.read_only,
        };
        world.files.iter().map(info).collect()
    }))
}

pub(crate) fn read(name: &str, offset: u64, max: u32) -> Result<Vec<u8>> {
    world(|world| {
        let file =
            world.files.get(name).ok_or_else(|| Error::not_found(format!("There is no file {name:?}.")))?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(file.content.len());
        let end = start.saturating_add(max as usize).min(file.content.len());
        Ok(file.content.get(start..end).unwrap_or_default().to_vec())
    })
}

/// A replacement in memory.
#[derive(Debug)]
pub(crate) struct Replacement {
    name: String,
    content: RefCell<Vec<u8>>,
}

pub(crate) fn replace(name: &str) -> Result<Replacement> {
    if world(|world| world.files.get(name).is_some_and(|file| file.read_only)) {
        return Err(Error::denied(format!("The file {name:?} was not granted for writing.")));
    }
    world(|world| {
        if let Some(content) = world.meanwhile.remove(name) {
            world.write(name, content);
        }
    });
    Ok(Replacement { name: name.to_owned(), content: RefCell::new(Vec::new()) })
}

impl Replacement {
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<()> {
        self.content.borrow_mut().extend_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn commit(&self) -> Result<()> {
        world(|world| world.write(&self.name, self.content.take()));
        Ok(())
    }
}
