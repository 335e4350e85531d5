//! Bindings of `gangway:plugin@0.1.0`.
//!
//! One world holds every import and every export, so that the macro runs once. Nothing is ever
//! instantiated as that world: `source`, `target` and `transformation` are optional, and each is
//! looked up by its own `GuestIndices`.

#![allow(missing_docs, unreachable_pub, unused_qualifications, unused_variables, dead_code, clippy::all)]
// The generated code asserts, after a type check, that a function has the types it was checked for.
#![allow(unsafe_code)]

wasmtime::component::bindgen!({
    path: "../../wit/since_v0.1",
    inline: "
        package gangway:bindings;

        world everything {
            include gangway:plugin/host@0.1.0;
            export gangway:plugin/metadata@0.1.0;
            export gangway:plugin/source@0.1.0;
            export gangway:plugin/changes@0.1.0;
            export gangway:plugin/target@0.1.0;
            export gangway:plugin/transformation@0.1.0;
        }
    ",
    world: "gangway:bindings/everything",
    imports: { default: async },
    exports: { default: async },
    with: {
        "gangway:plugin/connection.stream": crate::capabilities::connection::OpenStream,
        "gangway:plugin/files.replacement": crate::capabilities::files::Replacement,
    },
});
