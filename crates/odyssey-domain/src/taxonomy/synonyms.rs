//! Words that stand for something of ours; those of allergens make facts stale.

use std::time::Duration;

use odyssey_jobs::Job;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::model::{EVIDENCE_SYNONYMS_MAX, SYNONYMS_MAX, is_evidence};
use super::{
    Change, Desk, Owner, Synonym, SynonymKind, SynonymQuery, SynonymWrite, TaxonomyError, known, store, terms,
};
use crate::audit::{self, AuditEvent};
use crate::db::{Notice, SystemTx, VendorTx};
use crate::field::FieldError;
use crate::jobs::RederiveFacts;
use crate::tenancy::{Actor, Purpose};

/// Derives a vendor's products anew whose facts other tables made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RederiveCatalog {}

impl Job for RederiveCatalog {
    const KIND: &'static str = "rederive_catalog";
    const FOLLOWED: bool = false;
    const TIMEOUT: Duration = Duration::from_hours(2);
    // One that waits does for every change before it starts; a change while it runs enqueues another.
    const UNIQUE: bool = true;

    fn unique_key(&self) -> Option<String> {
        Some(String::new())
    }
}

/// A page of synonyms as the vendor sees them; the cursor is the last domain and synonym.
pub async fn list_synonyms(
    tx: &mut VendorTx,
    query: &SynonymQuery,
) -> Result<(Vec<Synonym>, bool), TaxonomyError> {
    page(&mut Desk::vendor(tx), query).await
}

/// A page of the platform's own rows.
pub async fn list_platform_synonyms(
    tx: &mut SystemTx,
    query: &SynonymQuery,
) -> Result<(Vec<Synonym>, bool), TaxonomyError> {
    page(&mut Desk::platform(tx), query).await
}

/// The page, and whether more follow.
async fn page(desk: &mut Desk<'_>, query: &SynonymQuery) -> Result<(Vec<Synonym>, bool), TaxonomyError> {
    let mut items = store::list_synonyms(desk, query).await?;
    let more = items.len() > query.limit as usize;
    items.truncate(query.limit as usize);
    Ok((items, more))
}

/// One synonym of the vendor or of the platform.
pub async fn get_synonym(tx: &mut VendorTx, id: Uuid) -> Result<Synonym, TaxonomyError> {
    store::find_synonym(&mut Desk::vendor(tx), id).await?.ok_or(TaxonomyError::SynonymNotFound)
}

/// Writes a synonym of the vendor's own, which it has not got yet; over one of the platform it is an override,
/// but for evidence, of which both count.
pub async fn create_synonym(
    tx: &mut VendorTx,
    change: &Change,
    write: &SynonymWrite,
) -> Result<Synonym, TaxonomyError> {
    let synonym = insert(&mut Desk::vendor(tx), change, write).await?;
    finish(tx, "synonym.write", &synonym, synonym.is_evidence()).await?;
    Ok(synonym)
}

/// Replaces a synonym of the vendor's own.
pub async fn replace_synonym(
    tx: &mut VendorTx,
    change: &Change,
    current: &Synonym,
    write: &SynonymWrite,
) -> Result<Synonym, TaxonomyError> {
    check_is_own(current)?;
    let synonym = replace(&mut Desk::vendor(tx), change, current, write).await?;
    finish(tx, "synonym.write", &synonym, synonym.is_evidence() || current.is_evidence()).await?;
    Ok(synonym)
}

/// Deletes a synonym of the vendor's own.
pub async fn delete_synonym(tx: &mut VendorTx, current: &Synonym) -> Result<(), TaxonomyError> {
    check_is_own(current)?;
    store::delete_synonym(&mut Desk::vendor(tx), current.id).await?;
    finish(tx, "synonym.delete", current, current.is_evidence()).await
}

/// Writes a synonym of the platform, new or in place of the one with the same kind, domain and synonym.
/// The caller looks `current` up under the change, and checks its version.
pub async fn put_platform_synonym(
    tx: &mut SystemTx,
    actor: &Actor,
    change: &Change,
    write: &SynonymWrite,
    current: Option<&Synonym>,
) -> Result<Synonym, TaxonomyError> {
    let mut desk = Desk::platform(tx);
    let synonym = match current {
        Some(current) => replace(&mut desk, change, current, write).await?,
        None => insert(&mut desk, change, write).await?,
    };
    let is_evidence = synonym.is_evidence() || current.is_some_and(Synonym::is_evidence);
    finish_platform(tx, actor, "synonym.write", &synonym, is_evidence).await?;
    Ok(synonym)
}

/// The platform's synonym of this kind, domain and text, where there is one.
pub async fn find_platform_synonym(
    tx: &mut SystemTx,
    kind: SynonymKind,
    domain: &str,
    synonym: &str,
) -> Result<Option<Synonym>, TaxonomyError> {
    let mut desk = Desk::platform(tx);
    match store::find_own_id(&mut desk, kind, domain, synonym).await? {
        Some(id) => store::find_synonym(&mut desk, id).await,
        None => Ok(None),
    }
}

