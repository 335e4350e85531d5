//! Looks at a component before anything is compiled: is it one, which interface does it speak, what
//! does it want, what does it offer.
//!
//! Nothing here trusts a byte. The format is read by `wasmparser`, which answers every input with a
//! value or an error; what is collected from it is bounded.

use crate::LoadError;
use gangway_model::Manifest;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use wasmparser::{
    ComponentExternalKind, ComponentTypeRef, Encoding, Parser, Payload, Validator, WasmFeatures,
};

/// The interface versions of this engine.
pub const INTERFACES: &[&str] = &["0.1"];
/// Where the manifest stands.
const SECTION: &str = "gangway:manifest";
/// Bytes of a component. Python's interpreter with a connector has 18 MiB.
pub(crate) const COMPONENT_BYTES: usize = 64 << 20;
/// Bytes of a manifest.
const MANIFEST_BYTES: usize = 64 << 10;
/// Imports and exports at the outside of a component.
const NAMES: usize = 1_000;
/// Components and modules inside each other.
const DEPTH: usize = 8;

const PACKAGE: &str = "gangway:plugin/";
/// Need no declaration.
const FREE: &[&str] = &["log", "system", "types"];
/// Must be declared in the manifest.
pub(crate) const CAPABILITIES: &[&str] = &["http", "connection", "files", "relations", "state"];
/// What the language runtimes need of WASI 0.2. There is no preopened directory, so `filesystem`
/// opens nothing; there is no network in it.
const WASI: &[&str] = &["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/"];

/// What a plugin can be used as.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Roles {
    /// Systems are read through it.
    pub source: bool,
    /// And by their changes.
    pub changes: bool,
    /// Systems are written through it.
    pub target: bool,
    /// It transforms entities.
    pub transformation: bool,
}

impl Roles {
    /// The names of the roles it has.
    pub fn names(self) -> Vec<&'static str> {
        [(self.source, "source"), (self.target, "target"), (self.transformation, "transformation")]
            .into_iter()
            .filter_map(|(has, name)| has.then_some(name))
            .collect()
    }
}

/// What can be said of a component without running it.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// SHA-256, lower-case hexadecimal.
    pub digest: String,
    /// Bytes.
    pub size: usize,
    /// What it says of itself.
    pub manifest: Manifest,
    /// The interfaces it imports, sorted.
    pub imports: Vec<String>,
    /// The interfaces it exports, sorted.
    pub exports: Vec<String>,
    /// What it can be used as.
    pub roles: Roles,
    /// Why this engine refuses it; empty if it takes it.
    pub refusals: Vec<LoadError>,
    /// The manifest as it was written, to be compared with what `describe` says.
    pub(crate) manifest_json: serde_json::Value,
}

impl Inspection {
    /// The first refusal as an error.
    pub(crate) fn accepted(self) -> Result<Self, LoadError> {
        match self.refusals.first() {
            Some(refusal) => Err(refusal.clone()),
            None => Ok(self),
        }
    }
}

/// Reads a component and checks every instruction. The error says that it cannot be read; what can be
/// read and is not accepted stands in [`Inspection::refusals`].
pub(crate) fn inspect(wasm: &[u8]) -> Result<Inspection, LoadError> {
    let inspection = read(wasm)?;
    validate(wasm)?;
    Ok(inspection)
}

/// Checks every instruction. It takes ten times as long as all the rest, and what was compiled
/// before has passed it, so loading does it only when it has to compile.
pub(crate) fn validate(wasm: &[u8]) -> Result<(), LoadError> {
    Validator::new_with_features(features())
        .validate_all(wasm)
        .map(|_| ())
        .map_err(|error| LoadError::Malformed(error.to_string()))
}

