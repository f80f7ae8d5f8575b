//! What a bench stands on: a server of its own, a vendor of its own, and a client that signed in.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::{Context, bail};
use odyssey_domain::ingestion::{ImportMode, ImportParameters, JobView};
use odyssey_domain::tenancy::{self, Actor, NewUser, NewVendor, PasswordSettings, Role, Vendor};
use odyssey_jobs::JobState;
use odyssey_types::{UserId, VendorId};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sqlx::postgres::{PgPool, PgPoolOptions};
use tokio_util::sync::CancellationToken;

use super::CLIENTS;
use crate::cli::demo::{send, wait_until_ready};
use crate::cli::import::{Source, import_file};
use crate::cli::serve::serve_until;
use crate::config::Settings;
use crate::node::{Node, Server};

/// Requests a minute that no bench reaches: the limiter is passed through, and refuses nothing.
const RATE_MAX: u32 = 1_000_000;

/// A node of the bench's own, and the way of the yardsticks into its database.
#[derive(Debug)]
pub struct Ground {
    pub settings: Settings,
    pub node: Node,
    /// Connections of the superuser: no policy, no pool of ours, no round trip but the query's.
    pub yardstick: PgPool,
    /// Of the working directory when the run began.
    pub commit: String,
    server: Server,
}

impl Ground {
    /// Opens the private server under `<state.dir>/bench`, whatever `database.url` says: a bench loads and
    /// removes vendors, which no database with people in it should see.
    pub async fn open(settings: &Settings, commit: String) -> anyhow::Result<Self> {
        let settings = own(settings)?;
        let server = Server::open(&settings).await?;
        let node = Node::open(&settings).await?;
        let embedded = server.embedded.as_ref().context("a bench has a server of its own")?;
        let database = server.owner.get_database().context("the database has a name")?;
        let yardstick = PgPoolOptions::new()
            .max_connections(CLIENTS as u32)
            .acquire_timeout(Duration::from_mins(1))
            .test_before_acquire(false)
            .connect_with(embedded.admin_options().database(database))
            .await
            .context("the yardsticks could not connect")?;
        Ok(Self { settings, node, yardstick, commit, server })
    }

    pub async fn close(self) -> anyhow::Result<()> {
        self.yardstick.close().await;
        self.node.close().await?;
        if let Some(embedded) = self.server.embedded {
            tokio::task::spawn_blocking(move || embedded.stop()).await??;
        }
        Ok(())
    }

    /// An empty vendor; one that an interrupted run left behind goes first.
    pub async fn make_vendor(&self, slug: &str) -> anyhow::Result<Vendor> {
        let database = &self.node.database;
        if let Some(left) = tenancy::find_vendor_by_slug(database, slug).await? {
            if left.suspended_at.is_none() {
                tenancy::suspend_vendor(database, &Actor::command_line(), left.id).await?;
            }
            tenancy::remove_vendor(database, &Actor::command_line(), left.id).await?;
        }
        let new = NewVendor {
            slug: slug.to_owned(),
            name: "Bench Foods".to_owned(),
            product_leaves: NewVendor::PRODUCT_LEAVES,
            customer_leaves: NewVendor::CUSTOMER_LEAVES,
        };
        Ok(tenancy::create_vendor(database, &Actor::command_line(), new).await?)
    }

    pub async fn remove_vendor(&self, id: VendorId) -> anyhow::Result<()> {
        let (database, actor) = (&self.node.database, Actor::command_line());
        self.node.snapshots.forget(id);
        tenancy::suspend_vendor(database, &actor, id).await?;
        Ok(tenancy::remove_vendor(database, &actor, id).await?)
    }

    /// Imports a file through the path that every file takes.
    pub async fn import(
        &self,
        vendor_id: VendorId,
        member: Option<UserId>,
        mode: ImportMode,
        rows: &[u8],
    ) -> anyhow::Result<JobView> {
        self.import_from(vendor_id, member, mode, Source::Bytes(rows.to_vec())).await
    }

    pub async fn import_from(
        &self,
        vendor_id: VendorId,
        member: Option<UserId>,
        mode: ImportMode,
        source: Source,
    ) -> anyhow::Result<JobView> {
        let parameters = ImportParameters::default();
        let view =
            import_file(&self.settings, &self.node, vendor_id, member, mode, source, parameters).await?;
        if matches!(view.record.state, JobState::Failed | JobState::Canceled) {
            bail!("the import of {} ended as {}", mode.as_str(), view.record.state.as_str());
        }
        Ok(view)
    }

