//! Reading an upload on a thread of its own, behind a bounded channel.

use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use odyssey_jobs::JobError;
use odyssey_tabular::{
    FirstSeen, Mapping, Mode, Options, Outcome, ParseRow, RejectedRow, RowSettings, Rows, StopReading, Table,
    map_headers,
};
use odyssey_types::Phi;
use odyssey_vault::{FileKey, FrameOpener};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::IngestionError;
use super::pace::Work;
use super::pieces::{Piece, PieceReader, pieces_of};
use super::progress::Run;
use super::rerun_lines::{self, RerunLines};
use super::spool::Spool;

/// Rows handed over at a time.
const CHUNK_ROWS: usize = 256;
/// Estimated bytes handed over at a time: one row may have a mebibyte.
const CHUNK_BYTES: usize = 1 << 20;
/// Chunks that may wait for the merge.
const CHUNKS_WAITING_MAX: usize = 4;

/// What is known before the first row.
#[derive(Debug)]
pub(super) struct Opened {
    /// The report of the mapping: what was read, ignored, ambiguous.
    pub mapping: Value,
    pub detected: Value,
    /// The whole mapping, to be kept; absent where it is kept already.
    pub record: Option<Phi<Value>>,
    pub mapping_digest: [u8; 32],
    /// As everybody may see them: those of customers only where the header is a word of ours.
    pub headers: Vec<String>,
    /// As the file writes them, where that is not the same thing: a cell of a person, maybe.
    pub written: Option<Phi<Vec<String>>>,
    pub has_header: bool,
    pub has_identity: bool,
}

/// A row as the thread hands it over.
#[derive(Debug)]
pub(super) enum Line<T> {
    Taken(T),
    Refused(RejectedRow),
}

enum Message<T> {
    Opened(Box<Opened>),
    Rows(Vec<Line<T>>),
    End,
}

/// A file being read.
pub(super) struct Reading<T> {
    pub opened: Opened,
    lines: Lines<T>,
}

/// Where rows come from.
enum Lines<T> {
    File(FileLines<T>),
    /// Rows that were refused before.
    Rerun(RerunLines<T>),
}

struct FileLines<T> {
    /// Whoever gives the reading up stops its thread, wherever in the file that is.
    _stop: StopOnDrop,
    lines: mpsc::Receiver<Message<T>>,
    thread: JoinHandle<Result<(), IngestionError>>,
    position: Arc<AtomicU64>,
    byte_count: u64,
}

/// Ends the reading of a file when nobody waits for it any more.
#[derive(Debug)]
pub(super) struct StopOnDrop(StopReading);

