//! The JSON transformation as a component.

#[cfg(target_family = "wasm")]
mod memory;

use gangway_json_transformation::JsonTransformation;

gangway_sdk::plugin! { manifest: "plugin.json", transformation: JsonTransformation }
