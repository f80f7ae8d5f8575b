//! All SQL on the customers' tables. Everything personal passes here sealed.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use odyssey_types::{CustomerId, CustomerIdentity, CustomerStatus, JobId, Phi, ProductId};
use uuid::Uuid;

use super::consents::LatestConsent;
use super::duplicates::SharedToken;
use super::exporting::PeopleToExport;
use super::list::{CustomerQuery, CustomerSort, Position};
use super::many::Lists;
use super::plan::Changed;
use super::seal::SealedIdentity;
use super::write::BatchOptions;
use super::{
    Consent, ConsentPurpose, ConsentSource, ConsentState, Customer, CustomerError, ListEntry, ListKind,
    MaskedCustomer, MatchStanding, Replacing, SinceImport,
};
use crate::db::{DbError, SystemTx, VendorTx};

/// A customer as stored.
#[derive(Debug)]
pub(super) struct CustomerRow {
    pub id: CustomerId,
    pub status: CustomerStatus,
    pub person_key: Vec<u8>,
    pub sealed: SealedIdentity,
    pub has_profile: bool,
    pub health_consent: ConsentState,
    pub lists_version: i64,
    pub consent_version: i64,
    pub row_version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub edited_at: Option<DateTime<Utc>>,
    pub deleted_at: Option<DateTime<Utc>>,
}

impl CustomerRow {
    /// The opened customer, and what is needed to seal it again: envelopes and wrapped key.
    pub fn into_customer(
        self,
        external_id: Phi<String>,
        identity: Phi<CustomerIdentity>,
    ) -> (Customer, SealedIdentity, Vec<u8>) {
        let customer = Customer {
            id: self.id,
            external_id,
            identity,
            status: self.status,
            has_profile: self.has_profile,
            health_consent: self.health_consent,
            row_version: self.row_version,
            lists_version: self.lists_version,
            consent_version: self.consent_version,
            created_at: self.created_at,
            updated_at: self.updated_at,
            edited_at: self.edited_at,
        };
        (customer, self.sealed, self.person_key)
    }
}

#[derive(Debug)]
struct RawCustomer {
    id: Uuid,
    status: String,
    person_key: Vec<u8>,
    external_id_sealed: Vec<u8>,
    name_sealed: Option<Vec<u8>>,
    email_sealed: Option<Vec<u8>>,
    phone_sealed: Option<Vec<u8>>,
    birth_date_sealed: Option<Vec<u8>>,
    address_sealed: Option<Vec<u8>>,
    member_number_sealed: Option<Vec<u8>>,
    tags_sealed: Option<Vec<u8>>,
    notes_sealed: Option<Vec<u8>>,
    has_profile: bool,
    health_consent: String,
    lists_version: i64,
    consent_version: i64,
    row_version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    edited_at: Option<DateTime<Utc>>,
    deleted_at: Option<DateTime<Utc>>,
}

impl TryFrom<RawCustomer> for CustomerRow {
    type Error = DbError;

    fn try_from(row: RawCustomer) -> Result<Self, DbError> {
        Ok(Self {
            id: row.id.into(),
            status: read_status(row.id, &row.status)?,
            health_consent: read_consent(row.id, &row.health_consent)?,
            person_key: row.person_key,
            sealed: SealedIdentity {
                external_id: row.external_id_sealed,
                name: row.name_sealed,
                email: row.email_sealed,
                phone: row.phone_sealed,
                birth_date: row.birth_date_sealed,
                address: row.address_sealed,
                member_number: row.member_number_sealed,
                tags: row.tags_sealed,
                notes: row.notes_sealed,
            },
            has_profile: row.has_profile,
            lists_version: row.lists_version,
            consent_version: row.consent_version,
            row_version: row.row_version,
            created_at: row.created_at,
            updated_at: row.updated_at,
            edited_at: row.edited_at,
            deleted_at: row.deleted_at,
        })
    }
}

