//! `odyssey import` of FHIR bundles: a file, a file of a bundle a line, or a folder of files.
//!
//! Each bundle is one person and one transaction; what was taken in stays when a later one is refused. The
//! report names resources by their place and gives reasons; it holds nothing of their content.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use odyssey_domain::customers::{self, FhirImport, FhirImportError, FhirImported, ImportConsent, RowOutcome};
use odyssey_domain::tenancy;
use odyssey_matching::fhir::{BundleError, LineStatus, ProposeError, limits};
use odyssey_types::{JobId, Phi, UserId, VendorId};

use super::import::ImportArgs;
use crate::node::Node;

/// What became of the bundles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Totals {
    read: u64,
    created: u64,
    updated: u64,
    unchanged: u64,
    kept: u64,
    rejected: u64,
    /// Customers who are not matched until somebody maps an allergy of theirs.
    blocked: u64,
}

/// Whether a file is one of FHIR, by its name: bundles are JSON, and nothing else that we import is.
pub(super) fn is_fhir(path: &Path) -> bool {
    kind_of(path).is_some() || path.is_dir()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bundle,
    /// A bundle a line.
    Lines,
}

/// By the name, without the `.gz` of a packed file.
fn kind_of(path: &Path) -> Option<Kind> {
    let unpacked = if is_packed(path) { Path::new(path.file_stem()?) } else { path };
    match unpacked.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "json" => Some(Kind::Bundle),
        "ndjson" | "jsonl" => Some(Kind::Lines),
        _ => None,
    }
}

fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

/// The bytes of a file, unpacked as they are read: whoever reads them sets the limit.
fn open(path: &Path) -> anyhow::Result<Box<dyn Read>> {
    let file = File::open(path).with_context(|| format!("the file {} cannot be read", path.display()))?;
    if is_packed(path) {
        return Ok(Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(file))));
    }
    Ok(Box::new(file))
}

/// Imports every bundle of a path and says what came of each.
pub(super) async fn run(
    args: &ImportArgs,
    node: &Node,
    vendor_id: VendorId,
    member: Option<UserId>,
) -> anyhow::Result<()> {
    if args.errors.is_some() || args.recipe.is_some() || args.allergen_data.is_some() {
        bail!("bundles take no --errors, --recipe or --allergen-data: what is wrong is printed");
    }
    let consent = match (args.consent, member) {
        (false, _) => None,
        (true, Some(attested_by)) => {
            require_admin(node, vendor_id, attested_by).await?;
            Some(ImportConsent { attested_by, text_version: None })
        }
        (true, None) => bail!("only a person can attest; say who with --as"),
    };
    let now = node.database.clock().now();
    let import = FhirImport {
        run_id: JobId::generate(now),
        started_at: now,
        identifier_system: args.identifier_system.clone(),
        consent,
        overwrite_edits: args.overwrite_edits,
    };
    let mut totals = Totals::default();
    for path in files(&args.file)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let file = open(&path)?;
        match kind_of(&path) {
            Some(Kind::Lines) => {
                let mut reader = BufReader::new(file);
                let mut number = 0_u64;
                while let Some(line) = read_line(&mut reader)? {
                    number += 1;
                    let place = format!("{name}:{number}");
                    let Some(line) = line else {
                        refuse(&mut totals, &place, &too_large());
                        continue;
                    };
                    if !line.iter().all(u8::is_ascii_whitespace) {
                        take(node, vendor_id, member, &import, &mut totals, &place, line).await?;
                    }
                }
            }
            Some(Kind::Bundle) | None => {
                let mut bytes = Vec::new();
                file.take(limits::BUNDLE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
                take(node, vendor_id, member, &import, &mut totals, &name, bytes).await?;
            }
        }
    }
    report(&totals);
    if totals.read > 0 && totals.rejected == totals.read {
        bail!("no bundle was taken in");
    }
    Ok(())
}

async fn require_admin(node: &Node, vendor_id: VendorId, user_id: UserId) -> anyhow::Result<()> {
    let memberships = tenancy::list_memberships_of(&node.database, user_id).await?;
    let admin = memberships.iter().any(|m| m.vendor_id == vendor_id && m.role == tenancy::Role::VendorAdmin);
    if !admin {
        bail!("only an admin of the vendor can attest the consent of customers");
    }
    Ok(())
}

/// The files of a path, by name.
fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_file() && kind_of(&path).is_some() {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        bail!("the folder has no .json or .ndjson file (or their .gz)");
    }
    Ok(files)
}

