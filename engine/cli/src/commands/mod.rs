pub(crate) mod job;
pub(crate) mod plan;
pub(crate) mod plugin;
pub(crate) mod serve;
pub(crate) mod system;
pub(crate) mod tenant;
pub(crate) mod transformation;
pub(crate) mod why;
