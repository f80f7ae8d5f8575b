//! Making one customer of two who are one person.
//!
//! The one stays under its external id with what both records come to; the other goes as a deleted one does, and
//! says where it went. Its sealed record stays and is erased with the person.

mod combine;
mod store;

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use odyssey_types::{CustomerId, CustomerIdentity, HealthProfile, Phi, ReproductiveStatus, Sex};
use serde_json::Value;

use super::customer::age_on;
use super::lists::replace_lists;
use super::plan::Stored;
use super::validate::{validate_health, validate_identity};
use super::write::{BatchOptions, Change, ConsentChange, CustomerWrite, write_customers};
use super::{
    ConsentPurpose, ConsentSource, ConsentState, CustomerError, LIST_ENTRIES_MAX, ListEntry, ListKind,
    NOTES_MAX, Note, WriteRefusal, fhir, notes,
};
use crate::audit::{self, AuditEvent};
use crate::db::{SystemTx, VendorTx};
use crate::json;
use crate::outbox;
use crate::retention::Holds;
use crate::tenancy::Purpose;
pub(super) use combine::keep_protection;
use combine::{Combined, combine};
pub use combine::{Origin, Side};
pub(super) use combine::{allergen_of, condition_of, medication_of, stricter_allergy, stricter_diet};

/// What two customers come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedCustomers {
    /// The versions of the one that stays and of the one that goes: those that would be combined, or those that came
    /// of it.
    pub row_versions: (i64, i64),
    pub identity: Phi<CustomerIdentity>,
    pub profile: Phi<HealthProfile>,
    /// Of each field of the record and the profile that says anything.
    pub origins: Vec<Origin>,
    /// Consents that are withdrawn in the one that stays, because the other had withdrawn them.
    pub withdrawn: Vec<ConsentPurpose>,
    /// What a person should look at, since the two records may not be of one person.
    pub warnings: Vec<MergeWarning>,
    /// Products on the lists of the one that stays, from then on.
    pub lists: Vec<ListEntry>,
    /// Notes of the one that stays from then on, newest first; each says whose it was.
    pub notes: Vec<Note>,
}

/// Something odd about what two records come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MergeWarning {
    pub code: &'static str,
    pub detail: &'static str,
}

/// Merges `other` into `id`, or only shows what would come of it. `versions` are those that the caller has seen, of
/// both. The caller commits.
pub async fn merge_customers(
    tx: &mut VendorTx,
    id: CustomerId,
    other: CustomerId,
    versions: Option<(Vec<i64>, i64)>,
    preview: bool,
) -> Result<MergedCustomers, CustomerError> {
    let (this, that) = open_both(tx, id, other).await?;
    if let Some((wanted, wanted_other)) = versions {
        for (stored, wanted) in [(&this, wanted), (&that, vec![wanted_other])] {
            let current = stored.customer.row_version;
            if !wanted.contains(&current) {
                return Err(WriteRefusal::VersionMismatch { current }.into());
            }
        }
    }
    let empty = HealthProfile::default();
    let profile = |stored: &Stored| match &stored.profile {
        Some(profile) => profile.profile.expose().clone(),
        None => empty.clone(),
    };
    let (mine, theirs) = (profile(&this), profile(&that));
    let combined =
        combine((this.customer.identity.expose(), &mine), (that.customer.identity.expose(), &theirs));
    let withdrawn = withdrawals(tx, id, other).await?;
    let lists =
        combine_lists(super::store::find_list(tx, id).await?, super::store::find_list(tx, other).await?);
    check(&this, &mine, &combined, &lists, tx.now())?;
    let mut all_notes = notes::notes_of(tx, id, &this.key).await?;
    let moving = notes::notes_of(tx, other, &that.key).await?;
    if all_notes.len() + moving.len() > NOTES_MAX {
        return Err(CustomerError::NotMergeable(
            "Together they have more notes than a customer may have; delete some first.",
        ));
    }
    let mut row_versions = (this.customer.row_version, that.customer.row_version);
    if !preview {
        refuse_where_held(tx).await?;
        if fhir::awaits_decision(tx, other).await? {
            return Err(CustomerError::NotMergeable(
                "A proposal of the other customer holds an allergy that awaits a decision; decide about it first.",
            ));
        }
        row_versions = write(tx, id, other, &combined, &withdrawn, &lists).await?;
        notes::move_notes(tx, &moving, id, &this.key).await?;
    }
    all_notes.extend(moving);
    all_notes.sort_unstable_by_key(|note| std::cmp::Reverse(note.id));
    let event = AuditEvent::new("customer.merge", "customer", Purpose::Service)
        .entity(id)
        .detail("other", other.to_string())
        .detail("preview", preview)
        .discloses_all([id, other]);
    audit::record(tx, event).await?;
    Ok(MergedCustomers {
        row_versions,
        warnings: warnings_of(&combined.profile),
        identity: Phi::new(combined.identity),
        profile: Phi::new(combined.profile),
        origins: combined.origins,
        withdrawn,
        lists,
        notes: all_notes,
    })
}

