//! What the contract says about an operation, and how that is the same as what the server does.
//!
//! Owns: the registration of handlers ([`guarded!`](crate::guarded), [`keyed!`](crate::keyed),
//! [`open!`](crate::open)) and the [`Operations`] table. Promises: the permission in the contract *is*
//! the one that is enforced, because both come from one type: a guarded handler's first argument must
//! be `Authorized<P>`, its registration reads `P::PERMISSION` out of the handler's own signature and
//! writes it into the OpenAPI document as `x-odyssey-permission`. Likewise a keyed handler is one whose
//! second argument is `Idempotency`. There is no second place to write either down, so they cannot
//! differ. What a type cannot say (the audit rule, the rate class) is written beside the handler's name
//! as [`Facts`], goes into the document too, and the middleware reads it back from there: the served
//! contract drives the server. Emits: nothing. Never: guards by a name in a string.

use std::collections::HashMap;
use std::sync::Arc;

use axum::handler::Handler;
use http::Method;
use odyssey_domain::tenancy::Permission;
use serde::{Deserialize, Serialize};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation as Documented, ParameterIn, PathItem};
use utoipa::openapi::{OpenApi, RefOr};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::authorized::{Authorized, PermissionMarker};
use crate::idempotency::Idempotency;
use crate::state::ApiState;

/// What an operation leaves in the audit trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditRule {
    /// An event with this action, in the transaction that makes the answer.
    Event(&'static str),
    /// Nothing, and why that is right: the answer holds no personal or health data and changes nothing.
    None(&'static str),
}

/// Whose budget a call is charged to. The sizes are settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateClass {
    /// Changes: per user, and per vendor.
    Standard,
    /// Reads by a session, search-as-you-type and polling: per user.
    Read,
    /// Starts of an import: per vendor.
    ImportStart,
    /// Beginnings of uploads, per vendor: parts of files by themselves, all others as starts of an import. Charged once
    /// the request is found lawful.
    Upload,
    /// Sign-in and refresh: per address.
    SignIn,
    /// Health checks, documents, upload bytes: no budget.
    Free,
}

/// How a body comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyRule {
    /// Read whole, up to the limit for JSON, before the handler runs.
    Buffered,
    /// Handed over as it arrives, without the limits on size and time: the handler has its own.
    Streamed,
}

/// What is written beside a handler's name when it is registered.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    audit: AuditRule,
    rate: Option<RateClass>,
    phi: bool,
    body: BodyRule,
}

impl Facts {
    /// Audited under this action.
    pub const fn audited(action: &'static str) -> Self {
        Self { audit: AuditRule::Event(action), rate: None, phi: false, body: BodyRule::Buffered }
    }

    /// Not audited; says why that is right.
    pub const fn unaudited(why: &'static str) -> Self {
        Self { audit: AuditRule::None(why), rate: None, phi: false, body: BodyRule::Buffered }
    }

    /// Another budget than [`RateClass::Read`] for GET and [`RateClass::Standard`] for the rest.
    pub const fn rate(mut self, rate: RateClass) -> Self {
        self.rate = Some(rate);
        self
    }

    /// The answer holds personal or health data.
    pub const fn discloses_phi(mut self) -> Self {
        self.phi = true;
        self
    }

    /// The handler takes the body as a stream.
    pub const fn streams_body(mut self) -> Self {
        self.body = BodyRule::Streamed;
        self
    }
}

/// One operation, as the middleware knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    pub id: String,
    pub method: Method,
    /// The route template: `/api/v1/products/{product_id}`.
    pub path: String,
    /// `None`: open to anybody.
    pub permission: Option<Permission>,
    /// Whether an `Idempotency-Key` is required.
    pub keyed: bool,
    pub rate: RateClass,
    pub body: BodyRule,
    /// Whether the answer holds personal or health data.
    pub phi: bool,
    /// The audit event's action; `None` where the contract says why there is none.
    pub audit: Option<String>,
    /// The names of the query parameters that it takes; others are refused.
    pub query: Vec<String>,
    /// Whether it takes a body.
    pub takes_body: bool,
}

