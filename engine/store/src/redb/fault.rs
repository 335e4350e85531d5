use crate::StoreError;
use std::io::ErrorKind;

/// Why an operation on a file ended: by the store's own rules, or in the storage engine.
pub(super) enum Fault {
    Store(StoreError),
    Engine(Box<::redb::Error>),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

macro_rules! from_engine {
    ($($error:ident),*) => {$(
        impl From<::redb::$error> for Fault {
            fn from(error: ::redb::$error) -> Self {
                Self::Engine(Box::new(error.into()))
            }
        }
    )*};
}

from_engine!(StorageError, TableError, TransactionError, CommitError, DatabaseError);

impl From<::redb::CursorError> for Fault {
    fn from(error: ::redb::CursorError) -> Self {
        match error {
            ::redb::CursorError::Storage(error) => error.into(),
            other => Self::Engine(Box::new(::redb::Error::Corrupted(other.to_string()))),
        }
    }
}

impl Fault {
    /// Whether the open database is of no use any more: redb refuses everything after an I/O error
    /// until the file is opened again.
    pub(super) fn breaks_database(&self) -> bool {
        matches!(
            self,
            Self::Engine(error) if matches!(
                **error,
                ::redb::Error::Io(_)
                    | ::redb::Error::Backend(_)
                    | ::redb::Error::PreviousIo
                    | ::redb::Error::DatabaseClosed
                    | ::redb::Error::LockPoisoned(_)
            )
        )
    }

    /// Whether only another operation's error stood in the way, so that a second try can succeed.
    pub(super) fn is_of_another(&self) -> bool {
        matches!(
            self,
            Self::Engine(error) if matches!(
                **error,
                ::redb::Error::PreviousIo | ::redb::Error::DatabaseClosed | ::redb::Error::LockPoisoned(_)
            )
        )
    }

    /// As callers see it; `place` names the file.
    pub(super) fn into_error(self, place: &dyn std::fmt::Display) -> StoreError {
        let error = match self {
            Self::Store(error) => return error,
            Self::Engine(error) => error,
        };
        match *error {
            ::redb::Error::Io(io) => from_io(&io, place),
            ::redb::Error::Corrupted(why) => {
                StoreError::Damaged(format!("{place}: {why}; restore it from a backup"))
            }
            ::redb::Error::DatabaseAlreadyOpen => StoreError::Failed(format!(
                "{place} is in use by another process; stop that one, or use another data directory"
            )),
            ::redb::Error::UpgradeRequired(version) => StoreError::Failed(format!(
                "{place} has version {version} of redb's file format, which this engine does not read"
            )),
            other => StoreError::Failed(format!("{place}: {other}")),
        }
    }
}

/// An error of the operating system on one of the store's files.
pub(super) fn from_io(error: &std::io::Error, place: &dyn std::fmt::Display) -> StoreError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            StoreError::Full(format!("no room for {place}: {error}; free some space and go on"))
        }
        ErrorKind::InvalidData => {
            StoreError::Damaged(format!("{place} is not a database: {error}; restore it from a backup"))
        }
        _ => StoreError::Failed(format!("{place}: {error}")),
    }
}
