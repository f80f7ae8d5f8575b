//! All SQL on taxonomy and synonyms. `owner` is the vendor, or nil for the platform; rows of nil are read with
//! either.

use std::collections::HashMap;

use odyssey_matching::Role;
use odyssey_matching::label::ExtraTerm;
use uuid::Uuid;

use super::model::{EVIDENCE_DOMAIN, parse_role, role_code, term_of};
use super::terms::Stamps;
use super::{
    Certainty, Desk, Node, NodeQuery, NodeWrite, Owner, Synonym, SynonymKind, SynonymQuery, SynonymWrite,
    TaxonomyError, TaxonomyKind,
};
use crate::db::{DbError, VendorTx};

/// Counts one on the owner's version and locks it. Never behind the platform's, so that the version of an
/// override is not that of the row it hides.
pub(super) async fn next_version(desk: &mut Desk<'_>) -> Result<i64, TaxonomyError> {
    let version = sqlx::query_scalar!(
        "INSERT INTO taxonomy_versions AS v (vendor_id, version, stamp, updated_at)
         VALUES ($1, 1 + coalesce((SELECT p.version FROM taxonomy_versions p
                                   WHERE p.vendor_id = '00000000-0000-0000-0000-000000000000'), 0),
                 gen_random_uuid(), $2)
         ON CONFLICT (vendor_id) DO UPDATE
         SET version = greatest(v.version + 1, excluded.version), stamp = excluded.stamp, updated_at = excluded.updated_at
         RETURNING version",
        desk.owner,
        desk.now,
    )
    .fetch_one(&mut *desk.connection)
    .await?;
    Ok(version)
}

/// The states of the vendor's and of the platform's rows.
pub(super) async fn stamps(tx: &mut VendorTx) -> Result<Stamps, TaxonomyError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query!(
        "SELECT vendor_id, stamp FROM taxonomy_versions
         WHERE vendor_id IN ($1, '00000000-0000-0000-0000-000000000000')",
        vendor_id,
    )
    .fetch_all(tx.connection())
    .await?;
    let of = |owner: Uuid| rows.iter().find(|row| row.vendor_id == owner).map(|row| row.stamp);
    Ok((of(vendor_id), of(Uuid::nil())))
}

/// The versions of the vendor's and of the platform's rows; 0 before the first change.
pub(super) async fn versions(tx: &mut VendorTx) -> Result<(i64, i64), TaxonomyError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let row = sqlx::query!(
        r#"SELECT coalesce(max(version) FILTER (WHERE vendor_id = $1), 0) AS "own!",
                  coalesce(max(version) FILTER (WHERE vendor_id <> $1), 0) AS "platform!"
           FROM taxonomy_versions WHERE vendor_id IN ($1, '00000000-0000-0000-0000-000000000000')"#,
        vendor_id,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok((row.own, row.platform))
}

/// The terms of the platform and of the vendor, which all count.
pub(super) async fn evidence_terms(tx: &mut VendorTx) -> Result<Vec<ExtraTerm>, TaxonomyError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query!(
        "SELECT synonym, target, certainty FROM synonyms
         WHERE vendor_id IN ($1, '00000000-0000-0000-0000-000000000000') AND kind = 'value' AND domain = $2
         ORDER BY vendor_id, synonym",
        vendor_id,
        EVIDENCE_DOMAIN,
    )
    .fetch_all(tx.connection())
    .await?;
    // A key that only a later program knows is that program's to read.
    let terms = rows.iter().filter_map(|row| {
        term_of(&row.synonym, &row.target, row.certainty.as_deref().and_then(Certainty::parse))
    });
    Ok(terms.collect())
}

/// The categories as the vendor sees them: code, parent, and the role where one is said and the node is active.
pub(super) async fn meal_roles(
    tx: &mut VendorTx,
) -> Result<HashMap<String, (Option<String>, Option<Role>)>, TaxonomyError> {
    let vendor_id = tx.vendor_id().as_uuid();
    let rows = sqlx::query!(
        "SELECT DISTINCT ON (code) code, parent_code, CASE WHEN active THEN meal_role END AS meal_role
         FROM taxonomy_nodes
         WHERE vendor_id IN ($1, '00000000-0000-0000-0000-000000000000') AND kind = 'category'
         ORDER BY code, vendor_id = '00000000-0000-0000-0000-000000000000'",
        vendor_id,
    )
    .fetch_all(tx.connection())
    .await?;
    let node = |role: Option<String>| role.as_deref().and_then(parse_role);
    Ok(rows.into_iter().map(|row| (row.code, (row.parent_code, node(row.meal_role)))).collect())
}

