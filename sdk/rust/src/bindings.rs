//! What `wit-bindgen` makes of the interface. Nothing here is public: the modules beside it give the
//! author types and functions to work with, and the [`plugin!`](crate::plugin) macro does the exporting.
//!
//! Each exported interface has a world of its own, so that one macro serves every combination (source,
//! target, both, transformation): `wit-component` unites the worlds of the macros that a plugin really
//! uses, and drops every import that its code does not call.
#![allow(unsafe_code, missing_docs, clippy::all, clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(dead_code, unused_imports, unreachable_pub)]

/// What the host offers.
pub mod host {
    wit_bindgen::generate!({
        path: "../../wit/since_v0.1",
        world: "gangway:plugin/host",
        pub_export_macro: true,
        export_macro_name: "export_host",
        with: { "gangway:plugin/types@0.1.0": crate::types },
        additional_derives: [PartialEq, Eq],
    });
}

/// The export that every plugin has.
pub mod metadata {
    wit_bindgen::generate!({
        path: "../../wit/since_v0.1",
        inline: "package gangway:sdk; world metadata-role { export gangway:plugin/metadata@0.1.0; }",
        world: "gangway:sdk/metadata-role",
        pub_export_macro: true,
        export_macro_name: "export_metadata",
        generate_all,
    });
}

/// The exports of a source.
pub mod source {
    wit_bindgen::generate!({
        path: "../../wit/since_v0.1",
        inline: "package gangway:sdk; world source-role { export gangway:plugin/source@0.1.0; }",
        world: "gangway:sdk/source-role",
        pub_export_macro: true,
        export_macro_name: "export_source",
        with: { "gangway:plugin/types@0.1.0": crate::types },
        additional_derives: [PartialEq, Eq],
        generate_all,
    });
}

/// The exports of a source that says what changed.
pub mod changes {
    wit_bindgen::generate!({
        path: "../../wit/since_v0.1",
        inline: "package gangway:sdk; world changes-role { export gangway:plugin/changes@0.1.0; }",
        world: "gangway:sdk/changes-role",
        pub_export_macro: true,
        export_macro_name: "export_changes",
        with: { "gangway:plugin/types@0.1.0": crate::types },
        additional_derives: [PartialEq, Eq],
        generate_all,
    });
}

/// The exports of a target.
pub mod target {
    wit_bindgen::generate!({
        path: "../../wit/since_v0.1",
        inline: "package gangway:sdk; world target-role { export gangway:plugin/target@0.1.0; }",
        world: "gangway:sdk/target-role",
        pub_export_macro: true,
        export_macro_name: "export_target",
        with: { "gangway:plugin/types@0.1.0": crate::types },
        additional_derives: [PartialEq, Eq],
        generate_all,
    });
}

/// The exports of a transformation.
pub mod transformation {
    wit_bindgen::generate!({
        path: "../../wit/since_v0.1",
        inline: "package gangway:sdk; world transformation-role { export gangway:plugin/transformation@0.1.0; }",
        world: "gangway:sdk/transformation-role",
        pub_export_macro: true,
        export_macro_name: "export_transformation",
        with: { "gangway:plugin/types@0.1.0": crate::types },
        additional_derives: [PartialEq, Eq],
        generate_all,
    });
}
