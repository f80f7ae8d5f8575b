//! `POST /api/v1/customers/{customer_id}/merge`.

use axum::response::Response;
use http::StatusCode;
use odyssey_domain::customers::{self, ConsentPurpose, MergeWarning, MergedCustomers, Origin, Side};
use odyssey_types::{CustomerId, CustomerIdentity, HealthProfile, ProductId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::notes::NoteDto;
use super::reads::CustomerPath;
use crate::authorized::{Authorized, permission};
use crate::conditional::IfMatch;
use crate::context;
use crate::extract::{Json, Path};
use crate::idempotency::{Answer, Idempotency};
use crate::problem::{Problem, ProblemCode};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MergeCustomers {
    /// The customer that goes.
    #[schema(value_type = Uuid)]
    other: CustomerId,
    /// Its version as the preview showed it; required unless `preview` is set.
    #[serde(default)]
    other_row_version: Option<i64>,
    /// Only show what would come of it.
    #[serde(default)]
    preview: bool,
}

/// What the two come to.
#[derive(Serialize, ToSchema)]
pub(super) struct MergedCustomersDto {
    #[schema(value_type = Uuid)]
    customer_id: CustomerId,
    /// The customer that goes, or went.
    #[schema(value_type = Uuid)]
    other_id: CustomerId,
    preview: bool,
    /// Of a preview the version of the one that stays that would be combined: send it as `If-Match`. Of a merge the one
    /// that came of it.
    row_version: i64,
    /// The same of the other.
    other_row_version: i64,
    /// The record that results.
    record: CustomerIdentity,
    /// The health profile that results.
    profile: HealthProfile,
    /// Whose word each field is, and why.
    fields: Vec<OriginDto>,
    /// Consents that are withdrawn in the one that stays, granted or never asked for, because the other withdrew them.
    #[schema(value_type = Vec<String>)]
    withdrawn_consents: Vec<&'static str>,
    /// What is odd about the result, for a person to look at.
    warnings: Vec<MergeWarningDto>,
    /// The lists that result: never shown is what either never shows, always allowed what both always allow.
    lists: Vec<MergedListEntryDto>,
    /// The notes that result, newest first; `customer_id` says whose each was.
    notes: Vec<NoteDto>,
}

#[derive(Debug, Serialize, ToSchema)]
struct OriginDto {
    field: &'static str,
    /// `this`, `other` or `both`.
    side: &'static str,
    /// `same`, `only_here`, `only_there`, `kept` (they differ, and the one that stays has its way), `stricter`,
    /// `united`, or `common` (what both have).
    why: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
struct MergeWarningDto {
    /// `sex_contradicts_pregnancy`.
    code: &'static str,
    detail: &'static str,
}

impl From<MergeWarning> for MergeWarningDto {
    fn from(MergeWarning { code, detail }: MergeWarning) -> Self {
        Self { code, detail }
    }
}

impl From<Origin> for OriginDto {
    fn from(Origin { field, side, why }: Origin) -> Self {
        let side = match side {
            Side::This => "this",
            Side::Other => "other",
            Side::Both => "both",
        };
        Self { field, side, why }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct MergedListEntryDto {
    #[schema(value_type = Uuid)]
    product_id: ProductId,
    /// `always_allow` or `never_show`.
    list: &'static str,
}

/// Makes one customer of two who are one person. The one of the path stays; the other goes, and from then on answers
/// with 410 and where it went. Allergies, diets and limits become the stricter of both. With `preview` nothing is
/// changed; without it `If-Match` and `other_row_version` say which versions are meant.
#[utoipa::path(post, path = "/api/v1/customers/{customer_id}/merge", tag = "customers", params(CustomerPath),
    request_body = MergeCustomers, responses((status = 200, description = "What the two come to", body = MergedCustomersDto)))]
pub(super) async fn merge_customers(
    caller: Authorized<permission::HealthWrite>,
    idempotency: Idempotency,
    Path(path): Path<CustomerPath>,
    if_match: Option<IfMatch>,
    Json(body): Json<MergeCustomers>,
) -> Result<Response, Problem> {
    let MergeCustomers { other, other_row_version, preview } = body;
    let versions = match (preview, if_match, other_row_version) {
        (true, ..) => None,
        (false, Some(IfMatch::OneOf(versions)), Some(other)) => Some((versions, other)),
        (false, _, Some(_)) => {
            return Err(Problem::new(ProblemCode::PreconditionRequired)
                .detail("Send If-Match with the version that the preview showed."));
        }
        (false, _, None) => {
            let why = "send the version of the other customer that the preview showed";
            return Err(Problem::invalid("#/other_row_version", "required", why));
        }
    };
    let id = path.customer_id;
    let mut tx = caller.begin().await?;
    let merged = customers::merge_customers(&mut tx, id, other, versions, preview).await?;
    context::count_rows_read(2);
    context::count_rows_written(if preview { 0 } else { 2 });
    let MergedCustomers { row_versions, identity, profile, origins, withdrawn, warnings, lists, notes } =
        merged;
    let lists = lists
        .into_iter()
        .map(|entry| MergedListEntryDto { product_id: entry.product_id, list: entry.list.as_str() });
    let answer = MergedCustomersDto {
        customer_id: id,
        other_id: other,
        preview,
        row_version: row_versions.0,
        other_row_version: row_versions.1,
        record: identity.into_exposed(),
        profile: profile.into_exposed(),
        fields: origins.into_iter().map(Into::into).collect(),
        withdrawn_consents: withdrawn.into_iter().map(ConsentPurpose::as_str).collect(),
        warnings: warnings.into_iter().map(Into::into).collect(),
        lists: lists.collect(),
        notes: notes.into_iter().map(Into::into).collect(),
    };
    idempotency.commit(tx, Answer::json(StatusCode::OK, &answer)).await
}
