use std::collections::BTreeSet;

use http::Method;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::house::House;
use crate::contract;
use crate::operation::Operations;
use crate::state::ApiState;

/// Operations that anybody may call. A line here is a decision; it may only shrink or be argued for.
const OPEN: [&str; 13] = [
    "describe_uploads",
    "get_contract",
    "get_liveness",
    "get_meta",
    "get_problem",
    "get_reader",
    "get_reader_script",
    "get_reader_style",
    "get_readiness",
    "get_receipt_keys",
    "list_problems",
    "refresh_session",
    "sign_in",
];

/// POST, PUT and PATCH without an `Idempotency-Key`: sign-in, POSTs that only read, uploads and file bodies.
const UNKEYED: [&str; 11] = [
    "append_upload",
    "check_basket",
    "create_upload",
    "ingest_csv",
    "preview_ingest",
    "preview_matches",
    "preview_rules",
    "refresh_session",
    "search_customers",
    "sign_in",
    "sign_out",
];

#[test]
fn only_these_operations_are_open() {
    let operations = crate::operations().unwrap();
    let open: BTreeSet<&str> =
        operations.iter().filter(|o| o.permission.is_none()).map(|o| o.id.as_str()).collect();
    assert_eq!(open, BTreeSet::from(OPEN));
}

#[test]
fn every_change_has_a_key_or_is_named_here() {
    let operations = crate::operations().unwrap();
    let changes = [Method::POST, Method::PUT, Method::PATCH];
    let unkeyed: BTreeSet<&str> = operations
        .iter()
        .filter(|o| changes.contains(&o.method) && !o.keyed)
        .map(|o| o.id.as_str())
        .collect();
    assert_eq!(unkeyed, BTreeSet::from(UNKEYED));
}

#[test]
fn whoever_changes_or_discloses_is_audited() {
    for operation in crate::operations().unwrap().iter() {
        // By their definition these two change nothing (RFC 9110, 9.2.1).
        let is_safe = [Method::GET, Method::OPTIONS].contains(&operation.method);
        let must = operation.phi || !is_safe;
        assert!(!must || operation.audit.is_some(), "{} leaves no audit event", operation.id);
    }
}

#[test]
fn operation_ids_are_unique_and_the_facts_come_from_the_signature() {
    let operations = crate::operations().unwrap();
    let ids: BTreeSet<&str> = operations.iter().map(|o| o.id.as_str()).collect();
    assert_eq!(ids.len(), operations.iter().count());
    let probes = Operations::read(&super::probe::routes().into_openapi()).unwrap();
    let keyed = probes.iter().find(|o| o.id == "write_keyed").unwrap();
    assert_eq!(keyed.permission.map(|p| p.as_str()), Some("IngestWrite"));
    assert!(keyed.keyed && !keyed.phi);
}

#[test]
fn a_route_that_is_registered_past_the_macros_stops_the_start() {
    #[utoipa::path(get, path = "/side-door", responses((status = 200)))]
    async fn side_door() {}
    let routes: OpenApiRouter<ApiState> = OpenApiRouter::default().routes(routes!(side_door));
    let Err(error) = contract::complete(routes.into_openapi()) else { panic!("it was accepted") };
    assert!(error.to_string().contains("/side-door"));
}

#[tokio::test]
async fn the_served_document_is_3_1_and_every_reference_in_it_leads_somewhere() {
    let answer = House::new().get("/openapi.json").await;
    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(references.len() > 20, "only {} references", references.len());
    // An enum in a query without `#[param(inline)]` is the usual cause.
    let lost: BTreeSet<&String> = references
        .iter()
        .filter(|reference| document.pointer(reference.strip_prefix('#').unwrap()).is_none())
        .collect();
    assert!(lost.is_empty(), "references that lead nowhere: {lost:?}");
    let audit = &document["paths"]["/api/v1/audit"]["get"];
    assert_eq!(audit["x-odyssey-permission"], "AuditRead");
    assert_eq!(audit["x-odyssey-audit"]["event"], "audit.list");
    assert_eq!(audit["responses"]["403"]["$ref"], "#/components/responses/Problem403");
    assert!(audit["parameters"].as_array().unwrap().iter().any(|p| p["name"] == "X-Vendor-Id"));
}

fn collect_references(value: &serde_json::Value, into: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(|r| r.as_str()) {
                into.push(reference.to_owned());
            }
            members.values().for_each(|member| collect_references(member, into));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect_references(item, into)),
        _ => {}
    }
}

#[tokio::test]
async fn every_guarded_operation_refuses_the_anonymous() {
    let house = House::new();
    for operation in crate::operations().unwrap().iter().filter(|o| o.permission.is_some()) {
        let path = operation.path.replace(['{', '}'], "");
        let answer = house.send(operation.method.as_str(), &path, &[], "").await;
        assert_eq!(answer.problem(), "401 unauthenticated", "{}", operation.id);
    }
}
