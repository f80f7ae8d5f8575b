//! One product against every customer.

use std::time::Instant;

use odyssey_domain::catalog;
use odyssey_domain::matching::{audience_of_label, who_regresses};
use odyssey_domain::tenancy::{Actor, begin_at_command_line};
use odyssey_matching::{EvidenceKey, Flag};
use odyssey_types::ProductId;

use super::questions::leaf_of;
use crate::bench::ground::Ground;
use crate::bench::loaded::Loaded;
use crate::bench::measure::Round;
use crate::bench::report::{Findings, Temperature};
use crate::bench::{Scale, yardstick};

/// Products asked about in a round.
const PRODUCTS: usize = 20;

pub async fn measure(
    ground: &Ground,
    loaded: &Loaded,
    scale: &Scale,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    use Temperature::{Cold, Warm};
    let (vendor_id, actor) = (loaded.vendor.id, Actor::command_line());
    let audiences = &ground.node.audiences;
    let tx = begin_at_command_line(&ground.node.database, vendor_id, None).await?;
    let scope = tx.scope();
    tx.roll_back().await?;
    let build = findings.add("opening and compiling every customer", Cold, "customers");
    let one = findings.add("one product against all customers", Warm, "products");
    let two = findings.add("who loses a product by a change of its label", Warm, "products");
    let ids = yardstick::ids(
        &ground.yardstick,
        &format!(
            "SELECT product_id FROM {} ORDER BY md5(product_id::text) LIMIT {PRODUCTS}",
            leaf_of("product_facts", vendor_id)
        ),
    )
    .await?;
    let mut counted = 0;
    for _ in 0..scale.rounds {
        audiences.forget(vendor_id);
        let started = Instant::now();
        audiences.prepare(scope, &actor).await?;
        let built = started.elapsed();
        let (mut ones, mut twos) = (Vec::new(), Vec::new());
        let round = Instant::now();
        for id in &ids {
            let product_id = ProductId::from_uuid(*id);
            let mut tx = begin_at_command_line(&ground.node.database, vendor_id, None).await?;
            let product = catalog::get_product(&mut tx, product_id).await?;
            tx.roll_back().await?;
            let facts = catalog::derive_product(&product.fields, &[]).facts;
            let at = Instant::now();
            let counts = audience_of_label(audiences, scope, &actor, product_id, facts.clone(), true).await?;
            ones.push(at.elapsed());
            counted = counts.total();
            let mut worse = facts.clone();
            let milk = &mut worse.flags[EvidenceKey::Milk as usize];
            *milk = milk.with(Flag::Contains);
            let at = Instant::now();
            who_regresses(audiences, scope, &actor, product_id, facts, worse).await?;
            twos.push(at.elapsed());
        }
        let mut push = |row: usize, round: Round| findings.rows[row].series.push(round);
        push(build, Round::single(built, counted));
        push(one, Round { samples: ones, wall: round.elapsed(), work: PRODUCTS as u64 });
        push(two, Round { samples: twos, wall: round.elapsed(), work: PRODUCTS as u64 });
    }
    let (_, bytes) = audiences.usage();
    findings.notes.push(format!(
        "Customers: {counted} consent and are compiled, {:.1} bytes a customer by the audience's own count. A question reads who changed since, who has the product on a list, and commits its audit row; a loss judges two labels.",
        bytes as f64 / counted.max(1) as f64
    ));
    Ok(())
}