#[derive(Debug)]
struct RawMasked {
    id: Uuid,
    status: String,
    has_profile: bool,
    health_consent: String,
    row_version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<RawMasked> for MaskedCustomer {
    type Error = DbError;

    fn try_from(row: RawMasked) -> Result<Self, DbError> {
        Ok(Self {
            id: row.id.into(),
            status: read_status(row.id, &row.status)?,
            has_profile: row.has_profile,
            health_consent: read_consent(row.id, &row.health_consent)?,
            row_version: row.row_version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

fn read_status(id: Uuid, status: &str) -> Result<CustomerStatus, DbError> {
    CustomerStatus::parse(status).ok_or_else(|| broken(id, "status"))
}

fn read_consent(id: Uuid, state: &str) -> Result<ConsentState, DbError> {
    ConsentState::parse(state).ok_or_else(|| broken(id, "state of consent"))
}

fn broken(id: Uuid, what: &str) -> DbError {
    DbError::inconsistent(format!("customer {id} has an unreadable {what}"))
}

fn uuids(ids: &[CustomerId]) -> Vec<Uuid> {
    ids.iter().map(|id| id.as_uuid()).collect()
}

fn all<R, T: TryFrom<R, Error = DbError>>(rows: Vec<R>) -> Result<Vec<T>, CustomerError> {
    Ok(rows.into_iter().map(T::try_from).collect::<Result<_, DbError>>()?)
}

/// One column list for every statement that reads whole customers.
macro_rules! customers {
    ($tail:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            RawCustomer,
            "SELECT id, status, person_key, external_id_sealed, name_sealed, email_sealed, phone_sealed, birth_date_sealed,
                    address_sealed, member_number_sealed, tags_sealed, notes_sealed, has_profile, health_consent,
                    lists_version, consent_version, row_version, created_at, updated_at, edited_at, deleted_at
             FROM customers " + $tail,
            $($argument),+
        )
    };
}

/// And one for those that read what a viewer may see.
macro_rules! masked {
    ($tail:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            RawMasked,
            "SELECT id, status, has_profile, health_consent, row_version, created_at, updated_at FROM customers " + $tail,
            $($argument),+
        )
    };
}

/// The given customers that are not deleted.
pub(super) async fn find_customers(
    tx: &mut VendorTx,
    ids: &[CustomerId],
) -> Result<Vec<CustomerRow>, CustomerError> {
    let (vendor_id, ids) = (tx.vendor_id().as_uuid(), uuids(ids));
    let rows = customers!(
        "WHERE vendor_id = $1 AND id = ANY($2) AND deleted_at IS NULL ORDER BY id",
        vendor_id,
        &ids
    )
    .fetch_all(tx.connection())
    .await?;
    all(rows)
}

/// One customer's open columns, unless it is deleted.
pub(super) async fn find_masked(
    tx: &mut VendorTx,
    id: CustomerId,
) -> Result<Option<MaskedCustomer>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let row = masked!("WHERE vendor_id = $1 AND id = $2 AND deleted_at IS NULL", vendor_id, id.as_uuid())
        .fetch_optional(tx.connection())
        .await?;
    Ok(row.map(MaskedCustomer::try_from).transpose()?)
}

/// The versions that an answer about a customer depends on, and whether one may be given at all.
pub(super) async fn find_standing(
    tx: &mut VendorTx,
    id: CustomerId,
) -> Result<Option<(ConsentState, MatchStanding)>, CustomerError> {
    let (vendor_id, id) = (tx.vendor_id().as_uuid(), id.as_uuid());
    let row = sqlx::query!(
        "SELECT health_consent, row_version, lists_version
         FROM customers WHERE vendor_id = $1 AND id = $2 AND deleted_at IS NULL",
        vendor_id,
        id,
    )
    .fetch_optional(tx.connection())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let standing = MatchStanding { row_version: row.row_version, lists_version: row.lists_version };
    Ok(Some((read_consent(id, &row.health_consent)?, standing)))
}

/// The first customers by id of those who have a profile and consent to its use, and how many there are.
pub(super) async fn sample_consenting(
    tx: &mut VendorTx,
    most: i64,
) -> Result<(Vec<CustomerId>, u64), CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let population = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM customers
           WHERE vendor_id = $1 AND deleted_at IS NULL AND has_profile AND health_consent = 'granted'"#,
        vendor_id,
    )
    .fetch_one(tx.connection())
    .await?;
    let ids = sqlx::query_scalar!(
        "SELECT id FROM customers
         WHERE vendor_id = $1 AND deleted_at IS NULL AND has_profile AND health_consent = 'granted'
         ORDER BY id LIMIT $2",
        vendor_id,
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok((ids.into_iter().map(CustomerId::from_uuid).collect(), population.unsigned_abs()))
}

/// The same, with the row locked: nobody else changes what belongs to this customer until we commit.
pub(super) async fn lock_masked(
    tx: &mut VendorTx,
    id: CustomerId,
) -> Result<Option<MaskedCustomer>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let row = masked!(
        "WHERE vendor_id = $1 AND id = $2 AND deleted_at IS NULL FOR UPDATE",
        vendor_id,
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(MaskedCustomer::try_from).transpose()?)
}

/// The given customers, deleted ones too, with their rows locked in the order of their ids: every writer
/// locks in that order, so writers wait for each other and never deadlock.
pub(super) async fn lock_customers(
    tx: &mut VendorTx,
    ids: &[CustomerId],
) -> Result<Vec<CustomerRow>, CustomerError> {
    let (vendor_id, ids) = (tx.vendor_id().as_uuid(), uuids(ids));
    let rows = customers!("WHERE vendor_id = $1 AND id = ANY($2) ORDER BY id FOR UPDATE", vendor_id, &ids)
        .fetch_all(tx.connection())
        .await?;
    all(rows)
}

