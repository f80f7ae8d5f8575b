//! Writing the rows of a preview and taking everything back, so that what would be refused is refused by the code
//! that would refuse it.

use std::collections::{HashMap, HashSet};

use odyssey_tabular::{CustomerRow, Mapping, Mode, Outcome, ProductRow, RejectedRow, RowWarning};
use odyssey_types::{JobId, Phi, ProductId};
use odyssey_vault::product_id;
use serde_json::{Map, Value};

use super::{FaultValues, IngestionError, Preview, PreviewColumn, PreviewRow, RowFault, SavedMapping, Seen};
use super::{no_identity, store};
use crate::catalog::{self, ProductWrite};
use crate::customers::{self, CustomerWrite};
use crate::db::VendorTx;
use crate::ingestion::customers::KEPT_MERGED;
use crate::ingestion::holders::holders_of;
use crate::ingestion::merge_fault::MergeFault;
use crate::ingestion::parameters::StoredParameters;
use crate::ingestion::{customers as customer_rows, patch, products as product_rows};

/// A file that was read, and what became of its rows.
pub(super) struct Tried {
    detected: Value,
    has_header: bool,
    mapping: Mapping,
    written: Phi<Vec<String>>,
    samples: Phi<Vec<Vec<String>>>,
    rows: Vec<PreviewRow>,
}

/// A row that reading took: where it stands, and what it says.
struct Taken {
    row: u64,
    line: u64,
    fields: Map<String, Value>,
    warnings: Vec<RowWarning>,
}

pub(super) async fn of_products(
    mut tx: VendorTx,
    parameters: &StoredParameters,
    seen: Seen<ProductRow>,
) -> Result<Tried, IngestionError> {
    let (vendor_id, now) = (tx.vendor_id(), tx.now());
    let attestation = parameters.requested.attestation;
    let mut rows: Vec<Result<(Taken, ProductWrite), RejectedRow>> = Vec::with_capacity(seen.outcomes.len());
    let ids: Vec<uuid::Uuid> = seen
        .outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Outcome::Accepted(row) => Some(product_id(vendor_id, &row.external_id).as_uuid()),
            Outcome::Rejected(_) => None,
        })
        .collect();
    let shapes: HashMap<ProductId, catalog::StoredShape> = store::stored_shapes(&mut tx, &ids).await?;
    for outcome in seen.outcomes {
        rows.push(match outcome {
            Outcome::Rejected(rejected) => Err(rejected),
            Outcome::Accepted(mut row) => {
                let (number, line, hash) = (row.row, row.line, row.source_hash.to_vec());
                let (external_id, warnings) = (row.external_id.clone(), std::mem::take(&mut row.warnings));
                let mut changes =
                    patch::of_product(row, attestation.as_ref()).map_err(|error| unwritable(&error))?;
                let shape = shapes.get(&product_id(vendor_id, &external_id)).cloned().unwrap_or_default();
                catalog::fit_to_stored(&mut changes, &shape);
                let mut fields = changes.clone();
                fields.insert("external_id".to_owned(), Value::String(external_id.clone()));
                let import =
                    Some(catalog::ImportMark { row: number, source_hash: hash, edited_since: false });
                let change = catalog::Change::Merge(changes);
                let write = ProductWrite { import, ..ProductWrite::new(external_id, change) };
                Ok((Taken { row: number, line, fields, warnings }, write))
            }
        });
    }
    let writes: Vec<ProductWrite> = rows.iter().flatten().map(|(_, write)| write.clone()).collect();
    let options = catalog::BatchOptions {
        import: Some(catalog::ImportOptions {
            job_id: JobId::generate(now),
            started_by: tx.actor().user_id,
            started_at: now,
            mapping_digest: parameters.digest(seen.mapping_digest),
            overwrite_edits: parameters.requested.overwrite_edits,
        }),
        ..catalog::BatchOptions::default()
    };
    let outcome = catalog::write_products(&mut tx, &writes, &options).await?;
    let written = rows.iter().flatten().map(|(taken, write)| (taken.row, write.external_id.as_str()));
    let holders = holders_of(&mut tx, &outcome.results, written).await?;
    tx.roll_back().await?;
    let faults = |refusal| product_rows::faults_of(&refusal, &holders);
    let refusals = outcome.results.into_iter().map(|result| result.err().map(faults));
    let rows = rows.into_iter().map(|row| row.map(|(taken, _)| taken)).collect();
    let rows = finish(rows, refusals, &seen.mapping);
    let (detected, has_header, mapping) = (seen.detected, seen.has_header, seen.mapping);
    Ok(Tried { detected, has_header, mapping, written: seen.written, samples: seen.samples, rows })
}