/// Where a customer went, if it went into another.
pub(super) async fn gone(tx: &mut VendorTx, id: CustomerId) -> Result<CustomerError, CustomerError> {
    let into = store::find_merges(tx, &[id]).await?.remove(&id);
    Ok(match into {
        Some(into) => CustomerError::Refused(WriteRefusal::Merged { into }),
        None => CustomerError::NotFound,
    })
}

/// Whom each of the given customers went into, of those who went.
pub(super) async fn merges_of(
    tx: &mut VendorTx,
    ids: &[CustomerId],
) -> Result<HashMap<CustomerId, CustomerId>, CustomerError> {
    store::find_merges(tx, ids).await
}

/// Those of the given customers who took in another one: no file takes from them what protects them.
pub(super) async fn absorbing(
    tx: &mut VendorTx,
    ids: &[CustomerId],
) -> Result<HashSet<CustomerId>, CustomerError> {
    store::find_absorbing(tx, ids).await
}

/// Who went into customers that are deleted now is nobody any more: the external ids may be used again.
pub(super) async fn end(tx: &mut VendorTx, deleted: &[CustomerId]) -> Result<(), CustomerError> {
    if deleted.is_empty() { Ok(()) } else { store::end_merges(tx, deleted).await }
}

/// Somebody new has an external id: they are not who went under it.
pub(super) async fn part(tx: &mut VendorTx, created: &[CustomerId]) -> Result<(), CustomerError> {
    if created.is_empty() { Ok(()) } else { store::delete_merges_of(tx, created).await }
}

/// Everybody who went into a customer: one person with it.
pub(super) async fn merged_into(tx: &mut VendorTx, id: CustomerId) -> Result<Vec<CustomerId>, CustomerError> {
    store::find_merged_into(tx, id).await
}

/// Forgets the merges of customers that were erased.
pub(super) async fn forget(tx: &mut VendorTx, ids: &[CustomerId]) -> Result<(), CustomerError> {
    store::erase_merges(tx, ids).await
}

/// What the two come to is held to what any customer is held to, in a preview too.
fn check(
    this: &Stored,
    profile: &HealthProfile,
    combined: &Combined,
    lists: &[ListEntry],
    now: DateTime<Utc>,
) -> Result<(), CustomerError> {
    let mut errors = Vec::new();
    if combined.identity != *this.customer.identity.expose() {
        errors = validate_identity(this.customer.external_id.expose(), &combined.identity, now);
    }
    if combined.profile != *profile {
        let age = combined.identity.birth_date.and_then(|birth| age_on(birth, now));
        errors.extend(validate_health(&combined.profile, age, "/profile"));
    }
    if !errors.is_empty() {
        return Err(WriteRefusal::Invalid(errors).into());
    }
    if lists.len() > LIST_ENTRIES_MAX {
        return Err(CustomerError::ListFull { max: LIST_ENTRIES_MAX });
    }
    Ok(())
}

fn warnings_of(profile: &HealthProfile) -> Vec<MergeWarning> {
    let expects = profile.reproductive_status.is_some_and(|status| status != ReproductiveStatus::Neither);
    if profile.sex == Some(Sex::Male) && expects {
        let detail = "The result is male and pregnant or lactating. Look whether the two are one person, and correct \
                      the field that is wrong.";
        return vec![MergeWarning { code: "sex_contradicts_pregnancy", detail }];
    }
    Vec::new()
}

/// Locks and opens both, in the order in which every writer locks.
async fn open_both(
    tx: &mut VendorTx,
    id: CustomerId,
    other: CustomerId,
) -> Result<(Stored, Stored), CustomerError> {
    let (keys, vendor_id) = (tx.keys()?, tx.vendor_id());
    let rows = super::store::lock_customers(tx, &[id, other]).await?;
    let mut profiles = super::store::find_profiles(tx, &[id, other]).await?;
    let (mut this, mut that) = (None, None);
    for row in rows.into_iter().filter(|row| row.deleted_at.is_none()) {
        let profile = profiles.remove(&row.id);
        let slot = if row.id == id { &mut this } else { &mut that };
        *slot = Some(Stored::open(&keys, vendor_id, row, profile)?);
    }
    match (this, that) {
        (Some(this), Some(that)) => Ok((this, that)),
        (Some(_), None) if id == other => {
            Err(CustomerError::NotMergeable("A customer is merged with another one, not with itself."))
        }
        (None, _) => Err(gone(tx, id).await?),
        (_, None) => Err(gone(tx, other).await?),
    }
}

