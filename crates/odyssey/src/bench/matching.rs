//! `match`: the engine and the whole request, beside exhaustive SQL over the narrow facts table.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use odyssey_domain::catalog;
use odyssey_domain::customers;
use odyssey_domain::matching::VendorSnapshot;
use odyssey_domain::tenancy::{VendorScope, begin_at_command_line};
use odyssey_matching::{Diet, EvidenceKey, Policy, PolicyInput, Query, RulePack, rank};
use odyssey_types::{CustomerId, HealthProfile, Nutrient, VendorId};
use serde_json::json;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::ground::{Ground, Session};
use super::loaded::Loaded;
use super::measure::{Round, drive};
use super::report::{Findings, Temperature};
use super::{CLIENTS, Scale, yardstick};

/// The customers whose lists are asked for: allergies, conditions, diets and limits, alone and together.
const CUSTOMERS: [&str; 6] = ["demo-1", "demo-2", "demo-3", "demo-4", "demo-5", "demo-6"];
/// Products of an answer.
const K: usize = 20;
/// What engine and SQL are both asked for.
const PROFILE: &str = r#"{"age_years":40,"allergies":[{"allergen":"peanut","severity":"allergy"}],
    "diets":[{"diet":"vegan","kind":"ethical"}],"limits":[{"nutrient":"sodium_mg","max":140,"period":"serving"}]}"#;
const SODIUM_MICROGRAMS: i64 = 140_000;
/// Requests of one client in a round, and of each of the many.
const ALONE: usize = 12;
const TOGETHER: usize = 4;
const SQL_ALONE: usize = 6;
const SQL_TOGETHER: usize = 2;

struct Rows {
    sql: usize,
    sql_cold: usize,
    sql_many: usize,
    engine: usize,
    engine_people: usize,
    engine_cold: usize,
    http: usize,
    http_cold: usize,
    http_many: usize,
}

impl Rows {
    fn add(findings: &mut Findings) -> Self {
        use Temperature::{Cold, Warm};
        let sql = findings.add("SQL over the narrow facts, 1 connection", Warm, "lists");
        let sql_cold = findings.add("SQL over the narrow facts, a new connection", Cold, "lists");
        let sql_many = findings.add("SQL over the narrow facts, 16 connections", Warm, "lists");
        Self {
            engine: findings.add_against(sql, "engine, the same profile", Warm, "lists"),
            engine_people: findings.add_against(sql, "engine, six customers in turn", Warm, "lists"),
            engine_cold: findings.add_against(sql_cold, "engine after loading the catalog", Cold, "lists"),
            http: findings.add_against(sql, "GET /matches, 1 client", Warm, "lists"),
            http_cold: findings.add_against(sql_cold, "GET /matches, catalog not in memory", Cold, "lists"),
            http_many: findings.add_against(sql_many, "GET /matches, 16 clients", Warm, "lists"),
            sql,
            sql_cold,
            sql_many,
        }
    }
}

pub async fn run(ground: &Ground, loaded: &Loaded, scale: &Scale) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let rows = Rows::add(&mut findings);
    let same = policy_of(&serde_json::from_str(PROFILE)?, None, ground);
    let everything = sql_of(loaded.vendor.id);
    let note = check_same(ground, loaded, &same, &everything).await?;
    let sql = format!("{everything} LIMIT {K}");
    findings.notes.push(note);
    ground
        .while_serving(async {
            let (paths, ids) = customer_paths(&ground.sign_in(&loaded.admin).await?).await?;
            let policies = policies_of(ground, loaded, &ids).await?;
            // What every connection does once is no part of a warm round.
            let session = ground.sign_in(&loaded.admin).await?;
            yardstick::warm(&ground.yardstick, &sql, CLIENTS, 1).await?;
            get(&session, &paths, CLIENTS, 1).await?;
            for _ in 0..scale.rounds {
                let session = ground.sign_in(&loaded.admin).await?;
                round(ground, loaded, &rows, &mut findings, &sql, &same, &policies, &paths, session).await?;
            }
            Ok(())
        })
        .await?;
    findings.notes.push(format!(
        "SQL: all products free of peanut on the label's own evidence, vegan, at most 140 mg of sodium a reference amount, ordered by sodium, the first {K}; a superuser's connection straight on the vendor's leaves. The engine and the request do more: tiers, score, reasons, funnel; the request adds sign-in, tenancy, opening the sealed profile, hydrating and judging again {K} products, and a committed audit row."
    ));
    findings.notes.push("The load driver runs in the server's process and on its cores. Cold for us: the vendor's catalog was forgotten and is read from PostgreSQL first (whose own cache is warm).".to_owned());
    Ok(findings)
}

