//! Who the caller is and where they work.

use odyssey_domain::tenancy::{self, Membership, Role};
use odyssey_types::{UserId, VendorId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::Json;
use crate::problem::Problem;

/// The caller.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    #[schema(value_type = Uuid)]
    user_id: UserId,
    /// Runs the platform; belongs to no vendor for that.
    superadmin: bool,
    /// The vendors to choose from with `X-Vendor-Id`.
    memberships: Vec<MembershipDto>,
}

/// Where somebody works, and as what.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MembershipDto {
    #[schema(value_type = Uuid)]
    vendor_id: VendorId,
    vendor_slug: String,
    vendor_name: String,
    /// `vendor_admin`, `vendor_operator` or `vendor_viewer`.
    role: &'static str,
    vendor_suspended: bool,
}

impl From<Membership> for MembershipDto {
    fn from(membership: Membership) -> Self {
        Self {
            vendor_id: membership.vendor_id,
            vendor_slug: membership.vendor_slug,
            vendor_name: membership.vendor_name,
            role: membership.role.as_str(),
            vendor_suspended: membership.vendor_suspended,
        }
    }
}

/// Who the caller is, and at which vendors.
#[utoipa::path(get, path = "/api/v1/auth/me", tag = "auth",
    responses((status = 200, description = "The caller", body = Me)))]
pub(super) async fn get_me(caller: Authorized<permission::SelfRead>) -> Result<Json<Me>, Problem> {
    let memberships = tenancy::list_memberships_of(caller.database(), caller.user_id).await?;
    context::count_rows_read(memberships.len() as u64);
    Ok(Json(Me {
        user_id: caller.user_id,
        superadmin: caller.role == Role::Superadmin,
        memberships: memberships.into_iter().map(Into::into).collect(),
    }))
}
