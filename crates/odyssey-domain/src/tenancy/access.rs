//! From a verified identity to a scope: the one place where a [`VendorScope`] is made.

use odyssey_types::{JobId, RequestId, SessionId, UserId, VendorId};

use super::store::{self, Standing};
use super::{Permission, Role, TenancyError, VerifiedIdentity};
use crate::db::{Database, DbError, ReadTx, SystemTx, VendorTx};

/// Proof that whoever holds it may act at this vendor. Has no public constructor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VendorScope(VendorId);

impl VendorScope {
    pub const fn vendor_id(self) -> VendorId {
        self.0
    }
}

/// Why data is touched; written into every audit event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Serving the customer: matches, profile care.
    Service,
    /// Running the platform: imports, jobs, administration.
    Operations,
    /// Reading the audit trail itself.
    Compliance,
    /// Counting over many people; what comes of few is suppressed.
    Analytics,
}

impl Purpose {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Operations => "operations",
            Self::Compliance => "compliance",
            Self::Analytics => "analytics",
        }
    }
}

/// Who acts, as the audit trail will say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// `None`: work of our own.
    pub user_id: Option<UserId>,
    pub role: Role,
    pub request_id: Option<RequestId>,
    /// The job this work is part of.
    pub job_id: Option<JobId>,
}

impl Actor {
    /// A job acting on its own account.
    pub const fn job(job_id: JobId) -> Self {
        Self { user_id: None, role: Role::System, request_id: None, job_id: Some(job_id) }
    }

    /// An operator at the command line of the server itself.
    pub const fn command_line() -> Self {
        Self { user_id: None, role: Role::System, request_id: None, job_id: None }
    }
}

/// Somebody who has been let in: who, in which role, and at which vendor (none for the platform).
#[derive(Debug, Clone)]
pub struct Caller {
    pub user_id: UserId,
    pub session_id: SessionId,
    pub role: Role,
    pub request_id: RequestId,
    scope: Option<VendorScope>,
    database: Database,
}

impl Caller {
    pub fn vendor_id(&self) -> Option<VendorId> {
        self.scope.map(VendorScope::vendor_id)
    }

    pub const fn database(&self) -> &Database {
        &self.database
    }

    pub const fn actor(&self) -> Actor {
        Actor {
            user_id: Some(self.user_id),
            role: self.role,
            request_id: Some(self.request_id),
            job_id: None,
        }
    }

    /// The vendor that this caller acts at, for work that begins its own transactions.
    pub fn vendor_scope(&self) -> Result<VendorScope, TenancyError> {
        self.scope.ok_or(TenancyError::VendorRequired)
    }

    /// The vendor's transaction: must be audited before it commits.
    pub async fn begin(&self) -> Result<VendorTx, TenancyError> {
        let scope = self.vendor_scope()?;
        Ok(VendorTx::begin(&self.database, scope, self.actor()).await?)
    }

    /// A transaction for reads that disclose nothing personal; it cannot commit. A replica may answer it.
    pub async fn begin_read(&self) -> Result<ReadTx, TenancyError> {
        let scope = self.scope.ok_or(TenancyError::VendorRequired)?;
        Ok(ReadTx::begin(&self.database, scope, self.actor()).await?)
    }

    /// The same on the primary: for what this caller was just told of (a job from its 202 on), which a replica
    /// may not have yet.
    pub async fn begin_read_on_primary(&self) -> Result<ReadTx, TenancyError> {
        let scope = self.scope.ok_or(TenancyError::VendorRequired)?;
        Ok(ReadTx::begin_on_primary(&self.database, scope, self.actor()).await?)
    }

    /// The platform's transaction, for superadmins.
    pub async fn begin_platform(&self) -> Result<SystemTx, TenancyError> {
        if self.role != Role::Superadmin {
            return Err(TenancyError::Forbidden {
                role: self.role.as_str(),
                permission: Permission::VendorsManage,
            });
        }
        Ok(SystemTx::begin(&self.database).await?)
    }
}

/// Why a verified identity may not act. Whoever answers it records the refusal (`audit::record_refusal`)
/// before the caller hears of it.
#[derive(Debug)]
pub struct Denied {
    pub error: TenancyError,
    /// Role and vendor, where the caller has one there.
    pub standing: Option<(Role, Option<VendorId>)>,
}

impl<E: Into<TenancyError>> From<E> for Denied {
    fn from(error: E) -> Self {
        Self { error: error.into(), standing: None }
    }
}

