//! `/api/v1/customers/{customer_id}/notes`.

use axum::response::Response;
use chrono::{DateTime, Utc};
use http::StatusCode;
use odyssey_domain::customers::{self, Note};
use odyssey_types::{CustomerId, NoteId, Page, Phi, ProductId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::reads::{CustomerPath, versions};
use crate::authorized::{Authorized, permission};
use crate::conditional::IfMatch;
use crate::context;
use crate::extract::{Json, MergePatch, Path, PathParameters, Query};
use crate::idempotency::{Answer, Idempotency};
use crate::paging::{Limit, PageDto, read_cursor, write_cursor};
use crate::problem::{Problem, ProblemCode};

const LIST: &str = "list_notes";

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct NotePath {
    #[param(value_type = Uuid)]
    customer_id: CustomerId,
    #[param(value_type = Uuid)]
    note_id: NoteId,
}

impl PathParameters for NotePath {
    // The customer is looked for first, so a path that cannot be read is a customer that is not there.
    const NOT_FOUND: ProblemCode = ProblemCode::CustomerNotFound;
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct NotesQuery {
    /// Only notes on this product.
    #[param(value_type = Option<Uuid>)]
    product_id: Option<ProductId>,
    cursor: Option<String>,
    #[serde(default)]
    limit: Limit,
}

/// A note on a customer. No `Debug`: it is personal.
#[derive(Serialize, ToSchema)]
pub(super) struct NoteDto {
    #[schema(value_type = Uuid)]
    id: NoteId,
    #[schema(value_type = Uuid)]
    customer_id: CustomerId,
    /// The product that it is about; absent where it is about the customer alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    product_id: Option<ProductId>,
    text: String,
    row_version: i64,
    /// Who wrote it; absent where no person did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    created_by: Option<UserId>,
    created_at: DateTime<Utc>,
    /// Who changed the text last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    updated_by: Option<UserId>,
    updated_at: DateTime<Utc>,
}

impl From<Note> for NoteDto {
    fn from(note: Note) -> Self {
        Self {
            id: note.id,
            customer_id: note.customer_id,
            product_id: note.product_id,
            text: note.text.into_exposed(),
            row_version: note.row_version,
            created_by: note.created_by,
            created_at: note.created_at,
            updated_by: note.updated_by,
            updated_at: note.updated_at,
        }
    }
}

/// Notes on a customer, those on products for the customer included; newest first.
#[utoipa::path(get, path = "/api/v1/customers/{customer_id}/notes", tag = "customers",
    params(CustomerPath, NotesQuery),
    responses((status = 200, description = "A page of notes", body = PageDto<NoteDto>)))]
pub(super) async fn list_notes(
    caller: Authorized<permission::CustomersRead>,
    Path(path): Path<CustomerPath>,
    Query(query): Query<NotesQuery>,
) -> Result<Json<PageDto<NoteDto>>, Problem> {
    let before: Option<NoteId> =
        query.cursor.as_deref().map(|cursor| read_cursor(LIST, cursor)).transpose()?;
    let mut tx = caller.begin().await?;
    let (id, limit) = (path.customer_id, query.limit.get());
    let page = customers::list_notes(&mut tx, id, query.product_id, before, limit).await?;
    tx.commit().await?;
    let next_cursor = page.next_cursor.map(|at| write_cursor(LIST, &at)).transpose()?;
    Ok(Json(PageDto::new(Page { items: page.items, next_cursor })))
}

/// What is to be written down. No `Debug`: it is personal.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateNote {
    /// At most 4,000 characters.
    text: String,
    /// The product that it is about, for this customer.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    product_id: Option<ProductId>,
}

/// Writes a note on a customer, or on a product for the customer. A customer has at most 500.
#[utoipa::path(post, path = "/api/v1/customers/{customer_id}/notes", tag = "customers", params(CustomerPath),
    request_body = CreateNote, responses((status = 201, description = "The note", body = NoteDto)))]
pub(super) async fn create_note(
    caller: Authorized<permission::CustomersWrite>,
    idempotency: Idempotency,
    Path(path): Path<CustomerPath>,
    Json(body): Json<CreateNote>,
) -> Result<Response, Problem> {
    let CreateNote { text, product_id } = body;
    let mut tx = caller.begin().await?;
    let note = customers::create_note(&mut tx, path.customer_id, product_id, Phi::new(text)).await?;
    context::count_rows_written(1);
    let row_version = note.row_version;
    idempotency.commit(tx, Answer::json(StatusCode::CREATED, &NoteDto::from(note)).etag(row_version)).await
}

/// What of a note changes. No `Debug`: it is personal.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateNote {
    /// Left out, the text stays.
    #[serde(default)]
    text: Option<String>,
}

/// Changes the text of a note. Its author and its time stay; who changed it last is said beside.
#[utoipa::path(patch, path = "/api/v1/customers/{customer_id}/notes/{note_id}", tag = "customers",
    params(NotePath), request_body(content = UpdateNote, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The note", body = NoteDto)))]
pub(super) async fn update_note(
    caller: Authorized<permission::CustomersWrite>,
    idempotency: Idempotency,
    Path(path): Path<NotePath>,
    if_match: Option<IfMatch>,
    MergePatch(patch): MergePatch<UpdateNote>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    let (id, note_id, text) = (path.customer_id, path.note_id, patch.text.map(Phi::new));
    let note = customers::update_note(&mut tx, id, note_id, text, versions(if_match)).await?;
    context::count_rows_written(1);
    let row_version = note.row_version;
    idempotency.commit(tx, Answer::json(StatusCode::OK, &NoteDto::from(note)).etag(row_version)).await
}

/// Deletes a note.
#[utoipa::path(delete, path = "/api/v1/customers/{customer_id}/notes/{note_id}", tag = "customers",
    params(NotePath), responses((status = 204, description = "The note is gone")))]
pub(super) async fn delete_note(
    caller: Authorized<permission::CustomersWrite>,
    Path(path): Path<NotePath>,
    if_match: Option<IfMatch>,
) -> Result<StatusCode, Problem> {
    let mut tx = caller.begin().await?;
    customers::delete_note(&mut tx, path.customer_id, path.note_id, versions(if_match)).await?;
    tx.commit().await?;
    context::count_rows_written(1);
    Ok(StatusCode::NO_CONTENT)
}
