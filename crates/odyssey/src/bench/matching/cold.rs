//! A vendor that is not in memory, memory itself, and changes.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};
use odyssey_domain::audit::{self, AuditEvent};
use odyssey_domain::catalog;
use odyssey_domain::matching::read_cached_catalog;
use odyssey_domain::tenancy::{Purpose, begin_at_command_line};
use odyssey_types::{ProductId, VendorId};

use super::questions::leaf_of;
use super::snapshot_of;
use crate::bench::ground::Ground;
use crate::bench::loaded::Loaded;
use crate::bench::machine;
use crate::bench::measure::Round;
use crate::bench::report::{Findings, Temperature};
use crate::bench::{Scale, yardstick};

/// Products of a small and of a large change; a change is one batch and one version.
const DELTAS: [usize; 2] = [1_000, 10_000];

pub async fn measure(
    ground: &Ground,
    loaded: &Loaded,
    scale: &Scale,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    use Temperature::{Cold, Warm};
    let vendor_id = loaded.vendor.id;
    let snapshots = &ground.node.snapshots;
    let from_postgres = findings.add("catalog from PostgreSQL", Cold, "catalogs");
    let from_disk = findings.add_against(from_postgres, "catalog from the file on disk", Cold, "catalogs");
    for _ in 0..scale.rounds {
        // Forgetting removes the file as well.
        snapshots.forget(vendor_id);
        findings.rows[from_postgres].series.push(load(ground, vendor_id).await?);
        snapshots.save_all().await;
        wait_for_file(ground, vendor_id).await?;
        snapshots.evict(vendor_id);
        findings.rows[from_disk].series.push(load(ground, vendor_id).await?);
    }
    findings.notes.push("Cold: the catalog was forgotten. PostgreSQL's own cache and the operating system's are warm. The way back from disk includes checking the checksum and asking the database whether the file is of its past.".to_owned());
    findings.notes.push(resident(ground, vendor_id).await?);

    let ids = yardstick::ids(
        &ground.yardstick,
        &format!(
            "SELECT product_id FROM {} ORDER BY md5(product_id::text) LIMIT {}",
            leaf_of("product_facts", vendor_id),
            DELTAS[1]
        ),
    )
    .await?;
    let ids: Vec<ProductId> = ids.into_iter().map(Into::into).collect();
    let mut rows = Vec::new();
    for count in DELTAS {
        let count = count.min(ids.len());
        rows.push((
            count,
            findings.add(format!("{count} changed products visible after the commit"), Warm, "products"),
        ));
    }
    for _ in 0..scale.rounds {
        for (count, row) in &rows {
            snapshot_of(ground, vendor_id).await?;
            let mut tx = begin_at_command_line(&ground.node.database, vendor_id, None).await?;
            catalog::rederive_products(&mut tx, &ids[..*count]).await?;
            let event =
                AuditEvent::new("product.rederive", "product", Purpose::Operations).count(*count as i64);
            audit::record(&mut tx, event).await?;
            tx.commit().await?;
            let started = Instant::now();
            snapshot_of(ground, vendor_id).await?;
            findings.rows[*row].series.push(Round::single(started.elapsed(), *count as u64));
        }
    }
    findings.notes.push("A change: the facts of so many products written anew in one batch; then the version is read, the delta fetched and applied.".to_owned());
    Ok(())
}

async fn load(ground: &Ground, vendor_id: VendorId) -> anyhow::Result<Round> {
    let started = Instant::now();
    let snapshot = snapshot_of(ground, vendor_id).await?;
    ensure!(!snapshot.snapshot.is_empty(), "the catalog is empty");
    Ok(Round::single(started.elapsed(), 1))
}

/// The file is written beside everything else; a save that was under way is not waited for by another.
async fn wait_for_file(ground: &Ground, vendor_id: VendorId) -> anyhow::Result<()> {
    let path = ground.settings.snapshot_cache_dir().join(format!("{vendor_id}.snapshot"));
    for _ in 0..600 {
        if path.exists() {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    anyhow::bail!("the catalog was not saved to disk")
}

/// What a catalog takes in a process that holds nothing else.
async fn resident(ground: &Ground, vendor_id: VendorId) -> anyhow::Result<String> {
    let (dir, exe) = (ground.settings.snapshot_cache_dir(), std::env::current_exe()?);
    let output = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(exe);
        command.arg("bench").arg("match").arg("--resident-of").arg(vendor_id.to_string());
        command.arg("--resident-dir").arg(dir).output()
    })
    .await??;
    ensure!(
        output.status.success(),
        "measuring the memory of a catalog failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).context("figures are text")?;
    Ok(text.trim().to_owned())
}

/// Loads the file of a catalog into this process and says by how much its resident memory grew.
pub fn print_resident(dir: &Path, vendor_id: VendorId) -> anyhow::Result<()> {
    let before = machine::resident_kib()?;
    let snapshot = read_cached_catalog(dir, vendor_id)?.context("there is no file of this catalog")?;
    let after = machine::resident_kib()?;
    let (products, grown) = (snapshot.len().max(1), (after.saturating_sub(before)) * 1024);
    println!(
        "Memory: loading {products} products into a process of their own made its resident memory grow by {} KiB, {:.1} bytes a product ({:.1} by the snapshot's own count).",
        grown / 1024,
        grown as f64 / products as f64,
        snapshot.memory_bytes() as f64 / products as f64
    );
    Ok(())
}