/// Lets a verified identity act: finds the vendor, the role there, and checks the permission.
///
/// `wanted` is the vendor the request names, if any. A vendor that does not exist, is removed or is not
/// the caller's is one and the same error. Reads the rows on every request, so that a suspension counts
/// from the next one on.
pub async fn authorize(
    database: &Database,
    identity: &VerifiedIdentity,
    wanted: Option<VendorId>,
    permission: Permission,
    request_id: RequestId,
) -> Result<Caller, Denied> {
    let mut tx = SystemTx::begin(database).await?;
    let standing = store::find_standing(&mut tx, identity.user_id, identity.session_id).await?;
    tx.roll_back().await?;
    let standing = standing.ok_or(TenancyError::Unauthenticated)?;
    let (role, scope) = choose_vendor(&standing, wanted, permission)?;
    let caller = Caller {
        user_id: identity.user_id,
        session_id: identity.session_id,
        role,
        request_id,
        scope,
        database: database.clone(),
    };
    if role.may(permission) {
        Ok(caller)
    } else {
        let error = TenancyError::Forbidden { role: role.as_str(), permission };
        Err(Denied { error, standing: Some((role, caller.vendor_id())) })
    }
}

fn choose_vendor(
    standing: &Standing,
    wanted: Option<VendorId>,
    permission: Permission,
) -> Result<(Role, Option<VendorScope>), TenancyError> {
    let platform = matches!(permission, Permission::VendorsManage | Permission::SelfRead);
    if platform && wanted.is_none() {
        let role = if standing.is_superadmin {
            Role::Superadmin
        } else {
            standing.memberships.first().map_or(Role::VendorViewer, |m| m.role)
        };
        return Ok((role, None));
    }
    let membership = match wanted {
        Some(wanted) => match standing.memberships.iter().find(|m| m.vendor_id == wanted) {
            Some(membership) => membership,
            None if standing.is_superadmin => {
                return if standing.wanted_exists(wanted) {
                    Ok((Role::Superadmin, Some(VendorScope(wanted))))
                } else {
                    Err(TenancyError::VendorNotFound)
                };
            }
            None => return Err(TenancyError::VendorNotFound),
        },
        None => match standing.memberships.as_slice() {
            [only] => only,
            [] if standing.is_superadmin => return Err(TenancyError::VendorRequired),
            [] => return Err(TenancyError::VendorNotFound),
            [..] => return Err(TenancyError::VendorRequired),
        },
    };
    if membership.vendor_suspended {
        return Err(TenancyError::VendorSuspended);
    }
    Ok((membership.role, Some(VendorScope(membership.vendor_id))))
}

/// The scope of a job's vendor, for workers; the vendor must exist and not be suspended or removed.
pub async fn scope_for_job(database: &Database, vendor_id: VendorId) -> Result<VendorScope, TenancyError> {
    let mut tx = SystemTx::begin(database).await?;
    let vendor = store::find_vendor(&mut tx, vendor_id).await?;
    tx.roll_back().await?;
    match vendor {
        Some(vendor) if vendor.suspended_at.is_some() => Err(TenancyError::VendorSuspended),
        Some(_) => Ok(VendorScope(vendor_id)),
        None => Err(TenancyError::VendorNotFound),
    }
}

/// The scope of a vendor for carrying out erasures again, suspended or not. `None`: there is no such vendor.
pub(crate) async fn scope_for_erasures(
    database: &Database,
    vendor_id: VendorId,
) -> Result<Option<VendorScope>, DbError> {
    let mut tx = SystemTx::begin(database).await?;
    let vendor = store::find_vendor(&mut tx, vendor_id).await?;
    tx.roll_back().await?;
    Ok(vendor.map(|_| VendorScope(vendor_id)))
}

/// The transaction of an operator at the server's own command line; whoever can start the binary with this
/// installation's keys is trusted with them. With `user_id` the act is recorded as that member's, in their
/// role, as an attestation has to be.
pub async fn begin_at_command_line(
    database: &Database,
    vendor_id: VendorId,
    user_id: Option<UserId>,
) -> Result<VendorTx, TenancyError> {
    let scope = scope_for_job(database, vendor_id).await?;
    let actor = match user_id {
        None => Actor::command_line(),
        Some(user_id) => {
            let memberships = super::list_memberships_of(database, user_id).await?;
            let membership = memberships.into_iter().find(|m| m.vendor_id == vendor_id);
            let role = membership.ok_or(TenancyError::UserNotFound)?.role;
            Actor { user_id: Some(user_id), role, request_id: None, job_id: None }
        }
    };
    Ok(VendorTx::begin(database, scope, actor).await?)
}
