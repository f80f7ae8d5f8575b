//! Vendors and the people who work for them.

use chrono::{DateTime, Utc};
use odyssey_types::{UserId, VendorId};
use odyssey_vault::{PLATFORM, VaultError};
use secrecy::SecretString;

use super::sign_in::{PasswordSettings, hash_password};
use super::{Actor, Purpose, Role, TenancyError, store};
use crate::audit::{self, AuditEvent};
use crate::db::{Database, DbError, SystemTx};
use crate::retention::Holds;

/// Why a job waits whose vendor is suspended; it goes on when that ends.
pub const PAUSED_BY_SUSPENSION: &str = "vendor_suspended";

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vendor {
    pub id: VendorId,
    pub slug: String,
    pub name: String,
    pub catalog_version: i64,
    pub key_fingerprint: String,
    pub created_at: DateTime<Utc>,
    pub suspended_at: Option<DateTime<Utc>>,
}

/// A vendor to be made. The leaf counts are how many hash partitions it gets.
#[derive(Debug, Clone)]
pub struct NewVendor {
    pub slug: String,
    pub name: String,
    pub product_leaves: i32,
    pub customer_leaves: i32,
}

impl NewVendor {
    /// Leaves of a vendor of full size (data rule 2).
    pub const PRODUCT_LEAVES: i32 = 16;
    pub const CUSTOMER_LEAVES: i32 = 32;
}

/// A person to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub email: String,
    pub display_name: String,
    pub password: SecretString,
    pub superadmin: bool,
}

/// Where a person works, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    pub vendor_id: VendorId,
    pub vendor_slug: String,
    pub vendor_name: String,
    pub role: Role,
    pub vendor_suspended: bool,
}

/// Makes a vendor: keys first (a vendor without keys could not hold anybody's data), then its row and
/// partitions in one transaction.
pub async fn create_vendor(
    database: &Database,
    actor: &Actor,
    new: NewVendor,
) -> Result<Vendor, TenancyError> {
    let slug_good = (2..=63).contains(&new.slug.len())
        && new.slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !new.slug.starts_with('-');
    if !slug_good {
        return Err(TenancyError::Invalid(
            "a vendor's short name has 2 to 63 lower-case letters, digits and hyphens".to_owned(),
        ));
    }
    let now = database.clock().now();
    let id = VendorId::generate(now);
    let keys = database.keys().create_vendor(id)?;
    let vendor = Vendor {
        id,
        slug: new.slug,
        name: new.name,
        catalog_version: 0,
        key_fingerprint: keys.fingerprint().to_string(),
        created_at: now,
        suspended_at: None,
    };
    let mut tx = SystemTx::begin(database).await?;
    let made = store::insert_vendor(&mut tx, &vendor, new.product_leaves, new.customer_leaves).await;
    if let Err(error) = made {
        tx.roll_back().await?;
        // Keys that seal nothing are litter; a failure to sweep them is no reason to hide the cause.
        if let Err(sweep) = database.keys().remove_vendor(id) {
            tracing::warn!(error = %sweep, "the keys of a vendor that was not made could not be removed");
        }
        return Err(error);
    }
    let event = AuditEvent::new("vendor.create", "vendor", Purpose::Operations).entity(id);
    audit::record_on_platform(&mut tx, Some(id), actor, event).await?;
    tx.commit().await?;
    Ok(vendor)
}

/// Makes a person who can sign in.
pub async fn create_user(
    database: &Database,
    actor: &Actor,
    settings: PasswordSettings,
    new: NewUser,
) -> Result<UserId, TenancyError> {
    let email = new.email.trim().to_lowercase();
    if email.len() > 254
        || !email.split_once('@').is_some_and(|(local, host)| !local.is_empty() && host.contains('.'))
    {
        return Err(TenancyError::Invalid("an e-mail address looks like name@example.org".to_owned()));
    }
    let hash = hash_password(settings, &new.password).await?;
    let id = UserId::generate(database.clock().now());
    let mut tx = SystemTx::begin(database).await?;
    let role = new.superadmin.then_some("superadmin");
    store::insert_user(&mut tx, id, &email, new.display_name.trim(), &hash, role).await?;
    let event = AuditEvent::new("user.create", "user", Purpose::Operations).entity(id);
    audit::record_on_platform(&mut tx, None, actor, event).await?;
    tx.commit().await?;
    Ok(id)
}

