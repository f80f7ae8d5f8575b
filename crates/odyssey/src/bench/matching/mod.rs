//! `match`: the engine and the whole request, beside exhaustive SQL over the wide and the narrow table;
//! cold starts, deltas, and one product against every customer.

mod audience;
mod cold;
mod questions;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use odyssey_domain::catalog;
use odyssey_domain::matching::VendorSnapshot;
use odyssey_domain::tenancy::{VendorScope, begin_at_command_line};
use odyssey_matching::{Policy, Query, rank, ranked_bytes};
use odyssey_types::VendorId;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::ground::{Ground, Session};
use super::loaded::Loaded;
use super::measure::{Round, drive};
use super::report::{Findings, Temperature};
use super::{CLIENTS, Scale, yardstick};
pub use cold::print_resident;
pub use questions::fresh_paths;
use questions::{Question, customer_paths, leaf_of, policies_of};

/// Products of an answer.
const K: usize = 20;
/// Requests of one client in a round, and of each of the many.
const ALONE: usize = 12;
const TOGETHER: usize = 4;
const ENGINE_ALONE: usize = 40;
const SQL_ALONE: usize = 3;
const SQL_TOGETHER: usize = 1;

struct Rows {
    /// For each question: wide SQL, narrow SQL, engine against the wide, engine against the narrow, floor.
    questions: Vec<[usize; 5]>,
    sql_many: usize,
    engine_people: usize,
    http: usize,
    http_kept: usize,
    http_many: usize,
    http_kept_many: usize,
}

impl Rows {
    fn add(findings: &mut Findings, questions: &[Question]) -> Self {
        use Temperature::Warm;
        let mut of_question = |question: &Question| {
            let name = question.name;
            let wide = findings.add(format!("SQL over the wide products, {name}"), Warm, "lists");
            let narrow = findings.add(format!("SQL over the narrow facts, {name}"), Warm, "lists");
            let floor = findings.add(format!("reading as many bytes, {name}"), Warm, "lists");
            let against_wide = findings.add_against(wide, format!("engine, {name}"), Warm, "lists");
            let against =
                findings.add_against(narrow, format!("the same runs of the engine, {name}"), Warm, "lists");
            [wide, narrow, against_wide, against, floor]
        };
        let of_questions: Vec<[usize; 5]> = questions.iter().map(&mut of_question).collect();
        let narrow = of_questions[0][1];
        let sql_many = findings.add("SQL over the narrow facts, strict, 16 connections", Warm, "lists");
        Self {
            engine_people: findings.add_against(narrow, "engine, six customers in turn", Warm, "lists"),
            http: findings.add_against(narrow, "GET /matches, 1 client, each customer once", Warm, "lists"),
            http_kept: findings.add_against(narrow, "GET /matches, 1 client, answered before", Warm, "lists"),
            http_many: findings.add_against(
                sql_many,
                "GET /matches, 16 clients, each customer once",
                Warm,
                "lists",
            ),
            http_kept_many: findings.add_against(
                sql_many,
                "GET /matches, 16 clients, answered before",
                Warm,
                "lists",
            ),
            questions: of_questions,
            sql_many,
        }
    }
}

/// What every round asks.
struct Asked<'a> {
    ground: &'a Ground,
    questions: &'a [Question],
    people: Vec<Policy>,
    /// Of customers who were not asked for yet.
    fresh: Arc<Vec<String>>,
    /// Of the same few, again and again.
    kept: Arc<Vec<String>>,
}

pub async fn run(ground: &Ground, loaded: &Loaded, scale: &Scale) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let questions = Question::all(ground, loaded.vendor.id)?;
    let rows = Rows::add(&mut findings, &questions);
    let snapshot = snapshot_of(ground, loaded.vendor.id).await?;
    for question in &questions {
        findings.notes.push(check_same(ground, loaded.vendor.id, &snapshot, question).await?);
        let bytes = ranked_bytes(&snapshot.snapshot, &question.policy);
        findings.notes.push(format!(
            "{}: the engine reads about {bytes} bytes, {:.1} a product; the row above it reads as many from one block of memory on one thread.",
            question.name,
            bytes as f64 / snapshot.snapshot.len().max(1) as f64
        ));
    }
    ground
        .while_serving(async {
            let session = ground.sign_in(&loaded.admin).await?;
            let (kept, ids) = customer_paths(&session).await?;
            let needed = scale.rounds as usize * (ALONE + CLIENTS * TOGETHER);
            let asked = Asked {
                ground,
                questions: &questions,
                people: policies_of(ground, loaded, &ids).await?,
                fresh: questions::fresh_paths(ground, loaded.vendor.id, needed).await?,
                kept,
            };
            // What every connection does once is no part of a warm round.
            yardstick::warm(&ground.yardstick, &questions[0].narrow, CLIENTS, 1).await?;
            get(&session, &asked.kept, 0, CLIENTS, 1).await?;
            for nth in 0..scale.rounds as usize {
                let session = ground.sign_in(&loaded.admin).await?;
                round(&asked, &rows, &mut findings, &snapshot, session, nth).await?;
            }
            Ok(())
        })
        .await?;
    if (scale.customers as usize) < scale.rounds as usize * (ALONE + CLIENTS * TOGETHER) {
        findings.notes.push("There were fewer customers than requests that should each have had its own: later requests were answered before. Ask for more customers.".to_owned());
    }
    drop(snapshot);
    cold::measure(ground, loaded, scale, &mut findings).await?;
    audience::measure(ground, loaded, scale, &mut findings).await?;
    findings.notes.extend(questions::notes());
    Ok(findings)
}