impl StopOnDrop {
    pub fn of(options: &Options) -> Self {
        Self(options.stop.clone())
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Opens the run's upload; `convert` makes of a row what the merge needs, on the reading thread, and says
/// roughly how many bytes that has.
pub(super) async fn open<R, T, F>(run: &Run<'_>, convert: F) -> Result<Reading<T>, IngestionError>
where
    R: ParseRow + 'static,
    T: Send + 'static,
    F: Fn(R) -> Result<(T, usize), IngestionError> + Send + Sync + 'static,
{
    if let Some(rerun) = &run.rerun {
        let (opened, lines) = rerun_lines::open(run, rerun, convert).await?;
        return Ok(Reading { opened, lines: Lines::Rerun(lines) });
    }
    let source = Source::find(run).await?;
    let parameters = &run.parameters.requested;
    let mode = run.mode;
    let (options, synonyms) =
        run.words.reading(parameters, mode, run.ingestion.settings.unpacked_bytes_max)?;
    let stop = StopOnDrop::of(&options);
    let saved_version = run.words.saved_version;
    // Ages are counted to the day on which the file arrived, whichever attempt reads it.
    let settings = RowSettings::new(run.import.created_at.date_naive());
    let position = Arc::new(AtomicU64::new(0));
    let at = Arc::clone(&position);
    let (sender, mut lines) = mpsc::channel(CHUNKS_WAITING_MAX);
    let thread = tokio::task::spawn_blocking(move || {
        let source = source.open()?;
        let table = Table::new(odyssey_tabular::open(source, &options)?)?;
        let mut mapping = map_headers(table.headers(), &table.sample(), mode, &synonyms);
        let mut opened = describe(&table, &mut mapping)?;
        if let Value::Object(report) = &mut opened.mapping {
            report.insert("saved_version".to_owned(), saved_version.into());
        }
        if sender.blocking_send(Message::Opened(Box::new(opened))).is_err() {
            return Ok(());
        }
        send_rows(Rows::<_, R>::new(table, mapping, settings)?, &sender, &at, convert)
    });
    let first = tokio::select! {
        first = lines.recv() => first,
        () = run.context.stopped() => return Err(JobError::stopped().into()),
    };
    match first {
        Some(Message::Opened(opened)) => {
            let lines = FileLines { _stop: stop, lines, thread, position, byte_count: run.upload.byte_count };
            Ok(Reading { opened: *opened, lines: Lines::File(lines) })
        }
        _ => Err(fault(thread).await),
    }
}

/// Where the bytes of an upload are.
enum Source {
    File { spool: Spool, path: String, key: FileKey },
    Pieces { spool: Spool, pieces: Vec<Piece> },
}

impl Source {
    async fn find(run: &Run<'_>) -> Result<Self, IngestionError> {
        let upload = &run.upload;
        if upload.resumable {
            let mut tx = run.begin().await?;
            let pieces = pieces_of(&mut tx, upload.id, &upload.spool_path).await?;
            tx.roll_back().await?;
            return Ok(Self::Pieces { spool: run.ingestion.spool.clone(), pieces });
        }
        let keys = run.database.keys().vendor(run.vendor_id)?;
        let key = keys.open_file_key(upload.id, &upload.file_key)?;
        Ok(Self::File { spool: run.ingestion.spool.clone(), path: upload.spool_path.clone(), key })
    }

    /// On a thread that may block.
    fn open(&self) -> Result<Box<dyn Read + '_>, IngestionError> {
        Ok(match self {
            Self::File { spool, path, key } => Box::new(FrameOpener::new(key, spool.open(path)?)?),
            Self::Pieces { spool, pieces } => Box::new(PieceReader::new(spool, pieces)),
        })
    }
}

impl<T> Reading<T> {
    /// The next rows; `None` at the end of the file.
    pub async fn next(&mut self) -> Result<Option<Vec<Line<T>>>, IngestionError> {
        let file = match &mut self.lines {
            Lines::File(file) => file,
            Lines::Rerun(rerun) => return rerun.next().await,
        };
        match file.lines.recv().await {
            Some(Message::Rows(rows)) => Ok(Some(rows)),
            Some(Message::End) => Ok(None),
            // Ended without saying so: the thread has a fault to tell.
            Some(Message::Opened(_)) | None => Err(fault(&mut file.thread).await),
        }
    }

    /// How much of the file has been taken: bytes, or of a rerun thousandths.
    pub fn work(&self) -> Work {
        match &self.lines {
            Lines::File(file) => {
                let done = file.position.load(Ordering::Relaxed).min(file.byte_count);
                Work { done, total: file.byte_count }
            }
            Lines::Rerun(rerun) => Work { done: rerun.permille().into(), total: 1_000 },
        }
    }

    /// Bytes of the file, as it was sent, that have been taken; none of a rerun.
    pub fn bytes(&self) -> u64 {
        match &self.lines {
            Lines::File(_) => self.work().done,
            Lines::Rerun(_) => 0,
        }
    }
}

async fn fault(
    thread: impl Future<Output = Result<Result<(), IngestionError>, tokio::task::JoinError>>,
) -> IngestionError {
    match thread.await {
        Ok(Err(error)) => error,
        Ok(Ok(())) => IngestionError::inconsistent("a file ended without its last row"),
        Err(_) => IngestionError::inconsistent("the thread that read a file panicked"),
    }
}

/// Says what was made of the file. Whatever could be a cell of a person leaves the mapping here, before it is
/// shown, stored or written beside a fault.
fn describe<S: Read>(table: &Table<S>, mapping: &mut Mapping) -> Result<Opened, IngestionError> {
    let json = |value: Result<Value, serde_json::Error>| {
        value.map_err(|error| {
            IngestionError::inconsistent(format!("a mapping cannot be written as JSON: {error}"))
        })
    };
    let mapping_digest = mapping.digest();
    let record = Some(Phi::new(json(mapping.to_record())?));
    let mut written = None;
    if mapping.mode == Mode::Customers {
        mapping.number_unknown_headers();
        written = Some(Phi::new(table.headers().to_vec()));
    }
    Ok(Opened {
        mapping: json(serde_json::to_value(&*mapping))?,
        detected: json(serde_json::to_value(table.detected()))?,
        record,
        mapping_digest,
        headers: mapping.columns.iter().map(|column| column.header.clone()).collect(),
        written,
        has_header: table.detected().has_header,
        has_identity: mapping.has_identity(),
    })
}

fn send_rows<S: Read, R: ParseRow, T>(
    mut rows: Rows<S, R>,
    sender: &mpsc::Sender<Message<T>>,
    position: &AtomicU64,
    convert: impl Fn(R) -> Result<(T, usize), IngestionError>,
) -> Result<(), IngestionError> {
    let (mut chunk, mut bytes) = (Vec::with_capacity(CHUNK_ROWS), 0);
    while let Some(outcome) = rows.next() {
        match outcome? {
            Outcome::Accepted(row) => {
                let (row, size) = convert(row)?;
                bytes += size;
                chunk.push(Line::Taken(row));
            }
            Outcome::Rejected(rejected) => {
                bytes += rejected.cells.expose().iter().map(String::len).sum::<usize>();
                chunk.push(Line::Refused(rejected));
            }
        }
        if chunk.len() >= CHUNK_ROWS || bytes >= CHUNK_BYTES {
            position.store(rows.source_bytes(), Ordering::Relaxed);
            let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK_ROWS));
            bytes = 0;
            // The merge has stopped: nobody wants the rest.
            if sender.blocking_send(Message::Rows(full)).is_err() {
                return Ok(());
            }
        }
    }
    position.store(u64::MAX, Ordering::Relaxed);
    if !chunk.is_empty() && sender.blocking_send(Message::Rows(chunk)).is_err() {
        return Ok(());
    }
    // A receiver that is gone wants no end either.
    sender.blocking_send(Message::End).or(Ok(()))
}

