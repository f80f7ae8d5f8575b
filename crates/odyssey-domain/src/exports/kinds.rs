//! The rows of each kind of file, page by page.

use odyssey_tabular::export::{ConsentCells, FileFormat, FileRow, customer_row, product_row, profile_row};
use odyssey_types::{CustomerId, CustomerIdentity, CustomerStatus, HealthProfile, ProductFields, ProductId};
use serde::{Deserialize, Serialize};

use super::store::{ExportRow, Place};
use super::{ExportError, ExportOf};
use crate::audit::{self, AuditEvent, AuditRange, AuditRecord};
use crate::catalog::{self, ProductsToExport};
use crate::customers::{self, ConsentState, ExportedPerson, PeopleToExport, WhatOfPeople};
use crate::db::VendorTx;
use crate::matching::{self, MatchQuery, MatchedRow, Snapshots};
use crate::tenancy::Purpose;

/// Rows of one part, and so of one transaction.
const PRODUCTS_A_PART: i64 = 1_000;
const PEOPLE_A_PART: i64 = 500;
const EVENTS_A_PART: i64 = 2_000;
/// Customers whose matches are one part.
const MATCHED_A_PART: i64 = 100;

/// A line as a part keeps it, sealed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptLine {
    /// Whom it is about; such a line leaves only while the person is there.
    pub customer_id: Option<CustomerId>,
    pub text: String,
}

/// Some rows, and where the next ones begin; `None` when there are no more.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub lines: Vec<KeptLine>,
    pub next: Option<Place>,
}

/// What became of reading a page.
#[derive(Debug)]
pub(super) enum Read {
    Rows(Rows),
    /// The catalog is not in memory yet; of this version it is needed.
    Waits(i64),
}

/// The next rows of an export. What they disclose is recorded.
pub(super) async fn next_rows(
    tx: &mut VendorTx,
    snapshots: &Snapshots,
    export: &ExportRow,
) -> Result<Read, ExportError> {
    let (place, format) = (export.place, export.format);
    let after = place.map(|place| place.id);
    let rows = match &export.of {
        ExportOf::Products(of) => products(tx, of, after.map(ProductId::from_uuid), format).await?,
        ExportOf::Customers(of) => {
            people(tx, of, WhatOfPeople::Identity, after.map(CustomerId::from_uuid), format).await?
        }
        ExportOf::Profiles(of) => {
            people(tx, of, WhatOfPeople::Profile, after.map(CustomerId::from_uuid), format).await?
        }
        ExportOf::Audit(of) => events(tx, of, place, export, format).await?,
        ExportOf::Matches(query) => {
            return matches(tx, snapshots, query, after.map(CustomerId::from_uuid), format).await;
        }
    };
    Ok(Read::Rows(rows))
}

/// The line of headers of a file, where its format has one.
pub(super) fn header(export: &ExportRow) -> Result<String, ExportError> {
    let consent = ConsentCells { granted: None, text_version: None };
    let row = match &export.of {
        ExportOf::Products(_) => product_row("", &ProductFields::default()),
        ExportOf::Customers(_) => {
            customer_row("", CustomerStatus::Active, &CustomerIdentity::default(), consent)
        }
        ExportOf::Profiles(_) => profile_row("", &HealthProfile::default(), consent),
        ExportOf::Matches(_) => match_row(None),
        ExportOf::Audit(_) => event_row(None),
    };
    row.and_then(|row| row.header(export.format)).map_err(ExportError::Write)
}

fn line(
    customer_id: Option<CustomerId>,
    row: Result<FileRow, std::io::Error>,
    format: FileFormat,
) -> Result<KeptLine, ExportError> {
    let text = row.and_then(|row| row.line(format)).map_err(ExportError::Write)?;
    Ok(KeptLine { customer_id, text })
}

/// Where the next page begins, where this one is full.
fn next<T>(items: &[T], most: i64, place: impl Fn(&T) -> Place) -> Option<Place> {
    items.last().filter(|_| items.len() as i64 == most).map(place)
}

async fn products(
    tx: &mut VendorTx,
    of: &ProductsToExport,
    after: Option<ProductId>,
    format: FileFormat,
) -> Result<Rows, ExportError> {
    let products = catalog::products_to_export(tx, of, after, PRODUCTS_A_PART).await?;
    let write =
        |product: &catalog::Product| line(None, product_row(&product.external_id, &product.fields), format);
    let lines = products.iter().map(write).collect::<Result<_, _>>()?;
    // A product is no personal data.
    tx.mark_audited();
    let next = next(&products, PRODUCTS_A_PART, |product| Place { id: product.id.as_uuid(), at: None });
    Ok(Rows { lines, next })
}

async fn people(
    tx: &mut VendorTx,
    of: &PeopleToExport,
    what: WhatOfPeople,
    after: Option<CustomerId>,
    format: FileFormat,
) -> Result<Rows, ExportError> {
    let (people, next) = customers::people_to_export(tx, of, what, after, PEOPLE_A_PART).await?;
    let lines = people.iter().map(|person| person_line(person, format)).collect::<Result<_, _>>()?;
    Ok(Rows { lines, next: next.map(|id| Place { id: id.as_uuid(), at: None }) })
}

