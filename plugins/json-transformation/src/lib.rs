//! The JSON transformation as a component.

use gangway_json_transformation::JsonTransformation;

gangway_sdk::plugin! { manifest: "plugin.json", transformation: JsonTransformation }