/// The next line; `Some(None)` for one that is larger than a bundle may be, which is passed over.
fn read_line(reader: &mut impl BufRead) -> anyhow::Result<Option<Option<Vec<u8>>>> {
    let most = limits::BUNDLE_BYTES_MAX as u64 + 1;
    let mut line = Vec::new();
    if reader.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.len() as u64 == most && line.last() != Some(&b'\n') {
        reader.skip_until(b'\n')?;
        return Ok(Some(None));
    }
    Ok(Some(Some(line)))
}

fn too_large() -> FhirImportError {
    ProposeError::from(BundleError::TooLarge { max: limits::BUNDLE_BYTES_MAX }).into()
}

async fn take(
    node: &Node,
    vendor_id: VendorId,
    member: Option<UserId>,
    import: &FhirImport,
    totals: &mut Totals,
    place: &str,
    bytes: Vec<u8>,
) -> anyhow::Result<()> {
    let mut tx = tenancy::begin_at_command_line(&node.database, vendor_id, member).await?;
    match customers::import_fhir(&mut tx, import, totals.read + 1, &Phi::new(bytes)).await {
        Ok(imported) => {
            tx.commit().await?;
            accept(totals, place, &imported);
            Ok(())
        }
        Err(error) => {
            tx.roll_back().await?;
            match error {
                // What no other bundle would fare better with.
                FhirImportError::Customers(
                    customers::CustomerError::Db(_) | customers::CustomerError::Vault(_),
                ) => Err(error.into()),
                error => {
                    refuse(totals, place, &error);
                    Ok(())
                }
            }
        }
    }
}

fn accept(totals: &mut Totals, place: &str, imported: &FhirImported) {
    totals.read += 1;
    totals.blocked += u64::from(imported.blocks_matching);
    let outcome = match imported.outcome {
        RowOutcome::Created => ("created", &mut totals.created),
        RowOutcome::Updated => ("updated", &mut totals.updated),
        RowOutcome::Kept => ("kept", &mut totals.kept),
        RowOutcome::Unchanged | RowOutcome::Deleted => ("unchanged", &mut totals.unchanged),
    };
    *outcome.1 += 1;
    println!("{place}  {} {}", outcome.0, imported.customer_id);
    let lines = imported.lines.expose();
    for line in lines.iter().filter(|line| line.status == LineStatus::Unusable || line.awaits_decision()) {
        println!(
            "  {}  {}  {}: {}",
            line.pointer,
            line.resource,
            line.reason.as_str(),
            line.reason.sentence()
        );
    }
    let count = |status| lines.iter().filter(|line| line.status == status).count();
    let counts: Vec<String> = LineStatus::ALL
        .iter()
        .map(|status| (status, count(*status)))
        .filter(|(_, count)| *count > 0)
        .map(|(status, count)| format!("{count} {}", status.as_str()))
        .collect();
    let others: usize = imported.not_read.iter().map(|other| other.count).sum();
    if !lines.is_empty() {
        println!("  resources: {}, {others} of other kinds", counts.join(", "));
    }
}

fn refuse(totals: &mut Totals, place: &str, error: &FhirImportError) {
    totals.read += 1;
    totals.rejected += 1;
    println!("{place}  rejected: {error}");
}

fn report(totals: &Totals) {
    println!("read      {}", totals.read);
    println!("created   {}", totals.created);
    println!("updated   {}", totals.updated);
    println!("unchanged {}", totals.unchanged);
    println!("kept      {}", totals.kept);
    println!("rejected  {}", totals.rejected);
    if totals.blocked > 0 {
        println!("{} customers are not matched until somebody maps an allergy of theirs", totals.blocked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_one_by_one_and_the_last_needs_no_end() {
        let mut reader = BufReader::new(&b"{}\n\n[1]"[..]);
        let mut lines = Vec::new();
        while let Some(line) = read_line(&mut reader).expect("bytes in memory") {
            lines.push(line.expect("a short line"));
        }
        assert_eq!(lines, [&b"{}\n"[..], b"\n", b"[1]"]);
    }

    #[test]
    fn a_bundle_is_known_by_its_name() {
        assert_eq!(kind_of(Path::new("a.JSON")), Some(Kind::Bundle));
        assert_eq!(kind_of(Path::new("a.ndjson")), Some(Kind::Lines));
        assert_eq!(kind_of(Path::new("a.json.gz")), Some(Kind::Bundle));
        assert_eq!(kind_of(Path::new("a.csv.gz")), None);
        assert_eq!(kind_of(Path::new("a.csv")), None);
        assert_eq!(kind_of(Path::new("a")), None);
    }
}
