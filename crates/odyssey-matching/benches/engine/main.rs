//! The inner loops: ranking a catalog, applying a delta, judging a product by many customers.
//!
//! `cargo bench -p odyssey-matching`. Figures say whether a change made a loop slower than it was on the same
//! machine; what the product promises is measured by `odyssey bench match`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use odyssey_matching::{Audience, AudienceProduct, Query, SnapshotDecoder, SnapshotRow, evaluate, rank};
use odyssey_types::CustomerId;
use uuid::Uuid;

mod synthetic;

use synthetic::{Dice, LOOSE, STRICT, catalog, policy_of, row};

/// Enough for two dozen blocks, so that nothing stays in the first caches.
const PRODUCTS: u64 = 100_000;
const CUSTOMERS: u64 = 200_000;

fn ranking(criterion: &mut Criterion) {
    let snapshot = catalog(PRODUCTS);
    let query = Query { k: 20, ..Query::default() };
    for (name, profile) in [("rank strict", STRICT), ("rank loose", LOOSE)] {
        let policy = policy_of(profile).expect("a profile");
        criterion.bench_function(name, |bench| bench.iter(|| rank(black_box(&snapshot), &policy, &query)));
    }
    let delta: Vec<SnapshotRow> = (0..1_000).map(|n| row(&mut Dice(n), n * 97 % PRODUCTS)).collect();
    criterion.bench_function("delta of 1,000", |bench| {
        bench.iter(|| black_box(&snapshot).apply(delta.clone(), Vec::new()));
    });
    let blocks: Vec<Vec<u8>> = snapshot.encode_blocks().collect();
    criterion.bench_function("read back from bytes", |bench| {
        bench.iter(|| {
            let mut decoder = SnapshotDecoder::new();
            blocks.iter().for_each(|block| decoder.push(block).expect("a block"));
            decoder.finish()
        });
    });
}

fn judging(criterion: &mut Criterion) {
    let policies = [STRICT, LOOSE].map(|profile| policy_of(profile).expect("a profile"));
    let mut audience = Audience::new();
    for number in 0..CUSTOMERS {
        let id = CustomerId::from_uuid(Uuid::from_u64_pair(number << 8, number));
        audience.put(id, &policies[number as usize % policies.len()]);
    }
    let product = row(&mut Dice(3), 3);
    criterion.bench_function("one product against all", |bench| {
        let asked = AudienceProduct { facts: &product.facts, active: true, listed: &[] };
        bench.iter(|| black_box(&audience).judge(&asked).counts());
    });
    let derivation = odyssey_matching::Derivation {
        facts: product.facts.clone(),
        evidence: Vec::new(),
        issues: Vec::new(),
    };
    let meta = odyssey_matching::ProductMeta {
        id: product.id,
        active: true,
        brand: product.brand.clone(),
        category: product.category.clone(),
        role: product.role,
        label_as_of: None,
        changed_at_seconds: product.changed_at_seconds,
    };
    criterion.bench_function("explain one product", |bench| {
        bench.iter(|| evaluate(&policies[0], black_box(&derivation), &meta));
    });
    criterion.bench_function("compile a profile", |bench| bench.iter(|| policy_of(black_box(STRICT))));
}

criterion_group!(engine, ranking, judging);
criterion_main!(engine);
