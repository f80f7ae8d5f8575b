//! Changing `/api/v1/customers`.

use axum::response::Response;
use http::StatusCode;
use odyssey_domain::customers::{
    self, BATCH_ROWS_MAX, BatchOptions, Change, CustomerWrite, RowOutcome, Target, WriteRefusal, WriteResult,
};
use odyssey_domain::db::{DbError, VendorTx};
use odyssey_domain::tenancy::{Caller, Permission, TenancyError};
use odyssey_types::{CustomerId, Phi};
use serde_json::{Map, Value};

use super::dto::{CustomerDto, CustomerResults};
use super::reads::{CustomerPath, versions};
use super::record::{
    CreateCustomers, ReplaceCustomer, WriteModeDto, read_patch, read_record, read_replacement, refuse,
};
use crate::authorized::{Authorized, permission};
use crate::conditional::IfMatch;
use crate::context;
use crate::extract::{Json, MergePatch, Path};
use crate::idempotency::{Answer, Idempotency};
use crate::problem::Problem;

/// Creates one customer, or writes up to 10,000; a record may carry its health profile and consents. An
/// existing `external_id` is 409 unless `mode` says `upsert`; nobody is recognised by e-mail or phone.
#[utoipa::path(post, path = "/api/v1/customers", tag = "customers", request_body = CreateCustomers,
    responses(
        (status = 201, description = "The customer that was created", body = CustomerDto),
        (status = 200, description = "The customer that existed and was changed", body = CustomerDto),
        (status = 207, description = "A result per record of a batch", body = CustomerResults)))]
pub(super) async fn upsert_customers(
    caller: Authorized<permission::CustomersWrite>,
    idempotency: Idempotency,
    Json(mut body): Json<Map<String, Value>>,
) -> Result<Response, Problem> {
    let mode = take_mode(&mut body)?;
    match body.remove("customers") {
        None => create_one(&caller, idempotency, body, mode).await,
        Some(records) => create_batch(&caller, idempotency, records, &body, mode).await,
    }
}

async fn create_one(
    caller: &Caller,
    idempotency: Idempotency,
    record: Map<String, Value>,
    mode: WriteModeDto,
) -> Result<Response, Problem> {
    require_health_write(caller, record.contains_key("profile"))?;
    let write = read_record(record, mode)?;
    let mut tx = caller.begin().await?;
    let result = customers::write_one(&mut tx, write).await?;
    let status = if result.outcome == RowOutcome::Created { StatusCode::CREATED } else { StatusCode::OK };
    let answer = answer_with(&mut tx, result.id, status).await?;
    idempotency.commit(tx, answer.location(&format!("/api/v1/customers/{}", result.id))).await
}

async fn create_batch(
    caller: &Caller,
    idempotency: Idempotency,
    records: Value,
    rest: &Map<String, Value>,
    mode: WriteModeDto,
) -> Result<Response, Problem> {
    let records = match records {
        Value::Array(records) if (1..=BATCH_ROWS_MAX).contains(&records.len()) => records,
        _ => {
            let detail = format!("send a list of 1 to {BATCH_ROWS_MAX} records");
            return Err(Problem::invalid("#/customers", "count", detail));
        }
    };
    if !rest.is_empty() {
        return Err(Problem::invalid("#", "unknown_field", "a batch has the fields customers and mode"));
    }
    require_health_write(caller, records.iter().any(|record| record.get("profile").is_some()))?;
    // What cannot be read is refused on its own; the domain sees the rest.
    let read: Vec<Result<CustomerWrite, WriteRefusal>> = records
        .into_iter()
        .map(|record| match record {
            Value::Object(record) => read_record(record, mode),
            _ => Err(refuse("", "unreadable", "a record is an object")),
        })
        .collect();
    let writes: Vec<CustomerWrite> = read.iter().filter_map(|read| read.as_ref().ok().cloned()).collect();
    let mut tx = caller.begin().await?;
    let outcome = customers::write_customers(&mut tx, &writes, &BatchOptions::default()).await?;
    let results = CustomerResults::new(in_order(read, outcome.results)?);
    context::count_rows_written((results.created + results.updated) as u64);
    idempotency.commit(tx, Answer::json(StatusCode::MULTI_STATUS, &results)).await
}

