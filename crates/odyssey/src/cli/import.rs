//! `odyssey import`: a file into a vendor, through the same path as the API, with a progress bar.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use odyssey_domain::ingestion::{
    self, ConsentAttestation, ImportMode, ImportParameters, JobView, LabelAttestation, StartedImport,
};
use odyssey_domain::jobs;
use odyssey_domain::tenancy;
use odyssey_jobs::JobState;
use odyssey_types::{JobId, Jurisdiction, UserId, VendorId};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::sync::CancellationToken;

use super::work::{ingestion, work, worker_settings};
use crate::config::Settings;
use crate::node::Node;

/// Bytes read from the file at a time.
const PIECE_BYTES: usize = 1 << 20;
/// How often the job is looked at.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ModeArg {
    Products,
    /// Also bundles of FHIR R4, when the file ends with .json or .ndjson.
    Customers,
    /// Bundles of FHIR R4, each about one person: a file, a file of a bundle a line, or a folder.
    Fhir,
}

/// What `--allergen-data` may say.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum AllergenDataArg {
    /// The allergen declarations of all rows are complete; needs `--as`, the jurisdiction and the date.
    Complete,
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The file: CSV, TSV, semicolon or pipe, also gzip or zstd; or FHIR bundles as .json or .ndjson (also gzip). With
    /// `--recipe synthea` a folder, with `--mode fhir` maybe one.
    pub file: PathBuf,
    /// Short name of the vendor.
    #[arg(long)]
    pub vendor: String,
    #[arg(long)]
    pub mode: ModeArg,
    /// E-mail address of the member in whose name the file is imported; attestations need one.
    #[arg(long = "as", value_name = "EMAIL")]
    pub member: Option<String>,
    #[arg(long, requires_all = ["label_jurisdiction", "label_as_of", "member"])]
    pub allergen_data: Option<AllergenDataArg>,
    /// Under which law the labels were made: US, CA, EU, GB, AU, NZ.
    #[arg(long)]
    pub label_jurisdiction: Option<String>,
    /// The day the labels are of: 2019-06-14.
    #[arg(long)]
    pub label_as_of: Option<NaiveDate>,
    /// All customers of the file consented to the use of their health data, says the member, an admin.
    #[arg(long, requires = "member")]
    pub consent: bool,
    /// Overwrite what people edited since the last import of the same rows.
    #[arg(long)]
    pub overwrite_edits: bool,
    /// The file is the whole catalog: products that it does not have are deleted. More than a fifth of them only with
    /// --allow-deletes.
    #[arg(long)]
    pub full: bool,
    /// Let --full delete however many products the file does not have.
    #[arg(long, requires = "full")]
    pub allow_deletes: bool,
    /// Do everything and keep nothing: say what would become of the rows.
    #[arg(long)]
    pub dry_run: bool,
    /// Several files of a known kind as one: `synthea` joins patients, allergies, conditions, medications
    /// and observations.
    #[arg(long)]
    pub recipe: Option<RecipeArg>,
    /// Which identifier of a FHIR patient is the external id; without it, it is the patient's own id.
    #[arg(long, value_name = "SYSTEM")]
    pub identifier_system: Option<String>,
    /// Where to write the rows that were refused, with the reasons.
    #[arg(long, value_name = "FILE")]
    pub errors: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RecipeArg {
    Synthea,
}

pub async fn run(args: &ImportArgs, settings: &Settings) -> anyhow::Result<()> {
    let node = Node::open(settings).await?;
    let vendor = super::tenancy::vendor(&node.database, &args.vendor).await?;
    let member = match &args.member {
        Some(email) => Some(
            tenancy::find_user_by_email(&node.database, email).await?.context("nobody has this address")?,
        ),
        None => None,
    };
    let bundles = args.recipe.is_none() && !args.file.is_dir() && super::fhir::is_fhir(&args.file);
    let mode = match args.mode {
        ModeArg::Products => ImportMode::Products,
        ModeArg::Customers if !bundles => ImportMode::Customers,
        ModeArg::Customers | ModeArg::Fhir => {
            super::fhir::run(args, &node, vendor.id, member).await?;
            return node.close().await;
        }
    };
    let source = match args.recipe {
        Some(RecipeArg::Synthea) => Source::Bytes(super::synthea::join_folder(&args.file)?),
        None => Source::File(args.file.clone()),
    };
    let view = import_file(settings, &node, vendor.id, member, mode, source, parameters(args)?).await?;
    report(&view);
    if let Some(path) = &args.errors {
        write_errors(&node, vendor.id, member, JobId::from_uuid(view.record.id), path).await?;
    }
    let failed = matches!(view.record.state, JobState::Failed | JobState::Canceled);
    node.close().await?;
    if failed {
        bail!("the import ended as {}", view.record.state.as_str());
    }
    Ok(())
}

fn parameters(args: &ImportArgs) -> anyhow::Result<ImportParameters> {
    let attestation = match (args.allergen_data, &args.label_jurisdiction, args.label_as_of) {
        (Some(AllergenDataArg::Complete), Some(jurisdiction), Some(label_as_of)) => Some(LabelAttestation {
            label_jurisdiction: Jurisdiction::parse(jurisdiction)
                .context("a jurisdiction is US, CA, EU, GB, AU or NZ")?,
            label_as_of,
        }),
        _ => None,
    };
    Ok(ImportParameters {
        attestation,
        consent: args.consent.then_some(ConsentAttestation { text_version: None }),
        overwrite_edits: args.overwrite_edits,
        full: args.full,
        allow_deletes: args.allow_deletes,
        dry_run: args.dry_run,
        ..ImportParameters::default()
    })
}