    /// Makes a person who may do what an admin may.
    pub async fn make_admin(&self, vendor_id: VendorId) -> anyhow::Result<Admin> {
        let (database, actor, auth) = (&self.node.database, Actor::command_line(), &self.settings.auth);
        let mut random = [0_u8; 24];
        getrandom::fill(&mut random).context("the system gave no random bytes")?;
        let password = SecretString::from(hex::encode(random));
        let email = format!("admin@{vendor_id}.example");
        let new = NewUser {
            email: email.clone(),
            display_name: "Bench".to_owned(),
            password: password.clone(),
            superadmin: false,
        };
        let cost = PasswordSettings { memory_kib: auth.argon2_memory_kib, passes: auth.argon2_passes };
        let user_id = tenancy::create_user(database, &actor, cost, new).await?;
        tenancy::add_membership(database, &actor, vendor_id, user_id, Role::VendorAdmin).await?;
        Ok(Admin { user_id, email, password })
    }

    /// Serves on loopback as `odyssey serve` does for as long as `work` takes.
    pub async fn while_serving<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        let stop = CancellationToken::new();
        let server = async {
            let served = serve_until(&self.settings, &self.node, false, stop.clone()).await;
            stop.cancel();
            served
        };
        let work = async {
            let done = tokio::select! {
                done = work => done,
                () = stop.cancelled() => Err(anyhow::anyhow!("the server ended before the bench")),
            };
            stop.cancel();
            done
        };
        let (served, done) = tokio::join!(server, work);
        served?;
        done
    }

    /// Signs in; waits for the server to be ready first.
    pub async fn sign_in(&self, admin: &Admin) -> anyhow::Result<Session> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let address = format!("http://{}", self.settings.server.bind);
        wait_until_ready(&http, &address).await?;
        let password = admin.password.expose_secret();
        let sign_in = json!({ "email": admin.email, "password": password });
        let session = send(http.post(format!("{address}/api/v1/auth/sign-in")).json(&sign_in)).await?;
        let token = session["access_token"].as_str().context("a token")?.to_owned();
        Ok(Session { http, api: format!("{address}/api/v1"), token })
    }
}

/// A person of the bench; the password is made up anew each time and printed nowhere.
#[derive(Debug)]
pub struct Admin {
    pub user_id: UserId,
    email: String,
    password: SecretString,
}

/// A client with a token. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Session {
    http: reqwest::Client,
    api: String,
    token: String,
}

impl Session {
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        send(self.http.get(format!("{}{path}", self.api)).bearer_auth(&self.token)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        send(self.http.post(format!("{}{path}", self.api)).bearer_auth(&self.token).json(body)).await
    }

    /// Reads the whole answer and does nothing with it.
    pub async fn read(&self, path: &str) -> anyhow::Result<()> {
        let request = self.http.get(format!("{}{path}", self.api)).bearer_auth(&self.token);
        let answer = request.send().await?;
        let status = answer.status();
        let bytes = answer.bytes().await?;
        anyhow::ensure!(status.is_success() && !bytes.is_empty(), "{path} was answered {status}");
        Ok(())
    }
}

/// The settings of the bench: its own folder, server, keys and port, and limits that let it through.
fn own(settings: &Settings) -> anyhow::Result<Settings> {
    let mut own = settings.clone();
    own.state.dir = settings.state.dir.join("bench");
    (own.keys.dir, own.ingest.spool_dir, own.matching.cache_dir) = (None, None, None);
    (own.database.url, own.database.read_url) = (None, None);
    let rates = &mut own.rate_limits;
    rates.standard_per_user_per_minute = RATE_MAX;
    rates.standard_per_vendor_per_minute = RATE_MAX;
    rates.interactive_per_user_per_minute = RATE_MAX;
    rates.import_starts_per_vendor_per_minute = RATE_MAX;
    rates.upload_parts_per_vendor_per_minute = RATE_MAX;
    rates.sign_in_per_address_per_minute = RATE_MAX;
    own.server.bind = free_port()?;
    Ok(own)
}

/// A loopback port that was free a moment ago.
fn free_port() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no loopback port is free")?;
    Ok(listener.local_addr()?)
}
