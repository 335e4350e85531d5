use serde_json::{Map, Value, json};

/// The URN of SCIM's own error message.
const ERROR_URN: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// Why a request was not carried out, as RFC 7644 section 3.12 answers it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{status}: {detail}")]
pub struct ScimError {
    /// HTTP status.
    pub status: u16,
    /// One of the RFC's keywords, where one fits.
    pub scim_type: Option<&'static str>,
    /// For a person: names the attribute and says what to do.
    pub detail: String,
}

impl ScimError {
    pub(crate) fn new(status: u16, scim_type: Option<&'static str>, detail: impl Into<String>) -> Self {
        Self { status, scim_type, detail: detail.into() }
    }

    pub(crate) fn syntax(detail: impl Into<String>) -> Self {
        Self::new(400, Some("invalidSyntax"), detail)
    }

    pub(crate) fn value(detail: impl Into<String>) -> Self {
        Self::new(400, Some("invalidValue"), detail)
    }

    pub(crate) fn filter(detail: impl Into<String>) -> Self {
        Self::new(400, Some("invalidFilter"), detail)
    }

    pub(crate) fn path(detail: impl Into<String>) -> Self {
        Self::new(400, Some("invalidPath"), detail)
    }

    pub(crate) fn no_target(detail: impl Into<String>) -> Self {
        Self::new(400, Some("noTarget"), detail)
    }

    pub(crate) fn mutability(detail: impl Into<String>) -> Self {
        Self::new(400, Some("mutability"), detail)
    }

    pub(crate) fn not_found(what: &str, id: &str) -> Self {
        Self::new(404, None, format!("{what} {id:?} does not exist"))
    }

    /// The message as it is answered.
    pub fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("schemas".to_owned(), json!([ERROR_URN]));
        // The RFC makes the status a string.
        body.insert("status".to_owned(), Value::String(self.status.to_string()));
        if let Some(scim_type) = self.scim_type {
            body.insert("scimType".to_owned(), Value::String(scim_type.to_owned()));
        }
        body.insert("detail".to_owned(), Value::String(self.detail.clone()));
        Value::Object(body)
    }
}

/// Why a directory could not be opened, read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StorageError {
    /// No room on the disk. Nothing of the request was written.
    #[error("the directory's disk is full: {0}")]
    Full(String),
    /// Something stored cannot be read back.
    #[error("the directory's data is damaged: {0}")]
    Damaged(String),
    /// The storage engine or the operating system failed.
    #[error("the directory's storage failed: {0}")]
    Failed(String),
}

impl StorageError {
    pub(crate) fn of(error: impl Into<redb::Error>) -> Self {
        match error.into() {
            redb::Error::Io(io)
                if matches!(
                    io.kind(),
                    std::io::ErrorKind::StorageFull
                        | std::io::ErrorKind::QuotaExceeded
                        | std::io::ErrorKind::FileTooLarge
                ) =>
            {
                Self::Full(io.to_string())
            }
            redb::Error::Corrupted(what) => Self::Damaged(what),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<StorageError> for ScimError {
    fn from(error: StorageError) -> Self {
        let status = if matches!(error, StorageError::Full(_)) { 507 } else { 500 };
        Self::new(status, None, error.to_string())
    }
}
