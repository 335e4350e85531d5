//! Write Gangway plugins in Rust: connectors ([`Source`], [`Target`]) and [`Transformation`]s that run as
//! sandboxed WebAssembly components.
//!
//! An author implements a trait and calls one macro, [`plugin!`]; the bindings stay out of sight. What the
//! host offers is here as modules: [`http`], [`connection`], [`files`], [`relations`], [`state`],
//! [`system`] and [`log`]. Each of the first five wants a line in the manifest's `capabilities` and a grant
//! by the administrator.
//!
//! On any target but wasm the same calls go to a [`testing::FakeHost`], so that a plugin's unit tests are
//! ordinary `cargo test`.
//!
//! ```
//! use gangway_sdk::{Connector, Entity, Error, Page, Result, Source};
//!
//! struct Motd;
//!
//! impl Connector for Motd {
//!     fn open() -> Result<Self> {
//!         Ok(Motd)
//!     }
//! }
//!
//! impl Source for Motd {
//!     fn read_page(&mut self, entity_type: &str, _cursor: Option<&str>, _limit: u32) -> Result<Page> {
//!         let users = if entity_type == "user" { vec![Entity::new("1", r#"{"userName":"ada"}"#)] } else { vec![] };
//!         Ok(Page::new(users, None))
//!     }
//!
//!     fn read_entities(&mut self, entity_type: &str, ids: &[String]) -> Vec<Result<Entity>> {
//!         ids.iter().map(|id| Err(Error::no_entity(entity_type, id))).collect()
//!     }
//! }
//!
//! // In the crate's root:
//! // gangway_sdk::plugin! { manifest: "plugin.json", source: Motd }
//! # assert_eq!(Motd.read_page("user", None, 10).unwrap().entities.len(), 1);
//! ```

mod bindings;
pub mod connection;
mod connector;
pub mod error;
mod export;
pub mod files;
pub mod http;
pub mod json;
pub mod log;
mod macros;
pub mod paging;
pub mod relations;
pub mod state;
pub mod system;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod transformation;
mod types;

pub use connector::{
    AttributeValue, ChangePage, Changes, Connector, Kind, Member, MemberChanges, Operation, Outcome, Page,
    Source, Target,
};
pub use error::{Error, Result};
pub use transformation::{Direction, Transformation};
pub use types::{Entity, Problem};

/// What the macros need to reach; nothing for authors.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings::changes::{self as changes_types, export_changes};
    pub use crate::bindings::metadata as metadata_types;
    pub use crate::bindings::metadata::{export_metadata, exports::gangway::plugin::metadata};
    pub use crate::bindings::source::{self as source_types, export_source};
    pub use crate::bindings::target::{self as target_types, export_target};
    pub use crate::bindings::transformation::{self as transformation_types, export_transformation};
    pub use crate::export::{ChangesExport, SourceExport, TargetExport, TransformationExport};

    /// The bytes of a text as an array of its own length, as a custom section wants it.
    pub const fn bytes<const N: usize>(text: &str) -> [u8; N] {
        match text.as_bytes().first_chunk() {
            Some(bytes) => *bytes,
            None => [0; N],
        }
    }

    pub const fn is_source<T: crate::Source>() {}
    pub const fn is_changes<T: crate::Changes>() {}
    pub const fn is_target<T: crate::Target>() {}
    pub const fn is_transformation<T: crate::Transformation>() {}
}
