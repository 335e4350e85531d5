//! Keeps the memory of a long job as small as what it holds.

/// Starts the program again with as many allocator arenas as there are processors, on systems with the
/// GNU C library; anywhere else, or if the administrator has set a number, it does nothing.
///
/// By default that library gives threads up to eight arenas for each processor, and what one thread
/// frees in its arena is of no use to the others: a job over a million users would take three times the
/// memory it needs. The number can only be given before a process starts.
pub(crate) fn bound_arenas() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::os::unix::process::CommandExt as _;
        const SETTING: &str = "MALLOC_ARENA_MAX";
        if std::env::var_os(SETTING).is_some() || std::env::var_os("GLIBC_TUNABLES").is_some() {
            return;
        }
        let Ok(program) = std::env::current_exe() else { return };
        let arenas = std::thread::available_parallelism().map_or(2, usize::from).max(2);
        let mut arguments = std::env::args_os();
        let mut again = std::process::Command::new(program);
        if let Some(name) = arguments.next() {
            again.arg0(name);
        }
        // Comes back only if it failed; then the program goes on as it is.
        let error = again.args(arguments).env(SETTING, arenas.to_string()).exec();
        crate::output::complain(&format!("cannot start again with {SETTING}={arenas}: {error}"));
    }
}
