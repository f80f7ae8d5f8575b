//! Who may call: the permission is part of a handler's signature.
//!
//! Owns: [`Authorized`] and one marker type per [`Permission`]. Promises: a handler that takes
//! `Authorized<ProductsRead>` runs only for a caller who has that permission at that vendor, as our rows
//! say at this moment. Emits: nothing. Never:
//! reads a role or a vendor from a token.
//!
//! Two steps, because the first is cheap and the second asks the database: [`identify`] checks the
//! signature of the credential before a body is read or a budget is charged, `Authorized` then finds
//! vendor and role.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};
use odyssey_domain::tenancy::{self, Caller, Permission, VerifiedIdentity};
use odyssey_types::VendorId;

use crate::context;
use crate::operation::Operation;
use crate::problem::{Problem, ProblemCode};
use crate::state::ApiState;

/// Names the vendor of a request, for a person who has several.
pub const X_VENDOR_ID: &str = "x-vendor-id";
/// Credential of another identity provider, which this service may be configured to trust.
const X_APPWRITE_JWT: &str = "x-appwrite-jwt";

/// A type that stands for a permission.
pub trait PermissionMarker: Send + Sync + 'static {
    const PERMISSION: Permission;
}

macro_rules! markers {
    ($($name:ident),+ $(,)?) => {
        /// One type per permission, for `Authorized<…>`.
        pub mod permission {
            $(
                #[doc = concat!("Stands for the permission `", stringify!($name), "`.")]
                #[derive(Debug, Clone, Copy)]
                pub struct $name;

                impl super::PermissionMarker for $name {
                    const PERMISSION: super::Permission = super::Permission::$name;
                }
            )+

            /// Every marker's permission; a test compares it with the domain's list.
            pub const MARKED: &[super::Permission] = &[$(super::Permission::$name),+];
        }
    };
}

markers! {
    ProductsRead, ProductsWrite, CustomersReadMasked, CustomersRead, CustomersWrite, HealthRead, HealthWrite,
    MatchesRead, JobsRead, JobsControl, IngestWrite, SettingsRead, SettingsWrite, HoldsRelease, AuditRead,
    MembersManage, VendorsManage, SelfRead,
}

/// A caller who has been let in for `P`. Everything of [`Caller`] is reachable through it.
#[derive(Debug, Clone)]
pub struct Authorized<P> {
    caller: Caller,
    permission: PhantomData<P>,
}

impl<P> Deref for Authorized<P> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<P> Authorized<P> {
    pub fn into_caller(self) -> Caller {
        self.caller
    }
}

impl<P: PermissionMarker> FromRequestParts<ApiState> for Authorized<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        // The route's own facts and the signature come from one type; this guards the one way in which
        // they could part: a handler mounted without the macros.
        let declared = parts.extensions.get::<Arc<Operation>>().map(|operation| operation.permission);
        if declared != Some(Some(P::PERMISSION)) {
            return Err(Problem::broken_promise("a guarded handler is mounted outside of the contract"));
        }
        let identity = match parts.extensions.get::<VerifiedIdentity>() {
            Some(identity) => *identity,
            None => identify(state, &parts.headers).await?,
        };
        let wanted = wanted_vendor(&parts.headers)?;
        let request_id = context::request_id_or_nil();
        let authorized =
            tenancy::authorize(state.database(), &identity, wanted, P::PERMISSION, request_id).await;
        let caller = authorized.map_err(|denied| {
            if let Some((role, vendor_id)) = denied.standing {
                context::set_standing(vendor_id, role.as_str());
            }
            denied.error
        })?;
        context::set_standing(caller.vendor_id(), caller.role.as_str());
        state.charge_vendor(parts.extensions.get::<Arc<Operation>>(), caller.vendor_id())?;
        parts.extensions.insert(caller.clone());
        Ok(Self { caller, permission: PhantomData })
    }
}

/// The identity behind the request's credential, or `unauthenticated`.
pub(crate) async fn identify(state: &ApiState, headers: &HeaderMap) -> Result<VerifiedIdentity, Problem> {
    // Two credentials could belong to two people: which one acts must not be ours to guess.
    if headers.contains_key(X_APPWRITE_JWT) || headers.get_all(header::AUTHORIZATION).iter().count() > 1 {
        return Err(Problem::unauthenticated());
    }
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(Problem::unauthenticated)?;
    let identity = state.identity().verify(token).await?;
    context::set_user(identity.user_id);
    Ok(identity)
}

/// The vendor that the request names. Whatever is not an id of ours is a vendor that does not exist.
fn wanted_vendor(headers: &HeaderMap) -> Result<Option<VendorId>, Problem> {
    let mut values = headers.get_all(X_VENDOR_ID).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let named = value.to_str().ok().and_then(|text| text.trim().parse::<VendorId>().ok());
    match (named, values.next()) {
        (Some(vendor_id), None) => Ok(Some(vendor_id)),
        _ => Err(Problem::new(ProblemCode::VendorNotFound)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_of_the_domain_has_a_marker() {
        let missing: Vec<_> = Permission::ALL.iter().filter(|p| !permission::MARKED.contains(p)).collect();
        assert!(missing.is_empty(), "permissions without a marker: {missing:?}");
    }

    #[test]
    fn a_vendor_id_that_is_not_an_id_is_a_vendor_that_does_not_exist() {
        let headers = HeaderMap::from_iter([(X_VENDOR_ID.parse().unwrap(), "acme".parse().unwrap())]);
        assert_eq!(wanted_vendor(&headers).unwrap_err().code, ProblemCode::VendorNotFound);
    }
}
