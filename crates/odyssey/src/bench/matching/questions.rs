//! What engine and SQL are both asked, and who asks over HTTP.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use odyssey_domain::customers;
use odyssey_domain::tenancy::begin_at_command_line;
use odyssey_matching::{Diet, EvidenceKey, Policy, PolicyInput, RulePack};
use odyssey_types::{CustomerId, HealthProfile, Nutrient, VendorId};
use serde_json::json;

use super::K;
use crate::bench::ground::{Ground, Session};
use crate::bench::loaded::Loaded;
use crate::bench::measure::Round;
use crate::bench::yardstick;

/// The customers whose lists are asked for: allergies, conditions, diets and limits, alone and together.
const CUSTOMERS: [&str; 6] = ["demo-1", "demo-2", "demo-3", "demo-4", "demo-5", "demo-6"];
/// Few products pass.
const STRICT: &str = r#"{"age_years":40,"allergies":[{"allergen":"peanut","severity":"allergy"}],
    "diets":[{"diet":"vegan","kind":"ethical"}],"limits":[{"nutrient":"sodium_mg","max":140,"period":"serving"}]}"#;
/// Most do, and every one of them is scored.
const LOOSE: &str = r#"{"age_years":34,"sex":"male","height_cm":180,"weight_kg":78,"activity_level":"moderate",
    "goals":["more_fiber"],"limits":[{"nutrient":"sodium_mg","max":2000,"period":"serving"}]}"#;

/// One question in every form.
pub struct Question {
    pub name: &'static str,
    pub policy: Policy,
    /// What a good engineer would ask of the products themselves.
    pub wide: String,
    /// The same of the typed facts, the first [`K`].
    pub narrow: String,
    /// Without the limit.
    pub narrow_everything: String,
}

impl Question {
    pub fn all(ground: &Ground, vendor_id: VendorId) -> anyhow::Result<Vec<Self>> {
        let peanut = 1_i64 << (EvidenceKey::Peanut as u8);
        let position = |found: Option<usize>| found.map_or(0, |at| at + 1);
        let vegan = position(Diet::ALL.iter().position(|diet| *diet == Diet::Vegan));
        let sodium = position(Nutrient::ALL.iter().position(|nutrient| *nutrient == Nutrient::Sodium));
        // Truth 2 is "yes".
        let strict = format!("AND absent_keys & {peanut} <> 0 AND diets[{vegan}] & 3 = 2");
        let labels = "AND NOT coalesce(allergens->'contains' ? 'peanut', false)
             AND coalesce(ingredients, '') !~* '\\mpeanuts?\\M' AND dietary_tags @> ARRAY['vegan']";
        [("strict", STRICT, strict.as_str(), labels, 140), ("loose", LOOSE, "", "", 2000)]
            .into_iter()
            .map(|(name, profile, narrow, wide, sodium_mg)| {
                let micrograms = sodium_mg * 1000;
                // A limit per serving says nothing where the reference amount is assumed (source 2).
                let everything = format!(
                    "SELECT product_id FROM {}
                     WHERE active {narrow} AND reference_source <> 2 AND per_reference[{sodium}] <= {micrograms}
                     ORDER BY per_reference[{sodium}], product_id",
                    leaf_of("product_facts", vendor_id)
                );
                Ok(Self {
                    name,
                    policy: policy_of(&serde_json::from_str(profile)?, None, ground),
                    wide: format!(
                        "SELECT id FROM {}
                         WHERE status = 'active' AND deleted_at IS NULL {wide}
                           AND (nutrition->'amounts'->>'sodium_mg')::numeric <= {sodium_mg}
                         ORDER BY (nutrition->'amounts'->>'sodium_mg')::numeric, id LIMIT {K}",
                        leaf_of("products", vendor_id)
                    ),
                    narrow: format!("{everything} LIMIT {K}"),
                    narrow_everything: everything,
                })
            })
            .collect()
    }
}

