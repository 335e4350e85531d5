/// Makes a plugin of the author's types. Call it once, in the crate's root.
///
/// `manifest` is a JSON file beside `Cargo.toml`; it becomes the component's custom section
/// `gangway:manifest` and the answer of `describe`. Then come the roles: `source` (and beside it `changes`),
/// `target`, both (of one type or two), or `transformation`.
///
/// ```ignore
/// gangway_sdk::plugin! { manifest: "plugin.json", source: Csv, target: Csv }
/// ```
///
/// The macro also adds a unit test that checks the manifest.
#[macro_export]
macro_rules! plugin {
    (manifest: $manifest:literal, $($role:ident: $type:ty),+ $(,)?) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            const MANIFEST: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $manifest));

            struct Manifest;

            impl $crate::__private::metadata::Guest for Manifest {
                fn describe() -> ::std::string::String {
                    MANIFEST.to_owned()
                }
            }

            $crate::__section!(MANIFEST);
            $crate::__private::export_metadata!(Manifest with_types_in $crate::__private::metadata_types);
            $($crate::__role!($role $type);)+
        };

        #[cfg(not(target_family = "wasm"))]
        const _: () = {
            $($crate::__role!($role $type);)+
        };

        #[cfg(all(test, not(target_family = "wasm")))]
        #[test]
        fn plugin_manifest_is_valid() {
            let manifest = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $manifest));
            assert_eq!($crate::testing::check_manifest(manifest), Vec::<String>::new());
        }
    };
}

/// Puts the manifest into the custom section, which the host reads before it compiles anything.
#[doc(hidden)]
#[macro_export]
macro_rules! __section {
    ($manifest:ident) => {
        #[used]
        #[allow(unsafe_code)]
        #[unsafe(link_section = "gangway:manifest")]
        static SECTION: [u8; $manifest.len()] = $crate::__private::bytes($manifest);
    };
}

/// Exports one role of a plugin; off wasm it only checks the type.
#[doc(hidden)]
#[macro_export]
macro_rules! __role {
    (source $type:ty) => {
        #[cfg(target_family = "wasm")]
        type SourceRole = $crate::__private::SourceExport<$type>;
        #[cfg(target_family = "wasm")]
        $crate::__private::export_source!(SourceRole with_types_in $crate::__private::source_types);
        #[cfg(not(target_family = "wasm"))]
        const _: () = $crate::__private::is_source::<$type>();
    };
    (changes $type:ty) => {
        #[cfg(target_family = "wasm")]
        type ChangesRole = $crate::__private::ChangesExport<$type>;
        #[cfg(target_family = "wasm")]
        $crate::__private::export_changes!(ChangesRole with_types_in $crate::__private::changes_types);
        #[cfg(not(target_family = "wasm"))]
        const _: () = $crate::__private::is_changes::<$type>();
    };
    (target $type:ty) => {
        #[cfg(target_family = "wasm")]
        type TargetRole = $crate::__private::TargetExport<$type>;
        #[cfg(target_family = "wasm")]
        $crate::__private::export_target!(TargetRole with_types_in $crate::__private::target_types);
        #[cfg(not(target_family = "wasm"))]
        const _: () = $crate::__private::is_target::<$type>();
    };
    (transformation $type:ty) => {
        #[cfg(target_family = "wasm")]
        type TransformationRole = $crate::__private::TransformationExport<$type>;
        #[cfg(target_family = "wasm")]
        $crate::__private::export_transformation!(
            TransformationRole with_types_in $crate::__private::transformation_types
        );
        #[cfg(not(target_family = "wasm"))]
        const _: () = $crate::__private::is_transformation::<$type>();
    };
}