fn person_line(person: &ExportedPerson, format: FileFormat) -> Result<KeptLine, ExportError> {
    let consent = ConsentCells {
        granted: match person.consent {
            ConsentState::Missing => None,
            ConsentState::Granted => Some(true),
            ConsentState::Withdrawn => Some(false),
        },
        text_version: person.consent_words.as_deref(),
    };
    let external_id = person.external_id.expose();
    let row = match &person.profile {
        Some(profile) => profile_row(external_id, profile.expose(), consent),
        None => customer_row(external_id, person.status, person.identity.expose(), consent),
    };
    line(Some(person.id), row, format)
}

/// Everybody's best products; of somebody whose profile cannot be ranked there is no row.
async fn matches(
    tx: &mut VendorTx,
    snapshots: &Snapshots,
    query: &MatchQuery,
    after: Option<CustomerId>,
    format: FileFormat,
) -> Result<Read, ExportError> {
    let ids = customers::page_of_consenting(tx, after, MATCHED_A_PART).await?;
    let rows = match matching::matches_of_many(tx, snapshots, query, &ids).await? {
        Ok(rows) => rows,
        Err(version) => return Ok(Read::Waits(version)),
    };
    let lines = rows.iter().map(|row| line(Some(row.customer_id), match_row(Some(row)), format));
    let lines = lines.collect::<Result<_, _>>()?;
    let next = next(&ids, MATCHED_A_PART, |id| Place { id: id.as_uuid(), at: None });
    Ok(Read::Rows(Rows { lines, next }))
}

fn match_row(row: Option<&MatchedRow>) -> Result<FileRow, std::io::Error> {
    let row = FileRow::default()
        .text("customer_id", row.map(|row| row.customer_id.to_string()).as_deref())
        .text("customer_external_id", row.map(|row| row.customer_external_id.expose().as_str()))
        .number("rank", row.map(|row| row.rank))
        .text("product_id", row.map(|row| row.product_id.to_string()).as_deref())
        .text("product_external_id", row.map(|row| row.product_external_id.as_str()))
        .text("verdict", row.map(|row| row.verdict))
        .number("score_permille", row.map(|row| row.score_permille))
        .number("confidence_permille", row.map(|row| row.confidence_permille))
        .value("reason_codes", row.map(|row| &row.reason_codes))?
        .number("catalog_version", row.map(|row| row.catalog_version))
        .text("policy_digest", row.map(|row| row.policy_digest.as_str()))
        .value("notice_codes", row.map(|row| &row.notice_codes))?;
    Ok(row)
}

async fn events(
    tx: &mut VendorTx,
    of: &AuditRange,
    place: Option<Place>,
    export: &ExportRow,
    format: FileFormat,
) -> Result<Rows, ExportError> {
    let after = place.and_then(|place| Some((place.at?, place.id)));
    // What the export itself leaves in the trail comes behind its beginning.
    let events = audit::events_to_export(tx, of, export.created_at, after, EVENTS_A_PART).await?;
    let lines = events.iter().map(|event| line(None, event_row(Some(event)), format));
    let lines = lines.collect::<Result<_, _>>()?;
    let event =
        AuditEvent::new("export.write", "audit_event", Purpose::Compliance).count(events.len() as i64);
    audit::record(tx, event).await?;
    let at = |event: &AuditRecord| Place { id: event.id.as_uuid(), at: Some(event.occurred_at) };
    let next = next(&events, EVENTS_A_PART, at);
    Ok(Rows { lines, next })
}

fn event_row(event: Option<&AuditRecord>) -> Result<FileRow, std::io::Error> {
    let text = |of: fn(&AuditRecord) -> Option<String>| event.and_then(of);
    FileRow::default()
        .text("id", text(|event| Some(event.id.to_string())).as_deref())
        .text("occurred_at", text(|event| Some(event.occurred_at.to_rfc3339())).as_deref())
        .text("actor_kind", event.map(|event| event.actor_kind.as_str()))
        .text("actor_id", text(|event| event.actor_id.map(|id| id.to_string())).as_deref())
        .text("actor_role", event.map(|event| event.actor_role.as_str()))
        .text("purpose", event.map(|event| event.purpose.as_str()))
        .text("reason", event.and_then(|event| event.reason.as_deref()))
        .text("action", event.map(|event| event.action.as_str()))
        .text("entity_kind", event.map(|event| event.entity_kind.as_str()))
        .text("entity_id", event.and_then(|event| event.entity_id.as_deref()))
        .number("count", event.map(|event| event.count))
        .text("outcome", event.map(|event| event.outcome.as_str()))
        .text("request_id", text(|event| event.request_id.map(|id| id.to_string())).as_deref())
        .value("details", event.map(|event| &event.details))
}
