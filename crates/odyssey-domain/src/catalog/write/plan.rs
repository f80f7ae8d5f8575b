//! Deciding what becomes of each record, before anything is written.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use odyssey_types::{AllergenData, ProductFields, ProductId, UserId};
use serde_json::{Map, Value};

use super::row::FreshLabel;
use super::{BatchOptions, Change, ImportOptions, ProductWrite, RowOutcome, UndoOptions, WriteResult};
use crate::catalog::store;
use crate::catalog::validate::validate_fields;
use crate::catalog::{Attestation, CatalogError, FieldError, Lineage, Product, WriteRefusal};
use crate::db::VendorTx;
use crate::json;

/// A row that will be written.
pub(super) struct Changed {
    pub(super) at: usize,
    pub(super) id: ProductId,
    pub(super) external_id: String,
    pub(super) fields: ProductFields,
    pub(super) attestation: Option<Attestation>,
    pub(super) lineage: Lineage,
    pub(super) source_hash: Option<Vec<u8>>,
    pub(super) source_mapping: Option<Vec<u8>>,
    pub(super) edited_at: Option<DateTime<Utc>>,
    pub(super) deleted: bool,
    /// What its label amounts to, where that was worked out ahead and nothing is stored.
    pub(super) fresh: Option<Arc<FreshLabel>>,
}

pub(super) struct Plan<'a> {
    pub(super) now: DateTime<Utc>,
    user_id: Option<UserId>,
    options: &'a BatchOptions,
    seen: HashSet<ProductId>,
    pub(super) results: Vec<Result<WriteResult, WriteRefusal>>,
    pub(super) changed: Vec<Changed>,
    /// Source rows to remember for products whose content stays.
    pub(super) marks: Vec<(ProductId, Vec<u8>, Vec<u8>)>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(now: DateTime<Utc>, user_id: Option<UserId>, options: &'a BatchOptions) -> Self {
        Self {
            now,
            user_id,
            options,
            seen: HashSet::new(),
            results: Vec::new(),
            changed: Vec::new(),
            marks: Vec::new(),
        }
    }

    pub(super) fn consider(
        &mut self,
        at: usize,
        id: ProductId,
        write: &ProductWrite,
        stored: Option<&Product>,
    ) {
        let result = self.decide(at, id, write, stored);
        self.results.push(result);
    }

    fn decide(
        &mut self,
        at: usize,
        id: ProductId,
        write: &ProductWrite,
        stored: Option<&Product>,
    ) -> Result<WriteResult, WriteRefusal> {
        if !self.seen.insert(id) {
            return Err(WriteRefusal::DuplicateInRequest);
        }
        let live = stored.filter(|p| p.deleted_at.is_none());
        if write.must_not_exist && live.is_some() {
            return Err(WriteRefusal::Exists { id });
        }
        if write.must_exist && live.is_none() {
            return Err(WriteRefusal::NotFound);
        }
        if let (Some(wanted), Some(live)) = (&write.if_versions, live)
            && !wanted.contains(&live.row_version)
        {
            return Err(WriteRefusal::VersionMismatch { current: live.row_version });
        }
        // A deletion is an edit as well: what a person removed after the import began stays removed.
        if let (Some(stored), Some(import)) = (stored, &self.options.import)
            && (keeps_edit(stored, import) || write.import.as_ref().is_some_and(|mark| mark.edited_since))
        {
            let outcome =
                if says_the_same(live, &write.change) { RowOutcome::Unchanged } else { RowOutcome::Kept };
            return Ok(WriteResult { id, outcome, row_version: stored.row_version });
        }
        let before = live.map(|p| &p.fields);
        let fields = match &write.change {
            Change::Replace(fields) => checked(&write.external_id, fields.as_ref().clone())?,
            Change::Merge(patch) => checked(&write.external_id, merge(before, patch)?)?,
            Change::Row(row) => match row.fresh().filter(|_| stored.is_none()) {
                Some(fresh) => fresh.fields.clone()?,
                None => checked(&write.external_id, row.merged(before)?)?,
            },
            Change::Delete => before.cloned().unwrap_or_default(),
        };
        let deleted = matches!(write.change, Change::Delete);
        if let Some(live) = live
            && !deleted
            && live.fields == fields
        {
            if let (Some(mark), Some(import)) = (&write.import, &self.options.import) {
                self.marks.push((id, mark.source_hash.clone(), import.mapping_digest.clone()));
            }
            return Ok(WriteResult { id, outcome: RowOutcome::Unchanged, row_version: live.row_version });
        }
        let mut change = self.change_of(at, id, write, live, fields, deleted);
        if let (None, Change::Row(row)) = (stored, &write.change) {
            change.fresh = row.fresh().and_then(|fresh| fresh.derived.clone());
        }
        self.changed.push(change);
        let outcome = match (live, deleted) {
            (_, true) => RowOutcome::Deleted,
            (Some(_), false) => RowOutcome::Updated,
            (None, false) => RowOutcome::Created,
        };
        Ok(WriteResult { id, outcome, row_version: stored.map_or(1, |p| p.row_version + 1) })
    }

    fn change_of(
        &self,
        at: usize,
        id: ProductId,
        write: &ProductWrite,
        live: Option<&Product>,
        fields: ProductFields,
        deleted: bool,
    ) -> Changed {
        let started_by = self.options.import.as_ref().and_then(|i| i.started_by);
        let lineage = match (&self.options.import, &write.import, self.user_id) {
            (Some(import), Some(mark), _) => {
                Lineage::Import { job_id: import.job_id, row: mark.row, user_id: started_by }
            }
            // Not in the file of a whole catalog: of no row.
            (Some(import), None, _) => Lineage::Import { job_id: import.job_id, row: 0, user_id: started_by },
            (_, _, Some(user_id)) => Lineage::User { user_id },
            _ => match self.options.undo {
                Some(UndoOptions { job_id, undone_job_id, started_by: user_id }) => {
                    let restored_job_id = write.source.as_ref().and_then(|source| source.made_by);
                    Lineage::Undo { job_id, undone_job_id, restored_job_id, user_id }
                }
                None => Lineage::System,
            },
        };
        let attestation = (fields.allergen_data == AllergenData::Complete)
            .then(|| {
                if let (Some(_), Some(source)) = (&self.options.undo, &write.source) {
                    return source.attestation.clone();
                }
                // An attestation stands until what it speaks of changes; then the writer attests anew.
                let still =
                    live.filter(|p| same_declaration(&p.fields, &fields)).and_then(|p| p.attestation.clone());
                still.or_else(|| lineage.user_id().map(|by| Attestation { by, at: self.now }))
            })
            .flatten();
        Changed {
            at,
            id,
            external_id: write.external_id.clone(),
            attestation,
            edited_at: match (&self.options.import, &write.source) {
                (Some(_), _) => None,
                (None, Some(source)) => source.edited_at,
                (None, None) => Some(self.now),
            },
            source_hash: match (&write.import, &write.source) {
                (Some(mark), _) => Some(mark.source_hash.clone()),
                (None, source) => source.as_ref().map(|source| source.hash.clone()),
            },
            source_mapping: match (&self.options.import, &write.source) {
                (Some(import), _) => write.import.as_ref().map(|_| import.mapping_digest.clone()),
                (None, source) => source.as_ref().map(|source| source.mapping.clone()),
            },
            lineage,
            fields,
            deleted,
            fresh: None,
        }
    }

    /// Refuses the records whose barcode another product holds. A code that its holder gives up in the
    /// same batch is free; of two records that want one code the first wins.
    pub(super) async fn judge_barcodes(&mut self, tx: &mut VendorTx) -> Result<(), CatalogError> {
        let wanted: BTreeSet<String> = self.changed.iter().filter_map(Changed::barcode).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let wanted: Vec<String> = wanted.into_iter().collect();
        let held: BTreeMap<String, ProductId> =
            store::find_barcodes(tx, &wanted).await?.into_iter().collect();
        // Refusing one record may take back what it gave up, so go on until nothing changes.
        loop {
            let keeps: BTreeMap<ProductId, Option<String>> =
                self.changed.iter().map(|c| (c.id, c.barcode())).collect();
            let mut claimed: BTreeMap<String, ProductId> = BTreeMap::new();
            let mut refused = None;
            for (slot, change) in self.changed.iter().enumerate() {
                let Some(gtin) = change.barcode() else { continue };
                let holder = held.get(&gtin).copied().filter(|holder| {
                    *holder != change.id
                        && keeps.get(holder).is_none_or(|kept| kept.as_deref() == Some(gtin.as_str()))
                });
                let holder = holder.or_else(|| claimed.get(&gtin).copied());
                if let Some(holder) = holder {
                    refused = Some((slot, gtin, holder));
                    break;
                }
                claimed.insert(gtin, change.id);
            }
            let Some((slot, gtin, holder)) = refused else { return Ok(()) };
            let change = self.changed.remove(slot);
            if let Some(result) = self.results.get_mut(change.at) {
                *result = Err(WriteRefusal::BarcodeTaken { gtin, holder });
            }
        }
    }
}