async fn refuse_where_held(tx: &VendorTx) -> Result<(), CustomerError> {
    let mut platform = SystemTx::begin(tx.database()).await?;
    let held = Holds::read(&mut platform).await?.cover(tx.vendor_id());
    platform.roll_back().await?;
    if held { Err(CustomerError::UnderLegalHold) } else { Ok(()) }
}

/// What the other has withdrawn and the one that stays has not: missing, granted, or withdrawn with less weight than by
/// the person. No file lifts what a person withdrew, under whichever record they did. A grant of the other is not taken
/// over: what was said of one record was not said of this one.
async fn withdrawals(
    tx: &mut VendorTx,
    id: CustomerId,
    other: CustomerId,
) -> Result<Vec<ConsentPurpose>, CustomerError> {
    let latest = super::store::latest_consents(tx, &[id, other]).await?;
    let withdrawn = |of: CustomerId, purpose: ConsentPurpose| {
        let consents = latest.get(&of).map(Vec::as_slice).unwrap_or_default();
        let consent = consents.iter().find(|consent| consent.purpose == purpose);
        consent.filter(|consent| consent.state == ConsentState::Withdrawn).map(|consent| consent.source)
    };
    let ends = |purpose: &&ConsentPurpose| match (withdrawn(id, **purpose), withdrawn(other, **purpose)) {
        (_, None) | (Some(ConsentSource::Person), _) => false,
        (None, Some(_)) => true,
        (Some(_), Some(source)) => source == ConsentSource::Person,
    };
    Ok(ConsentPurpose::ALL.iter().filter(ends).copied().collect())
}

/// Never shown is what either never shows; always allowed what both always allow.
fn combine_lists(this: Vec<ListEntry>, other: Vec<ListEntry>) -> Vec<ListEntry> {
    let never = |entry: &&ListEntry| entry.list == ListKind::NeverShow;
    let mut entries: Vec<ListEntry> = this.iter().filter(never).cloned().collect();
    for entry in other.iter().filter(never) {
        if !entries.iter().any(|known| known.product_id == entry.product_id) {
            entries.push(entry.clone());
        }
    }
    let both = |entry: &&ListEntry| {
        entry.list == ListKind::AlwaysAllow
            && other.iter().any(|o| o.product_id == entry.product_id && o.list == ListKind::AlwaysAllow)
    };
    entries.extend(this.iter().filter(both).cloned());
    entries.sort_unstable_by_key(|entry| entry.product_id);
    entries
}

async fn write(
    tx: &mut VendorTx,
    id: CustomerId,
    other: CustomerId,
    combined: &Combined,
    withdrawn: &[ConsentPurpose],
    lists: &[ListEntry],
) -> Result<(i64, i64), CustomerError> {
    let unreadable = |_| crate::db::DbError::inconsistent("a merged customer cannot be written as JSON");
    let mut patch = json::to_object(&combined.identity).map_err(unreadable)?;
    let mut profile = json::to_object(&combined.profile).map_err(unreadable)?;
    if !combined.profile.is_empty() {
        // Left out where it is empty, and what is left out stays.
        profile.entry("overrides").or_insert(Value::Array(Vec::new()));
        patch.insert("profile".to_owned(), Value::Object(profile));
    }
    let consents = withdrawn.iter().map(|purpose| ConsentChange {
        purpose: *purpose,
        state: ConsentState::Withdrawn,
        text_version: None,
    });
    let stays = CustomerWrite {
        consents: consents.collect(),
        ..CustomerWrite::by_id(id, Change::Merge(Phi::new(patch)))
    };
    let goes = CustomerWrite::by_id(other, Change::Delete);
    // Before the other is deleted: who went into it goes along and is not set free.
    store::insert_merge(tx, other, id).await?;
    let outcome = write_customers(tx, &[stays, goes], &BatchOptions::default()).await?;
    let mut versions = Vec::with_capacity(2);
    for result in outcome.results {
        versions.push(result?.row_version);
    }
    replace_lists(tx, id, lists).await?;
    let ids = serde_json::json!({ "customer_id": id.to_string(), "merged_id": other.to_string() });
    outbox::emit(tx, "customer.merged", ids).await?;
    match versions[..] {
        [stays, goes] => Ok((stays, goes)),
        _ => Err(crate::db::DbError::inconsistent("a merge of two records has not two results").into()),
    }
}