/// A row of a tree as it comes back.
struct NodeRow {
    vendor_id: Uuid,
    kind: String,
    code: String,
    label: String,
    parent_code: Option<String>,
    meal_role: Option<String>,
    active: bool,
    row_version: i64,
    updated_at: chrono::DateTime<chrono::Utc>,
    overrides: bool,
}

impl TryFrom<NodeRow> for Node {
    type Error = DbError;

    fn try_from(row: NodeRow) -> Result<Self, DbError> {
        let kind = TaxonomyKind::parse(&row.kind)
            .ok_or_else(|| DbError::inconsistent(format!("`{}` is no kind of a taxonomy", row.kind)))?;
        let owner = Owner::of(row.vendor_id);
        Ok(Self {
            overrides: row.overrides && owner == Owner::Vendor,
            owner,
            kind,
            code: row.code,
            label: row.label,
            parent_code: row.parent_code,
            meal_role: row.meal_role.as_deref().and_then(parse_role),
            active: row.active,
            row_version: row.row_version,
            updated_at: row.updated_at,
        })
    }
}

/// One more than the limit, by code; of two rows with one code the vendor's.
pub(super) async fn list_nodes(desk: &mut Desk<'_>, query: &NodeQuery) -> Result<Vec<Node>, TaxonomyError> {
    let rows = sqlx::query_as!(
        NodeRow,
        r#"SELECT vendor_id, kind, code, label, parent_code, meal_role, active, row_version, updated_at,
                  overrides AS "overrides!"
           FROM (SELECT DISTINCT ON (code) vendor_id, kind, code, label, parent_code, meal_role, active, row_version, updated_at,
                        count(*) OVER (PARTITION BY code) > 1 AS overrides
                 FROM taxonomy_nodes
                 WHERE vendor_id IN ($1, '00000000-0000-0000-0000-000000000000') AND kind = $2
                   AND ($3::text IS NULL OR code > $3)
                 ORDER BY code, vendor_id = '00000000-0000-0000-0000-000000000000') n
           WHERE ($4::boolean IS NULL OR active = $4) AND ($5::text IS NULL OR parent_code = $5)
           ORDER BY code LIMIT $6"#,
        desk.owner,
        query.kind.as_str(),
        query.after,
        query.active,
        query.parent,
        i64::from(query.limit) + 1,
    )
    .fetch_all(&mut *desk.connection)
    .await?;
    Ok(rows.into_iter().map(Node::try_from).collect::<Result<_, _>>()?)
}

pub(super) async fn find_node(
    desk: &mut Desk<'_>,
    kind: TaxonomyKind,
    code: &str,
) -> Result<Option<Node>, TaxonomyError> {
    let row = sqlx::query_as!(
        NodeRow,
        r#"SELECT vendor_id, kind, code, label, parent_code, meal_role, active, row_version, updated_at,
                  count(*) OVER () > 1 AS "overrides!"
           FROM taxonomy_nodes
           WHERE vendor_id IN ($1, '00000000-0000-0000-0000-000000000000') AND kind = $2 AND code = $3
           ORDER BY vendor_id = '00000000-0000-0000-0000-000000000000' LIMIT 1"#,
        desk.owner,
        kind.as_str(),
        code,
    )
    .fetch_optional(&mut *desk.connection)
    .await?;
    Ok(row.map(Node::try_from).transpose()?)
}

/// Every code of a tree with its parent, as the owner sees it.
pub(super) async fn parents(
    desk: &mut Desk<'_>,
    kind: TaxonomyKind,
) -> Result<HashMap<String, Option<String>>, TaxonomyError> {
    let rows = sqlx::query!(
        "SELECT DISTINCT ON (code) code, parent_code FROM taxonomy_nodes
         WHERE vendor_id IN ($1, '00000000-0000-0000-0000-000000000000') AND kind = $2
         ORDER BY code, vendor_id = '00000000-0000-0000-0000-000000000000'",
        desk.owner,
        kind.as_str(),
    )
    .fetch_all(&mut *desk.connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.code, row.parent_code)).collect())
}

