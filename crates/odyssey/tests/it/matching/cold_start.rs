use std::fs;
use std::path::Path;

use odyssey_domain::catalog;
use odyssey_domain::matching::{Snapshots, VendorSnapshot};
use odyssey_domain::tenancy::{VendorScope, begin_at_command_line};
use odyssey_testkit::TestApp;
use odyssey_types::VendorId;
use serde_json::json;
use sqlx::Executor as _;

use super::plain;

const BUDGET_BYTES: usize = 64 << 20;

/// The scope of a vendor and the version of its catalog.
async fn at(app: &TestApp, vendor_id: VendorId) -> (VendorScope, i64) {
    let mut tx = begin_at_command_line(app.database(), vendor_id, None).await.expect("begin");
    let version = catalog::catalog_version(&mut tx).await.expect("a version");
    let scope = tx.scope();
    tx.roll_back().await.expect("it ends");
    (scope, version)
}

/// A process that has just started, with this folder.
fn started(app: &TestApp, dir: &Path) -> Snapshots {
    Snapshots::new(app.database().clone(), BUDGET_BYTES).with_cache_dir(dir.to_owned())
}

async fn load(app: &TestApp, snapshots: &Snapshots, vendor_id: VendorId) -> std::sync::Arc<VendorSnapshot> {
    let (scope, version) = at(app, vendor_id).await;
    snapshots.at_least(scope, version).await.expect("a catalog")
}

fn contents(snapshot: &VendorSnapshot) -> usize {
    snapshot.snapshot.len()
}

#[tokio::test]
async fn a_restart_takes_the_catalog_from_disk_and_adds_what_was_committed_since() {
    let app = TestApp::start().await;
    let (acme, dir) = (app.vendor("acme"), tempfile::tempdir().expect("a folder"));
    let operator = acme.operator().await;
    for name in ["rice", "oats", "corn"] {
        operator.create_product(name, plain()).await;
    }
    let first = started(&app, dir.path());
    load(&app, &first, acme.id()).await;
    first.save_all().await;
    let file = dir.path().join(format!("{}.snapshot", acme.id()));
    wait_for(&file).await;

    // What the file holds is what is served: nothing of the table is needed for it.
    let mut connection = app.test.superuser_connection().await;
    let leaf = format!("DELETE FROM odyssey.product_facts WHERE vendor_id = '{}'", acme.id());
    connection.execute(sqlx::AssertSqlSafe(leaf)).await.expect("rows go");
    assert_eq!(contents(&*load(&app, &started(&app, dir.path()), acme.id()).await), 3);

    operator.create_product("peas", plain()).await;
    let second = started(&app, dir.path());
    let snapshot = load(&app, &second, acme.id()).await;
    assert_eq!(contents(&snapshot), 4);
    let (_, version) = at(&app, acme.id()).await;
    assert_eq!(snapshot.version, version);
}

#[tokio::test]
async fn a_file_that_cannot_be_believed_is_rebuilt() {
    let app = TestApp::start().await;
    let (acme, rival) = (app.vendor("acme"), app.vendor("rival"));
    let dir = tempfile::tempdir().expect("a folder");
    acme.operator().await.create_product("rice", plain()).await;
    for name in ["oats", "corn"] {
        rival.operator().await.create_product(name, plain()).await;
    }
    let path = |id: VendorId| dir.path().join(format!("{id}.snapshot"));
    let first = started(&app, dir.path());
    for vendor in [&acme, &rival] {
        load(&app, &first, vendor.id()).await;
    }
    first.save_all().await;
    wait_for(&path(acme.id())).await;
    wait_for(&path(rival.id())).await;

    // Another vendor's.
    fs::copy(path(rival.id()), path(acme.id())).expect("a copy");
    assert_eq!(contents(&*load(&app, &started(&app, dir.path()), acme.id()).await), 1);
    // Altered.
    let fresh = started(&app, dir.path());
    load(&app, &fresh, rival.id()).await;
    let mut bytes = fs::read(path(rival.id())).expect("the file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path(rival.id()), bytes).expect("an altered file");
    assert_eq!(contents(&*load(&app, &started(&app, dir.path()), rival.id()).await), 2);
}

#[tokio::test]
async fn a_file_of_another_past_is_rebuilt() {
    let app = TestApp::start().await;
    let (acme, dir) = (app.vendor("acme"), tempfile::tempdir().expect("a folder"));
    let operator = acme.operator().await;
    let rice = operator.create_product("rice", plain()).await;
    let first = started(&app, dir.path());
    load(&app, &first, acme.id()).await;
    first.save_all().await;
    wait_for(&dir.path().join(format!("{}.snapshot", acme.id()))).await;
    // A backup was restored, and other work was committed under the same version.
    let mut connection = app.test.superuser_connection().await;
    let other = format!(
        "UPDATE odyssey.catalog_commits SET committed_at = committed_at + interval '1 hour' WHERE vendor_id = '{0}';
         DELETE FROM odyssey.product_facts WHERE vendor_id = '{0}' AND product_id = '{rice}'",
        acme.id()
    );
    connection.execute(sqlx::AssertSqlSafe(other)).await.expect("another past");
    assert_eq!(contents(&*load(&app, &started(&app, dir.path()), acme.id()).await), 0);
}

#[tokio::test]
async fn a_vendor_that_is_forgotten_leaves_no_file() {
    let app = TestApp::start().await;
    let (acme, dir) = (app.vendor("acme"), tempfile::tempdir().expect("a folder"));
    acme.operator().await.create_product("rice", json!({ "name": "Rice" })).await;
    let snapshots = started(&app, dir.path());
    load(&app, &snapshots, acme.id()).await;
    snapshots.save_all().await;
    let file = dir.path().join(format!("{}.snapshot", acme.id()));
    wait_for(&file).await;
    snapshots.forget(acme.id());
    assert!(!file.exists());
    assert_eq!(snapshots.usage(), (0, 0));
}

/// A save that a load began may still be under way.
async fn wait_for(path: &Path) {
    for _ in 0..200 {
        if path.exists() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("no file was written");
}
