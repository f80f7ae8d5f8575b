//! A new synonym of an allergen: felt at once, settled once the facts are derived anew.

use odyssey_testkit::{Actor, TestApp};
use serde_json::{Value, json};

use crate::matching::{codes, consenting, explain, label, listed, matches, plain, set, with};

fn milk_anaphylaxis() -> Value {
    json!({ "allergies": [{ "allergen": "milk", "severity": "anaphylaxis" }] })
}

fn zorgle(target: &str, certainty: &str) -> Value {
    json!({ "kind": "value", "domain": "allergens", "synonym": "Zorgle", "target": target, "certainty": certainty })
}

/// A label that nobody attested: what it leaves unread may be anything.
fn unattested() -> Value {
    with(label("Rice, zorgle flakes, salt."), json!({ "allergen_data": null }))
}

async fn quoted(actor: &Actor<'_>, customer: &str, product: &str) -> Value {
    explain(actor, customer, product).await["reasons"][0]["evidence"][0].clone()
}

#[tokio::test]
async fn a_new_synonym_turns_cannot_verify_into_a_conflict_that_quotes_it() {
    let app = TestApp::start().await;
    let (operator, admin) = (app.vendor("acme").operator().await, app.vendor("acme").admin().await);
    let rival = app.vendor("rival").operator().await;
    let ada = consenting(&operator, "ada", milk_anaphylaxis()).await;
    let bob = consenting(&rival, "bob", milk_anaphylaxis()).await;
    let bar = operator.create_product("bar", unattested()).await;
    let theirs = rival.create_product("bar", unattested()).await;
    assert_eq!(explain(&operator, &ada, &bar).await["verdict"], "cannot_verify");

    admin.post("/api/v1/synonyms", zorgle("milk", "definite")).await.expect(201);
    app.run_jobs().await;
    let explained = explain(&operator, &ada, &bar).await;
    assert_eq!(explained["verdict"], "conflict");
    assert!(codes(&explained).contains(&"HX_ALLERGEN_CONTAINS"), "{explained}");
    let evidence = quoted(&operator, &ada, &bar).await;
    assert_eq!((&evidence["key"], &evidence["term"]), (&json!("milk"), &json!("Zorgle")), "{evidence}");
    assert_eq!(evidence["matched"], "zorgle");
    let answer = matches(&operator, &ada, "?include=cannot_verify").await;
    assert_eq!((listed(&answer, "items"), listed(&answer, "cannot_verify")), (set(&[]), set(&[])));
    // Nobody else's labels read differently.
    assert_eq!(explain(&rival, &bob, &theirs).await["verdict"], "cannot_verify");
}

#[tokio::test]
async fn between_the_change_and_the_facts_the_rest_is_served_and_nothing_unsafe() {
    let app = TestApp::start().await;
    let (operator, admin) = (app.vendor("acme").operator().await, app.vendor("acme").admin().await);
    // By the tables of the program the label suits Ada: every word is read, and the law would have named milk.
    operator.create_product("puffed-bar", label("Rice, puffed rice, salt.")).await;
    operator.create_product("rice-bar", plain()).await;
    let ada = consenting(&operator, "ada", milk_anaphylaxis()).await;
    let before = matches(&operator, &ada, "").await;
    assert!(listed(&before, "items").contains("puffed-bar"), "{before}");

    let synonym = with(zorgle("milk", "definite"), json!({ "synonym": "puffed rice" }));
    admin.post("/api/v1/synonyms", synonym).await.expect(201);
    let between = matches(&operator, &ada, "").await;
    assert_eq!(listed(&between, "items"), set(&["rice-bar"]));
    assert_eq!(
        between["provenance"]["catalog_version"], before["provenance"]["catalog_version"],
        "no fact has been derived anew yet"
    );
    app.run_jobs().await;
    let after = matches(&operator, &ada, "").await;
    assert_eq!(listed(&after, "items"), set(&["rice-bar"]));
    assert_eq!(after["fits_total"], 1);

    // A product written later is read by the same tables, and one whose synonym goes reads as before.
    operator.create_product("late-bar", label("Puffed rice, water, salt.")).await;
    assert_eq!(listed(&matches(&operator, &ada, "").await, "items"), set(&["rice-bar"]));
    let id = admin.get("/api/v1/synonyms?kind=value").await.expect(200)["items"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!(admin.delete(&format!("/api/v1/synonyms/{id}")).await.status.as_u16(), 204);
    app.run_jobs().await;
    let last = matches(&operator, &ada, "").await;
    assert_eq!(listed(&last, "items"), set(&["late-bar", "rice-bar", "puffed-bar"]));
}

#[tokio::test]
async fn a_synonym_of_the_platform_counts_at_every_vendor_and_none_of_them_can_take_it_away() {
    let app = TestApp::start().await;
    let (root, admin) = (app.superadmin().await, app.vendor("acme").admin().await);
    let operator = app.vendor("acme").operator().await;
    let ada = consenting(&operator, "ada", milk_anaphylaxis()).await;
    let bar = operator.create_product("bar", unattested()).await;
    root.post("/api/v1/platform/synonyms", zorgle("milk", "definite")).await.expect(200);
    app.run_jobs().await;
    assert_eq!(explain(&operator, &ada, &bar).await["verdict"], "conflict");
    // The vendor's own row of the same word adds another key and leaves the platform's evidence.
    admin.post("/api/v1/synonyms", zorgle("egg", "likely")).await.expect(201);
    app.run_jobs().await;
    assert_eq!(explain(&operator, &ada, &bar).await["verdict"], "conflict");
}