/// Reads the outline of a component.
pub(crate) fn read(wasm: &[u8]) -> Result<Inspection, LoadError> {
    if wasm.len() > COMPONENT_BYTES {
        return Err(LoadError::TooLarge { size: wasm.len(), limit: COMPONENT_BYTES });
    }
    let outline = Outline::read(wasm)?;
    let (manifest, manifest_json) = manifest(&outline)?;
    let mut refusals = Vec::new();
    if !INTERFACES.contains(&manifest.interface.as_str()) {
        refusals.push(LoadError::Interface {
            plugin: manifest.name.clone(),
            theirs: manifest.interface.clone(),
            ours: INTERFACES.join(", "),
        });
    }
    for (import, is_instance) in &outline.imports {
        if let Some(reason) = refused(import, *is_instance, &manifest) {
            refusals.push(LoadError::Import { import: import.clone(), reason });
        }
    }
    let exports_it = |name: &str| {
        outline.exports.iter().any(|export| interface(export).is_some_and(|(n, ok)| ok && n == name))
    };
    let roles = Roles {
        source: exports_it("source"),
        changes: exports_it("source") && exports_it("changes"),
        target: exports_it("target"),
        transformation: exports_it("transformation"),
    };
    if !exports_it("metadata") || roles == Roles::default() {
        refusals.push(LoadError::Exports(format!(
            "a plugin exports gangway:plugin/metadata@0.1.0 and at least one of source, target and transformation \
             of the same package; this one exports {}",
            if outline.exports.is_empty() { "nothing".to_owned() } else { outline.exports.join(", ") }
        )));
    }
    let mut imports: Vec<_> = outline.imports.into_iter().map(|(name, _)| name).collect();
    let mut exports = outline.exports;
    imports.sort_unstable();
    exports.sort_unstable();
    Ok(Inspection {
        digest: digest(wasm),
        size: wasm.len(),
        manifest,
        imports,
        exports,
        roles,
        refusals,
        manifest_json,
    })
}

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What the format itself says, before any of it is judged.
#[derive(Default)]
struct Outline {
    imports: Vec<(String, bool)>,
    exports: Vec<String>,
    manifests: Vec<Vec<u8>>,
}

impl Outline {
    fn read(wasm: &[u8]) -> Result<Self, LoadError> {
        let damaged = |error: wasmparser::BinaryReaderError| LoadError::Malformed(error.to_string());
        if !wasm.starts_with(b"\0asm") {
            return Err(LoadError::NotAComponent("it does not begin with \"\\0asm\"".to_owned()));
        }
        if Parser::is_core_wasm(wasm) {
            return Err(LoadError::NotAComponent(
                "it is a core module; build it for the target wasm32-wasip2".to_owned(),
            ));
        }
        let mut outline = Self::default();
        let mut inside: Vec<Encoding> = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.map_err(damaged)? {
                Payload::Version { encoding, .. } => {
                    if inside.len() >= DEPTH {
                        return Err(LoadError::Malformed(format!("nested more than {DEPTH} levels deep")));
                    }
                    inside.push(encoding);
                }
                Payload::End(_) => {
                    inside.pop();
                }
                Payload::ComponentImportSection(section) if inside.len() == 1 => {
                    for import in section {
                        let import = import.map_err(damaged)?;
                        let is_instance = matches!(import.ty, ComponentTypeRef::Instance(_));
                        outline.imports.push((import.name.name.to_owned(), is_instance));
                        bounded(outline.imports.len(), "imports")?;
                    }
                }
                Payload::ComponentExportSection(section) if inside.len() == 1 => {
                    for export in section {
                        let export = export.map_err(damaged)?;
                        if export.kind == ComponentExternalKind::Instance {
                            outline.exports.push(export.name.name.to_owned());
                            bounded(outline.exports.len(), "exports")?;
                        }
                    }
                }
                // The linker of a language leaves the section in the core module; a tool that edits
                // components writes it beside that.
                Payload::CustomSection(section)
                    if section.name() == SECTION && is_own(&inside) && outline.manifests.len() < 2 =>
                {
                    if section.data().len() > MANIFEST_BYTES {
                        return Err(LoadError::Manifest(format!(
                            "the manifest has {} bytes; at most {MANIFEST_BYTES} are accepted",
                            section.data().len()
                        )));
                    }
                    outline.manifests.push(section.data().to_vec());
                }
                _ => {}
            }
        }
        Ok(outline)
    }
}

/// Of the component itself or of a module directly in it, not of a component linked into it.
fn is_own(inside: &[Encoding]) -> bool {
    matches!(inside, [Encoding::Component] | [Encoding::Component, Encoding::Module])
}

