//! Settings of the embedded server, given on its command line at every start: the cluster's own files stay
//! as `initdb` made them, and root never writes into a folder of another user.

use std::path::Path;

const MIB: u64 = 1024 * 1024;

/// `key=value` pairs. Durability is never traded: acknowledged writes survive a power cut.
pub fn settings(socket_dir: &Path, port: u16, memory_bytes: u64) -> Vec<(&'static str, String)> {
    let memory = memory_bytes / MIB;
    // A quarter of the machine, as usual for PostgreSQL, but no more than the snapshots beside it can spare.
    let shared_buffers = (memory / 4).clamp(64, 1_024);
    let maintenance = (memory / 16).clamp(32, 512);
    [
        ("listen_addresses", "127.0.0.1".to_owned()),
        ("port", port.to_string()),
        ("unix_socket_directories", socket_dir.display().to_string()),
        ("unix_socket_permissions", "0700".to_owned()),
        ("password_encryption", "scram-sha-256".to_owned()),
        ("fsync", "on".to_owned()),
        ("full_page_writes", "on".to_owned()),
        ("synchronous_commit", "on".to_owned()),
        ("max_connections", "100".to_owned()),
        // Thousands of leaves: a migration over all of them takes a lock on each.
        ("max_locks_per_transaction", "256".to_owned()),
        ("shared_buffers", format!("{shared_buffers}MB")),
        ("effective_cache_size", format!("{}MB", (memory / 2).max(128))),
        ("maintenance_work_mem", format!("{maintenance}MB")),
        ("work_mem", "16MB".to_owned()),
        // Imports write a lot at once: fewer checkpoints, fewer full pages in the log.
        ("max_wal_size", "4GB".to_owned()),
        ("checkpoint_timeout", "15min".to_owned()),
        ("checkpoint_completion_target", "0.9".to_owned()),
        ("wal_compression", "on".to_owned()),
        ("random_page_cost", "1.1".to_owned()),
        ("jit", "off".to_owned()),
        ("timezone", "UTC".to_owned()),
        ("log_timezone", "UTC".to_owned()),
        // A week of logs, overwritten; never a statement or a value of a row in them.
        ("logging_collector", "on".to_owned()),
        ("log_directory", "log".to_owned()),
        ("log_filename", "postgresql-%a.log".to_owned()),
        ("log_truncate_on_rotation", "on".to_owned()),
        ("log_rotation_age", "1d".to_owned()),
        ("log_min_error_statement", "panic".to_owned()),
        ("log_parameter_max_length", "0".to_owned()),
        ("log_parameter_max_length_on_error", "0".to_owned()),
        ("log_error_verbosity", "terse".to_owned()),
    ]
    .into()
}

/// Memory this process may count on: of the machine, or less where a container is limited.
pub fn memory_bytes() -> u64 {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| parse_meminfo(&text));
    let container = std::fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse::<u64>().ok());
    // Where neither can be read (not Linux) a small machine is assumed.
    machine.into_iter().chain(container).min().unwrap_or(2_048 * MIB)
}

/// `MemTotal:       24689796 kB` in bytes.
pub(super) fn parse_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}
