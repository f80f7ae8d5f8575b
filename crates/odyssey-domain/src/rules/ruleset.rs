//! The versions of a vendor's rules: one draft, one in force, and all that were.

use chrono::{DateTime, Utc};
use odyssey_matching::RuleChange;
use odyssey_types::UserId;

use super::{NOTE_MAX, RulesError, effective_with_changes, store};
use crate::audit::{self, AuditEvent};
use crate::db::VendorTx;
use crate::tenancy::Purpose;

/// Where a version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleSetState {
    /// In force nowhere; there is one at most.
    Draft,
    /// In force.
    Published,
    /// Was in force, or was replaced before it ever was.
    Retired,
}

impl RuleSetState {
    pub const ALL: &'static [Self] = &[Self::Draft, Self::Published, Self::Retired];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Retired => "retired",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.as_str() == text)
    }
}

/// One version of a vendor's rules. The changes are all there are, not a difference to the version before.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSetVersion {
    /// Counts from 1.
    pub version: i32,
    pub state: RuleSetState,
    pub changes: Vec<RuleChange>,
    pub note: Option<String>,
    /// The version that this one repeats: a rollback.
    pub repeats: Option<i32>,
    pub created_by: Option<UserId>,
    pub created_at: DateTime<Utc>,
    pub published_at: Option<DateTime<Utc>>,
}

/// The version in force and the draft, where there are such.
pub async fn current_rules(
    tx: &mut VendorTx,
) -> Result<(Option<RuleSetVersion>, Option<RuleSetVersion>), RulesError> {
    let published = store::find_by_state(tx, RuleSetState::Published).await?;
    let draft = store::find_by_state(tx, RuleSetState::Draft).await?;
    Ok((published, draft))
}

/// Every version, newest first, from `before` on.
pub async fn list_rules(
    tx: &mut VendorTx,
    before: Option<i32>,
    limit: u32,
) -> Result<Vec<RuleSetVersion>, RulesError> {
    store::list_versions(tx, before, i64::from(limit)).await
}

/// One version.
pub async fn find_rules(tx: &mut VendorTx, version: i32) -> Result<RuleSetVersion, RulesError> {
    store::find_version(tx, version).await?.ok_or(RulesError::NotFound)
}

/// Writes a new draft over the one there is. `if_versions` are the newest versions it may follow, 0 for none
/// yet. Changes that do not apply to the pack, or loosen it without a reason, are refused.
pub async fn put_draft(
    tx: &mut VendorTx,
    changes: Vec<RuleChange>,
    note: Option<String>,
    if_versions: Option<&[i64]>,
) -> Result<RuleSetVersion, RulesError> {
    check_note(note.as_deref())?;
    let newest = lock_newest(tx, if_versions).await?;
    effective_with_changes(tx, &changes).await?;
    store::retire_drafts(tx).await?;
    let version = newest + 1;
    store::insert_version(tx, version, RuleSetState::Draft, &changes, note.as_deref(), None).await?;
    let event = AuditEvent::new("rules.draft", "rules", Purpose::Operations)
        .entity(version)
        .detail("changes", changes.len());
    audit::record(tx, event).await?;
    find_rules(tx, version).await
}

/// Puts the draft in force.
pub async fn publish_rules(tx: &mut VendorTx, version: i32) -> Result<RuleSetVersion, RulesError> {
    lock_newest(tx, None).await?;
    let draft = find_rules(tx, version).await?;
    if draft.state != RuleSetState::Draft {
        return Err(RulesError::NotPublishable(
            "only the draft can be published; roll back to an earlier version",
        ));
    }
    // The program may be newer than the draft.
    effective_with_changes(tx, &draft.changes).await?;
    store::put_in_force(tx, version).await?;
    record_publication(tx, "rules.publish", version, draft.changes.len()).await?;
    find_rules(tx, version).await
}

/// Puts an earlier version in force again, as a new version that repeats it.
pub async fn roll_back_rules(tx: &mut VendorTx, to: i32) -> Result<RuleSetVersion, RulesError> {
    let newest = lock_newest(tx, None).await?;
    let earlier = find_rules(tx, to).await?;
    if earlier.published_at.is_none() {
        return Err(RulesError::NotPublishable("it never was in force, so there is nothing to go back to"));
    }
    effective_with_changes(tx, &earlier.changes).await?;
    let version = newest + 1;
    store::insert_version(tx, version, RuleSetState::Draft, &earlier.changes, None, Some(to)).await?;
    store::put_in_force(tx, version).await?;
    record_publication(tx, "rules.roll_back", version, earlier.changes.len()).await?;
    find_rules(tx, version).await
}

async fn record_publication(
    tx: &mut VendorTx,
    action: &'static str,
    version: i32,
    changes: usize,
) -> Result<(), RulesError> {
    let event =
        AuditEvent::new(action, "rules", Purpose::Operations).entity(version).detail("changes", changes);
    audit::record(tx, event).await?;
    Ok(())
}

/// One writer of a vendor's rules at a time; the newest version, 0 for none.
async fn lock_newest(tx: &mut VendorTx, if_versions: Option<&[i64]>) -> Result<i32, RulesError> {
    store::lock_policies(tx).await?;
    let newest = store::newest_version(tx).await?;
    match if_versions {
        Some(versions) if !versions.contains(&i64::from(newest)) => {
            Err(RulesError::VersionMismatch { current: i64::from(newest) })
        }
        _ => Ok(newest),
    }
}

pub(super) fn check_note(note: Option<&str>) -> Result<(), RulesError> {
    if note.is_some_and(|note| note.chars().count() > NOTE_MAX) {
        let problem = format!("has more than {NOTE_MAX} characters");
        return Err(RulesError::FieldInvalid { field: "note", problem });
    }
    Ok(())
}