fn bounded(count: usize, what: &str) -> Result<(), LoadError> {
    if count > NAMES {
        return Err(LoadError::Malformed(format!("more than {NAMES} {what}")));
    }
    Ok(())
}

/// What the engine compiles.
fn features() -> WasmFeatures {
    WasmFeatures::WASM2
        | WasmFeatures::COMPONENT_MODEL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::MULTI_MEMORY
}

fn manifest(outline: &Outline) -> Result<(Manifest, serde_json::Value), LoadError> {
    let bytes = match outline.manifests.as_slice() {
        [] => {
            return Err(LoadError::Manifest(format!(
                "the component has no manifest: the custom section \"{SECTION}\" is missing; the SDK's export macro \
                 writes it"
            )));
        }
        [one] => one,
        [one, other] if one == other => one,
        _ => {
            return Err(LoadError::Manifest(format!("the component has several sections \"{SECTION}\"")));
        }
    };
    let unreadable = |error: serde_json::Error| {
        LoadError::Manifest(format!("the manifest (custom section \"{SECTION}\") cannot be read: {error}"))
    };
    let json: serde_json::Value = serde_json::from_slice(bytes).map_err(unreadable)?;
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| {
        // A later interface may shape its manifest differently: then that is what to say.
        match json.get("interface").and_then(|version| version.as_str()) {
            Some(theirs) if !INTERFACES.contains(&theirs) => LoadError::Interface {
                plugin: json.get("name").and_then(|name| name.as_str()).unwrap_or("?").to_owned(),
                theirs: theirs.to_owned(),
                ours: INTERFACES.join(", "),
            },
            _ => unreadable(error),
        }
    })?;
    if manifest.name.is_empty() || manifest.version.is_empty() {
        return Err(LoadError::Manifest("the manifest has no name or no version".to_owned()));
    }
    if let Some(unknown) = manifest.capabilities.iter().find(|c| !CAPABILITIES.contains(&c.name.as_str())) {
        // A later interface may have more of them; then its version says so first.
        if INTERFACES.contains(&manifest.interface.as_str()) {
            return Err(LoadError::Manifest(format!(
                "the manifest asks for the capability \"{}\", which does not exist; there are {}",
                unknown.name,
                CAPABILITIES.join(", ")
            )));
        }
    }
    Ok((manifest, json))
}

/// The interface that a name of our own package means, and whether its version is ours.
fn interface(name: &str) -> Option<(&str, bool)> {
    let (interface, version) = name.strip_prefix(PACKAGE)?.split_once('@')?;
    // Within 0.1 versions are compatible; the linker knows that rule too.
    Some((interface, version.starts_with("0.1.")))
}

/// Why an import is refused.
fn refused(import: &str, is_instance: bool, manifest: &Manifest) -> Option<String> {
    if !is_instance {
        return Some("plugins import interfaces only, not single functions, types or modules".to_owned());
    }
    if let Some((name, ours)) = interface(import) {
        if !ours {
            return Some("this engine offers the package gangway:plugin in version 0.1.0".to_owned());
        }
        if FREE.contains(&name) {
            return None;
        }
        if !CAPABILITIES.contains(&name) {
            return Some(format!("the package gangway:plugin@0.1.0 has no interface \"{name}\""));
        }
        if manifest.capabilities.iter().any(|capability| capability.name == name) {
            return None;
        }
        return Some(format!(
            "the manifest does not declare it; the plugin's author adds {{\"name\": \"{name}\", \"reason\": \"…\"}} to \
             \"capabilities\""
        ));
    }
    if WASI.iter().any(|prefix| import.starts_with(prefix)) {
        let version = import.split_once('@').map_or("", |(_, version)| version);
        return (!version.starts_with("0.2.")).then(|| {
            format!("this engine offers WASI 0.2, not {}", if version.is_empty() { "?" } else { version })
        });
    }
    if import.starts_with("wasi:sockets/") || import.starts_with("wasi:http/") {
        return Some(
            "plugins reach the network through gangway:plugin/http and gangway:plugin/connection only, where the \
             administrator's grants are checked"
                .to_owned(),
        );
    }
    Some("this engine does not offer it".to_owned())
}