/// Where the rows come from.
pub(crate) enum Source {
    File(PathBuf),
    /// Made in memory, and kept there until it is sealed.
    Bytes(Vec<u8>),
    /// Made while it is read; of some length.
    Stream(Pin<Box<dyn AsyncRead + Send>>, u64),
}

impl Source {
    /// The bytes, and how many.
    async fn open(self) -> anyhow::Result<(Pin<Box<dyn AsyncRead + Send>>, u64)> {
        match self {
            Self::File(path) => {
                let file = tokio::fs::File::open(&path)
                    .await
                    .with_context(|| format!("the file {} cannot be read", path.display()))?;
                let length = file.metadata().await?.len();
                Ok((Box::pin(file), length))
            }
            Self::Stream(stream, length) => Ok((stream, length)),
            Self::Bytes(bytes) => {
                let length = bytes.len() as u64;
                Ok((Box::pin(std::io::Cursor::new(bytes)), length))
            }
        }
    }
}

/// Receives a file and works the queue until its import has ended.
pub(crate) async fn import_file(
    settings: &Settings,
    node: &Node,
    vendor_id: VendorId,
    member: Option<UserId>,
    mode: ImportMode,
    source: Source,
    parameters: ImportParameters,
) -> anyhow::Result<JobView> {
    let ingestion = ingestion(settings).await?;
    let stop = CancellationToken::new();
    let worker = {
        let (work, stop, settings) = (work(node, &ingestion), stop.clone(), worker_settings(settings));
        tokio::spawn(async move { jobs::run_worker(work, &settings, stop).await })
    };
    let followed = async {
        let started = receive(node, &ingestion, vendor_id, member, mode, source, parameters).await?;
        follow(node, vendor_id, started.job_id).await
    };
    let outcome = tokio::select! {
        outcome = followed => outcome,
        lost = node.lost() => {
            worker.abort();
            return Err(lost);
        }
    };
    stop.cancel();
    worker.await.context("the worker panicked")??;
    outcome
}

async fn receive(
    node: &Node,
    ingestion: &ingestion::Ingestion,
    vendor_id: VendorId,
    member: Option<UserId>,
    mode: ImportMode,
    source: Source,
    parameters: ImportParameters,
) -> anyhow::Result<StartedImport> {
    let (mut source, length) = source.open().await?;
    let bar = ProgressBar::new(length).with_style(style("receiving {bar:30} {bytes}/{total_bytes}"));
    let tx = tenancy::begin_at_command_line(&node.database, vendor_id, member).await?;
    let mut sink = ingestion::begin_upload(ingestion, tx, mode, parameters).await?;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = source.read(&mut piece).await?;
        if read == 0 {
            break;
        }
        sink.write(Bytes::copy_from_slice(&piece[..read])).await?;
        bar.inc(read as u64);
    }
    bar.finish_and_clear();
    Ok(sink.finish().await?)
}

async fn follow(node: &Node, vendor_id: VendorId, job_id: JobId) -> anyhow::Result<JobView> {
    let bar = ProgressBar::new(1000).with_style(style("importing {bar:30} {percent} % {msg}"));
    loop {
        let mut tx = tenancy::begin_at_command_line(&node.database, vendor_id, None).await?;
        let view = ingestion::get_job(&mut tx, job_id).await?;
        tx.roll_back().await?;
        bar.set_position(u64::try_from(view.record.progress_permille).unwrap_or(0));
        if let Some(import) = &view.import {
            bar.set_message(format!("{} rows read", import.totals.read));
        }
        if view.record.state.is_finished() {
            bar.finish_and_clear();
            return Ok(view);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Says what became of the file.
pub(super) fn report(view: &JobView) {
    println!("job       {}", view.record.id);
    println!("state     {}", view.record.state.as_str());
    if let Some(code) = &view.record.error_code {
        println!("reason    {code}: {}", view.record.error_detail.as_deref().unwrap_or("see the log"));
    }
    let Some(import) = &view.import else { return };
    let totals = &import.totals;
    println!("read      {}", totals.read);
    println!("created   {}", totals.created);
    println!("updated   {}", totals.updated);
    println!("unchanged {}", totals.unchanged);
    println!("kept      {}", totals.kept);
    println!("rejected  {}", totals.rejected);
    for (code, count) in &import.codes {
        println!("  {code:<32} {count}");
    }
    if let Some(failed) = &import.upload_failed {
        println!("upload    {failed}");
    }
}

async fn write_errors(
    node: &Node,
    vendor_id: VendorId,
    member: Option<UserId>,
    job_id: JobId,
    path: &Path,
) -> anyhow::Result<()> {
    let tx = tenancy::begin_at_command_line(&node.database, vendor_id, member).await?;
    let mut pieces = ingestion::errors_csv(tx, job_id, true).await?;
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        // Rows of customers are personal: nobody else on the machine reads them.
        .mode(0o600)
        .open(path)
        .with_context(|| format!("the file {} cannot be written", path.display()))?;
    while let Some(piece) = pieces.next().await {
        file.write_all(&piece?)?;
    }
    println!("errors    {}", path.display());
    Ok(())
}
