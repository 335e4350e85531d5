//! Keeps the memory of a long job as small as what it holds.

/// jemalloc: what one thread allocates and another frees goes back without a lock that all wait for, as glibc's does
/// when it may have few arenas only.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Starts the program again with as many allocator arenas as there are processors, on Linux; anywhere else, or if the
/// administrator has said something about it, it does nothing.
///
/// By default there are four for each processor, and what is freed in one is of no use to threads of another. The number
/// can only be given before a process starts. What is free goes back to the system soon.
pub(crate) fn bound_arenas() {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::process::CommandExt as _;
        const SETTING: &str = "_RJEM_MALLOC_CONF";
        if std::env::var_os(SETTING).is_some() {
            return;
        }
        let Ok(program) = std::env::current_exe() else { return };
        let arenas = std::thread::available_parallelism().map_or(2, usize::from).max(2);
        let said = format!("narenas:{arenas},dirty_decay_ms:200,muzzy_decay_ms:0");
        let mut arguments = std::env::args_os();
        let mut again = std::process::Command::new(program);
        if let Some(name) = arguments.next() {
            again.arg0(name);
        }
        // Comes back only if it failed; then the program goes on as it is.
        let error = again.args(arguments).env(SETTING, &said).exec();
        crate::output::complain(&format!("cannot start again with {SETTING}={said}: {error}"));
    }
}
