//! Any text as an ingredient list, parsed into a tree: no panic, ranges within the text, limits kept.
//!
//! Run with `cargo +nightly fuzz run ingredient_tree` from the root of the repository.
#![no_main]

use libfuzzer_sys::fuzz_target;
use odyssey_matching::label::{DEPTH_MAX, INGREDIENTS_MAX, STATEMENTS_MAX, Tables, WHOLE_PPM, parse, placements};

fuzz_target!(|text: &str| {
    let tree = parse(text);
    let mut count = 0;
    for (depth, ingredient) in tree.walk() {
        count += 1;
        assert!(depth <= DEPTH_MAX);
        assert!(!text[ingredient.start as usize..ingredient.end as usize].is_empty());
        assert!(ingredient.min_ppm <= ingredient.max_ppm && ingredient.max_ppm <= WHOLE_PPM);
    }
    assert!(count <= INGREDIENTS_MAX && tree.statements.len() <= STATEMENTS_MAX);
    for statement in &tree.statements {
        assert!(!text[statement.start as usize..statement.end as usize].is_empty());
    }
    for placement in placements(text, Tables::embedded()) {
        assert!(placement.rank >= 1 && placement.max_ppm <= WHOLE_PPM);
    }
});