async fn round(
    ground: &Ground,
    loaded: &Loaded,
    rows: &Rows,
    findings: &mut Findings,
    sql: &str,
    same: &Policy,
    policies: &[Policy],
    paths: &Arc<Vec<String>>,
    session: Session,
) -> anyhow::Result<()> {
    let vendor_id = loaded.vendor.id;
    let mut push = |row: usize, round: Round| findings.rows[row].series.push(round);

    push(rows.sql_cold, yardstick::cold(&ground.yardstick, sql).await?);
    ground.node.snapshots.forget(vendor_id);
    let started = Instant::now();
    let snapshot = snapshot_of(ground, vendor_id).await?;
    rank_all(&snapshot, std::slice::from_ref(same), 1).await?;
    push(rows.engine_cold, Round::single(started.elapsed(), 1));
    ground.node.snapshots.forget(vendor_id);
    push(rows.http_cold, get(&session, paths, 1, 1).await?);

    push(rows.sql, yardstick::warm(&ground.yardstick, sql, 1, SQL_ALONE).await?);
    push(rows.engine, rank_all(&snapshot, std::slice::from_ref(same), ALONE).await?);
    push(rows.engine_people, rank_all(&snapshot, policies, ALONE).await?);
    push(rows.http, get(&session, paths, 1, ALONE).await?);

    push(rows.sql_many, yardstick::warm(&ground.yardstick, sql, CLIENTS, SQL_TOGETHER).await?);
    push(rows.http_many, get(&session, paths, CLIENTS, TOGETHER).await?);
    Ok(())
}

async fn get(
    session: &Session,
    paths: &Arc<Vec<String>>,
    clients: usize,
    each: usize,
) -> anyhow::Result<Round> {
    let (session, paths) = (session.clone(), Arc::clone(paths));
    drive(clients, each, move |nth| {
        let (session, paths) = (session.clone(), Arc::clone(&paths));
        async move { session.read(&paths[nth % paths.len()]).await }
    })
    .await
}

/// Ranks `count` times, the policies in turn, on one thread.
async fn rank_all(
    snapshot: &Arc<VendorSnapshot>,
    policies: &[Policy],
    count: usize,
) -> anyhow::Result<Round> {
    let (snapshot, policies) = (Arc::clone(snapshot), policies.to_vec());
    tokio::task::spawn_blocking(move || {
        let query = Query { k: K, ..Query::default() };
        let started = Instant::now();
        let mut samples = Vec::with_capacity(count);
        for policy in policies.iter().cycle().take(count) {
            let at = Instant::now();
            std::hint::black_box(rank(&snapshot.snapshot, policy, &query));
            samples.push(at.elapsed());
        }
        Round { samples, wall: started.elapsed(), work: count as u64 }
    })
    .await
    .context("the engine panicked")
}

async fn snapshot_of(ground: &Ground, vendor_id: VendorId) -> anyhow::Result<Arc<VendorSnapshot>> {
    let mut tx = begin_at_command_line(&ground.node.database, vendor_id, None).await?;
    let version = catalog::catalog_version(&mut tx).await?;
    let scope: VendorScope = tx.scope();
    tx.roll_back().await?;
    Ok(ground.node.snapshots.at_least(scope, version).await?)
}

