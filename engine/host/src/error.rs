/// Why a component was not loaded. Nothing has changed then: the version in use stays in use.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// More bytes than the engine accepts.
    #[error("the component has {size} bytes; at most {limit} are accepted")]
    TooLarge {
        /// Bytes offered.
        size: usize,
        /// Bytes accepted.
        limit: usize,
    },
    /// Not a WebAssembly component.
    #[error("this is no WebAssembly component: {0}")]
    NotAComponent(String),
    /// A component that ends early or breaks the rules of the format.
    #[error("the component is damaged: {0}")]
    Malformed(String),
    /// No manifest, or one that cannot be read.
    #[error("{0}")]
    Manifest(String),
    /// An interface version that the engine does not speak.
    #[error(
        "the plugin \"{plugin}\" was built for plugin interface {theirs}; this engine speaks {ours}. Build the \
         plugin with an SDK for {ours}, or update the engine"
    )]
    Interface {
        /// The plugin's name.
        plugin: String,
        /// The version it was built for.
        theirs: String,
        /// The version, or versions, of this engine.
        ours: String,
    },
    /// An import that the engine does not offer, or that the manifest does not declare.
    #[error("the import {import} is refused: {reason}")]
    Import {
        /// The name of the import.
        import: String,
        /// Why, and what the plugin's author can do.
        reason: String,
    },
    /// Exports that are missing or of the wrong shape.
    #[error("{0}")]
    Exports(String),
    /// The component is valid, and the compiler refuses it all the same.
    #[error("the component does not compile: {0}")]
    Compile(String),
    /// The component does not fit to what the engine offers.
    #[error("the component does not fit to this engine: {0}")]
    Link(String),
    /// The first call failed.
    #[error("the component does not start: {0}")]
    Smoke(String),
    /// There is no such plugin.
    #[error("there is no plugin \"{0}\"")]
    Missing(String),
    /// There is no version to go back to.
    #[error("the plugin \"{0}\" has no previous version in memory; load the version you want")]
    NoPrevious(String),
    /// The engine itself has a problem.
    #[error("{0}")]
    Engine(String),
}

impl LoadError {
    /// One word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too-large",
            Self::NotAComponent(_) => "not-a-component",
            Self::Malformed(_) => "malformed",
            Self::Manifest(_) => "manifest",
            Self::Interface { .. } => "interface-version",
            Self::Import { .. } => "import",
            Self::Exports(_) => "exports",
            Self::Compile(_) => "compile",
            Self::Link(_) => "link",
            Self::Smoke(_) => "smoke",
            Self::Missing(_) => "missing",
            Self::NoPrevious(_) => "no-previous",
            Self::Engine(_) => "engine",
        }
    }
}