pub(super) async fn of_customers(
    mut tx: VendorTx,
    parameters: &StoredParameters,
    seen: Seen<CustomerRow>,
) -> Result<Tried, IngestionError> {
    let (keys, now) = (tx.keys()?, tx.now());
    let mut rows: Vec<Result<(Taken, CustomerWrite), RejectedRow>> = Vec::with_capacity(seen.outcomes.len());
    for outcome in seen.outcomes {
        rows.push(match outcome {
            Outcome::Rejected(rejected) => Err(rejected),
            Outcome::Accepted(row) => {
                let changes = patch::of_customer(&row).map_err(|error| unwritable(&error))?;
                let source_hash = keys.row_hash(row.source.expose());
                let CustomerRow { row, line, external_id, consent, warnings, .. } = row;
                let mut fields = changes.clone();
                fields.insert("external_id".to_owned(), Value::String(external_id.expose().clone()));
                if let Some(granted) = consent.granted {
                    fields.insert("consent_health_data".to_owned(), Value::Bool(granted));
                }
                let change = customers::Change::Merge(Phi::new(changes));
                let mut write = CustomerWrite::by_external_id(external_id.into_exposed(), change);
                write.consents = patch::consents_of(&consent);
                write.import = Some(customers::ImportMark { row, source_hash, edited_since: false });
                Ok((Taken { row, line, fields, warnings }, write))
            }
        });
    }
    let writes: Vec<CustomerWrite> = rows.iter().flatten().map(|(_, write)| write.clone()).collect();
    let consent = match (&parameters.requested.consent, parameters.attested_by) {
        (Some(consent), Some(attested_by)) => {
            Some(customers::ImportConsent { attested_by, text_version: consent.text_version.clone() })
        }
        _ => None,
    };
    let options = customers::BatchOptions {
        import: Some(customers::ImportOptions {
            job_id: JobId::generate(now),
            started_by: tx.actor().user_id,
            started_at: now,
            mapping_digest: parameters.digest(seen.mapping_digest),
            consent,
        }),
        ..customers::BatchOptions::default()
    };
    let outcome = customers::write_customers(&mut tx, &writes, &options).await?;
    tx.roll_back().await?;
    let united = outcome.united;
    let refusals =
        outcome.results.into_iter().map(|result| result.err().map(|r| customer_rows::faults_of(&r)));
    let of_united: HashSet<u64> = rows
        .iter()
        .flatten()
        .enumerate()
        .filter(|(at, _)| united.contains(at))
        .map(|(_, (t, _))| t.row)
        .collect();
    let rows = rows.into_iter().map(|row| row.map(|(taken, _)| taken)).collect();
    let mut rows = finish(rows, refusals, &seen.mapping);
    for row in rows.iter_mut().filter(|row| row.accepted && of_united.contains(&row.row)) {
        row.faults.push(kept_merged(row.row));
    }
    let (detected, has_header, mapping) = (seen.detected, seen.has_header, seen.mapping);
    Ok(Tried { detected, has_header, mapping, written: seen.written, samples: seen.samples, rows })
}

fn unwritable(error: &serde_json::Error) -> IngestionError {
    IngestionError::inconsistent(format!("a row cannot be written as JSON: {error}"))
}

