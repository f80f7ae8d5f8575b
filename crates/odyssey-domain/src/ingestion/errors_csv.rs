//! `errors.csv`: the refused rows as they came, with the reasons beside them, streamed.

use bytes::Bytes;
use futures::Stream;
use futures::stream;
use odyssey_tabular::{ERROR_COLUMNS, Mode};
use odyssey_types::{JobId, Phi};
use serde_json::Value;

use super::row_errors::Sealing;
use super::store::{self, RowErrorRow};
use super::{IngestionError, view};
use crate::audit::{self, AuditEvent};
use crate::db::{Database, VendorTx};
use crate::tenancy::{Actor, Purpose, VendorScope};

/// Faults read at a time.
const PAGE: i64 = 1_000;

/// The file, in pieces. Each piece is read in a transaction of its own, so that a slow reader holds none.
pub type ErrorsCsv = std::pin::Pin<Box<dyn Stream<Item = Result<Bytes, IngestionError>> + Send>>;

/// Records the disclosure, then streams. Rows of customers are given only to those who may read health data.
/// Commits the caller's transaction.
pub async fn errors_csv(
    mut tx: VendorTx,
    job_id: JobId,
    may_read_health: bool,
) -> Result<ErrorsCsv, IngestionError> {
    let mode = view::mode_of(&mut tx, job_id).await?;
    if mode == Mode::Customers && !may_read_health {
        return Err(IngestionError::ValuesForbidden);
    }
    let import = store::find_import(&mut tx, job_id).await?;
    let sealing = Sealing::of(&tx, job_id)?;
    let headers = match import.as_ref().and_then(|import| import.headers_sealed.as_deref()) {
        Some(sealed) => sealing.open_headers(sealed)?,
        None => Phi::new(headers_of(import.as_ref().and_then(|import| import.mapping.as_ref()))),
    };
    let event = AuditEvent::new("row_errors.export", "job", Purpose::Operations)
        .entity(job_id)
        .detail("mode", mode.as_str());
    audit::record(&mut tx, event).await?;
    let source = Source {
        database: tx.database().clone(),
        scope: tx.scope(),
        actor: tx.actor().clone(),
        sealing,
        job_id,
        headers,
    };
    tx.commit().await?;
    let start = Position::default();
    Ok(Box::pin(stream::try_unfold((source, start), |(source, mut position)| async move {
        if position.ended {
            return Ok(None);
        }
        let bytes = source.next(&mut position).await?;
        Ok(Some((bytes, (source, position))))
    })))
}

struct Source {
    database: Database,
    scope: VendorScope,
    actor: Actor,
    sealing: Sealing,
    job_id: JobId,
    /// As the file writes them; of customers they may be cells.
    headers: Phi<Vec<String>>,
}

#[derive(Default)]
struct Position {
    after: Option<(i64, i32)>,
    begun: bool,
    /// The last row of a page: its faults may go on in the next one.
    held: Option<Line>,
    ended: bool,
}

/// One refused row, with its faults side by side.
struct Line {
    row: i64,
    cells: Phi<Vec<String>>,
    /// Code, column, value, remedy, suggestion of each fault.
    faults: Phi<[Vec<String>; 5]>,
}

impl Source {
    async fn next(&self, position: &mut Position) -> Result<Bytes, IngestionError> {
        let mut tx = VendorTx::begin(&self.database, self.scope, self.actor.clone()).await?;
        let faults =
            store::list_row_errors(&mut tx, self.job_id, position.after, PAGE, Some("error")).await?;
        tx.roll_back().await?;
        position.ended = (faults.len() as i64) < PAGE;
        position.after = faults.last().map(|fault| (fault.row_number, fault.ordinal)).or(position.after);
        let mut lines: Vec<Line> = position.held.take().into_iter().collect();
        for fault in &faults {
            self.add(&mut lines, fault)?;
        }
        if !position.ended {
            position.held = lines.pop();
        }
        let begun = std::mem::replace(&mut position.begun, true);
        self.write(&lines, begun)
            .map_err(|source| IngestionError::Spool { attempt: "written as CSV", source })
    }

    fn add(&self, lines: &mut Vec<Line>, fault: &RowErrorRow) -> Result<(), IngestionError> {
        if lines.last().is_none_or(|last| last.row != fault.row_number) {
            let cells = self.sealing.open_original(fault)?;
            lines.push(Line { row: fault.row_number, cells, faults: Phi::default() });
        }
        let values = self.sealing.open_values(fault)?.into_exposed();
        let remedy = match values.first_row {
            Some(row) => format!("{} The first one is row {row}.", fault.remedy),
            None => fault.remedy.clone(),
        };
        let parts = [
            fault.code.clone(),
            fault.column_name.clone().unwrap_or_default(),
            values.value.unwrap_or_default(),
            remedy,
            values.suggestion.unwrap_or_default(),
        ];
        if let Some(last) = lines.last_mut() {
            for (list, part) in last.faults.expose_mut().iter_mut().zip(parts) {
                list.push(part);
            }
        }
        Ok(())
    }

    /// As [`odyssey_tabular::ErrorsCsv`] lays it out; codes and remedies are those that were stored, since the
    /// merge has codes of its own.
    fn write(&self, lines: &[Line], begun: bool) -> std::io::Result<Bytes> {
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
        let headers = self.headers.expose();
        let columns = headers.len();
        if !begun {
            writer.write_record(headers.iter().map(String::as_str).chain(ERROR_COLUMNS.iter().copied()))?;
        }
        for line in lines {
            let (cells, row) = (line.cells.expose(), line.row.to_string());
            let faults: Vec<String> = line.faults.expose().iter().map(|list| list.join(" | ")).collect();
            let original = (0..columns).map(|at| cells.get(at).map_or("", String::as_str));
            // Cells beyond the headers stand behind the error columns: nothing is lost, nothing is misplaced.
            let beyond = cells.iter().skip(columns).map(String::as_str);
            let errors = std::iter::once(row.as_str()).chain(faults.iter().map(String::as_str));
            writer.write_record(original.chain(errors).chain(beyond))?;
        }
        Ok(Bytes::from(writer.into_inner().map_err(|error| error.into_error())?))
    }
}

/// The headers of the file, from the report of its mapping.
fn headers_of(mapping: Option<&Value>) -> Vec<String> {
    let columns = mapping.and_then(|m| m.get("columns")).and_then(Value::as_array);
    let header = |column: &Value| column.get("header").and_then(Value::as_str).unwrap_or_default().to_owned();
    // Behind the columns of the file stand the further fields of those that are read into several.
    let of_file = |(at, column): &(usize, &Value)| column.get("index").is_none_or(|index| *index == *at);
    let columns =
        columns.map(|columns| columns.iter().enumerate().filter(of_file).map(|(_, c)| header(c)).collect());
    columns.unwrap_or_default()
}
