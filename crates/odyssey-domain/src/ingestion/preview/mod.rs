//! What an import would make of a file, from its first part: read by the same code, written in a transaction that is
//! taken back. Nothing of it is kept but the audit event that says that somebody looked.

mod trial;

use std::io::Read;

use std::sync::Arc;

use bytes::Bytes;
use odyssey_tabular::{
    ColumnMap, CustomerRow, HeaderSynonyms, Mapping, Mode, Options, Outcome, ParseRow, ProductRow,
    RowSettings, Rows, Table, map_headers,
};
use odyssey_types::{Phi, UploadId};
use serde_json::{Map, Value};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::read_fault;
use super::mappings::SavedMapping;
use super::parameters::StoredParameters;
use super::pieces::{Piece, PieceReader, pieces_of};
use super::products::no_identity;
use super::reading::StopOnDrop;
use super::row_errors::FaultValues;
use super::spool;
use super::words::{self, Words};
use super::{ImportParameters, Ingestion, IngestionError, RowFault, Spool, ending, store};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::tenancy::Purpose;

/// Bytes of a file that are looked at: more than the sample by which an import settles its mapping.
pub const PREVIEW_BYTES_MAX: usize = 4 << 20;
/// Rows that are shown.
pub const PREVIEW_ROWS: usize = 20;
/// Values that are shown of a column, and characters of each.
const SAMPLES_MAX: usize = 3;
const SAMPLE_CHARS_MAX: usize = 200;
/// A body of this size that does not end with a line is taken for the beginning of a longer file.
const PART_BYTES_MIN: usize = 1 << 20;
/// Unpacked bytes of a preview: what its sample and rows need, and little that a bomb could use.
const UNPACKED_BYTES_MAX: u64 = 128 << 20;
/// Previews at work in this process; each may unpack a workbook in memory.
const AT_ONCE_MAX: usize = 2;
/// A place among those that read now, held by the request and by its thread.
type Turn = Arc<SemaphorePermit<'static>>;

static TURNS: Semaphore = Semaphore::const_new(AT_ONCE_MAX);

/// A file to be looked at.
#[derive(Debug)]
pub struct PreviewRequest {
    pub mode: Mode,
    pub parameters: ImportParameters,
    /// Tried in place of the saved mapping.
    pub draft: Option<SavedMapping>,
    pub source: PreviewSource,
}

/// Where the file is.
#[derive(Debug)]
pub enum PreviewSource {
    /// Here: the whole, or its first part.
    Bytes(Phi<Bytes>),
    /// An upload in several requests, as far as it has come.
    Upload(UploadId),
}