/// Puts the results of the domain back beside the records that never got there.
fn in_order(
    read: Vec<Result<CustomerWrite, WriteRefusal>>,
    written: Vec<Result<WriteResult, WriteRefusal>>,
) -> Result<Vec<Result<WriteResult, WriteRefusal>>, Problem> {
    let mut written = written.into_iter();
    read.into_iter()
        .map(|read| match read {
            Err(refusal) => Ok(Err(refusal)),
            Ok(_) => written
                .next()
                .ok_or_else(|| DbError::inconsistent("a record of a batch has no result").into()),
        })
        .collect()
}

/// Replaces a customer's own record: what the body leaves out becomes unknown.
#[utoipa::path(put, path = "/api/v1/customers/{customer_id}", tag = "customers", params(CustomerPath),
    request_body = ReplaceCustomer, responses((status = 200, description = "The customer", body = CustomerDto)))]
pub(super) async fn replace_customer(
    caller: Authorized<permission::CustomersWrite>,
    idempotency: Idempotency,
    Path(path): Path<CustomerPath>,
    if_match: IfMatch,
    Json(body): Json<Map<String, Value>>,
) -> Result<Response, Problem> {
    let (external_id, change) = read_replacement(body)?;
    change_customer(&caller, idempotency, path.customer_id, external_id, Some(if_match), change).await
}

/// Changes some fields of a customer (RFC 7396): absent keeps, null is unknown.
#[utoipa::path(patch, path = "/api/v1/customers/{customer_id}", tag = "customers", params(CustomerPath),
    request_body(content = ReplaceCustomer, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The customer", body = CustomerDto)))]
pub(super) async fn update_customer(
    caller: Authorized<permission::CustomersWrite>,
    idempotency: Idempotency,
    Path(path): Path<CustomerPath>,
    if_match: Option<IfMatch>,
    MergePatch(patch): MergePatch<Map<String, Value>>,
) -> Result<Response, Problem> {
    let (external_id, change) = read_patch(patch)?;
    change_customer(&caller, idempotency, path.customer_id, external_id, if_match, change).await
}

async fn change_customer(
    caller: &Caller,
    idempotency: Idempotency,
    id: CustomerId,
    external_id: Option<Phi<String>>,
    if_match: Option<IfMatch>,
    change: Change,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    let write = CustomerWrite::new(Target::Id { id, external_id }, change);
    customers::write_one(&mut tx, CustomerWrite { if_versions: versions(if_match), ..write }).await?;
    let answer = answer_with(&mut tx, id, StatusCode::OK).await?;
    idempotency.commit(tx, answer).await
}

/// Deletes a customer: out of lists, searches and matches at once. The external id may be used again.
#[utoipa::path(delete, path = "/api/v1/customers/{customer_id}", tag = "customers", params(CustomerPath),
    responses((status = 204, description = "The customer is gone")))]
pub(super) async fn delete_customer(
    caller: Authorized<permission::CustomersWrite>,
    Path(path): Path<CustomerPath>,
    if_match: Option<IfMatch>,
) -> Result<StatusCode, Problem> {
    let mut tx = caller.begin().await?;
    customers::delete_customer(&mut tx, path.customer_id, versions(if_match)).await?;
    tx.commit().await?;
    context::count_rows_written(1);
    Ok(StatusCode::NO_CONTENT)
}

/// The customer as it is now, disclosed to whoever changed it.
pub(super) async fn answer_with(
    tx: &mut VendorTx,
    id: CustomerId,
    status: StatusCode,
) -> Result<Answer, Problem> {
    let customer = customers::get_customer(tx, id).await?;
    context::count_rows_written(1);
    let row_version = customer.row_version;
    Ok(Answer::json(status, &CustomerDto::from(customer)).etag(row_version))
}

/// A record that carries a health profile needs the permission to write one.
fn require_health_write(caller: &Caller, writes_health: bool) -> Result<(), Problem> {
    let permission = Permission::HealthWrite;
    if !writes_health || caller.role.may(permission) {
        return Ok(());
    }
    Err(TenancyError::Forbidden { role: caller.role.as_str(), permission }.into())
}

fn take_mode(body: &mut Map<String, Value>) -> Result<WriteModeDto, Problem> {
    match body.remove("mode") {
        None => Ok(WriteModeDto::default()),
        Some(mode) => serde_json::from_value(mode)
            .map_err(|_| Problem::invalid("#/mode", "unknown_value", "a mode is `create` or `upsert`")),
    }
}