pub(super) async fn count_other_nodes(
    desk: &mut Desk<'_>,
    kind: TaxonomyKind,
    code: &str,
) -> Result<i64, TaxonomyError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM taxonomy_nodes WHERE vendor_id = $1 AND kind = $2 AND code <> $3"#,
        desk.owner,
        kind.as_str(),
        code,
    )
    .fetch_one(&mut *desk.connection)
    .await?;
    Ok(count)
}

pub(super) async fn put_node(
    desk: &mut Desk<'_>,
    version: i64,
    write: &NodeWrite,
) -> Result<(), TaxonomyError> {
    sqlx::query!(
        "INSERT INTO taxonomy_nodes (vendor_id, kind, code, label, parent_code, meal_role, active, row_version, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (vendor_id, kind, code) DO UPDATE SET label = excluded.label, parent_code = excluded.parent_code,
                meal_role = excluded.meal_role, active = excluded.active, row_version = excluded.row_version, updated_at = excluded.updated_at",
        desk.owner,
        write.kind.as_str(),
        write.code,
        write.label,
        write.parent_code,
        write.meal_role.map(role_code),
        write.active,
        version,
        desk.now,
    )
    .execute(&mut *desk.connection)
    .await?;
    Ok(())
}

/// Whether a node that the owner sees stands right below this one.
pub(super) async fn has_children(
    desk: &mut Desk<'_>,
    kind: TaxonomyKind,
    code: &str,
) -> Result<bool, TaxonomyError> {
    let parents = parents(desk, kind).await?;
    Ok(parents.values().any(|parent| parent.as_deref() == Some(code)))
}

pub(super) async fn delete_node(
    desk: &mut Desk<'_>,
    kind: TaxonomyKind,
    code: &str,
) -> Result<(), TaxonomyError> {
    sqlx::query!(
        "DELETE FROM taxonomy_nodes WHERE vendor_id = $1 AND kind = $2 AND code = $3",
        desk.owner,
        kind.as_str(),
        code,
    )
    .execute(&mut *desk.connection)
    .await?;
    Ok(())
}

/// A row of the synonyms as it comes back.
struct SynonymRow {
    id: Uuid,
    vendor_id: Uuid,
    kind: String,
    domain: String,
    synonym: String,
    target: String,
    transform: Option<String>,
    certainty: Option<String>,
    row_version: i64,
    updated_at: chrono::DateTime<chrono::Utc>,
    overrides: bool,
}

impl TryFrom<SynonymRow> for Synonym {
    type Error = DbError;

    fn try_from(row: SynonymRow) -> Result<Self, DbError> {
        let kind = SynonymKind::parse(&row.kind)
            .ok_or_else(|| DbError::inconsistent(format!("`{}` is no kind of a synonym", row.kind)))?;
        let owner = Owner::of(row.vendor_id);
        Ok(Self {
            id: row.id,
            overrides: row.overrides && owner == Owner::Vendor,
            owner,
            kind,
            domain: row.domain,
            synonym: row.synonym,
            target: row.target,
            transform: row.transform,
            certainty: row.certainty.as_deref().and_then(Certainty::parse),
            row_version: row.row_version,
            updated_at: row.updated_at,
        })
    }
}

/// One more than the limit, by domain and synonym; of two rows with the same the vendor's.
pub(super) async fn list_synonyms(
    desk: &mut Desk<'_>,
    query: &SynonymQuery,
) -> Result<Vec<Synonym>, TaxonomyError> {
    let (domain, synonym) = query.after.clone().unzip();
    let rows = sqlx::query_as!(
        SynonymRow,
        r#"SELECT DISTINCT ON (domain, synonym) id, vendor_id, kind, domain, synonym, target, transform, certainty,
                  row_version, updated_at, count(*) OVER (PARTITION BY domain, synonym) > 1 AS "overrides!"
           FROM synonyms
           WHERE vendor_id IN ($1, '00000000-0000-0000-0000-000000000000') AND kind = $2
             AND ($3::text IS NULL OR domain = $3)
             AND ($4::text IS NULL OR (domain, synonym) > ($4, $5::text))
           ORDER BY domain, synonym, vendor_id = '00000000-0000-0000-0000-000000000000'
           LIMIT $6"#,
        desk.owner,
        query.kind.as_str(),
        query.domain,
        domain,
        synonym,
        i64::from(query.limit) + 1,
    )
    .fetch_all(&mut *desk.connection)
    .await?;
    Ok(rows.into_iter().map(Synonym::try_from).collect::<Result<_, _>>()?)
}