/// What an import would make of the file.
#[derive(Debug)]
pub struct Preview {
    pub mode: Mode,
    /// Of the saved mapping that took part.
    pub saved_version: Option<i64>,
    pub detected: Value,
    pub mapping: Mapping,
    pub columns: Vec<PreviewColumn>,
    pub rows: Vec<PreviewRow>,
    /// Why the import as a whole would be refused: code and detail.
    pub refused: Option<(&'static str, String)>,
    /// What was found, as it would be saved.
    pub suggested: SavedMapping,
    /// Whether values were withheld.
    pub masked: bool,
}

/// A column, and some of its values where they may be seen.
#[derive(Debug)]
pub struct PreviewColumn {
    pub map: ColumnMap,
    pub samples: Option<Phi<Vec<String>>>,
}

/// What one row would become.
#[derive(Debug)]
pub struct PreviewRow {
    pub row: u64,
    pub line: u64,
    pub accepted: bool,
    /// The fields that the row speaks of; absent where it is refused or may not be seen.
    pub fields: Option<Phi<Map<String, Value>>>,
    /// Errors of a refused row, oddities of one that is taken.
    pub faults: Vec<RowFault>,
}

/// Looks at a file as an import would. Values of customers are shown only when `may_read_health`. Ends the caller's
/// transaction without keeping anything, and records the look in one of its own.
pub async fn preview(
    ingestion: &Ingestion,
    mut tx: VendorTx,
    request: PreviewRequest,
    may_read_health: bool,
) -> Result<Preview, IngestionError> {
    let PreviewRequest { mode, parameters, draft, source } = request;
    let parameters = StoredParameters::accept(parameters, mode, tx.actor(), tx.now())?;
    let words = match draft {
        Some(draft) => {
            draft.rules(mode)?;
            Words::load(&mut tx, mode, None).await?.with_draft(draft)
        }
        None => {
            let version = words::saved_version(&mut tx, mode, parameters.requested.saved).await?;
            Words::load(&mut tx, mode, version).await?
        }
    };
    let unpacked = ingestion.settings.unpacked_bytes_max.min(UNPACKED_BYTES_MAX);
    let (options, synonyms) = words.reading(&parameters.requested, mode, unpacked)?;
    let _stop = StopOnDrop::of(&options);
    let upload_id = match &source {
        PreviewSource::Upload(id) => Some(*id),
        PreviewSource::Bytes(_) => None,
    };
    let place = find(&mut tx, source).await?;
    let (database, scope, actor, day) =
        (tx.database().clone(), tx.scope(), tx.actor().clone(), tx.now().date_naive());
    // Whoever waits for a turn, and whoever reads, holds no connection.
    tx.roll_back().await?;
    let turn = TURNS.acquire().await.map_err(|_| IngestionError::inconsistent("previews have ended"))?;
    // Whoever gives up waiting leaves a thread that reads: its turn is over when it is.
    let turn: Turn = Arc::new(turn);
    let bytes = beginning(ingestion, place, &turn).await?;
    let look = Look { bytes, options, synonyms, mode, day, turn: Arc::clone(&turn) };
    let masked = mode == Mode::Customers && !may_read_health;
    let begin = || VendorTx::begin(&database, scope, actor.clone());
    let seen = match mode {
        Mode::Products => {
            let seen = look.read::<ProductRow>().await?;
            trial::of_products(begin().await?, &parameters, seen).await?
        }
        Mode::Customers => {
            let seen = look.read::<CustomerRow>().await?;
            trial::of_customers(begin().await?, &parameters, seen).await?
        }
    };
    drop(turn);
    let preview = seen.into_preview(mode, words.saved_version, masked);
    let mut tx = begin().await?;
    let mut event = AuditEvent::new("import.preview", "file", Purpose::Operations)
        .count(preview.rows.len() as i64)
        .detail("mode", mode.as_str())
        .detail("values", !masked);
    if let Some(upload_id) = upload_id {
        event = event.entity(upload_id);
    }
    audit::record(&mut tx, event).await?;
    tx.commit().await?;
    Ok(preview)
}

/// The beginning of a file, up to the end of its last whole line where it is only a part.
struct Beginning {
    bytes: Phi<Bytes>,
    is_part: bool,
}

/// Where the bytes are, once the database has been asked.
enum Place {
    Here(Phi<Bytes>),
    /// `whole`: the bytes of an upload to which nothing more will come.
    Pieces {
        pieces: Vec<Piece>,
        whole: Option<u64>,
    },
}

async fn find(tx: &mut VendorTx, source: PreviewSource) -> Result<Place, IngestionError> {
    let id = match source {
        PreviewSource::Bytes(bytes) => return Ok(Place::Here(bytes)),
        PreviewSource::Upload(id) => id,
    };
    let row = store::find_resumable(tx, id).await?.ok_or(IngestionError::UploadNotFound)?;
    if let Some(gone) = ending::gone(&row, tx.now()) {
        return Err(IngestionError::UploadGone(gone));
    }
    let pieces = pieces_of(tx, id, &row.spool_path).await?;
    Ok(Place::Pieces { pieces, whole: (row.state == "finished").then_some(row.offset) })
}

async fn beginning(ingestion: &Ingestion, place: Place, turn: &Turn) -> Result<Beginning, IngestionError> {
    let (bytes, is_part) = match place {
        Place::Here(bytes) => {
            let bytes = bytes.into_exposed();
            let is_part = bytes.len() >= PART_BYTES_MIN && !bytes.ends_with(b"\n");
            (bytes, is_part)
        }
        Place::Pieces { pieces, whole } => {
            let spool = ingestion.spool.clone();
            let turn = Arc::clone(turn);
            let bytes = on_a_thread(turn, move || read_pieces(&spool, &pieces)).await?;
            let is_part = whole.is_none_or(|whole| whole > bytes.len() as u64);
            (bytes, is_part)
        }
    };
    if bytes.is_empty() {
        return Err(IngestionError::Empty);
    }
    let is_packed = bytes.starts_with(b"\x1f\x8b")
        || bytes.starts_with(b"PK")
        || bytes.get(1..4) == Some(b"\xb5\x2f\xfd");
    let end = if is_part && !is_packed {
        bytes.iter().rposition(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1)
    } else {
        bytes.len()
    };
    Ok(Beginning { bytes: Phi::new(bytes.slice(..end)), is_part })
}

fn read_pieces(spool: &Spool, pieces: &[Piece]) -> Result<Bytes, IngestionError> {
    let mut bytes = Vec::new();
    PieceReader::new(spool, pieces)
        .take(PREVIEW_BYTES_MAX as u64)
        .read_to_end(&mut bytes)
        .map_err(|error| spool::failed("read", error))?;
    Ok(bytes.into())
}

async fn on_a_thread<T: Send + 'static>(
    turn: Turn,
    work: impl FnOnce() -> Result<T, IngestionError> + Send + 'static,
) -> Result<T, IngestionError> {
    let done = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(turn);
        done
    });
    let done = done.await;
    done.map_err(|_| IngestionError::inconsistent("the thread that read a file panicked"))?
}

