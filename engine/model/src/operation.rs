use crate::PluginError;
use serde::{Deserialize, Serialize};

/// What to do with an entity of a target.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperationKind {
    /// Make it; `conflict` if it is there.
    Create,
    /// Give it this content.
    Replace,
    /// Change it as the content says.
    Patch,
    /// Remove it.
    Delete,
}

impl OperationKind {
    /// As the plugin interface spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

/// One write to a target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    /// What to do.
    pub kind: OperationKind,
    /// `user`, `group`, …
    pub entity_type: String,
    /// The identifier in the target, where known.
    pub id: Option<String>,
    /// The version last seen.
    pub version: Option<String>,
    /// The content; empty on delete.
    pub json: String,
    /// On a replace of a group with many members: how they differ from those written last, where that
    /// is known.
    pub members: Option<MemberChanges>,
}

/// How the members of a group differ from those written last.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MemberChanges {
    /// They are new.
    pub added: Vec<Member>,
    /// They are to go.
    pub removed: Vec<Member>,
}

/// A member of a group, by its identifier in the target.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Member {
    /// Its identifier.
    pub value: String,
    /// It is a group itself.
    pub group: bool,
}

/// How one write ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The identifier after the write.
    pub id: Option<String>,
    /// The version after the write.
    pub version: Option<String>,
    /// None on success.
    pub error: Option<PluginError>,
}

impl Outcome {
    /// A failed write.
    pub fn failed(error: PluginError) -> Self {
        Self { id: None, version: None, error: Some(error) }
    }
}
