//! `odyssey migrate`.

use odyssey_domain::db;

use crate::config::Settings;
use crate::node::Server;

/// Brings the schema up to date, one process at a time; with `status` only tells.
pub async fn run(settings: &Settings, status: bool) -> anyhow::Result<()> {
    let server = Server::open(settings).await?;
    if status {
        for migration in db::migration_status(&server.owner).await? {
            let state = if migration.applied { "applied" } else { "pending" };
            println!("{:>6} {state:<8} {}", migration.version, migration.description);
        }
    } else {
        let applied = db::migrate(&server.owner, &server.logins).await?;
        println!("{applied} migrations applied");
    }
    if let Some(embedded) = server.embedded {
        tokio::task::spawn_blocking(move || embedded.stop()).await??;
    }
    Ok(())
}
