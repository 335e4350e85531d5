//! Plugins.

use super::Route;
use crate::api::plugins;

const PLUGINS: &str = "/api/v1/tenants/{tenant}/plugins";
const PLUGIN: &str = "/api/v1/tenants/{tenant}/plugins/{plugin}";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("get", PLUGINS, "listPlugins", "The plugins of a tenant, with their state", plugins::list)
            .answers(200, "PluginList")
            .errors(&[404]),
        Route::new("get", PLUGIN, "getPlugin", "One plugin", plugins::get).answers(200, "Plugin").errors(&[404]),
        Route::new(
            "put",
            PLUGIN,
            "loadPlugin",
            "Take a component into use. Running jobs end on the version they started with; a refused component changes nothing",
            plugins::load,
        )
        .body("application/wasm")
        .answers(200, "LoadReport")
        .errors(&[404, 413, 422])
        .patient(),
        Route::new("delete", PLUGIN, "removePlugin", "Remove a plugin that no system uses", plugins::delete)
            .nothing()
            .errors(&[404, 409]),
        Route::new(
            "post",
            "/api/v1/tenants/{tenant}/plugins/{plugin}/roll-back",
            "rollBackPlugin",
            "Go back to the version before",
            plugins::roll_back,
        )
        .answers(200, "Plugin")
        .errors(&[404, 409]),
        Route::new(
            "post",
            "/api/v1/tenants/{tenant}/plugins/{plugin}/release",
            "releasePlugin",
            "Let a quarantined plugin try again",
            plugins::release,
        )
        .answers(200, "Plugin")
        .errors(&[404, 409]),
    ]
}