/// Everything that reading needs.
struct Look {
    bytes: Beginning,
    options: Options,
    synonyms: HeaderSynonyms,
    mode: Mode,
    day: chrono::NaiveDate,
    turn: Turn,
}

/// What reading gave.
pub(super) struct Seen<R> {
    detected: Value,
    has_header: bool,
    mapping: Mapping,
    mapping_digest: [u8; 32],
    written: Phi<Vec<String>>,
    samples: Phi<Vec<Vec<String>>>,
    outcomes: Vec<Outcome<R>>,
}

impl Look {
    async fn read<R: ParseRow + Send + 'static>(self) -> Result<Seen<R>, IngestionError> {
        on_a_thread(Arc::clone(&self.turn), move || {
            self.read_here().map_err(|error| match &error {
                IngestionError::Read(read) => match read_fault(read) {
                    Some((code, detail)) => IngestionError::PreviewUnreadable { code, detail },
                    None => IngestionError::PreviewUnreadable {
                        code: "file_damaged",
                        detail: "The file is damaged or cut.".to_owned(),
                    },
                },
                _ => error,
            })
        })
        .await
    }

    fn read_here<R: ParseRow>(&self) -> Result<Seen<R>, IngestionError> {
        let bytes: &[u8] = self.bytes.bytes.expose();
        let table = Table::new(odyssey_tabular::open(bytes, &self.options)?)?;
        let (sample, written) = (table.sample(), table.headers().to_vec());
        let mut mapping = map_headers(&written, &sample, self.mode, &self.synonyms);
        let mapping_digest = mapping.digest();
        if self.mode == Mode::Customers {
            mapping.number_unknown_headers();
        }
        let detected = serde_json::to_value(table.detected()).map_err(|error| {
            IngestionError::inconsistent(format!("what was found out cannot be written as JSON: {error}"))
        })?;
        let has_header = table.detected().has_header;
        let samples = Phi::new((0..written.len()).map(|at| samples_of(&sample, at)).collect());
        let rows = Rows::<_, R>::new(table, mapping.clone(), RowSettings::new(self.day))?;
        let mut outcomes = Vec::with_capacity(PREVIEW_ROWS);
        for outcome in rows.take(PREVIEW_ROWS) {
            match outcome {
                Ok(outcome) => outcomes.push(outcome),
                // Where the part ends the file only seems to be damaged.
                Err(_) if self.bytes.is_part => break,
                Err(error) => return Err(error.into()),
            }
        }
        let written = Phi::new(written);
        Ok(Seen { detected, has_header, mapping, mapping_digest, written, samples, outcomes })
    }
}

/// The first values of a column that differ.
fn samples_of(sample: &[Vec<String>], column: usize) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for cell in sample.iter().filter_map(|row| row.get(column)).map(|cell| cell.trim()) {
        let shown: String = cell.chars().take(SAMPLE_CHARS_MAX).collect();
        if !shown.is_empty() && !values.contains(&shown) {
            values.push(shown);
        }
        if values.len() == SAMPLES_MAX {
            break;
        }
    }
    values
}
