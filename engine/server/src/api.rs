//! The handlers of the control API. Each reads its request, asks the room that knows, and answers.

pub(crate) mod audit;
pub(crate) mod deltas;
pub(crate) mod directory;
pub(crate) mod events;
pub(crate) mod exports;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod identities;
pub(crate) mod impact;
pub(crate) mod jobs;
pub(crate) mod notifications;
pub(crate) mod plans;
pub(crate) mod plugins;
pub(crate) mod realtime;
pub(crate) mod relations;
pub(crate) mod schedules;
pub(crate) mod settings;
pub(crate) mod systems;
pub(crate) mod tenants;
pub(crate) mod transformations;
pub(crate) mod undo;
pub(crate) mod validate;
