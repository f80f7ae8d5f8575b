//! The contract: what the routes do not say themselves, added in one pass over the document.
//!
//! Owns: the shared parameters, responses and security schemes of the OpenAPI document. Promises: each
//! operation lists the problems it can answer with; one that takes a key, a vendor or a precondition says
//! so. Emits: nothing. Never: describes a route that the router does not have, since it starts from the
//! router's own document.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use utoipa::PartialSchema;
use utoipa::openapi::path::{Operation as Documented, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::security::{HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, KnownFormat, OpenApi, Ref, RefOr, Required, Response,
    ResponseBuilder,
};

use crate::operation::{Operation, Operations, UnregisteredOperation, operations_of_mut};
use crate::paging::Limit;
use crate::problem::{PROBLEM_JSON, ProblemBody, ProblemCode, ProblemError};

const BEARER: &str = "bearer";
/// The one POST that asks for a precondition: it changes a profile that somebody has looked at.
const CONDITIONAL_POST: &str = "apply_fhir_proposal";
/// The one operation that asks somebody else's server.
const FETCHING_POST: &str = "add_product_image";

/// Completes the router's document.
pub(crate) fn complete(mut document: OpenApi) -> Result<OpenApi, UnregisteredOperation> {
    let operations = Operations::read(&document)?;
    document.info = InfoBuilder::new()
        .title("Odyssey B2B")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(include_str!("contract.md")))
        .build();
    let components = document.components.get_or_insert_with(Components::new);
    add_shared(components);
    for (path, item) in &mut document.paths.paths {
        for (method, documented) in operations_of_mut(item) {
            if let Some(operation) = operations.find(path, &method) {
                complete_operation(documented, &operation);
            }
        }
    }
    Ok(document)
}

fn add_shared(components: &mut Components) {
    components.schemas.insert("Problem".to_owned(), ProblemBody::schema());
    components.schemas.insert("ProblemEntry".to_owned(), ProblemError::schema());
    // Schemas of parameters are not collected from the routes as those of bodies are.
    components.schemas.insert("Limit".to_owned(), Limit::schema());
    let codes = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("Every code that a problem can have; each has a page at /problems/<code>."))
        .enum_values(Some(ProblemCode::ALL.iter().map(|code| code.as_str())));
    components.schemas.insert("ProblemCode".to_owned(), codes.build().into());
    for (status, codes) in codes_by_status() {
        components.responses.insert(response_name(status), problem_response(status, &codes).into());
    }
    components.add_security_scheme(
        BEARER,
        SecurityScheme::Http(
            utoipa::openapi::security::HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .bearer_format("JWT")
                .description(Some("An access token of POST /api/v1/auth/sign-in."))
                .build(),
        ),
    );
}

fn codes_by_status() -> BTreeMap<u16, Vec<ProblemCode>> {
    let mut by_status: BTreeMap<u16, Vec<ProblemCode>> = BTreeMap::new();
    for code in ProblemCode::ALL {
        by_status.entry(code.status().as_u16()).or_default().push(*code);
    }
    by_status
}

fn problem_response(status: u16, codes: &[ProblemCode]) -> Response {
    let phrase = StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("Problem");
    let codes: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new()
        .description(format!("{phrase}: one of {}", codes.join(", ")))
        .content(PROBLEM_JSON, content)
        .build()
}

fn response_name(status: u16) -> String {
    format!("Problem{status}")
}

fn complete_operation(documented: &mut Documented, operation: &Operation) {
    let guarded = operation.permission.is_some();
    documented.security =
        Some(if guarded { vec![SecurityRequirement::new(BEARER, Vec::<String>::new())] } else { Vec::new() });
    let parameters = documented.parameters.get_or_insert_default();
    if guarded {
        let about = "The vendor to act at; required for whoever belongs to several.";
        parameters.push(header("X-Vendor-Id", about, Required::False, Some(KnownFormat::Uuid)));
    }
    if operation.keyed {
        let about = "Makes a repeat of this call harmless: 1 to 255 visible characters, kept for 24 hours.";
        parameters.push(header("Idempotency-Key", about, Required::True, None));
    }
    let must = operation.method == Method::PUT || operation.id == CONDITIONAL_POST;
    let conditional = must || matches!(operation.method, Method::PATCH | Method::DELETE);
    if conditional {
        let about = "The ETag of the version that the change applies to.";
        let required = if must { Required::True } else { Required::False };
        parameters.push(header("If-Match", about, required, None));
    }
    for status in statuses(operation, conditional, documented.request_body.is_some()) {
        let reference = Ref::new(format!("#/components/responses/{}", response_name(status)));
        documented.responses.responses.entry(status.to_string()).or_insert(RefOr::Ref(reference));
    }
}

/// The statuses of problems that an operation can answer with, from what it is.
fn statuses(operation: &Operation, conditional: bool, has_body: bool) -> Vec<u16> {
    let mut statuses = vec![400, 429, 500, 503];
    if operation.permission.is_some() {
        statuses.extend([401, 403, 404]);
    }
    if has_body {
        statuses.extend([413, 415, 422]);
    }
    if operation.keyed {
        statuses.extend([409, 422]);
    }
    if operation.id == FETCHING_POST {
        statuses.push(502);
    }
    if conditional {
        statuses.push(412);
    }
    if operation.method == Method::PUT {
        statuses.push(428);
    }
    statuses.extend(statuses_of_uploads(&operation.id));
    statuses
}

/// What the protocols of uploads have beside that.
fn statuses_of_uploads(operation_id: &str) -> &'static [u16] {
    match operation_id {
        "create_upload" => &[409, 410, 412, 460, 501],
        "append_upload" => &[409, 410, 460],
        "get_upload" => &[410, 412],
        "terminate_upload" => &[409, 410],
        _ => &[],
    }
}

fn header(
    name: &str,
    about: &str,
    required: Required,
    format: Option<KnownFormat>,
) -> RefOr<utoipa::openapi::path::Parameter> {
    let schema = ObjectBuilder::new().schema_type(Type::String).format(format.map(SchemaFormat::KnownFormat));
    let parameter = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(required)
        .description(Some(about))
        .schema(Some(schema));
    RefOr::T(parameter.build())
}
