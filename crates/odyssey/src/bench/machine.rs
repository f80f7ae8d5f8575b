//! What the run stood on: processor time stolen, memory, the commit, PostgreSQL.

use std::process::Command;

use anyhow::Context;
use sqlx::{PgPool, Row as _};

/// Settings of the server that decide what a write and a read cost.
const PG_SETTINGS: [&str; 8] = [
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "shared_buffers",
    "work_mem",
    "max_wal_size",
    "max_parallel_workers_per_gather",
    "jit",
];

/// Ticks of all processors since the machine started.
#[derive(Debug, Clone, Copy)]
pub struct Ticks {
    all: u64,
    steal: u64,
    idle: u64,
}

impl Ticks {
    pub fn now() -> anyhow::Result<Self> {
        let stat = std::fs::read_to_string("/proc/stat").context("/proc/stat cannot be read")?;
        Self::parse(&stat).context("/proc/stat has no line of all processors")
    }

    /// The first line: user, nice, system, idle, iowait, irq, softirq, steal; the guests after them are
    /// counted in user already.
    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> = line.split_whitespace().take(8).filter_map(|t| t.parse().ok()).collect();
        Some(Self { all: ticks.iter().sum(), steal: *ticks.get(7)?, idle: ticks[3] + ticks[4] })
    }

    /// Percent of all processor time that was stolen by the host, and that was idle, until `later`.
    pub fn shares_until(self, later: Self) -> (f64, f64) {
        let all = later.all.saturating_sub(self.all).max(1) as f64;
        let share = |from: u64, to: u64| 100.0 * to.saturating_sub(from) as f64 / all;
        (share(self.steal, later.steal), share(self.idle, later.idle))
    }
}

/// Forgets the peak of this process's memory, so that [`peak_memory_mib`] is that of what follows. Says
/// whether the kernel did.
pub fn reset_peak_memory() -> bool {
    std::fs::write("/proc/self/clear_refs", "5").is_ok()
}

/// Largest resident memory of this process (server, worker and load driver alike), MiB.
pub fn peak_memory_mib() -> anyhow::Result<u64> {
    Ok(status_kib("VmHWM:")? / 1024)
}

/// Resident memory of this process now, KiB.
pub fn resident_kib() -> anyhow::Result<u64> {
    status_kib("VmRSS:")
}

fn status_kib(field: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("/proc/self/status cannot be read")?;
    status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .context("/proc/self/status does not tell the memory")
}

/// Tasks ready to run, averaged over one minute, as the kernel writes it.
pub fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}

pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The commit of the working directory, when there is git; `+` says that files differ from it.
pub fn commit() -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok().filter(|o| o.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|s| !s.is_empty());
    Some(if changed { format!("{commit}+ (with uncommitted changes)") } else { commit })
}

/// Version and settings of the server, in words.
pub async fn postgres(pool: &PgPool) -> anyhow::Result<String> {
    let version: String =
        sqlx::query_scalar("SELECT current_setting('server_version')").fetch_one(pool).await?;
    let rows = sqlx::query("SELECT name, current_setting(name) AS value FROM pg_settings WHERE name = ANY($1) ORDER BY array_position($1, name)")
        .bind(PG_SETTINGS.map(str::to_owned).to_vec())
        .fetch_all(pool)
        .await?;
    let mut words = format!("{version}:");
    for row in rows {
        let (name, value): (String, String) = (row.try_get("name")?, row.try_get("value")?);
        words.push_str(&format!(" {name}={value}"));
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steal_is_a_share_of_all_time_and_guests_are_not_counted_twice() {
        let before = Ticks::parse("cpu  100 0 50 800 50 0 0 0 90 0\ncpu0 1").expect("a line");
        let after = Ticks::parse("cpu  150 0 70 820 60 0 0 100 130 0\n").expect("a line");
        let (steal, idle) = before.shares_until(after);
        assert!((steal - 50.0).abs() < 1e-9 && (idle - 15.0).abs() < 1e-9, "{steal} {idle}");
    }
}