async fn round(
    asked: &Asked<'_>,
    rows: &Rows,
    findings: &mut Findings,
    snapshot: &Arc<VendorSnapshot>,
    session: Session,
    nth: usize,
) -> anyhow::Result<()> {
    let pool = &asked.ground.yardstick;
    let mut push = |row: usize, round: Round| findings.rows[row].series.push(round);
    for (question, [wide, narrow, against_wide, against_narrow, floor]) in
        asked.questions.iter().zip(&rows.questions)
    {
        push(*wide, yardstick::warm(pool, &question.wide, 1, 1).await?);
        push(*narrow, yardstick::warm(pool, &question.narrow, 1, SQL_ALONE).await?);
        let bytes = ranked_bytes(&snapshot.snapshot, &question.policy);
        push(*floor, questions::read_bytes(bytes, ENGINE_ALONE).await?);
        let engine = rank_all(snapshot, std::slice::from_ref(&question.policy), ENGINE_ALONE).await?;
        push(*against_wide, engine.clone());
        push(*against_narrow, engine);
    }
    push(rows.engine_people, rank_all(snapshot, &asked.people, ENGINE_ALONE).await?);
    let first = nth * (ALONE + CLIENTS * TOGETHER);
    push(rows.http, get(&session, &asked.fresh, first, 1, ALONE).await?);
    push(rows.http_kept, get(&session, &asked.kept, 0, 1, ALONE).await?);
    push(rows.sql_many, yardstick::warm(pool, &asked.questions[0].narrow, CLIENTS, SQL_TOGETHER).await?);
    push(rows.http_many, get(&session, &asked.fresh, first + ALONE, CLIENTS, TOGETHER).await?);
    push(rows.http_kept_many, get(&session, &asked.kept, 0, CLIENTS, TOGETHER).await?);
    Ok(())
}

async fn get(
    session: &Session,
    paths: &Arc<Vec<String>>,
    first: usize,
    clients: usize,
    each: usize,
) -> anyhow::Result<Round> {
    let (session, paths) = (session.clone(), Arc::clone(paths));
    drive(clients, each, move |nth| {
        let (session, paths) = (session.clone(), Arc::clone(&paths));
        async move { session.read(&paths[(first + nth) % paths.len()]).await }
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

/// Engine and SQL must find the same products for the same question.
async fn check_same(
    ground: &Ground,
    vendor_id: VendorId,
    snapshot: &VendorSnapshot,
    question: &Question,
) -> anyhow::Result<String> {
    let everything = Query { k: snapshot.snapshot.len(), ..Query::default() };
    let engine: BTreeSet<Uuid> =
        rank(&snapshot.snapshot, &question.policy, &everything).fits.iter().map(|c| c.id.as_uuid()).collect();
    let sql: BTreeSet<Uuid> =
        yardstick::ids(&ground.yardstick, &question.narrow_everything).await?.into_iter().collect();
    ensure!(!engine.is_empty(), "the question has no answer in this catalog");
    if let Some(example) = engine.symmetric_difference(&sql).next() {
        bail!(
            "{}: engine and SQL differ: {} only by the engine, {} only by SQL, {} by both; for example {example}: {}",
            question.name,
            engine.difference(&sql).count(),
            sql.difference(&engine).count(),
            engine.intersection(&sql).count(),
            facts_of(ground, vendor_id, *example).await?
        );
    }
    Ok(format!(
        "Same answer, {}: engine and narrow SQL find the same {} of {} products (compared product by product before the rounds).",
        question.name,
        engine.len(),
        snapshot.snapshot.len()
    ))
}

/// The stored facts of one product as JSON.
async fn facts_of(ground: &Ground, vendor_id: VendorId, product_id: Uuid) -> anyhow::Result<String> {
    let leaf = leaf_of("product_facts", vendor_id);
    let facts = format!("SELECT to_jsonb(f)::text FROM {leaf} f WHERE product_id = $1");
    Ok(sqlx::query_scalar(AssertSqlSafe(facts)).bind(product_id).fetch_one(&ground.yardstick).await?)
}