/// What the rows mean.
pub fn notes() -> Vec<String> {
    [
        "Strict: no peanut, vegan, at most 140 mg of sodium a serving. Loose: at most 2,000 mg of sodium a serving, with targets, energy and a goal to score. SQL orders by sodium and takes the first 20, on a superuser's connection straight on the vendor's leaves; the wide form asks declared allergens, the ingredient text, tags and the nutrition document, and so finds other products than the derived facts do. The engine and the request do more: tiers, score, reasons, funnel; the request adds sign-in, tenancy, opening the sealed profile, hydrating and judging again 20 products, and a committed audit row.",
        "The load driver runs in the server's process and on its cores.",
        "DuckDB and Polars are no part of this run: they are no part of the product, and would answer over a copy of the columns made for them.",
    ]
    .map(str::to_owned)
    .into()
}

/// Sums so many bytes on one thread, `count` times: what memory alone takes.
pub async fn read_bytes(bytes: usize, count: usize) -> anyhow::Result<Round> {
    tokio::task::spawn_blocking(move || {
        let words = vec![1_u64; bytes.div_ceil(8)];
        let started = Instant::now();
        let mut samples = Vec::with_capacity(count);
        for _ in 0..count {
            let at = Instant::now();
            std::hint::black_box(
                std::hint::black_box(&words).iter().fold(0_u64, |sum, word| sum.wrapping_add(*word)),
            );
            samples.push(at.elapsed());
        }
        Round { samples, wall: started.elapsed(), work: count as u64 }
    })
    .await
    .context("reading memory panicked")
}

pub fn leaf_of(table: &str, vendor_id: VendorId) -> String {
    format!("odyssey_leaf.{table}_{}", vendor_id.as_uuid().simple())
}

pub fn policy_of(profile: &HealthProfile, age_years: Option<u8>, ground: &Ground) -> Policy {
    let pack = RulePack::embedded();
    let input = PolicyInput {
        profile,
        age_years,
        as_of: ground.node.database.clock().now().date_naive(),
        never_list: &[],
        allow_list: &[],
        vendor_policy: pack.scoring,
        label_oldest: None,
    };
    Policy::compile(&input, pack)
}

/// The paths of the demo customers' lists, and their ids.
pub async fn customer_paths(session: &Session) -> anyhow::Result<(Arc<Vec<String>>, Vec<CustomerId>)> {
    let (mut paths, mut ids) = (Vec::new(), Vec::new());
    for external_id in CUSTOMERS {
        let found = session.post("/customers/search", &json!({ "external_id": external_id })).await?;
        let id: CustomerId =
            found["items"][0]["id"].as_str().with_context(|| format!("{external_id} is there"))?.parse()?;
        let path = format!("/matches/{id}?k={K}");
        let matches = session.get(&path).await?;
        ensure!(matches["considered"].as_u64().is_some_and(|n| n > 0), "{external_id} has no list");
        paths.push(path);
        ids.push(id);
    }
    Ok((Arc::new(paths), ids))
}

/// The paths of up to `most` customers who consent: each is asked for once, so that no answer is kept from
/// before.
pub async fn fresh_paths(
    ground: &Ground,
    vendor_id: VendorId,
    most: usize,
) -> anyhow::Result<Arc<Vec<String>>> {
    let sql = format!(
        "SELECT id FROM {} WHERE health_consent = 'granted' AND has_profile AND deleted_at IS NULL ORDER BY id LIMIT {most}",
        leaf_of("customers", vendor_id)
    );
    let ids = yardstick::ids(&ground.yardstick, &sql).await?;
    ensure!(!ids.is_empty(), "no customer consents");
    Ok(Arc::new(ids.into_iter().map(|id| format!("/matches/{id}?k={K}")).collect()))
}

/// The policies of the same customers, compiled from their opened profiles.
pub async fn policies_of(
    ground: &Ground,
    loaded: &Loaded,
    ids: &[CustomerId],
) -> anyhow::Result<Vec<Policy>> {
    let mut tx =
        begin_at_command_line(&ground.node.database, loaded.vendor.id, Some(loaded.admin.user_id)).await?;
    let mut policies = Vec::new();
    for id in ids {
        let opened = customers::open_for_matching(&mut tx, *id, customers::MatchAct::Match).await?;
        policies.push(policy_of(opened.profile.expose(), *opened.age_years.expose(), ground));
    }
    tx.commit().await?;
    Ok(policies)
}