/// Gives a person a role at a vendor, or another one than before.
pub async fn add_membership(
    database: &Database,
    actor: &Actor,
    vendor_id: VendorId,
    user_id: UserId,
    role: Role,
) -> Result<(), TenancyError> {
    if matches!(role, Role::Superadmin | Role::System) {
        return Err(TenancyError::Invalid("a membership is admin, operator or viewer".to_owned()));
    }
    let mut tx = SystemTx::begin(database).await?;
    store::upsert_membership(&mut tx, vendor_id, user_id, role).await?;
    let event = AuditEvent::new("membership.set", "membership", Purpose::Operations)
        .entity(user_id)
        .detail("role", role.as_str());
    audit::record_on_platform(&mut tx, Some(vendor_id), actor, event).await?;
    tx.commit().await?;
    Ok(())
}

/// Stops a membership from the next request on.
pub async fn suspend_membership(
    database: &Database,
    actor: &Actor,
    vendor_id: VendorId,
    user_id: UserId,
) -> Result<(), TenancyError> {
    let mut tx = SystemTx::begin(database).await?;
    let now = tx.now();
    if !store::set_membership_suspended(&mut tx, vendor_id, user_id, Some(now)).await? {
        return Err(TenancyError::UserNotFound);
    }
    let event = AuditEvent::new("membership.suspend", "membership", Purpose::Operations).entity(user_id);
    audit::record_on_platform(&mut tx, Some(vendor_id), actor, event).await?;
    tx.commit().await?;
    Ok(())
}

/// Stops a vendor from the next request on.
pub async fn suspend_vendor(database: &Database, actor: &Actor, id: VendorId) -> Result<(), TenancyError> {
    let now = database.clock().now();
    set_suspended(database, actor, id, Some(now)).await
}

/// Lets a suspended vendor work again, unless its removal has begun: without keys nothing of it opens.
pub async fn unsuspend_vendor(database: &Database, actor: &Actor, id: VendorId) -> Result<(), TenancyError> {
    database.keys().vendor(id)?;
    set_suspended(database, actor, id, None).await
}

async fn set_suspended(
    database: &Database,
    actor: &Actor,
    id: VendorId,
    suspended_at: Option<DateTime<Utc>>,
) -> Result<(), TenancyError> {
    let mut tx = SystemTx::begin(database).await?;
    if !store::set_vendor_suspended(&mut tx, id, suspended_at).await? {
        return Err(TenancyError::VendorNotFound);
    }
    let action = if suspended_at.is_some() { "vendor.suspend" } else { "vendor.unsuspend" };
    let mut event = AuditEvent::new(action, "vendor", Purpose::Operations).entity(id);
    if suspended_at.is_none() {
        event = event.detail("jobs_resumed", resume_jobs(&mut tx, id).await?);
    }
    audit::record_on_platform(&mut tx, Some(id), actor, event).await?;
    tx.commit().await?;
    Ok(())
}

async fn resume_jobs(tx: &mut SystemTx, id: VendorId) -> Result<u64, TenancyError> {
    let now = tx.now();
    Ok(odyssey_jobs::resume_paused(tx.connection(), id.as_uuid(), PAUSED_BY_SUSPENSION, now).await?)
}

/// Lets jobs go on that paused themselves for a suspension which is over: a job may read that its vendor is
/// suspended just before that ends, and pause just after. Says how many.
pub async fn resume_paused_jobs(database: &Database) -> Result<u64, TenancyError> {
    let mut tx = SystemTx::begin(database).await?;
    let mut resumed = 0;
    for vendor_id in odyssey_jobs::vendors_paused_for(tx.connection(), PAUSED_BY_SUSPENSION).await? {
        let id = VendorId::from_uuid(vendor_id);
        // The jobs of a vendor that was removed go on too: they fail, and so end.
        if store::find_vendor(&mut tx, id).await?.is_none_or(|vendor| vendor.suspended_at.is_none()) {
            resumed += resume_jobs(&mut tx, id).await?;
        }
    }
    tx.commit().await?;
    Ok(resumed)
}

/// Removes a suspended vendor: destroys its keys, so that nothing sealed can be opened again, then
/// empties its partitions at once.
pub async fn remove_vendor(database: &Database, actor: &Actor, id: VendorId) -> Result<(), TenancyError> {
    let vendor = get_vendor(database, id).await?;
    if vendor.suspended_at.is_none() {
        return Err(TenancyError::Invalid("only a suspended vendor can be removed".to_owned()));
    }
    let mut tx = SystemTx::begin(database).await?;
    let held = Holds::read(&mut tx).await?.cover(id);
    tx.roll_back().await?;
    if held {
        return Err(TenancyError::UnderLegalHold);
    }
    // False means that a former attempt got this far: the keys are gone already.
    let destroyed = database.keys().remove_vendor(id)?;
    tracing::info!(vendor.id = %id, destroyed, "Destroyed the keys of a vendor");
    let mut tx = SystemTx::begin(database).await?;
    store::remove_vendor(&mut tx, id).await?;
    let event = AuditEvent::new("vendor.remove", "vendor", Purpose::Operations).entity(id);
    audit::record_on_platform(&mut tx, Some(id), actor, event).await?;
    tx.commit().await?;
    Ok(())
}