/// Every row as the file writes it, by number: under a mapping that maps nothing each row is refused for
/// want of an identity, and a refused row has its cells. Gives only rows that `wanted` asks for and stops
/// behind the last.
pub(super) async fn originals(run: &Run<'_>, wanted: Vec<u64>) -> Result<Vec<RejectedRow>, IngestionError> {
    if let Some(rerun) = &run.rerun {
        return rerun_lines::originals(run, rerun, &wanted).await;
    }
    let source = Source::find(run).await?;
    let unpacked_bytes_max = run.ingestion.settings.unpacked_bytes_max;
    let (options, _) = run.words.reading(&run.parameters.requested, run.mode, unpacked_bytes_max)?;
    let stop = StopOnDrop::of(&options);
    let (mode, settings) = (run.mode, RowSettings::new(run.import.created_at.date_naive()));
    let thread = tokio::task::spawn_blocking(move || -> Result<Vec<RejectedRow>, IngestionError> {
        let table = Table::new(odyssey_tabular::open(source.open()?, &options)?)?;
        let nothing = |header: &String| odyssey_tabular::HeaderOverride {
            header: header.clone(),
            target: None,
            unit: None,
            basis: None,
        };
        let synonyms = odyssey_tabular::HeaderSynonyms {
            overrides: table.headers().iter().map(nothing).collect(),
            ..odyssey_tabular::HeaderSynonyms::default()
        };
        let mapping = map_headers(table.headers(), &[], mode, &synonyms);
        let (mut found, mut wanted) = (Vec::new(), wanted.into_iter().peekable());
        for outcome in Rows::<_, odyssey_tabular::ProductRow>::new(table, mapping, settings)? {
            let Some(next) = wanted.peek() else { break };
            if let Outcome::Rejected(rejected) = outcome?
                && rejected.row == *next
            {
                found.push(rejected);
                wanted.next();
            }
        }
        Ok(found)
    });
    outcome(run, stop, thread).await
}

/// What a thread that reads gives, unless the job is to stop before.
async fn outcome<T>(
    run: &Run<'_>,
    stop: StopOnDrop,
    thread: JoinHandle<Result<T, IngestionError>>,
) -> Result<T, IngestionError> {
    let outcome = tokio::select! {
        outcome = thread => outcome,
        () = run.context.stopped() => return Err(JobError::stopped().into()),
    };
    drop(stop);
    outcome.map_err(|_| IngestionError::inconsistent("the thread that read a file panicked"))?
}

/// Notes who has which identity in the file of a rerun's parent, but for the rows of `but`; `None` when the file is
/// no longer kept.
pub(super) async fn identities<R: ParseRow + 'static>(
    run: &Run<'_>,
    mapping: Mapping,
    but: HashSet<u64>,
    mut seen: FirstSeen,
) -> Result<Option<FirstSeen>, IngestionError> {
    if run.upload.state != "finished" {
        return Ok(None);
    }
    let source = Source::find(run).await?;
    let options = run.parameters.requested.options(run.mode, run.ingestion.settings.unpacked_bytes_max);
    let settings = RowSettings::new(run.import.created_at.date_naive());
    let stop = StopOnDrop::of(&options);
    let thread = tokio::task::spawn_blocking(move || -> Result<FirstSeen, IngestionError> {
        let table = Table::new(odyssey_tabular::open(source.open()?, &options)?)?;
        Rows::<_, R>::new(table, mapping, settings)?.identities(|row, identity| {
            if !but.contains(&row) {
                seen.note(identity, row);
            }
        })?;
        Ok(seen)
    });
    Ok(Some(outcome(run, stop, thread).await?))
}