/// Handlers whose first argument is `Authorized<P>`. Implemented for the argument lists that axum
/// knows, so the permission is a constant of the handler's type.
pub trait Guarded {
    const PERMISSION: Permission;
}

/// Handlers whose first two arguments are `Authorized<P>` and `Idempotency`.
pub trait Keyed: Guarded {}

macro_rules! argument_lists {
    ($($rest:ident),*) => {
        impl<M, P: PermissionMarker, $($rest),*> Guarded for (M, Authorized<P>, $($rest,)*) {
            const PERMISSION: Permission = P::PERMISSION;
        }
        impl<M, P: PermissionMarker, $($rest),*> Keyed for (M, Authorized<P>, Idempotency, $($rest,)*) {}
    };
}

impl<M, P: PermissionMarker, T2, T3, T4, T5, T6, T7> Guarded for (M, Authorized<P>, T2, T3, T4, T5, T6, T7) {
    const PERMISSION: Permission = P::PERMISSION;
}

argument_lists!();
argument_lists!(T2);
argument_lists!(T2, T3);
argument_lists!(T2, T3, T4);
argument_lists!(T2, T3, T4, T5);
argument_lists!(T2, T3, T4, T5, T6);

/// Registers a handler that asks for a permission: `guarded!(get_product, Facts::…)`.
#[macro_export]
macro_rules! guarded {
    ($($handler:ident)::+, $facts:expr $(,)?) => {
        $crate::operation::guarded(utoipa_axum::routes!($($handler)::+), &$($handler)::+, $facts)
    };
}

/// Registers a handler that asks for a permission and an `Idempotency-Key`.
#[macro_export]
macro_rules! keyed {
    ($($handler:ident)::+, $facts:expr $(,)?) => {
        $crate::operation::keyed(utoipa_axum::routes!($($handler)::+), &$($handler)::+, $facts)
    };
}

/// Registers a handler that anybody may call. A test holds the list of them.
#[macro_export]
macro_rules! open {
    ($($handler:ident)::+, $facts:expr $(,)?) => {
        $crate::operation::open(utoipa_axum::routes!($($handler)::+), $facts)
    };
}

/// What [`guarded!`](crate::guarded) expands to.
pub fn guarded<H, T>(
    route: UtoipaMethodRouter<ApiState>,
    _handler: &H,
    facts: Facts,
) -> UtoipaMethodRouter<ApiState>
where
    H: Handler<T, ApiState>,
    T: Guarded,
{
    describe(route, Some(T::PERMISSION), false, facts)
}

/// What [`keyed!`](crate::keyed) expands to.
pub fn keyed<H, T>(
    route: UtoipaMethodRouter<ApiState>,
    _handler: &H,
    facts: Facts,
) -> UtoipaMethodRouter<ApiState>
where
    H: Handler<T, ApiState>,
    T: Keyed,
{
    describe(route, Some(T::PERMISSION), true, facts)
}

/// What [`open!`](crate::open) expands to.
pub fn open(route: UtoipaMethodRouter<ApiState>, facts: Facts) -> UtoipaMethodRouter<ApiState> {
    describe(route, None, false, facts)
}

const PERMISSION: &str = "x-odyssey-permission";
const KEYED: &str = "x-odyssey-idempotency-key";
const AUDIT: &str = "x-odyssey-audit";
const RATE: &str = "x-odyssey-rate-class";
const BODY: &str = "x-odyssey-body";
const PHI: &str = "x-odyssey-phi";

fn describe(
    mut route: UtoipaMethodRouter<ApiState>,
    permission: Option<Permission>,
    keyed: bool,
    facts: Facts,
) -> UtoipaMethodRouter<ApiState> {
    for item in route.1.paths.values_mut() {
        for (method, operation) in operations_of_mut(item) {
            let by_method = if method == Method::GET { RateClass::Read } else { RateClass::Standard };
            let extensions = ExtensionsBuilder::new()
                .add(PERMISSION, json(permission.map(Permission::as_str)))
                .add(KEYED, keyed)
                .add(AUDIT, json(facts.audit))
                .add(RATE, json(facts.rate.unwrap_or(by_method)))
                .add(BODY, json(facts.body))
                .add(PHI, facts.phi)
                .build();
            operation.extensions.get_or_insert_default().merge(extensions);
        }
    }
    route
}