impl Changed {
    pub(super) fn barcode(&self) -> Option<String> {
        if self.deleted { None } else { self.fields.gtin.map(|gtin| gtin.to_string()) }
    }
}

/// Whether a record would change nothing.
fn says_the_same(live: Option<&Product>, change: &Change) -> bool {
    let Some(live) = live else { return false };
    match change {
        Change::Replace(fields) => live.fields == **fields,
        Change::Merge(patch) => merge(Some(&live.fields), patch).is_ok_and(|fields| fields == live.fields),
        Change::Row(row) => row.merged(Some(&live.fields)).is_ok_and(|fields| fields == live.fields),
        Change::Delete => false,
    }
}

/// Whether a person's edit stands against this import's row.
fn keeps_edit(stored: &Product, import: &ImportOptions) -> bool {
    match stored.edited_at {
        None => false,
        // Edited after the import began: always kept.
        Some(at) if at >= import.started_at => true,
        Some(_) => false,
    }
}

/// RFC 7396 on the record's fields: absent keeps, null is unknown, objects merge.
pub(super) fn merge(
    current: Option<&ProductFields>,
    patch: &Map<String, Value>,
) -> Result<ProductFields, WriteRefusal> {
    let refuse = |error: json::Error| {
        WriteRefusal::Invalid(vec![FieldError::new(error.pointer, "unreadable", error.detail)])
    };
    let mut target = match current {
        Some(fields) => json::to_object(fields).map_err(refuse)?,
        None => Map::new(),
    };
    json::merge_patch(&mut target, patch);
    // A null of a field that has a default (status, allergen_data) means that default.
    target.retain(|_, value| !value.is_null());
    json::from_object(target).map_err(refuse)
}

/// The fields, if the product may be made of them.
pub(super) fn checked(external_id: &str, fields: ProductFields) -> Result<ProductFields, WriteRefusal> {
    let errors = validate_fields(external_id, &fields);
    if errors.is_empty() { Ok(fields) } else { Err(WriteRefusal::Invalid(errors)) }
}

/// Whether an attestation of completeness for `before` still speaks for `after`.
fn same_declaration(before: &ProductFields, after: &ProductFields) -> bool {
    before.allergen_data == after.allergen_data
        && before.allergens == after.allergens
        && before.ingredients == after.ingredients
        && before.label_jurisdiction == after.label_jurisdiction
        && before.label_as_of == after.label_as_of
}