/// Deletes a synonym of the platform.
pub async fn delete_platform_synonym(
    tx: &mut SystemTx,
    actor: &Actor,
    current: &Synonym,
) -> Result<(), TaxonomyError> {
    store::delete_synonym(&mut Desk::platform(tx), current.id).await?;
    finish_platform(tx, actor, "synonym.delete", current, current.is_evidence()).await
}

fn check_is_own(current: &Synonym) -> Result<(), TaxonomyError> {
    match current.owner {
        Owner::Vendor => Ok(()),
        Owner::Platform => Err(TaxonomyError::Refused(
            "the synonym is the platform's; write one of your own with the same kind, domain and synonym",
        )),
    }
}

async fn insert(
    desk: &mut Desk<'_>,
    change: &Change,
    write: &SynonymWrite,
) -> Result<Synonym, TaxonomyError> {
    write.check()?;
    let (kind, domain) = (write.kind, write.domain.as_str());
    if store::count_synonyms(desk, kind, None).await? >= SYNONYMS_MAX {
        return Err(TaxonomyError::Refused("there are 5,000 synonyms of this kind, which is the most"));
    }
    check_evidence_fits(desk, write).await?;
    check_known(desk, write).await?;
    if store::is_taken(desk, kind, domain, &write.synonym, None).await? {
        return Err(TaxonomyError::SynonymExists);
    }
    let id = store::insert_synonym(desk, change.version, write).await?;
    store::find_synonym(desk, id).await?.ok_or(TaxonomyError::SynonymNotFound)
}

async fn replace(
    desk: &mut Desk<'_>,
    change: &Change,
    current: &Synonym,
    write: &SynonymWrite,
) -> Result<Synonym, TaxonomyError> {
    write.check()?;
    if !current.is_evidence() {
        check_evidence_fits(desk, write).await?;
    }
    check_known(desk, write).await?;
    if store::is_taken(desk, write.kind, &write.domain, &write.synonym, Some(current.id)).await? {
        return Err(TaxonomyError::SynonymExists);
    }
    store::replace_synonym(desk, change.version, current.id, write).await?;
    store::find_synonym(desk, current.id).await?.ok_or(TaxonomyError::SynonymNotFound)
}

async fn check_evidence_fits(desk: &mut Desk<'_>, write: &SynonymWrite) -> Result<(), TaxonomyError> {
    if is_evidence(write.kind, &write.domain)
        && store::count_synonyms(desk, write.kind, Some(&write.domain)).await? >= EVIDENCE_SYNONYMS_MAX
    {
        return Err(TaxonomyError::Refused("there are 2,500 synonyms of allergens, which is the most"));
    }
    Ok(())
}

/// Refuses a value that would make a known word mean less: no allergen goes away by a word for it.
async fn check_known(desk: &mut Desk<'_>, write: &SynonymWrite) -> Result<(), TaxonomyError> {
    if write.kind != SynonymKind::Value || is_evidence(write.kind, &write.domain) {
        return Ok(());
    }
    let tables = terms::tables_of(desk).await?;
    if !known::takes_away(&write.domain, &write.synonym, &write.target, &tables) {
        return Ok(());
    }
    let detail = format!(
        "`{}` has a meaning of its own here, which `{}` would take away; a synonym may give a known word a further \
         meaning (name both), and never another or none",
        write.synonym, write.target
    );
    Err(TaxonomyError::Invalid(FieldError::new("/synonym", "word_known", detail)))
}

async fn finish(
    tx: &mut VendorTx,
    action: &'static str,
    synonym: &Synonym,
    facts_change: bool,
) -> Result<(), TaxonomyError> {
    if facts_change {
        let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
        odyssey_jobs::enqueue_job(tx.connection(), vendor_id, None, &RederiveCatalog {}, now).await?;
        tx.notify_after_commit(Notice::JobsWaiting);
    }
    audit::record(tx, event(action, synonym)).await?;
    Ok(())
}

async fn finish_platform(
    tx: &mut SystemTx,
    actor: &Actor,
    action: &'static str,
    synonym: &Synonym,
    facts_change: bool,
) -> Result<(), TaxonomyError> {
    if facts_change {
        let now = tx.now();
        odyssey_jobs::enqueue_job(tx.connection(), Uuid::nil(), None, &RederiveFacts {}, now).await?;
    }
    audit::record_on_platform(tx, None, actor, event(action, synonym)).await?;
    Ok(())
}

fn event(action: &'static str, synonym: &Synonym) -> AuditEvent {
    AuditEvent::new(action, "synonym", Purpose::Operations)
        .entity(synonym.id)
        .detail("kind", synonym.kind.as_str())
        .detail("domain", synonym.domain.clone())
        .detail("synonym", synonym.synonym.clone())
        .detail("target", synonym.target.clone())
}