fn json(value: impl Serialize) -> serde_json::Value {
    // Names and unit variants: there is nothing in them that JSON cannot hold.
    serde_json::to_value(value).unwrap_or_default()
}

/// The operations of a path, with their methods.
pub(crate) fn operations_of_mut(item: &mut PathItem) -> Vec<(Method, &mut Documented)> {
    [
        (Method::GET, &mut item.get),
        (Method::PUT, &mut item.put),
        (Method::POST, &mut item.post),
        (Method::DELETE, &mut item.delete),
        (Method::PATCH, &mut item.patch),
        (Method::HEAD, &mut item.head),
        (Method::OPTIONS, &mut item.options),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.as_mut().map(|operation| (method, operation)))
    .collect()
}

/// Every operation of the contract.
#[derive(Debug, Clone, Default)]
pub struct Operations {
    all: Vec<Arc<Operation>>,
    by_route: HashMap<(String, Method), Arc<Operation>>,
}

impl Operations {
    /// Reads the table back from the document. An operation that was registered without one of the
    /// three macros has no facts and is refused: the server does not start with it.
    pub fn read(document: &OpenApi) -> Result<Self, UnregisteredOperation> {
        let mut operations = Self::default();
        for (path, item) in &document.paths.paths {
            for (method, documented) in operations_of_mut(&mut item.clone()) {
                let operation = read_operation(path, &method, documented)
                    .ok_or_else(|| UnregisteredOperation(format!("{method} {path}")))?;
                let operation = Arc::new(operation);
                operations.by_route.insert((path.clone(), method), Arc::clone(&operation));
                operations.all.push(operation);
            }
        }
        operations.all.sort_by(|a, b| (&a.path, a.method.as_str()).cmp(&(&b.path, b.method.as_str())));
        Ok(operations)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Operation> {
        self.all.iter().map(Arc::as_ref)
    }

    /// The operation behind a route template and a method; HEAD is GET without a body.
    pub(crate) fn find(&self, route: &str, method: &Method) -> Option<Arc<Operation>> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.by_route.get(&(route.to_owned(), method.clone())).cloned()
    }
}

/// An operation is in the document that was registered in another way than by the three macros.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not registered with guarded!, keyed! or open!")]
pub struct UnregisteredOperation(String);

fn read_operation(path: &str, method: &Method, documented: &Documented) -> Option<Operation> {
    let extensions = documented.extensions.as_ref()?;
    let permission = match extensions.get(PERMISSION)? {
        serde_json::Value::Null => None,
        name => Some(*Permission::ALL.iter().find(|p| name.as_str() == Some(p.as_str()))?),
    };
    Some(Operation {
        id: documented.operation_id.clone()?,
        method: method.clone(),
        path: path.to_owned(),
        permission,
        keyed: extensions.get(KEYED)?.as_bool()?,
        rate: serde_json::from_value(extensions.get(RATE)?.clone()).ok()?,
        body: serde_json::from_value(extensions.get(BODY)?.clone()).ok()?,
        phi: extensions.get(PHI)?.as_bool()?,
        audit: extensions.get(AUDIT)?.get("event").and_then(|a| a.as_str()).map(ToOwned::to_owned),
        query: query_of(documented),
        takes_body: documented.request_body.is_some(),
    })
}

/// Parameters stand in the operation itself: none of ours is a reference.
fn query_of(documented: &Documented) -> Vec<String> {
    let parameters = documented.parameters.iter().flatten();
    let in_query = parameters.filter_map(|parameter| match parameter {
        RefOr::T(parameter) if matches!(parameter.parameter_in, ParameterIn::Query) => {
            Some(parameter.name.clone())
        }
        _ => None,
    });
    in_query.collect()
}