/// Puts what reading and writing said of each row together; `refusals` are of the taken rows, in their order.
fn finish(
    rows: Vec<Result<Taken, RejectedRow>>,
    mut refusals: impl Iterator<Item = Option<Vec<MergeFault>>>,
    mapping: &Mapping,
) -> Vec<PreviewRow> {
    let row_of = |row: Result<Taken, RejectedRow>| match row {
        Err(rejected) => refused_row(rejected),
        Ok(taken) => match refusals.next().flatten() {
            None => taken_row(taken, mapping),
            Some(faults) => PreviewRow {
                row: taken.row,
                line: taken.line,
                accepted: false,
                fields: None,
                faults: faults.into_iter().map(|fault| merge_fault(taken.row, fault)).collect(),
            },
        },
    };
    rows.into_iter().map(row_of).collect()
}

fn kept_merged(row: u64) -> RowFault {
    let (code, remedy) = (KEPT_MERGED.0.to_owned(), KEPT_MERGED.1.to_owned());
    let (severity, values) = ("warning".to_owned(), None);
    RowFault { row, line: 0, severity, column: None, code, remedy, values, correction: None, taken_by: None }
}

fn refused_row(rejected: RejectedRow) -> PreviewRow {
    let RejectedRow { row, line, errors, .. } = rejected;
    let fault = |error: odyssey_tabular::RowError| RowFault {
        row,
        line,
        severity: "error".to_owned(),
        code: error.code.as_str().to_owned(),
        remedy: error.remedy().to_owned(),
        column: error.column,
        values: Some(Phi::new(FaultValues {
            value: error.value.into_exposed(),
            suggestion: error.suggestion,
            first_row: error.first_row,
        })),
        correction: None,
        taken_by: None,
    };
    let faults = errors.into_iter().map(fault).collect();
    PreviewRow { row, line, accepted: false, fields: None, faults }
}

fn taken_row(taken: Taken, mapping: &Mapping) -> PreviewRow {
    let Taken { row, line, fields, warnings } = taken;
    let header = |at: u16| mapping.columns.get(usize::from(at)).map(|column| column.header.clone());
    let fault = |warning: RowWarning| RowFault {
        row,
        line: 0,
        severity: "warning".to_owned(),
        column: warning.column.and_then(header),
        code: warning.code.as_str().to_owned(),
        remedy: warning.code.meaning().to_owned(),
        values: Some(Phi::new(FaultValues {
            value: warning.value,
            suggestion: warning.read_as,
            first_row: None,
        })),
        correction: None,
        taken_by: None,
    };
    let faults = warnings.into_iter().map(fault).collect();
    PreviewRow { row, line, accepted: true, fields: Some(Phi::new(fields)), faults }
}

fn merge_fault(row: u64, fault: MergeFault) -> RowFault {
    RowFault {
        row,
        line: 0,
        severity: "error".to_owned(),
        column: fault.field,
        code: fault.code,
        remedy: fault.remedy,
        values: Some(Phi::new(FaultValues { value: fault.value, ..FaultValues::default() })),
        correction: None,
        taken_by: None,
    }
}

impl Tried {
    /// What may be shown of it.
    pub fn into_preview(self, mode: Mode, saved_version: Option<i64>, masked: bool) -> Preview {
        let Self { detected, has_header, mapping, written, samples, mut rows } = self;
        let refused = (!mapping.has_identity()).then(|| no_identity(has_header));
        let suggested = SavedMapping::of(&mapping);
        if masked {
            for row in &mut rows {
                row.fields = None;
                row.faults.iter_mut().for_each(|fault| fault.values = None);
            }
        }
        let column = |map: &odyssey_tabular::ColumnMap| {
            let mut map = map.clone();
            if let Some(header) = written.expose().get(map.index).filter(|_| !masked) {
                map.header.clone_from(header);
            }
            let samples = samples.expose().get(map.index).filter(|_| !masked);
            PreviewColumn { samples: samples.map(|values| Phi::new(values.clone())), map }
        };
        let columns = mapping.columns.iter().map(column).collect();
        Preview { mode, saved_version, detected, mapping, columns, rows, refused, suggested, masked }
    }
}
