//! A body for every operation that takes one, good enough to get past its shape.

use odyssey_api::operation::Operation;
use odyssey_testkit::{Actor, TestResponse};
use serde_json::{Value, json};

/// A picture of one pixel.
pub const PICTURE: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\xff\0\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

/// The body that an operation is called with; an operation that is not named here and needs one fails the
/// walk with a malformed request.
pub fn body_of(operation: &Operation, id_of: impl Fn(&str) -> String) -> Option<Value> {
    let product = json!({ "name": "Oat bar" });
    match operation.id.as_str() {
        "upsert_products" => Some(json!({ "products": [{ "external_id": "sample", "name": "Oat bar" }] })),
        "replace_product" | "update_product" => Some(product),
        "restore_product" | "restore_customer" => Some(json!({ "row_version": 1 })),
        "release_allergen_hold" => Some(json!({})),
        "upsert_customers" => Some(json!({ "customers": [{ "external_id": "sample" }] })),
        "replace_customer" | "update_customer" => Some(json!({})),
        "preview_matches" => Some(json!({ "subject": { "customer_id": id_of("customer_id") } })),
        "check_basket" => Some(json!({
            "subject": { "customer_id": id_of("customer_id") },
            "items": [{ "product_id": id_of("product_id"), "quantity": 2 }],
        })),
        "correct_job_errors" => {
            Some(json!({ "corrections": [{ "code": "enum_unknown", "use_suggestion": true }] }))
        }
        "rerun_job_errors" => Some(json!({ "rows": "all" })),
        "write_rule_set" => {
            Some(json!({ "id": "sample-rules", "title": "Sample", "review_on": "2030-01-01", "rules": [
            { "id": "named", "title": "Named", "kind": "stated", "field": "name", "source": "Ours" }] }))
        }
        "replace_rules_draft" => {
            Some(json!({ "changes": [{ "change": "set_cap", "rule": "htn.sodium", "amount": "1500" }] }))
        }
        // What states no sodium is lost to whom the cap is hard for.
        "preview_rules" => Some(json!({ "changes": [{ "change": "harden", "rule": "htn.sodium" }] })),
        "publish_rules" => Some(json!({ "version": 2 })),
        "roll_back_rules" => Some(json!({ "version": 1 })),
        "replace_scoring_policy" => {
            Some(json!({ "caps": 40, "targets": 15, "fit": 15, "goal": 10, "models": 12, "preference": 8 }))
        }
        "create_taxonomy_node" | "write_platform_node" => {
            Some(json!({ "kind": "category", "code": "sample", "label": "Sample" }))
        }
        "replace_taxonomy_node" => Some(json!({ "label": "Sample" })),
        "replace_synonym" => {
            Some(json!({ "kind": "search", "domain": "en", "synonym": "replaced", "target": "example" }))
        }
        "create_synonym" | "write_platform_synonym" => {
            Some(json!({ "kind": "search", "domain": "en", "synonym": "sample", "target": "example" }))
        }
        "replace_mapping" => {
            Some(json!({ "columns": [{ "header": "Artikel", "fields": [{ "field": "name" }] }] }))
        }
        "change_jobs" => Some(json!({ "action": "cancel", "filter": {}, "dry_run": true })),
        "pause_queue" => Some(json!({ "reason": "a repair" })),
        "scale_queue" => Some(json!({ "workers_per_node": 2 })),
        "merge_customers" => Some(json!({ "other": id_of("other_customer_id"), "preview": true })),
        "start_export" => Some(json!({ "kind": "products", "format": "csv" })),
        "update_product_image" => Some(json!({ "alt_text": "The front.", "position": 1 })),
        "create_note" => Some(json!({ "text": "Prefers the evening." })),
        "search_customers" => Some(json!({ "external_id": "sample" })),
        "replace_health_profile" | "update_health_profile" => Some(json!({})),
        "propose_fhir" => Some(json!({ "resourceType": "Bundle", "type": "collection", "entry": [
            { "resource": { "resourceType": "Patient", "id": "sample" } }] })),
        "record_consent" => Some(json!({ "purpose": "health_data", "state": "granted" })),
        "put_list_entry" => Some(json!({ "list": "never_show" })),
        "sign_in" => Some(json!({ "email": "nobody@acme.example", "password": "not the right password" })),
        "refresh_session" | "refresh" => Some(json!({ "refresh_token": "no such token" })),
        _ if operation.keyed => Some(json!({})),
        _ => None,
    }
}

/// Calls an operation with its path parameters filled in.
pub async fn call(actor: &Actor<'_>, operation: &Operation, id_of: impl Fn(&str) -> String) -> TestResponse {
    let mut path = operation.path.clone();
    while let (Some(open), Some(close)) = (path.find('{'), path.find('}')) {
        let name = &path[open + 1..close];
        // What is undone or applied has ended; other operations are about a job that waits.
        let name = match operation.id.as_str() {
            "get_undo" | "undo_import" => "ended_job_id",
            "correct_job_errors" | "rerun_job_errors" => "refused_job_id",
            "get_rehearsal" | "apply_rehearsal" => "rehearsed_job_id",
            _ => name,
        };
        let id = id_of(name);
        path.replace_range(open..=close, &id);
    }
    match operation.id.as_str() {
        "search_products" => path.push_str("?q=oat"),
        "list_product_audience" => path.push_str("?verdict=conflict"),
        "list_taxonomy_nodes" | "list_platform_nodes" => path.push_str("?kind=category"),
        "list_synonyms" | "list_platform_synonyms" => path.push_str("?kind=search"),
        "delete_platform_node" => path.push_str("?kind=category&code=sample"),
        "delete_platform_synonym" => path.push_str("?kind=search&domain=en&synonym=sample"),
        "import_csv" | "start_import" | "ingest_csv" | "preview_ingest" | "create_upload" => {
            path.push_str("?mode=products");
        }
        _ => {}
    }
    let key = uuid::Uuid::now_v7().to_string();
    let mut headers = Vec::new();
    if operation.keyed {
        headers.push(("idempotency-key", key.as_str()));
    }
    if operation.method == http::Method::PUT || operation.id == "apply_fhir_proposal" {
        headers.push(("if-match", "*"));
    }
    if operation.path.starts_with("/api/v1/ingest/") {
        let csv = b"external_id,name\nsample,Oat bar\n".to_vec();
        return actor.send_bytes(operation.method.clone(), &path, &headers, Some(("text/csv", csv))).await;
    }
    if operation.id == "add_product_image" {
        let picture = Some(("image/gif", PICTURE.to_vec()));
        return actor.send_bytes(operation.method.clone(), &path, &headers, picture).await;
    }
    if operation.path.starts_with("/api/v1/uploads") {
        headers.push(("tus-resumable", "1.0.0"));
    }
    match operation.id.as_str() {
        "create_upload" => headers.push(("upload-length", "3")),
        "append_upload" => {
            headers.push(("upload-offset", "0"));
            let bytes = Some(("application/offset+octet-stream", b"id".to_vec()));
            return actor.send_bytes(operation.method.clone(), &path, &headers, bytes).await;
        }
        _ => {}
    }
    actor.send(operation.method.clone(), &path, &headers, body_of(operation, id_of)).await
}
