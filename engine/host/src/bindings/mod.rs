//! Generated from `wit/`: one module for each released version of the plugin interface.

pub(crate) mod v0_1;