pub async fn get_vendor(database: &Database, id: VendorId) -> Result<Vendor, TenancyError> {
    let mut tx = SystemTx::begin(database).await?;
    let vendor = store::find_vendor(&mut tx, id).await?;
    tx.roll_back().await?;
    vendor.ok_or(TenancyError::VendorNotFound)
}

pub async fn find_vendor_by_slug(database: &Database, slug: &str) -> Result<Option<Vendor>, TenancyError> {
    let mut tx = SystemTx::begin(database).await?;
    let vendor = store::find_vendor_by_slug(&mut tx, slug).await?;
    tx.roll_back().await?;
    Ok(vendor)
}

pub async fn list_vendors(database: &Database) -> Result<Vec<Vendor>, TenancyError> {
    let mut tx = SystemTx::begin(database).await?;
    let vendors = store::list_vendors(&mut tx).await?;
    tx.roll_back().await?;
    Ok(vendors)
}

/// Deletes sessions that ended before `before`; says how many.
pub async fn purge_sessions(database: &Database, before: DateTime<Utc>) -> Result<u64, TenancyError> {
    let mut tx = SystemTx::begin(database).await?;
    // A session is a person's, who may belong to any vendor.
    if Holds::read(&mut tx).await?.cover_anything() {
        tx.roll_back().await?;
        return Ok(0);
    }
    let purged = store::purge_sessions(&mut tx, before).await?;
    tx.commit().await?;
    Ok(purged)
}

pub async fn find_user_by_email(database: &Database, email: &str) -> Result<Option<UserId>, TenancyError> {
    let mut tx = SystemTx::begin(database).await?;
    let id = store::find_user_id(&mut tx, &email.trim().to_lowercase()).await?;
    tx.roll_back().await?;
    Ok(id)
}

/// Where a person works.
pub async fn list_memberships_of(
    database: &Database,
    user_id: UserId,
) -> Result<Vec<Membership>, TenancyError> {
    let mut tx = SystemTx::begin(database).await?;
    let memberships = store::list_memberships_of(&mut tx, user_id).await?;
    tx.roll_back().await?;
    Ok(memberships)
}

/// Refuses to go on when this node's key store is not the one the database was sealed under. Records the
/// fingerprint of a fresh database; asked at every start.
pub async fn check_key_fingerprints(database: &Database) -> Result<(), TenancyError> {
    let ours = database.keys().fingerprint().to_string();
    let platform = platform_fingerprint(database)?;
    let mut tx = SystemTx::begin(database).await?;
    let recorded = store::recorded_fingerprint(&mut tx, "key-encryption-key", &ours).await?;
    let recorded_platform = store::recorded_fingerprint(&mut tx, "platform", &platform).await?;
    let vendors = store::list_vendors(&mut tx).await?;
    tx.commit().await?;
    if recorded != ours {
        return Err(TenancyError::KeyStoreMismatch(
            "it was sealed under another key-encryption key; restore the key store that belongs to it"
                .to_owned(),
        ));
    }
    if recorded_platform != platform {
        return Err(TenancyError::KeyStoreMismatch(
            "the platform's own keys are not the ones it was made with".to_owned(),
        ));
    }
    for vendor in vendors {
        let keys = match database.keys().vendor(vendor.id) {
            // Its removal destroyed the keys and died before the rest. Whoever repeats it must get this far, and
            // nobody else is served at a suspended vendor.
            Err(VaultError::UnknownVendor { .. }) if vendor.suspended_at.is_some() => {
                tracing::warn!(vendor.id = %vendor.id, "A suspended vendor has no keys: finish its removal");
                continue;
            }
            keys => keys?,
        };
        if keys.fingerprint() != vendor.key_fingerprint {
            return Err(DbError::inconsistent(format!(
                "the keys of vendor {} are not the ones it was made with",
                vendor.id
            ))
            .into());
        }
    }
    Ok(())
}

/// The keys of what belongs to no vendor, made when first asked for: answers to keyed calls of the platform are
/// sealed under them.
fn platform_fingerprint(database: &Database) -> Result<String, TenancyError> {
    let keys = match database.keys().vendor(PLATFORM) {
        Err(VaultError::UnknownVendor { .. }) => database.keys().create_vendor(PLATFORM)?,
        keys => keys?,
    };
    Ok(keys.fingerprint().to_string())
}
