//! `search`: the request, beside a plain `ts_rank` query on the same vectors.

use anyhow::{Context, ensure};
use odyssey_domain::catalog::search_terms;
use odyssey_types::VendorId;
use sqlx::AssertSqlSafe;

use super::ground::{Ground, Session};
use super::loaded::Loaded;
use super::measure::{Round, drive};
use super::report::{Findings, Temperature};
use super::{CLIENTS, Scale, yardstick};

/// Share of the products that a word of each class occurs in, per mille.
const CLASSES: [(&str, f64); 3] = [("rare", 2.0), ("common", 150.0), ("commonest", 400.0)];
/// Hits of a page.
const LIMIT: usize = 20;
/// Requests of one client in a round, and of each of the many.
const ALONE: usize = 10;
const TOGETHER: usize = 3;

struct Word {
    word: String,
    sql: String,
    path: String,
    /// Indexes of the rows: yardstick and ours, cold, warm, many.
    rows: [(usize, usize); 3],
}

pub async fn run(ground: &Ground, loaded: &Loaded, scale: &Scale) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let words = choose(ground, loaded.vendor.id, &mut findings).await?;
    ground
        .while_serving(async {
            // What every connection does once is no part of a warm round.
            let session = ground.sign_in(&loaded.admin).await?;
            for word in &words {
                yardstick::warm(&ground.yardstick, &word.sql, CLIENTS, 1).await?;
                get(&session, &word.path, CLIENTS, 1).await?;
                check_same(ground, &session, word).await?;
            }
            for _ in 0..scale.rounds {
                for word in &words {
                    // A new session is a new connection of the client.
                    let session = ground.sign_in(&loaded.admin).await?;
                    round(ground, word, session, &mut findings).await?;
                }
            }
            Ok(())
        })
        .await?;
    findings.notes.push(format!(
        "Same answer: for each word the first {LIMIT} products of the request are those of the query, in the same order. The query returns ids; the request adds sign-in, tenancy, the definer function and {LIMIT} whole products."
    ));
    findings.notes.push("Cold: the first request of a client's connection, beside the first execution of a database connection; PostgreSQL's own cache is warm. The load driver runs in the server's process and on its cores.".to_owned());
    Ok(findings)
}

async fn round(
    ground: &Ground,
    word: &Word,
    session: Session,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let [(sql_cold, cold), (sql_warm, warm), (sql_many, many)] = word.rows;
    let mut push = |row: usize, round: Round| findings.rows[row].series.push(round);
    push(sql_cold, yardstick::cold(&ground.yardstick, &word.sql).await?);
    push(cold, get(&session, &word.path, 1, 1).await?);
    push(sql_warm, yardstick::warm(&ground.yardstick, &word.sql, 1, ALONE).await?);
    push(warm, get(&session, &word.path, 1, ALONE).await?);
    push(sql_many, yardstick::warm(&ground.yardstick, &word.sql, CLIENTS, TOGETHER).await?);
    push(many, get(&session, &word.path, CLIENTS, TOGETHER).await?);
    Ok(())
}

async fn get(session: &Session, path: &str, clients: usize, each: usize) -> anyhow::Result<Round> {
    let (session, path) = (session.clone(), path.to_owned());
    drive(clients, each, move |_| {
        let (session, path) = (session.clone(), path.clone());
        async move { session.read(&path).await }
    })
    .await
}

/// Searches for a word of each class.
pub async fn paths(ground: &Ground, vendor_id: VendorId) -> anyhow::Result<Vec<String>> {
    let words = choose(ground, vendor_id, &mut Findings::default()).await?;
    Ok(words.into_iter().map(|word| word.path).collect())
}

/// Picks a word of each class from what the catalog holds, and adds its rows.
async fn choose(ground: &Ground, vendor_id: VendorId, findings: &mut Findings) -> anyhow::Result<Vec<Word>> {
    let leaf = format!("odyssey_leaf.product_documents_{}", vendor_id.as_uuid().simple());
    let statistics =
        format!("SELECT word, ndoc FROM ts_stat('SELECT document FROM {leaf}') WHERE word ~ '^[a-z]{{4,}}$'");
    let found: Vec<(String, i32)> =
        sqlx::query_as(AssertSqlSafe(statistics)).fetch_all(&ground.yardstick).await?;
    let total: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {leaf}")))
        .fetch_one(&ground.yardstick)
        .await?;
    let per_mille = |hits: i32| f64::from(hits) * 1000.0 / total.max(1) as f64;
    let mut words: Vec<Word> = Vec::new();
    for (class, share) in CLASSES {
        let distance = |hits: i32| (per_mille(hits) / share).ln().abs();
        let (word, hits) = found
            .iter()
            // Typed with a space after it a word is finished, and must mean itself.
            .filter(|(word, _)| search_terms(&format!("{word} ")) == Some(format!("'{word}'")))
            .filter(|(word, _)| words.iter().all(|chosen| chosen.word != *word))
            .min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)).then_with(|| a.0.cmp(&b.0)))
            .with_context(|| format!("the catalog has no {class} word"))?;
        let what = format!("{class} word `{word}` ({:.1} % of products)", per_mille(*hits) / 10.0);
        words.push(Word {
            word: word.clone(),
            sql: format!(
                "SELECT product_id FROM {leaf} WHERE document @@ '''{word}'''::tsquery
                 ORDER BY ts_rank(document, '''{word}'''::tsquery) DESC, product_id LIMIT {LIMIT}"
            ),
            path: format!("/search/products?q={word}%20&limit={LIMIT}"),
            rows: add_rows(findings, &what),
        });
    }
    Ok(words)
}

fn add_rows(findings: &mut Findings, what: &str) -> [(usize, usize); 3] {
    use Temperature::{Cold, Warm};
    [("first", Cold), ("1 client", Warm), ("16 clients", Warm)].map(|(how, temperature)| {
        let yardstick = findings.add(format!("ts_rank, {what}, {how}"), temperature, "searches");
        let ours =
            findings.add_against(yardstick, format!("GET /search, {what}, {how}"), temperature, "searches");
        (yardstick, ours)
    })
}

async fn check_same(ground: &Ground, session: &Session, word: &Word) -> anyhow::Result<()> {
    let theirs = yardstick::ids(&ground.yardstick, &word.sql).await?;
    let theirs: Vec<String> = theirs.iter().map(ToString::to_string).collect();
    let page = session.get(&word.path).await?;
    let ours: Vec<&str> =
        page["items"].as_array().context("a page")?.iter().filter_map(|item| item["id"].as_str()).collect();
    ensure!(!theirs.is_empty() && ours == theirs, "request and query differ for `{}`", word.word);
    Ok(())
}