pub(super) async fn find_synonym(desk: &mut Desk<'_>, id: Uuid) -> Result<Option<Synonym>, TaxonomyError> {
    let row = sqlx::query_as!(
        SynonymRow,
        r#"SELECT id, vendor_id, kind, domain, synonym, target, transform, certainty, row_version, updated_at,
                  EXISTS (SELECT FROM synonyms p
                          WHERE p.vendor_id = '00000000-0000-0000-0000-000000000000' AND p.kind = s.kind
                            AND p.domain = s.domain AND p.synonym = s.synonym) AS "overrides!"
           FROM synonyms s
           WHERE vendor_id IN ($1, '00000000-0000-0000-0000-000000000000') AND id = $2"#,
        desk.owner,
        id,
    )
    .fetch_optional(&mut *desk.connection)
    .await?;
    Ok(row.map(Synonym::try_from).transpose()?)
}

/// The id of the owner's own synonym of this kind, domain and text.
pub(super) async fn find_own_id(
    desk: &mut Desk<'_>,
    kind: SynonymKind,
    domain: &str,
    synonym: &str,
) -> Result<Option<Uuid>, TaxonomyError> {
    let id = sqlx::query_scalar!(
        "SELECT id FROM synonyms WHERE vendor_id = $1 AND kind = $2 AND domain = $3 AND synonym = $4",
        desk.owner,
        kind.as_str(),
        domain,
        synonym,
    )
    .fetch_optional(&mut *desk.connection)
    .await?;
    Ok(id)
}

/// Whether another row of the owner has the same kind, domain and synonym.
pub(super) async fn is_taken(
    desk: &mut Desk<'_>,
    kind: SynonymKind,
    domain: &str,
    synonym: &str,
    except: Option<Uuid>,
) -> Result<bool, TaxonomyError> {
    let taken = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM synonyms WHERE vendor_id = $1 AND kind = $2 AND domain = $3 AND synonym = $4
                          AND ($5::uuid IS NULL OR id <> $5)) AS "taken!""#,
        desk.owner,
        kind.as_str(),
        domain,
        synonym,
        except,
    )
    .fetch_one(&mut *desk.connection)
    .await?;
    Ok(taken)
}

pub(super) async fn count_synonyms(
    desk: &mut Desk<'_>,
    kind: SynonymKind,
    domain: Option<&str>,
) -> Result<i64, TaxonomyError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM synonyms
           WHERE vendor_id = $1 AND kind = $2 AND ($3::text IS NULL OR domain = $3)"#,
        desk.owner,
        kind.as_str(),
        domain,
    )
    .fetch_one(&mut *desk.connection)
    .await?;
    Ok(count)
}

pub(super) async fn insert_synonym(
    desk: &mut Desk<'_>,
    version: i64,
    write: &SynonymWrite,
) -> Result<Uuid, TaxonomyError> {
    let id = sqlx::query_scalar!(
        "INSERT INTO synonyms (vendor_id, kind, domain, synonym, target, transform, certainty, row_version, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
        desk.owner,
        write.kind.as_str(),
        write.domain,
        write.synonym,
        write.target,
        write.transform,
        write.certainty.map(Certainty::as_str),
        version,
        desk.now,
    )
    .fetch_one(&mut *desk.connection)
    .await?;
    Ok(id)
}

pub(super) async fn replace_synonym(
    desk: &mut Desk<'_>,
    version: i64,
    id: Uuid,
    write: &SynonymWrite,
) -> Result<(), TaxonomyError> {
    sqlx::query!(
        "UPDATE synonyms SET kind = $3, domain = $4, synonym = $5, target = $6, transform = $7, certainty = $8,
                row_version = $9, updated_at = $10
         WHERE vendor_id = $1 AND id = $2",
        desk.owner,
        id,
        write.kind.as_str(),
        write.domain,
        write.synonym,
        write.target,
        write.transform,
        write.certainty.map(Certainty::as_str),
        version,
        desk.now,
    )
    .execute(&mut *desk.connection)
    .await?;
    Ok(())
}

pub(super) async fn delete_synonym(desk: &mut Desk<'_>, id: Uuid) -> Result<(), TaxonomyError> {
    sqlx::query!("DELETE FROM synonyms WHERE vendor_id = $1 AND id = $2", desk.owner, id)
        .execute(&mut *desk.connection)
        .await?;
    Ok(())
}
