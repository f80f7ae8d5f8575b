//! The faults of the service that Odyssey replaces, each with the test that would have failed there.
//!
//! | fault | what it did | test |
//! | --- | --- | --- |
//! | S1 | read other vendors' data by id | `contract/tenancy.rs` `a_rival_vendors_token_gets_404_on_every_id_of_every_operation` |
//! | S2 | dropped allergens and nutrition that were typed in | `faults/writes.rs` `whatever_part_of_a_product_is_written_reads_back_and_nothing_else_does` |
//! | S2 | the same | `catalog/products.rs` `every_field_of_a_product_reads_back_as_it_was_written` |
//! | S3 | asked for no permission | `contract/permissions.rs` `every_operation_refuses_the_roles_that_may_not_and_no_others` |
//! | S4 | left health reads out of the audit, swallowed failures of it | `faults/trail.rs` `an_answer_that_cannot_be_recorded_is_not_given` |
//! | S4 | the same | `contract/disclosures.rs` `every_operation_leaves_the_events_and_subjects_that_its_contract_promises` |
//! | S5 | reset what a PATCH did not name, made a missing height 0 | `customers/health.rs` `a_patch_of_one_health_field_changes_that_field_and_what_derives_from_it` |
//! | S6 | destroyed a foreign profile behind a 404 | `customers/people.rs` `a_rivals_call_on_a_customer_is_not_found_and_changes_nothing` |
//! | S9 | overwrote the person with the same e-mail, answered 201 | `customers/people.rs` `the_same_email_under_another_external_id_overwrites_nothing` |
//! | S9 | the same | `customers/people.rs` `creating_somebody_who_exists_is_a_conflict_that_points_there_and_overwrites_nothing` |
//! | S10 | matched the newest few hundred products only | `matching/oracle.rs` `the_best_product_is_found_in_the_oldest_row_of_six_hundred` |
//! | S11a | dropped required tags that matched nothing | `matching/diets.rs` `a_filter_by_tag_that_nothing_has_gives_an_empty_list_and_not_the_others` |
//! | S11b | let unknown nutrition pass hard limits | `matching/nutrients.rs` `an_amount_that_is_not_stated_passes_no_limit` |
//! | S11b | let unknown allergens pass exclusion | `matching/allergies.rs` `without_an_attestation_the_list_is_empty_and_the_funnel_says_why` |
//! | S11c | merged two conditions, the last wins | `matching/nutrients.rs` `two_conditions_are_as_strict_as_the_stricter_one_in_either_order` |
//! | S11d | never stopped an item for its sodium | `matching/nutrients.rs` `an_item_of_1800_mg_sodium_is_stopped_for_hypertension` |
//! | S11d | took a day's ceiling for a serving's | `matching/nutrients.rs` `a_days_ceiling_is_not_taken_for_a_servings` |
//! | S11d | made a maximum of a fibre target | `matching/nutrients.rs` `more_fibre_is_never_worse` |
//! | S11e | answered from a cache that saw no edit | `matching/edits.rs` `an_edit_of_the_profile_counts_from_the_next_answer_on` |
//! | S11e | capped a later k = 20 by an earlier k = 5 | `matching/lists.rs` `a_short_list_does_not_cap_a_longer_one_and_is_its_beginning` |
//! | S11f | compared allergens as raw strings | `matching/allergies.rs` `one_allergen_under_many_names_lands_on_the_same_gate` |
//! | S13 | refused the batches it promised to take | `catalog/products.rs` `a_batch_of_ten_thousand_realistic_products_is_taken` |
//! | S14 | took A after B for a repetition of A | `faults/writes.rs` `a_then_b_then_a_again_ends_as_a` |
//! | S14 | the same, by file | `ingestion/products.rs` `a_then_b_then_a_ends_as_a` |
//! | S15 | answered 404 on documented routes | `contract/disclosures.rs` `every_operation_of_the_contract_is_served` |
//! | S16 | had text indexes that no query used | `catalog/search.rs` `the_search_function_uses_its_index` |
//! | S16 | filtered the first fifty rows in the browser | `catalog/search.rs` `the_best_match_comes_first_and_an_unfinished_word_is_enough` |
//! | S18 | had one value for "none" and "not stated" | `faults/writes.rs` `five_kinds_of_statement_about_an_allergen_stay_five` |
//! | S22 | had a partition migration that could not run | `db/leaves.rs` `with_fifty_vendors_each_query_touches_only_its_vendors_leaves` |
//! | S23 | bumped the catalog version once per row | `faults/writes.rs` `a_batch_takes_one_catalog_version_and_a_refused_one_none` |
//! | S24 | kept secrets in the repository | `xtask/src/secrets/tests.rs` `each_planted_secret_is_found` |
//! | S24 | did not verify TLS | `crates/odyssey/src/config/url_tests.rs` `only_named_settings_weaken_tls` |
//! | S25 | shared idempotency keys between vendors and bodies | `catalog/products.rs` `a_replayed_key_gives_the_first_answer_and_another_body_is_refused` |
//! | S25 | ran the work twice for a second caller | `crates/odyssey-api/src/tests/with_database.rs` `a_concurrent_repeat_is_told_to_wait_and_a_client_that_hangs_up_gives_its_key_back` |
//!
//! Faults that other work carries (resumable uploads, identity, console, webhooks) are not in the table.

mod trail;
mod writes;

use std::path::Path;

#[test]
fn each_fault_has_its_test_where_the_table_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut rows = 0;
    for line in include_str!("mod.rs").lines().filter(|line| line.starts_with("//! | S")) {
        let named: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
        let [file, test] = named[..] else { panic!("a row names a file and a test: {line}") };
        let below_it = root.join("crates/odyssey/tests/it").join(file);
        let path = if below_it.exists() { below_it } else { root.join(file) };
        let source = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(source.contains(&format!("fn {test}()")), "{file} has no test {test}");
        rows += 1;
    }
    assert!(rows >= 30, "only {rows} rows were read");
}
