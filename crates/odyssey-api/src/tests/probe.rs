//! Routes that only these tests mount.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use odyssey_domain::audit::{self, AuditEvent};
use odyssey_domain::db::testing;
use odyssey_domain::tenancy::Purpose;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

use crate::authorized::{Authorized, permission};
use crate::conditional::IfMatch;
use crate::context;
use crate::extract::{Json, Path, PathParameters, Query};
use crate::idempotency::{Answer, Idempotency};
use crate::operation::{Facts, RateClass};
use crate::paging::Limit;
use crate::problem::{Problem, ProblemCode};
use crate::state::ApiState;
use crate::{guarded, keyed, open};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    let facts = Facts::unaudited("it is a test").rate(RateClass::Free);
    // Not free: these wait for a turn.
    let work = Facts::unaudited("it is a test");
    OpenApiRouter::default()
        .routes(open!(take_person, facts))
        .routes(open!(list_people, facts))
        .routes(open!(get_person, facts))
        .routes(open!(panic_now, work))
        .routes(open!(sleep_long, work))
        .routes(open!(put_person, facts))
        .routes(guarded!(read_guarded, Facts::audited("probe.read").discloses_phi()))
        .routes(keyed!(write_platform, Facts::audited("probe.platform")))
        .routes(keyed!(write_keyed, Facts::audited("probe.write").rate(RateClass::ImportStart)))
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Person {
    email: String,
    #[serde(default)]
    ages: Vec<u32>,
    #[serde(default)]
    #[schema(no_recursion)]
    children: Vec<Person>,
}

#[utoipa::path(post, path = "/probe/people", request_body = Person, responses((status = 200)))]
async fn take_person(Json(person): Json<Person>) -> Json<Person> {
    context::count_rows_read(2);
    context::count_rows_written(3);
    Json(person)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filters {
    #[serde(default, rename = "tags.any")]
    tags_any: Vec<String>,
    #[serde(default)]
    limit: Limit,
}

#[utoipa::path(get, path = "/probe/people", params(Filters), responses((status = 200)))]
async fn list_people(Query(filters): Query<Filters>) -> Json<(Vec<String>, u32)> {
    Json((filters.tags_any, filters.limit.get()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct PersonPath {
    person_id: Uuid,
}

impl PathParameters for PersonPath {
    const NOT_FOUND: ProblemCode = ProblemCode::CustomerNotFound;
}

#[utoipa::path(get, path = "/probe/people/{person_id}", params(PersonPath), responses((status = 200)))]
async fn get_person(Path(path): Path<PersonPath>) -> Json<Uuid> {
    Json(path.person_id)
}

#[utoipa::path(put, path = "/probe/people/{person_id}", params(PersonPath), responses((status = 204)))]
async fn put_person(if_match: IfMatch, Path(_path): Path<PersonPath>) -> Result<StatusCode, Problem> {
    if_match.check(7)?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(get, path = "/probe/panic", responses((status = 200)))]
async fn panic_now() -> StatusCode {
    panic!("the e-mail was ada@example.org")
}

#[utoipa::path(get, path = "/probe/sleep", responses((status = 200)))]
async fn sleep_long() -> StatusCode {
    tokio::time::sleep(Duration::from_hours(1)).await;
    StatusCode::OK
}

#[utoipa::path(get, path = "/probe/guarded", responses((status = 200)))]
async fn read_guarded(caller: Authorized<permission::HealthRead>) -> StatusCode {
    assert!(caller.vendor_id().is_some());
    StatusCode::OK
}

/// What came of a change; the id tells one run of the handler from another.
#[derive(Debug, Serialize, ToSchema)]
struct Written {
    run_id: Uuid,
}

/// How often the probe was asked to collide; a test that asks has a process of its own.
pub(super) static COLLISIONS: AtomicU32 = AtomicU32::new(0);

/// Does as the e-mail says.
#[utoipa::path(post, path = "/probe/keyed", request_body = Person,
    responses((status = 201, description = "Written", body = Written)))]
async fn write_keyed(
    caller: Authorized<permission::IngestWrite>,
    idempotency: Idempotency,
    Json(person): Json<Person>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin().await?;
    let run_id = Uuid::now_v7();
    let event = AuditEvent::new("probe.write", "probe", Purpose::Operations).entity(run_id);
    match person.email.as_str() {
        "missing" => return Err(Problem::new(ProblemCode::CustomerNotFound).detail(run_id.to_string())),
        "failing" => return Err(Problem::broken_promise("the probe was asked to fail")),
        "colliding" | "colliding once" => {
            let again = COLLISIONS.fetch_add(1, Ordering::SeqCst) > 0;
            if !again || person.email == "colliding" {
                audit::record(&mut tx, event).await?;
                return Err(testing::collide(&mut tx).await.into());
            }
            audit::record(&mut tx, event).await?;
        }
        "slow" => tokio::time::sleep(Duration::from_hours(1)).await,
        "unaudited" => {}
        _ => {
            audit::record(&mut tx, event).await?;
        }
    }
    let answer = Answer::json(StatusCode::CREATED, &Written { run_id }).etag(1).location("/probe/keyed/1");
    idempotency.commit(tx, answer).await
}

/// A change of the platform, as those of vendors will be.
#[utoipa::path(post, path = "/probe/platform", request_body = Person,
    responses((status = 201, description = "Written", body = Written)))]
async fn write_platform(
    caller: Authorized<permission::VendorsManage>,
    idempotency: Idempotency,
    Json(person): Json<Person>,
) -> Result<Response, Problem> {
    let mut tx = caller.begin_platform().await?;
    let run_id = Uuid::now_v7();
    if person.email != "unaudited" {
        let event = AuditEvent::new("probe.platform", "probe", Purpose::Operations).entity(run_id);
        audit::record_on_platform(&mut tx, None, &caller.actor(), event).await?;
    }
    idempotency.commit_platform(tx, Answer::json(StatusCode::CREATED, &Written { run_id })).await
}