/// Exhaustive: everything that passes, least sodium first. No index helps, and none is there.
fn sql_of(vendor_id: VendorId) -> String {
    let leaf = leaf_of(vendor_id);
    let peanut = 1_i64 << (EvidenceKey::Peanut as u8);
    let position = |found: Option<usize>| found.map_or(0, |at| at + 1);
    let vegan = position(Diet::ALL.iter().position(|diet| *diet == Diet::Vegan));
    let sodium = position(Nutrient::ALL.iter().position(|nutrient| *nutrient == Nutrient::Sodium));
    // Truth 2 is "yes". A limit per serving says nothing where the reference amount is assumed (source 2).
    format!(
        "SELECT product_id FROM {leaf}
         WHERE active AND absent_keys & {peanut} <> 0 AND diets[{vegan}] & 3 = 2
           AND reference_source <> 2 AND per_reference[{sodium}] <= {SODIUM_MICROGRAMS}
         ORDER BY per_reference[{sodium}], product_id"
    )
}

/// Engine and SQL must find the same products for the same question.
async fn check_same(ground: &Ground, loaded: &Loaded, policy: &Policy, sql: &str) -> anyhow::Result<String> {
    let snapshot = snapshot_of(ground, loaded.vendor.id).await?;
    let everything = Query { k: snapshot.snapshot.len(), ..Query::default() };
    let engine: BTreeSet<Uuid> =
        rank(&snapshot.snapshot, policy, &everything).fits.iter().map(|c| c.id.as_uuid()).collect();
    let sql: BTreeSet<Uuid> = yardstick::ids(&ground.yardstick, sql).await?.into_iter().collect();
    ensure!(!engine.is_empty(), "the question has no answer in this catalog");
    if let Some(example) = engine.symmetric_difference(&sql).next() {
        bail!(
            "engine and SQL differ: {} only by the engine, {} only by SQL, {} by both; for example {example}: {}",
            engine.difference(&sql).count(),
            sql.difference(&engine).count(),
            engine.intersection(&sql).count(),
            facts_of(ground, loaded.vendor.id, *example).await?
        );
    }
    let bytes = snapshot.snapshot.memory_bytes() as f64 / snapshot.snapshot.len().max(1) as f64;
    Ok(format!(
        "Same answer: engine and SQL both find the same {} of {} products for a peanut allergy, a vegan diet and at most 140 mg of sodium a serving (compared product by product before the rounds). The snapshot takes {bytes:.0} bytes a product by its own count.",
        engine.len(),
        snapshot.snapshot.len()
    ))
}

/// The stored facts of one product as JSON.
async fn facts_of(ground: &Ground, vendor_id: VendorId, product_id: Uuid) -> anyhow::Result<String> {
    let leaf = leaf_of(vendor_id);
    let facts = format!("SELECT to_jsonb(f)::text FROM {leaf} f WHERE product_id = $1");
    Ok(sqlx::query_scalar(AssertSqlSafe(facts)).bind(product_id).fetch_one(&ground.yardstick).await?)
}

fn leaf_of(vendor_id: VendorId) -> String {
    format!("odyssey_leaf.product_facts_{}", vendor_id.as_uuid().simple())
}

fn policy_of(profile: &HealthProfile, age_years: Option<u8>, ground: &Ground) -> Policy {
    let pack = RulePack::embedded();
    let input = PolicyInput {
        profile,
        age_years,
        as_of: ground.node.database.clock().now().date_naive(),
        never_list: &[],
        allow_list: &[],
        vendor_policy: pack.scoring,
    };
    Policy::compile(&input, pack)
}

/// The paths of the customers' lists, and their ids.
async fn customer_paths(session: &Session) -> anyhow::Result<(Arc<Vec<String>>, Vec<CustomerId>)> {
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

/// The policies of the same customers, compiled from their opened profiles.
async fn policies_of(ground: &Ground, loaded: &Loaded, ids: &[CustomerId]) -> anyhow::Result<Vec<Policy>> {
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
