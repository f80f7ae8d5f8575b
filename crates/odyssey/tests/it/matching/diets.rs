use odyssey_testkit::TestApp;
use serde_json::{Value, json};

use super::{codes, consenting, label, listed, matches, plain, removed, set, with};

fn vegan() -> Value {
    json!({ "diets": [{ "diet": "vegan", "kind": "ethical" }] })
}

#[tokio::test]
async fn a_vegan_gets_what_is_proved_and_not_what_is_merely_silent() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("rice", plain()).await;
    operator.create_product("honey", label("Rice, honey, salt.")).await;
    operator.create_product("cheese", label("Rice, cheese, salt.")).await;
    operator.create_product("beef", label("Rice, beef, salt.")).await;
    operator.create_product("silent", with(plain(), json!({ "ingredients": null }))).await;
    let tagged = with(plain(), json!({ "ingredients": "Rice, honey, salt.", "dietary_tags": ["vegan"] }));
    operator.create_product("wrongly tagged", tagged).await;
    let ada = consenting(&operator, "ada", vegan()).await;
    let answer = matches(&operator, &ada, "").await;
    assert_eq!(listed(&answer, "items"), set(&["rice"]));
    assert_eq!(listed(&answer, "cannot_verify"), set(&[]), "the unverified are listed when asked for");
    assert_eq!(removed(&answer, "HX_DIET", "vegan"), 4);
    let asked = matches(&operator, &ada, "?include=cannot_verify").await;
    assert_eq!(listed(&asked, "items"), set(&["rice"]));
    assert_eq!(listed(&asked, "cannot_verify"), set(&["silent"]));
    assert_eq!(codes(&asked["cannot_verify"][0]), ["HX_DIET_UNPROVEN"]);
}

#[tokio::test]
async fn a_diet_that_is_a_preference_is_a_gate_only_with_never() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator.create_product("rice", plain()).await;
    operator.create_product("cheese", label("Rice, cheese, salt.")).await;
    let diet = |never: bool| json!({ "diets": [{ "diet": "vegan", "kind": "preference", "never": never }] });
    let likes = consenting(&operator, "likes", diet(false)).await;
    let never = consenting(&operator, "never", diet(true)).await;
    assert_eq!(listed(&matches(&operator, &likes, "").await, "items"), set(&["rice", "cheese"]));
    assert_eq!(listed(&matches(&operator, &never, "").await, "items"), set(&["rice"]));
}

#[tokio::test]
async fn several_diets_and_allergies_all_hold_whatever_order_they_stand_in() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    for (id, ingredients) in [
        ("rice", "Rice, water, salt."),
        ("bread", "Wheat flour, water, salt."),
        ("beef", "Beef, salt."),
        ("peanut", "Peanuts, salt."),
    ] {
        operator.create_product(id, label(ingredients)).await;
    }
    let (vegetarian, gluten_free) =
        (json!({ "diet": "vegetarian" }), json!({ "diet": "gluten_free", "kind": "medical" }));
    let (milk, peanut) =
        (json!({ "allergen": "milk" }), json!({ "allergen": "peanut", "severity": "anaphylaxis" }));
    let one = json!({ "diets": [vegetarian, gluten_free], "allergies": [milk, peanut] });
    let other = json!({ "diets": [gluten_free, vegetarian], "allergies": [peanut, milk] });
    let one = consenting(&operator, "one", one).await;
    let other = consenting(&operator, "other", other).await;
    let (one, other) = (matches(&operator, &one, "").await, matches(&operator, &other, "").await);
    assert_eq!(listed(&one, "items"), set(&["rice"]));
    assert_eq!((&one["items"], &one["funnel"]), (&other["items"], &other["funnel"]));
    assert_eq!(one["provenance"]["policy_digest"], other["provenance"]["policy_digest"]);
}

#[tokio::test]
async fn a_filter_by_tag_that_nothing_has_gives_an_empty_list_and_not_the_others() {
    let app = TestApp::start().await;
    let operator = app.vendor("acme").operator().await;
    operator
        .create_product("rice", with(plain(), json!({ "brand": "Acme", "dietary_tags": ["high-protein"] })))
        .await;
    operator
        .create_product("oats", with(plain(), json!({ "brand": "Other", "category_id": "cereal" })))
        .await;
    let ada = consenting(&operator, "ada", vegan()).await;
    for (query, expected) in [
        ("?tags.any=unheard-of", &[][..]),
        ("?tags.any=unheard-of,high-protein", &["rice"][..]),
        ("?brand=Other", &["oats"][..]),
        ("?brand=Nobody", &[][..]),
        ("?category_id=cereal", &["oats"][..]),
        ("?q=zzz", &[][..]),
        ("", &["rice", "oats"][..]),
    ] {
        let answer = matches(&operator, &ada, query).await;
        assert_eq!(listed(&answer, "items"), set(expected), "{query}");
        assert_eq!(answer["considered"].as_u64(), Some(expected.len() as u64), "{query}");
    }
}
