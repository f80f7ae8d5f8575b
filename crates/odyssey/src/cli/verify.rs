//! `odyssey verify`: a receipt checked without a server, a database or a key of ours.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use odyssey_domain::matching::{HandedReceipt, PublicKey, VerifiedReceipt, verify_receipt};
use serde::Deserialize;

/// Bytes of a receipt at most: 200 products of 60 kB, once in clear and once signed.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A receipt as `GET /api/v1/receipts/{receipt_id}` gives it.
    pub file: PathBuf,
    /// The issuer's keys as `GET /api/v1/receipts/keys` gives them; the receipt has to be signed with one of these.
    #[arg(long, value_name = "FILE")]
    pub keys: Option<PathBuf>,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<PublicKey>,
}

pub fn run(args: &VerifyArgs) -> anyhow::Result<()> {
    let receipt: HandedReceipt = serde_json::from_slice(&read(&args.file)?)
        .with_context(|| format!("{} is not a receipt", args.file.display()))?;
    let trusted: Option<KeySet> = match &args.keys {
        Some(path) => Some(
            serde_json::from_slice(&read(path)?)
                .with_context(|| format!("{} is not a JWK Set", path.display()))?,
        ),
        None => None,
    };
    let verified = verify_receipt(&receipt, trusted.as_ref().map(|set| set.keys.as_slice()))
        .context("the receipt proves nothing")?;
    print!("{}", report(&verified));
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let size = std::fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?.len();
    if size > FILE_BYTES_MAX {
        bail!("{} has {size} bytes, and a receipt has at most {FILE_BYTES_MAX}", path.display());
    }
    std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

fn report(verified: &VerifiedReceipt) -> String {
    let content = &verified.content;
    let key = if verified.key_trusted {
        format!("signed with the key {}, one of the issuer's", verified.kid)
    } else {
        format!(
            "signed with the key {}, which stands in the receipt itself: compare it with the issuer's, or name \
             those with --keys",
            verified.kid
        )
    };
    let mut lines = vec![
        format!("Receipt {} of {}: {key}.", content.id, content.issued_at.format("%Y-%m-%d %H:%M UTC")),
        format!("About customer {} of vendor {}.", content.customer_id, content.vendor_id),
        format!("Policy {} for {}: comes out the same.", content.proof.policy_digest, content.proof.as_of),
    ];
    for (at, (named, proven)) in content.products.iter().zip(&content.proof.verdicts).enumerate() {
        let verdict = proven.verdict["verdict"].as_str().unwrap_or_default();
        let name = named.name.as_deref().unwrap_or("without a name");
        lines.push(format!("{:>4}. {verdict:<17} {name} ({})", at + 1, named.external_id));
    }
    lines.push(format!(
        "All {} verdicts come out the same. That proves the verdicts, not that nothing better was passed over.",
        content.proof.verdicts.len()
    ));
    lines.join("\n") + "\n"
}