/// Only the locks of [`lock_customers`].
pub(super) async fn lock_ids(tx: &mut VendorTx, ids: &[CustomerId]) -> Result<(), CustomerError> {
    let (vendor_id, ids) = (tx.vendor_id().as_uuid(), uuids(ids));
    sqlx::query_scalar!(
        "SELECT id FROM customers WHERE vendor_id = $1 AND id = ANY($2) ORDER BY id FOR UPDATE",
        vendor_id,
        &ids,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(())
}

/// A page in one direction. Two statements and not a CASE in ORDER BY, so that each one walks the index.
macro_rules! page {
    ($columns:ident, $tx:expr, $query:expr, $after:expr, $most:expr) => {{
        let vendor_id = $tx.vendor_id().as_uuid();
        let (status, consent) =
            ($query.status.map(CustomerStatus::as_str), $query.consent.map(ConsentState::as_str));
        let (at, id) = ($after.map(|p| p.updated_at), $after.map(|p| p.id));
        match $query.sort {
            CustomerSort::UpdatedAtDescending => {
                $columns!(
                    "WHERE vendor_id = $1 AND deleted_at IS NULL
                   AND ($2::timestamptz IS NULL OR updated_at > $2)
                   AND ($3::text IS NULL OR status = $3)
                   AND ($4::boolean IS NULL OR has_profile = $4)
                   AND ($5::text IS NULL OR health_consent = $5)
                   AND ($6::timestamptz IS NULL OR (updated_at, id) < ($6, $7::uuid))
                 ORDER BY updated_at DESC, id DESC LIMIT $8",
                    vendor_id,
                    $query.updated_after,
                    status,
                    $query.has_profile,
                    consent,
                    at,
                    id,
                    $most,
                )
                .fetch_all($tx.connection())
                .await?
            }
            CustomerSort::UpdatedAtAscending => {
                $columns!(
                    "WHERE vendor_id = $1 AND deleted_at IS NULL
                   AND ($2::timestamptz IS NULL OR updated_at > $2)
                   AND ($3::text IS NULL OR status = $3)
                   AND ($4::boolean IS NULL OR has_profile = $4)
                   AND ($5::text IS NULL OR health_consent = $5)
                   AND ($6::timestamptz IS NULL OR (updated_at, id) > ($6, $7::uuid))
                 ORDER BY updated_at, id LIMIT $8",
                    vendor_id,
                    $query.updated_after,
                    status,
                    $query.has_profile,
                    consent,
                    at,
                    id,
                    $most,
                )
                .fetch_all($tx.connection())
                .await?
            }
        }
    }};
}

/// One page of the list and one more, in the query's order.
pub(super) async fn list_customers(
    tx: &mut VendorTx,
    query: &CustomerQuery,
    after: Option<Position>,
    most: i64,
) -> Result<Vec<CustomerRow>, CustomerError> {
    all(page!(customers, tx, query, after, most))
}

/// The same of the open columns alone.
pub(super) async fn list_masked(
    tx: &mut VendorTx,
    query: &CustomerQuery,
    after: Option<Position>,
    most: i64,
) -> Result<Vec<MaskedCustomer>, CustomerError> {
    all(page!(masked, tx, query, after, most))
}

/// Customers that carry a blind-index token.
pub(super) async fn find_by_token(
    tx: &mut VendorTx,
    token: i64,
    most: i32,
) -> Result<Vec<CustomerId>, CustomerError> {
    let ids = sqlx::query_scalar!(
        r#"SELECT customer_id AS "customer_id!" FROM odyssey.find_customers_by_token($1, $2)"#,
        token,
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(ids.into_iter().map(CustomerId::from_uuid).collect())
}

/// Tokens that more than one customer carries, in their order.
pub(super) async fn find_shared_tokens(
    tx: &mut VendorTx,
    after: Option<i64>,
    most: i32,
    shown: i32,
) -> Result<Vec<SharedToken>, CustomerError> {
    let rows = sqlx::query!(
        r#"SELECT token AS "token!", carriers AS "carriers!", customer_ids AS "customer_ids!"
           FROM odyssey.find_shared_tokens($1, $2, $3)"#,
        after,
        most,
        shown,
    )
    .fetch_all(tx.connection())
    .await?;
    let shared = rows.into_iter().map(|row| SharedToken {
        token: row.token,
        customer_count: row.carriers.unsigned_abs(),
        customer_ids: row.customer_ids.into_iter().map(CustomerId::from_uuid).collect(),
    });
    Ok(shared.collect())
}

/// The open columns of customers that are not deleted.
pub(super) async fn find_many_masked(
    tx: &mut VendorTx,
    ids: &[CustomerId],
) -> Result<Vec<MaskedCustomer>, CustomerError> {
    let (vendor_id, ids) = (tx.vendor_id().as_uuid(), uuids(ids));
    let rows =
        masked!("WHERE vendor_id = $1 AND id = ANY($2) AND deleted_at IS NULL ORDER BY id", vendor_id, &ids)
            .fetch_all(tx.connection())
            .await?;
    all(rows)
}

/// Rows whose customer was last written by an equal row under an equal mapping.
pub(super) async fn find_unchanged(
    tx: &mut VendorTx,
    rows: &[(CustomerId, [u8; 32])],
    mapping_digest: &[u8],
) -> Result<HashMap<CustomerId, SinceImport>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = rows.iter().map(|r| r.0.as_uuid()).collect();
    let hashes: Vec<Vec<u8>> = rows.iter().map(|r| r.1.to_vec()).collect();
    let found = sqlx::query!(
        r#"SELECT c.id, c.edited_at IS NOT NULL AS "edited!"
           FROM customers c JOIN unnest($2::uuid[], $3::bytea[]) AS r (id, hash) ON r.id = c.id
           WHERE c.vendor_id = $1 AND c.id = ANY($2) AND c.deleted_at IS NULL
             AND c.source_mapping = $4 AND c.source_hash = r.hash"#,
        vendor_id,
        &ids,
        &hashes,
        mapping_digest,
    )
    .fetch_all(tx.connection())
    .await?;
    let since = |edited| if edited { SinceImport::Edited } else { SinceImport::Untouched };
    Ok(found.into_iter().map(|row| (row.id.into(), since(row.edited))).collect())
}

/// Inserts or overwrites whole rows; the caller has merged and sealed them. Gives back which were
/// written: a customer that somebody else created since we looked is left alone, since its person key is
/// not the one that ours was sealed under.
pub(super) async fn upsert_customers(
    tx: &mut VendorTx,
    now: DateTime<Utc>,
    changed: &[Changed],
    options: &BatchOptions,
) -> Result<HashSet<CustomerId>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let mapping = options.import.as_ref().map(|i| i.mapping_digest.as_slice());
    let column = |of: fn(&SealedIdentity) -> &Option<Vec<u8>>| -> Vec<Option<Vec<u8>>> {
        changed.iter().map(|c| of(&c.sealed).clone()).collect()
    };
    let ids: Vec<Uuid> = changed.iter().map(|c| c.row.id.as_uuid()).collect();
    let statuses: Vec<String> = changed.iter().map(|c| c.status.as_str().to_owned()).collect();
    let person_keys: Vec<Vec<u8>> = changed.iter().map(|c| c.person_key.clone()).collect();
    let external_ids: Vec<Vec<u8>> = changed.iter().map(|c| c.sealed.external_id.clone()).collect();
    let has_profile: Vec<bool> = changed.iter().map(|c| c.has_profile).collect();
    let consents: Vec<String> = changed.iter().map(|c| c.health_consent.as_str().to_owned()).collect();
    let consent_versions: Vec<i64> = changed.iter().map(|c| c.consent_version).collect();
    let lists_versions: Vec<i64> = changed.iter().map(|c| c.lists_version).collect();
    let hashes: Vec<Option<Vec<u8>>> = changed.iter().map(|c| c.source_hash.map(|h| h.to_vec())).collect();
    let versions: Vec<i64> = changed.iter().map(|c| c.row_version).collect();
    let edited: Vec<Option<DateTime<Utc>>> = changed.iter().map(|c| c.edited_at).collect();
    let deleted: Vec<bool> = changed.iter().map(|c| c.deleted).collect();
    let written = sqlx::query_scalar!(
        r#"INSERT INTO customers AS c (vendor_id, id, status, person_key, external_id_sealed, name_sealed, email_sealed,
                  phone_sealed, birth_date_sealed, address_sealed, member_number_sealed, tags_sealed, notes_sealed,
                  has_profile, health_consent, consent_version, lists_version, source_hash, source_mapping,
                  row_version, created_at, updated_at, edited_at, deleted_at)
           SELECT $1, r.id, r.status, r.person_key, r.external_id, r.name, r.email, r.phone, r.birth_date, r.address,
                  r.member_number, r.tags, r.notes, r.has_profile, r.health_consent, r.consent_version, r.lists_version,
                  r.hash, CASE WHEN r.hash IS NULL THEN NULL ELSE $21::bytea END, r.row_version, $22::timestamptz, $22, r.edited_at,
                  CASE WHEN r.deleted THEN $22::timestamptz END
           FROM unnest($2::uuid[], $3::text[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[], $8::bytea[],
                       $9::bytea[], $10::bytea[], $11::bytea[], $12::bytea[], $13::bytea[], $14::boolean[], $15::text[],
                       $16::bigint[], $17::bigint[], $18::bytea[], $19::bigint[], $20::timestamptz[], $23::boolean[])
                AS r (id, status, person_key, external_id, name, email, phone, birth_date, address, member_number, tags,
                      notes, has_profile, health_consent, consent_version, lists_version, hash, row_version, edited_at,
                      deleted)
           ORDER BY r.id
           ON CONFLICT (vendor_id, id) DO UPDATE SET
                  status = excluded.status, external_id_sealed = excluded.external_id_sealed,
                  name_sealed = excluded.name_sealed, email_sealed = excluded.email_sealed,
                  phone_sealed = excluded.phone_sealed, birth_date_sealed = excluded.birth_date_sealed,
                  address_sealed = excluded.address_sealed, member_number_sealed = excluded.member_number_sealed,
                  tags_sealed = excluded.tags_sealed, notes_sealed = excluded.notes_sealed,
                  has_profile = excluded.has_profile, health_consent = excluded.health_consent,
                  consent_version = excluded.consent_version, lists_version = excluded.lists_version,
                  -- Whoever comes back was never imported.
                  source_hash = CASE WHEN c.deleted_at IS NULL THEN coalesce(excluded.source_hash, c.source_hash)
                                     ELSE excluded.source_hash END,
                  source_mapping = CASE WHEN c.deleted_at IS NULL THEN coalesce(excluded.source_mapping, c.source_mapping)
                                        ELSE excluded.source_mapping END,
                  created_at = CASE WHEN c.deleted_at IS NULL THEN c.created_at ELSE excluded.created_at END,
                  row_version = excluded.row_version, updated_at = excluded.updated_at,
                  edited_at = excluded.edited_at, deleted_at = excluded.deleted_at
           -- Only over the version that was locked and opened.
           WHERE c.row_version = excluded.row_version - 1
           RETURNING c.id"#,
        vendor_id,
        &ids,
        &statuses,
        &person_keys,
        &external_ids,
        &column(|s| &s.name) as &[Option<Vec<u8>>],
        &column(|s| &s.email) as &[Option<Vec<u8>>],
        &column(|s| &s.phone) as &[Option<Vec<u8>>],
        &column(|s| &s.birth_date) as &[Option<Vec<u8>>],
        &column(|s| &s.address) as &[Option<Vec<u8>>],
        &column(|s| &s.member_number) as &[Option<Vec<u8>>],
        &column(|s| &s.tags) as &[Option<Vec<u8>>],
        &column(|s| &s.notes) as &[Option<Vec<u8>>],
        &has_profile,
        &consents,
        &consent_versions,
        &lists_versions,
        &hashes as &[Option<Vec<u8>>],
        &versions,
        &edited as &[Option<DateTime<Utc>>],
        mapping,
        now,
        &deleted,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(written.into_iter().map(CustomerId::from_uuid).collect())
}

/// Remembers the source row of customers whose content did not change. The file agrees with whatever a
/// person had edited, so there is no edit left to keep.
pub(super) async fn mark_sources(
    tx: &mut VendorTx,
    marks: &[(CustomerId, [u8; 32])],
    mapping_digest: &[u8],
) -> Result<(), CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = marks.iter().map(|m| m.0.as_uuid()).collect();
    let hashes: Vec<Vec<u8>> = marks.iter().map(|m| m.1.to_vec()).collect();
    sqlx::query!(
        "UPDATE customers c SET source_hash = m.hash, source_mapping = $4, edited_at = NULL
         FROM unnest($2::uuid[], $3::bytea[]) AS m (id, hash)
         WHERE c.vendor_id = $1 AND c.id = m.id AND c.id = ANY($2)",
        vendor_id,
        &ids,
        &hashes,
        mapping_digest,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Writes the tokens of the customers that can be found by others than before.
pub(super) async fn upsert_tokens(tx: &mut VendorTx, changed: &[Changed]) -> Result<(), CustomerError> {
    let found: Vec<_> = changed.iter().filter_map(|c| Some((c.row.id.as_uuid(), c.tokens?))).collect();
    if found.is_empty() {
        return Ok(());
    }
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = found.iter().map(|f| f.0).collect();
    let external_ids: Vec<i64> = found.iter().map(|f| f.1.external_id).collect();
    let emails: Vec<Option<i64>> = found.iter().map(|f| f.1.email).collect();
    let phones: Vec<Option<i64>> = found.iter().map(|f| f.1.phone).collect();
    sqlx::query!(
        "INSERT INTO customer_tokens (vendor_id, customer_id, tokens)
         SELECT $1, t.id, array_remove(ARRAY[t.external_id, t.email, t.phone], NULL)
         FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[]) AS t (id, external_id, email, phone)
         ORDER BY t.id
         ON CONFLICT (vendor_id, customer_id) DO UPDATE SET tokens = excluded.tokens",
        vendor_id,
        &ids,
        &external_ids,
        &emails as &[Option<i64>],
        &phones as &[Option<i64>],
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn delete_tokens(tx: &mut VendorTx, ids: &[CustomerId]) -> Result<(), CustomerError> {
    if ids.is_empty() {
        return Ok(());
    }
    let (vendor_id, ids) = (tx.vendor_id().as_uuid(), uuids(ids));
    sqlx::query!(
        "DELETE FROM customer_tokens WHERE vendor_id = $1 AND customer_id = ANY($2)",
        vendor_id,
        &ids
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Something that a match depends on has changed beside record, profile and consents; the row is locked.
pub(super) async fn bump_version(tx: &mut VendorTx, id: CustomerId) -> Result<(), CustomerError> {
    let by = Replacing::of(tx, &BatchOptions::default());
    super::versions::keep_versions(tx, &[id], by).await?;
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    sqlx::query!(
        "UPDATE customers SET row_version = row_version + 1, updated_at = $3 WHERE vendor_id = $1 AND id = $2",
        vendor_id,
        id.as_uuid(),
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Proposals are about somebody who is served.
pub(super) async fn delete_proposals(tx: &mut VendorTx, ids: &[CustomerId]) -> Result<(), CustomerError> {
    if ids.is_empty() {
        return Ok(());
    }
    let (vendor_id, ids) = (tx.vendor_id().as_uuid(), uuids(ids));
    sqlx::query!(
        "DELETE FROM fhir_proposals WHERE vendor_id = $1 AND customer_id = ANY($2)",
        vendor_id,
        &ids
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// A health profile as stored.
#[derive(Debug)]
pub(super) struct ProfileRow {
    pub sealed: Vec<u8>,
    pub row_version: i64,
    pub updated_at: DateTime<Utc>,
    pub edited_at: Option<DateTime<Utc>>,
}

pub(super) async fn find_profiles(
    tx: &mut VendorTx,
    ids: &[CustomerId],
) -> Result<HashMap<CustomerId, ProfileRow>, CustomerError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let (vendor_id, ids) = (tx.vendor_id().as_uuid(), uuids(ids));
    let rows = sqlx::query!(
        "SELECT customer_id, profile_sealed, row_version, updated_at, edited_at FROM health_profiles
         WHERE vendor_id = $1 AND customer_id = ANY($2)",
        vendor_id,
        &ids,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let profile = ProfileRow {
                sealed: row.profile_sealed,
                row_version: row.row_version,
                updated_at: row.updated_at,
                edited_at: row.edited_at,
            };
            (row.customer_id.into(), profile)
        })
        .collect())
}

pub(super) async fn upsert_profiles(
    tx: &mut VendorTx,
    now: DateTime<Utc>,
    changed: &[Changed],
) -> Result<(), CustomerError> {
    let profiles: Vec<_> = changed.iter().filter_map(|c| Some((c, c.profile_sealed.clone()?))).collect();
    if profiles.is_empty() {
        return Ok(());
    }
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = profiles.iter().map(|p| p.0.row.id.as_uuid()).collect();
    let edited: Vec<Option<DateTime<Utc>>> = profiles.iter().map(|p| p.0.edited_at).collect();
    let sealed: Vec<Vec<u8>> = profiles.into_iter().map(|p| p.1).collect();
    sqlx::query!(
        "INSERT INTO health_profiles AS h (vendor_id, customer_id, profile_sealed, row_version, updated_at, edited_at)
         SELECT $1, p.id, p.sealed, 1, $5, p.edited_at
         FROM unnest($2::uuid[], $3::bytea[], $4::timestamptz[]) AS p (id, sealed, edited_at)
         ORDER BY p.id
         ON CONFLICT (vendor_id, customer_id) DO UPDATE SET
                profile_sealed = excluded.profile_sealed, row_version = h.row_version + 1,
                updated_at = excluded.updated_at, edited_at = excluded.edited_at",
        vendor_id,
        &ids,
        &sealed,
        &edited as &[Option<DateTime<Utc>>],
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The newest consent of each purpose.
pub(super) async fn latest_consents(
    tx: &mut VendorTx,
    ids: &[CustomerId],
) -> Result<HashMap<CustomerId, Vec<LatestConsent>>, CustomerError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let (vendor_id, ids) = (tx.vendor_id().as_uuid(), uuids(ids));
    let rows = sqlx::query!(
        "SELECT DISTINCT ON (customer_id, purpose) customer_id, purpose, state, source, text_version
         FROM consents
         WHERE vendor_id = $1 AND customer_id = ANY($2)
         ORDER BY customer_id, purpose, version DESC",
        vendor_id,
        &ids,
    )
    .fetch_all(tx.connection())
    .await?;
    let mut latest: HashMap<CustomerId, Vec<LatestConsent>> = HashMap::new();
    for row in rows {
        let id = row.customer_id;
        let consent = LatestConsent {
            purpose: ConsentPurpose::parse(&row.purpose).ok_or_else(|| broken(id, "consent"))?,
            state: read_consent(id, &row.state)?,
            source: ConsentSource::parse(&row.source).ok_or_else(|| broken(id, "consent"))?,
            text_version: row.text_version,
        };
        latest.entry(id.into()).or_default().push(consent);
    }
    Ok(latest)
}

/// Every consent of one customer, newest first.
pub(super) async fn list_consents(tx: &mut VendorTx, id: CustomerId) -> Result<Vec<Consent>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query!(
        "SELECT id, version, purpose, state, text_version, source, recorded_by, job_id, recorded_at FROM consents
         WHERE vendor_id = $1 AND customer_id = $2 ORDER BY version DESC",
        vendor_id,
        id.as_uuid(),
    )
    .fetch_all(tx.connection())
    .await?;
    let mut consents = Vec::with_capacity(rows.len());
    for row in rows {
        consents.push(Consent {
            id: row.id.into(),
            customer_id: id,
            version: row.version,
            purpose: ConsentPurpose::parse(&row.purpose).ok_or_else(|| broken(id.as_uuid(), "consent"))?,
            state: read_consent(id.as_uuid(), &row.state)?,
            text_version: row.text_version,
            source: ConsentSource::parse(&row.source).ok_or_else(|| broken(id.as_uuid(), "consent"))?,
            recorded_by: row.recorded_by.map(Into::into),
            job_id: row.job_id.map(Into::into),
            recorded_at: row.recorded_at,
        });
    }
    Ok(consents)
}

/// Adds the records of consent of the given changes; returns how many.
pub(super) async fn insert_consents(
    tx: &mut VendorTx,
    now: DateTime<Utc>,
    job_id: Option<JobId>,
    changed: &[Changed],
) -> Result<usize, CustomerError> {
    let new: Vec<_> =
        changed.iter().flat_map(|c| c.consents.iter().map(move |n| (c.row.id.as_uuid(), n))).collect();
    if new.is_empty() {
        return Ok(0);
    }
    let vendor_id = tx.vendor_id().as_uuid();
    let customers: Vec<Uuid> = new.iter().map(|n| n.0).collect();
    let ids: Vec<Uuid> = new.iter().map(|n| n.1.id.as_uuid()).collect();
    let versions: Vec<i64> = new.iter().map(|n| n.1.version).collect();
    let purposes: Vec<String> = new.iter().map(|n| n.1.consent.purpose.as_str().to_owned()).collect();
    let states: Vec<String> = new.iter().map(|n| n.1.consent.state.as_str().to_owned()).collect();
    let texts: Vec<Option<String>> = new.iter().map(|n| n.1.consent.text_version.clone()).collect();
    let sources: Vec<String> = new.iter().map(|n| n.1.consent.source.as_str().to_owned()).collect();
    let by: Vec<Option<Uuid>> = new.iter().map(|n| n.1.recorded_by.map(|u| u.as_uuid())).collect();
    sqlx::query!(
        "INSERT INTO consents (vendor_id, customer_id, id, version, purpose, state, text_version, source, recorded_by, job_id, recorded_at)
         SELECT $1, n.customer_id, n.id, n.version, n.purpose, n.state, n.text_version, n.source, n.recorded_by, $10, $11
         FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::uuid[])
              AS n (customer_id, id, version, purpose, state, text_version, source, recorded_by)",
        vendor_id,
        &customers,
        &ids,
        &versions,
        &purposes,
        &states,
        &texts as &[Option<String>],
        &sources,
        &by as &[Option<Uuid>],
        job_id.map(JobId::as_uuid),
        now,
    )
    .execute(tx.connection())
    .await?;
    Ok(new.len())
}

/// The products on a customer's lists, by product id.
pub(super) async fn find_list(tx: &mut VendorTx, id: CustomerId) -> Result<Vec<ListEntry>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query!(
        "SELECT product_id, list, added_by, added_at FROM customer_products
         WHERE vendor_id = $1 AND customer_id = $2 ORDER BY product_id",
        vendor_id,
        id.as_uuid(),
    )
    .fetch_all(tx.connection())
    .await?;
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        entries.push(ListEntry {
            product_id: row.product_id.into(),
            list: ListKind::parse(&row.list).ok_or_else(|| broken(id.as_uuid(), "list"))?,
            added_by: row.added_by.map(Into::into),
            added_at: row.added_at,
        });
    }
    Ok(entries)
}

/// Puts a product on a list, or moves it there.
pub(super) async fn upsert_list_entry(
    tx: &mut VendorTx,
    id: CustomerId,
    entry: &ListEntry,
) -> Result<(), CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    sqlx::query!(
        "INSERT INTO customer_products (vendor_id, customer_id, product_id, list, added_by, added_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (vendor_id, customer_id, product_id) DO UPDATE SET
                list = excluded.list, added_by = excluded.added_by, added_at = excluded.added_at",
        vendor_id,
        id.as_uuid(),
        entry.product_id.as_uuid(),
        entry.list.as_str(),
        entry.added_by.map(|u| u.as_uuid()),
        entry.added_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Takes a product off a customer's lists; false when it was on none.
pub(super) async fn delete_list_entry(
    tx: &mut VendorTx,
    id: CustomerId,
    product_id: ProductId,
) -> Result<bool, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let done = sqlx::query!(
        "DELETE FROM customer_products WHERE vendor_id = $1 AND customer_id = $2 AND product_id = $3",
        vendor_id,
        id.as_uuid(),
        product_id.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Empties the lists of the given customers.
pub(super) async fn delete_lists(tx: &mut VendorTx, ids: &[CustomerId]) -> Result<(), CustomerError> {
    if ids.is_empty() {
        return Ok(());
    }
    let (vendor_id, ids) = (tx.vendor_id().as_uuid(), uuids(ids));
    sqlx::query!(
        "DELETE FROM customer_products WHERE vendor_id = $1 AND customer_id = ANY($2)",
        vendor_id,
        &ids
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub(super) async fn lists_version(tx: &mut VendorTx, id: CustomerId) -> Result<i64, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let version = sqlx::query_scalar!(
        "SELECT lists_version FROM customers WHERE vendor_id = $1 AND id = $2",
        vendor_id,
        id.as_uuid()
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(version)
}

/// The lists have changed; returns their new version.
pub(super) async fn bump_lists_version(tx: &mut VendorTx, id: CustomerId) -> Result<i64, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let version = sqlx::query_scalar!(
        "UPDATE customers SET lists_version = lists_version + 1 WHERE vendor_id = $1 AND id = $2 RETURNING lists_version",
        vendor_id,
        id.as_uuid(),
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(version)
}

/// Deletes everything of the given customers that was made before they were erased; says how many there were.
/// Locks in the order of ids, as every writer does.
pub(super) async fn erase_customers(
    tx: &mut VendorTx,
    erased: &[(CustomerId, DateTime<Utc>)],
) -> Result<u64, CustomerError> {
    let (vendor_id, ids, ats) = (tx.vendor_id().as_uuid(), ids_of(erased), ats_of(erased));
    let gone = sqlx::query_scalar!(
        "SELECT c.id FROM customers c
         WHERE c.vendor_id = $1 AND c.id = ANY ($2)
           AND EXISTS (SELECT FROM unnest($2::uuid[], $3::timestamptz[]) AS e (id, at)
                       WHERE e.id = c.id AND e.at >= c.created_at)
         ORDER BY c.id
         FOR UPDATE",
        vendor_id,
        &ids,
        &ats,
    )
    .fetch_all(tx.connection())
    .await?;
    if gone.is_empty() {
        return Ok(0);
    }
    sqlx::query!(
        "DELETE FROM health_profiles WHERE vendor_id = $1 AND customer_id = ANY ($2)",
        vendor_id,
        &gone
    )
    .execute(tx.connection())
    .await?;
    sqlx::query!("DELETE FROM consents WHERE vendor_id = $1 AND customer_id = ANY ($2)", vendor_id, &gone)
        .execute(tx.connection())
        .await?;
    sqlx::query!(
        "DELETE FROM customer_products WHERE vendor_id = $1 AND customer_id = ANY ($2)",
        vendor_id,
        &gone
    )
    .execute(tx.connection())
    .await?;
    sqlx::query!(
        "DELETE FROM customer_tokens WHERE vendor_id = $1 AND customer_id = ANY ($2)",
        vendor_id,
        &gone
    )
    .execute(tx.connection())
    .await?;
    sqlx::query!(
        "DELETE FROM fhir_proposals WHERE vendor_id = $1 AND customer_id = ANY ($2)",
        vendor_id,
        &gone
    )
    .execute(tx.connection())
    .await?;
    sqlx::query!("DELETE FROM receipts WHERE vendor_id = $1 AND customer_id = ANY ($2)", vendor_id, &gone)
        .execute(tx.connection())
        .await?;
    let ids: Vec<CustomerId> = gone.iter().copied().map(CustomerId::from_uuid).collect();
    super::notes::delete_notes(tx, &ids).await?;
    super::versions::delete_versions(tx, &ids).await?;
    sqlx::query!("DELETE FROM customers WHERE vendor_id = $1 AND id = ANY ($2)", vendor_id, &gone)
        .execute(tx.connection())
        .await?;
    Ok(gone.len() as u64)
}

pub(super) async fn insert_erasures(
    tx: &mut VendorTx,
    erased: &[(CustomerId, DateTime<Utc>)],
) -> Result<(), CustomerError> {
    let (vendor_id, ids, ats) = (tx.vendor_id().as_uuid(), ids_of(erased), ats_of(erased));
    sqlx::query!(
        "INSERT INTO erasures (vendor_id, customer_id, erased_at)
         SELECT $1, e.id, e.at FROM unnest($2::uuid[], $3::timestamptz[]) AS e (id, at)
         ON CONFLICT DO NOTHING",
        vendor_id,
        &ids,
        &ats,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Every erasure that this database knows of the vendor.
pub(super) async fn find_erasures(
    tx: &mut VendorTx,
) -> Result<Vec<(CustomerId, DateTime<Utc>)>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query!("SELECT customer_id, erased_at FROM erasures WHERE vendor_id = $1", vendor_id)
        .fetch_all(tx.connection())
        .await?;
    Ok(rows.into_iter().map(|row| (row.customer_id.into(), row.erased_at)).collect())
}

pub(super) async fn find_erased_since(
    tx: &mut VendorTx,
    ids: &[CustomerId],
    since: DateTime<Utc>,
) -> Result<HashSet<CustomerId>, CustomerError> {
    let (vendor_id, ids) = (tx.vendor_id().as_uuid(), uuids(ids));
    let erased = sqlx::query_scalar!(
        "SELECT customer_id FROM erasures WHERE vendor_id = $1 AND customer_id = ANY ($2) AND erased_at >= $3",
        vendor_id,
        &ids,
        since,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(erased.into_iter().map(CustomerId::from_uuid).collect())
}

pub(super) async fn count_erasures(tx: &mut SystemTx) -> Result<i64, CustomerError> {
    let count = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM erasures"#)
        .fetch_one(tx.connection())
        .await?;
    Ok(count)
}

fn ids_of(erased: &[(CustomerId, DateTime<Utc>)]) -> Vec<Uuid> {
    erased.iter().map(|(id, _)| id.as_uuid()).collect()
}

fn ats_of(erased: &[(CustomerId, DateTime<Utc>)]) -> Vec<DateTime<Utc>> {
    erased.iter().map(|(_, at)| *at).collect()
}

/// What compiling a customer's gates needs, sealed.
#[derive(Debug)]
pub struct SealedProfile {
    pub(super) id: Uuid,
    pub(super) row_version: i64,
    pub(super) updated_at: DateTime<Utc>,
    /// Consents, and is not deleted.
    pub(super) counts: bool,
    /// A food allergy of a FHIR proposal awaits a decision.
    pub(super) awaits_decision: bool,
    pub(super) person_key: Vec<u8>,
    pub(super) birth_date_sealed: Option<Vec<u8>>,
    pub(super) profile_sealed: Option<Vec<u8>>,
    pub(super) profile_version: Option<i64>,
}

/// How many customers consent to the use of their health data.
pub async fn count_consenting(tx: &mut VendorTx) -> Result<i64, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM customers
           WHERE vendor_id = $1 AND health_consent = 'granted' AND deleted_at IS NULL"#,
        vendor_id,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(count)
}

/// Consenting customers after an id, by id, with their profiles: pages of a walk over everybody. Two
/// statements, each along its own key; a profile that is written between the two is read as it is then,
/// and found again among the changed.
pub async fn page_of_sealed_profiles(
    tx: &mut VendorTx,
    after: Option<CustomerId>,
    most: i64,
) -> Result<Vec<SealedProfile>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query_as!(
        SealedProfile,
        r#"SELECT c.id AS "id!", c.row_version AS "row_version!", c.updated_at AS "updated_at!", true AS "counts!",
                  c.person_key AS "person_key!", c.birth_date_sealed AS "birth_date_sealed?",
                  p.profile_sealed AS "profile_sealed?", p.row_version AS "profile_version?",
                  c.id = ANY (ARRAY (SELECT customer_id FROM fhir_proposals WHERE vendor_id = $1 AND awaits_decision))
                      AS "awaits_decision!"
           FROM (SELECT id, row_version, updated_at, person_key, birth_date_sealed FROM customers
                 WHERE vendor_id = $1 AND health_consent = 'granted' AND deleted_at IS NULL
                   AND ($2::uuid IS NULL OR id > $2)
                 ORDER BY id LIMIT $3) AS c
           LEFT JOIN health_profiles p ON p.vendor_id = $1 AND p.customer_id = c.id
           ORDER BY c.id"#,
        vendor_id,
        after.map(CustomerId::as_uuid),
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

/// Customers changed after a time, consenting or not, deleted ones too; by time and id.
pub async fn page_of_changed_profiles(
    tx: &mut VendorTx,
    after: (DateTime<Utc>, Uuid),
    most: i64,
) -> Result<Vec<SealedProfile>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query_as!(
        SealedProfile,
        r#"SELECT c.id AS "id!", c.row_version AS "row_version!", c.updated_at AS "updated_at!",
                  c.health_consent = 'granted' AND c.deleted_at IS NULL AS "counts!", c.person_key AS "person_key!",
                  c.birth_date_sealed AS "birth_date_sealed?", p.profile_sealed AS "profile_sealed?", p.row_version AS "profile_version?",
                  c.id = ANY (ARRAY (SELECT customer_id FROM fhir_proposals WHERE vendor_id = $1 AND awaits_decision))
                      AS "awaits_decision!"
           FROM customers c LEFT JOIN health_profiles p ON p.vendor_id = $1 AND p.customer_id = c.id
           WHERE c.vendor_id = $1 AND (c.updated_at, c.id) > ($2, $3::uuid)
           ORDER BY c.updated_at, c.id LIMIT $4"#,
        vendor_id,
        after.0,
        after.1,
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

/// Those of the given customers who consent at this moment.
pub async fn still_consenting(
    tx: &mut VendorTx,
    ids: &[CustomerId],
) -> Result<HashSet<CustomerId>, CustomerError> {
    let (vendor_id, ids) = (tx.vendor_id().as_uuid(), uuids(ids));
    let found = sqlx::query_scalar!(
        "SELECT id FROM customers
         WHERE vendor_id = $1 AND id = ANY($2) AND health_consent = 'granted' AND deleted_at IS NULL",
        vendor_id,
        &ids,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(found.into_iter().map(CustomerId::from_uuid).collect())
}

/// Those of the given customers who are not deleted.
pub async fn still_there(
    tx: &mut VendorTx,
    ids: &[CustomerId],
) -> Result<HashSet<CustomerId>, CustomerError> {
    let (vendor_id, ids) = (tx.vendor_id().as_uuid(), uuids(ids));
    let found = sqlx::query_scalar!(
        "SELECT id FROM customers WHERE vendor_id = $1 AND id = ANY($2) AND deleted_at IS NULL",
        vendor_id,
        &ids,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(found.into_iter().map(CustomerId::from_uuid).collect())
}

/// The next customers by id, for an export.
pub(super) async fn page_by_id(
    tx: &mut VendorTx,
    of: &PeopleToExport,
    with_profile: bool,
    after: Option<CustomerId>,
    most: i64,
) -> Result<Vec<CustomerId>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids = sqlx::query_scalar!(
        "SELECT id FROM customers
         WHERE vendor_id = $1 AND deleted_at IS NULL
           AND ($2::text IS NULL OR status = $2)
           AND ($3::text IS NULL OR health_consent = $3)
           AND ($4::timestamptz IS NULL OR updated_at > $4)
           AND (has_profile OR NOT $5::boolean)
           AND ($6::uuid IS NULL OR id > $6)
         ORDER BY id LIMIT $7",
        vendor_id,
        of.status.map(|status| status.as_str()),
        of.consent,
        of.updated_after,
        with_profile,
        after.map(CustomerId::as_uuid),
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(ids.into_iter().map(CustomerId::from_uuid).collect())
}

/// Who has a product on a list, and on which.
pub async fn listers_of_products(
    tx: &mut VendorTx,
    ids: &[ProductId],
) -> Result<HashMap<ProductId, Vec<(CustomerId, ListKind)>>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = sqlx::query!(
        "SELECT product_id, customer_id, list FROM customer_products WHERE vendor_id = $1 AND product_id = ANY($2)",
        vendor_id,
        &ids,
    )
    .fetch_all(tx.connection())
    .await?;
    let mut listers: HashMap<ProductId, Vec<(CustomerId, ListKind)>> = HashMap::new();
    for row in rows {
        let list = ListKind::parse(&row.list).ok_or_else(|| broken(row.customer_id, "list"))?;
        listers.entry(row.product_id.into()).or_default().push((row.customer_id.into(), list));
    }
    Ok(listers)
}

/// Customers after an id who consent and have a profile, by id.
pub(super) async fn count_with_profile(tx: &mut VendorTx) -> Result<u64, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM customers
           WHERE vendor_id = $1 AND deleted_at IS NULL AND has_profile AND health_consent = 'granted'"#,
        vendor_id,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(count.unsigned_abs())
}

pub(super) async fn page_of_consenting(
    tx: &mut VendorTx,
    after: Option<CustomerId>,
    most: i64,
) -> Result<Vec<CustomerId>, CustomerError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let ids = sqlx::query_scalar!(
        "SELECT id FROM customers
         WHERE vendor_id = $1 AND deleted_at IS NULL AND has_profile AND health_consent = 'granted'
           AND ($2::uuid IS NULL OR id > $2)
         ORDER BY id LIMIT $3",
        vendor_id,
        after.map(CustomerId::as_uuid),
        most,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(ids.into_iter().map(CustomerId::from_uuid).collect())
}

/// The lists of many customers.
pub(super) async fn find_lists(tx: &mut VendorTx, ids: &[CustomerId]) -> Result<Lists, CustomerError> {
    let (vendor_id, ids) = (tx.vendor_id().as_uuid(), uuids(ids));
    let rows = sqlx::query!(
        "SELECT customer_id, product_id, list FROM customer_products WHERE vendor_id = $1 AND customer_id = ANY($2)",
        vendor_id,
        &ids,
    )
    .fetch_all(tx.connection())
    .await?;
    let mut lists = Lists::new();
    for row in rows {
        let list = ListKind::parse(&row.list).ok_or_else(|| broken(row.customer_id, "list"))?;
        lists.entry(row.customer_id.into()).or_default().push((row.product_id.into(), list));
    }
    Ok(lists)
}

/// Those of the given customers of whom a food allergy awaits a decision.
pub(super) async fn find_awaiting_decision(
    tx: &mut VendorTx,
    ids: &[CustomerId],
) -> Result<HashSet<CustomerId>, CustomerError> {
    let (vendor_id, ids) = (tx.vendor_id().as_uuid(), uuids(ids));
    let found = sqlx::query_scalar!(
        "SELECT DISTINCT customer_id FROM fhir_proposals
         WHERE vendor_id = $1 AND customer_id = ANY($2) AND awaits_decision",
        vendor_id,
        &ids,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(found.into_iter().map(CustomerId::from_uuid).collect())
}
