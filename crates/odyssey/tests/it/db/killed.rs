//! PostgreSQL killed and started again under load, as `kill -9` and a power cut do it: what was acknowledged is
//! there afterwards, and nobody sees another vendor on the way.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use odyssey::config::load_from;
use odyssey::node::Node;
use odyssey::pg::{EmbeddedPg, find_binaries};
use odyssey_domain::catalog::{self, CatalogError, Change, ProductQuery, ProductWrite};
use odyssey_domain::db::{Database, DbError, testing};
use odyssey_domain::tenancy::{self, Actor, NewVendor, VendorScope};
use odyssey_types::{ProductFields, ProductId};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Kills of an ordinary run; a long one (`ODYSSEY_SOAK_MINUTES`) goes on until its time is over.
const KILLS_MIN: usize = 2;
const WRITERS_PER_VENDOR: usize = 3;
/// Work between two kills, and how long the server stays away.
const WORK: Duration = Duration::from_millis(1500);
const AWAY: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread")]
async fn soak_a_killed_postgres_loses_no_acknowledged_write_and_leaks_no_vendor() {
    if find_binaries(None, None).is_err() {
        println!("skipped: no PostgreSQL binaries");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    // The server's own user must reach it.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("opened");
    let state = folder.path().join("state");
    let variables = [("ODYSSEY__STATE__DIR".to_owned(), OsString::from(&state))];
    let settings = load_from(None, variables.into_iter()).expect("valid").settings;
    let node = Node::open(&settings).await.expect("a node of its own");

    let (stop, mut writers, mut readers) = (CancellationToken::new(), JoinSet::new(), JoinSet::new());
    for slug in ["acme", "rival"] {
        let scope = vendor(&node.database, slug).await;
        for writer in 0..WRITERS_PER_VENDOR {
            let prefix = format!("{slug}-{writer}");
            writers.spawn(write(node.database.clone(), scope, prefix, stop.clone()));
        }
        readers.spawn(read(node.database.clone(), scope, slug, stop.clone()));
    }
    let minutes = std::env::var("ODYSSEY_SOAK_MINUTES").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let (mut kills, mut claims) = (0, Vec::new());
    while kills < KILLS_MIN || Instant::now() < end {
        tokio::time::sleep(WORK).await;
        kill_postmaster(&state.join("pg"));
        kills += 1;
        tokio::time::sleep(AWAY).await;
        let state = state.clone();
        let again = tokio::task::spawn_blocking(move || EmbeddedPg::ensure_running(&state, None)).await;
        claims.push(again.expect("no panic").expect("it recovers"));
    }
    tokio::time::sleep(WORK).await;
    stop.cancel();

    let mut lists = 0;
    while let Some(seen) = readers.join_next().await {
        lists += seen.expect("no reader saw another vendor");
    }
    let mut acknowledged = 0;
    while let Some(written) = writers.join_next().await {
        let (scope, ids) = written.expect("no writer met anything but an absent server");
        let mut tx = testing::begin_vendor(&node.database, scope, Actor::command_line()).await.expect("back");
        for some in ids.chunks(200) {
            let found = catalog::find_products(&mut tx, some).await.expect("an answer");
            assert_eq!(found.len(), some.len(), "an acknowledged write is lost");
        }
        tx.roll_back().await.expect("ends");
        acknowledged += ids.len();
    }
    println!("{kills} kills, {acknowledged} writes acknowledged, {lists} lists read");
    assert!(acknowledged > 20 && lists > 5, "{acknowledged} writes, {lists} lists: the test proves little");
    node.close().await.expect("closes");
    drop(claims);
}

async fn vendor(database: &Database, slug: &str) -> VendorScope {
    let new =
        NewVendor { slug: slug.to_owned(), name: slug.to_owned(), product_leaves: 2, customer_leaves: 2 };
    let made = tenancy::create_vendor(database, &Actor::command_line(), new).await.expect("a vendor");
    tenancy::scope_for_job(database, made.id).await.expect("it works")
}

fn kill_postmaster(data: &Path) {
    let text = std::fs::read_to_string(data.join("postmaster.pid")).expect("it runs");
    let pid = text.lines().next().expect("a number");
    assert!(Command::new("kill").args(["-9", pid]).status().is_ok_and(|it| it.success()));
}

/// Writes one product after the other; gives back those whose commit was acknowledged.
async fn write(
    database: Database,
    scope: VendorScope,
    prefix: String,
    stop: CancellationToken,
) -> (VendorScope, Vec<ProductId>) {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        if stop.is_cancelled() {
            break;
        }
        match write_one(&database, scope, format!("{prefix}-{number}")).await {
            Ok(id) => acknowledged.push(id),
            Err(CatalogError::Db(DbError::Unavailable(_))) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(other) => panic!("a server that is away is nothing else: {other:?}"),
        }
    }
    (scope, acknowledged)
}

async fn write_one(
    database: &Database,
    scope: VendorScope,
    external_id: String,
) -> Result<ProductId, CatalogError> {
    let mut tx = testing::begin_vendor(database, scope, Actor::command_line()).await?;
    let fields = ProductFields { name: Some("Oat bar".to_owned()), ..Default::default() };
    let written =
        catalog::write_one(&mut tx, ProductWrite::new(external_id, Change::Replace(Box::new(fields))))
            .await?;
    tx.commit().await?;
    Ok(written.id)
}

/// Lists the newest products again and again; says how many lists were read.
async fn read(database: Database, scope: VendorScope, slug: &'static str, stop: CancellationToken) -> usize {
    let mut lists = 0;
    while !stop.is_cancelled() {
        let Ok(mut tx) = testing::begin_vendor(&database, scope, Actor::command_line()).await else {
            continue;
        };
        let query = ProductQuery { limit: 50, ..ProductQuery::default() };
        let Ok(page) = catalog::list_products(&mut tx, &query).await else { continue };
        let strangers: Vec<_> =
            page.items.iter().filter(|it| !it.external_id.starts_with(slug)).map(|it| it.id).collect();
        assert!(strangers.is_empty(), "{slug} sees products of another vendor: {strangers:?}");
        lists += 1;
        drop(tx);
    }
    lists
}
