//! Components made of a few lines of WebAssembly text.

use serde_json::{Value, json};
use std::path::Path;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The parts of a guest that tests vary; the rest is an empty source.
pub(crate) struct Guest {
    pub(crate) manifest: Value,
    /// What `describe` answers; the manifest unless a test says otherwise.
    pub(crate) described: Option<String>,
    /// Imports of the world, in WIT.
    pub(crate) world: &'static str,
    /// Further WIT packages.
    pub(crate) packages: &'static str,
    /// Imports and further functions of the core module.
    pub(crate) imports: &'static str,
    pub(crate) functions: &'static str,
    /// Body of `read-page`: parameters `$type $type_len $has_cursor $cursor $cursor_len $limit`; leaves
    /// the address of the result. At `$empty` there is an empty last page.
    pub(crate) read_page: &'static str,
}

pub(crate) const EMPTY_PAGE: &str = "i32.const 600";

impl Default for Guest {
    fn default() -> Self {
        Self {
            manifest: manifest("guest", "1.0.0", &[]),
            described: None,
            world: "",
            packages: "",
            imports: "",
            functions: "",
            read_page: EMPTY_PAGE,
        }
    }
}

pub(crate) fn manifest(name: &str, version: &str, capabilities: &[&str]) -> Value {
    let capabilities: Vec<_> =
        capabilities.iter().map(|name| json!({ "name": name, "reason": "test" })).collect();
    json!({
        "interface": "0.1", "name": name, "version": version, "title": "A test",
        "capabilities": capabilities, "entityTypes": ["user"],
    })
}

impl Guest {
    /// A guest whose `read-page` is this.
    pub(crate) fn reading(read_page: &'static str) -> Self {
        Self { read_page, ..Self::default() }
    }

    /// The core module.
    pub(crate) fn text(&self) -> String {
        let manifest = self.manifest.to_string();
        let described = self.described.clone().unwrap_or_else(|| manifest.clone());
        format!(
            r#"(module $guest
  {imports}
  (memory (export "memory") 4)
  (global $top (mut i32) (i32.const 16384))
  (data (i32.const 1024) "{data}")
  (func $realloc (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
    (global.set $top (i32.add (local.get $at) (local.get $size)))
    (block $fits
      (br_if $fits (i32.le_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))
      (drop (memory.grow (i32.add (i32.const 1) (i32.div_u (local.get $size) (i32.const 65536))))))
    local.get $at)
  {functions}
  (func $describe (export "gangway:plugin/metadata@0.1.0#describe") (result i32)
    (i32.store (i32.const 512) (i32.const 1024))
    (i32.store (i32.const 516) (i32.const {length}))
    i32.const 512)
  (func $read_page (export "gangway:plugin/source@0.1.0#read-page")
    (param $type i32) (param $type_len i32) (param $has_cursor i32) (param $cursor i32) (param $cursor_len i32)
    (param $limit i32) (result i32)
    {read_page})
  (func $read_entities (export "gangway:plugin/source@0.1.0#read-entities")
    (param i32 i32 i32 i32) (result i32)
    i32.const 600)
  (@custom "gangway:manifest" "{section}")
)"#,
            imports = self.imports,
            functions = self.functions,
            read_page = self.read_page,
            data = escape(described.as_bytes()),
            length = described.len(),
            section = escape(manifest.as_bytes()),
        )
    }

    /// The component.
    pub(crate) fn build(&self) -> Vec<u8> {
        let mut module = wat::parse_str(self.text()).unwrap();
        let mut resolve = Resolve::default();
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/since_v0.1");
        resolve.push_path(wit).unwrap();
        let text = format!(
            "package test:guest;\n{}\nworld guest {{\n{}\nexport gangway:plugin/metadata@0.1.0;\n\
             export gangway:plugin/source@0.1.0;\n}}",
            self.packages, self.world
        );
        let package = resolve.push_str("guest.wit", &text).unwrap();
        let world = resolve.select_world(&[package], Some("guest")).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
    }
}

fn escape(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}
