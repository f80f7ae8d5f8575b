//! `odyssey demo`: a vendor of our own making, imported through the real path, served, and asked for one
//! customer's matches.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use odyssey_domain::db::Database;
use odyssey_domain::ingestion::{ImportMode, ImportParameters};
use odyssey_domain::tenancy::{self, Actor, NewUser, Role, Vendor};
use odyssey_types::UserId;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::import::{Source, import_file, report};
use crate::config::Settings;
use crate::demo::{DemoSize, write_customers_csv, write_products_csv};
use crate::node::Node;

const VENDOR: &str = "demo";
/// The demo's sign-ins; printed, for nobody's data but the demo's.
const PASSWORD: &str = "demo-password-123"; // not-a-secret
const PEOPLE: [(&str, Role); 3] = [
    ("admin@demo.example", Role::VendorAdmin),
    ("operator@demo.example", Role::VendorOperator),
    ("viewer@demo.example", Role::VendorViewer),
];
const SEED: u64 = 20_190_614;
/// The customer whose matches are shown: the first row of the file.
const FIRST_CUSTOMER: &str = "demo-1";
/// How long the server may take to answer for the first time.
const READY_ATTEMPTS: u32 = 150;

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Products to make on the first start.
    #[arg(long, default_value_t = DemoSize::default().products)]
    pub products: u64,
    /// Customers to make on the first start.
    #[arg(long, default_value_t = DemoSize::default().customers)]
    pub customers: u64,
    /// Show the first customer's matches and stop.
    #[arg(long)]
    pub once: bool,
}

pub async fn run(args: &DemoArgs, settings: &Settings) -> anyhow::Result<()> {
    let node = Node::open(settings).await?;
    if tenancy::find_vendor_by_slug(&node.database, VENDOR).await?.is_none() {
        set_up(args, settings, &node).await?;
    }
    let stop = super::serve::stop_on_signal()?;
    let showing = {
        let (stop, address, once) = (stop.clone(), format!("http://{}", settings.server.bind), args.once);
        tokio::spawn(async move {
            let shown = show(&address, once).await;
            // A demo that cannot show itself has failed: it does not pretend to serve.
            if once || shown.is_err() {
                stop.cancel();
            }
            shown
        })
    };
    super::serve::serve_until(settings, &node, true, stop).await?;
    let shown = finish(showing).await;
    node.close().await?;
    shown
}

async fn finish(showing: tokio::task::JoinHandle<anyhow::Result<()>>) -> anyhow::Result<()> {
    if !showing.is_finished() {
        showing.abort();
        return Ok(());
    }
    showing.await.context("showing the demo panicked")?
}

/// The vendor, its people, its catalog and its customers, on the first start.
async fn set_up(args: &DemoArgs, settings: &Settings, node: &Node) -> anyhow::Result<()> {
    eprintln!("Making the demo vendor: {} products, {} customers", args.products, args.customers);
    let (mut products, mut customers) = (Vec::new(), Vec::new());
    write_products_csv(&mut products, SEED, args.products)?;
    write_customers_csv(&mut customers, SEED, args.customers)?;

    let vendor = super::tenancy::create_vendor(&node.database, VENDOR, "Demo Foods").await?;
    let admin = make_people(&node.database, settings, &vendor).await?;
    let imported = async {
        for (mode, rows) in [(ImportMode::Products, products), (ImportMode::Customers, customers)] {
            let (source, parameters) = (Source::Bytes(rows), ImportParameters::default());
            let view = import_file(settings, node, vendor.id, Some(admin), mode, source, parameters).await?;
            report(&view);
            if view.import.as_ref().is_none_or(|import| import.totals.created == 0) {
                bail!("the demo's {} file imported nothing", mode.as_str());
            }
        }
        Ok(())
    }
    .await;
    if imported.is_err() {
        // A half-made demo would look finished on the next start.
        tenancy::suspend_vendor(&node.database, &Actor::command_line(), vendor.id).await?;
        tenancy::remove_vendor(&node.database, &Actor::command_line(), vendor.id).await?;
    }
    imported
}

async fn make_people(database: &Database, settings: &Settings, vendor: &Vendor) -> anyhow::Result<UserId> {
    let actor = Actor::command_line();
    let mut admin = None;
    for (email, role) in PEOPLE {
        let user = match tenancy::find_user_by_email(database, email).await? {
            Some(user) => user,
            None => {
                let new = NewUser {
                    email: email.to_owned(),
                    display_name: email.to_owned(),
                    password: SecretString::from(PASSWORD),
                    superadmin: false,
                };
                tenancy::create_user(database, &actor, super::tenancy::password_settings(settings), new)
                    .await?
            }
        };
        tenancy::add_membership(database, &actor, vendor.id, user, role).await?;
        admin = admin.or(Some(user));
    }
    admin.context("the demo has an admin")
}

/// Signs in and asks as any client would.
async fn show(address: &str, once: bool) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    wait_until_ready(&client, address).await?;
    let sign_in = json!({ "email": PEOPLE[1].0, "password": PASSWORD });
    let session = send(client.post(format!("{address}/api/v1/auth/sign-in")).json(&sign_in)).await?;
    let token = session["access_token"].as_str().context("a token")?.to_owned();
    let lookup = json!({ "external_id": FIRST_CUSTOMER });
    let search = client.post(format!("{address}/api/v1/customers/search")).bearer_auth(&token).json(&lookup);
    let found = send(search).await?;
    let customer = &found["items"][0];
    let id = customer["id"].as_str().context("the demo's first customer")?;
    let matches = send(client.get(format!("{address}/api/v1/matches/{id}?k=10")).bearer_auth(&token)).await?;
    print_matches(customer, &matches);
    println!();
    println!("API        {address}/api/v1      contract {address}/openapi.json      to read {address}/docs");
    println!("Sign in    POST {address}/api/v1/auth/sign-in with one of");
    for (email, role) in PEOPLE {
        println!("           {email:<24} {PASSWORD}   ({})", role.as_str());
    }
    println!("Customer   GET {address}/api/v1/matches/{id}");
    if !once {
        println!("Stop with Ctrl-C; the next start takes seconds.");
    }
    Ok(())
}

pub(crate) async fn wait_until_ready(client: &reqwest::Client, address: &str) -> anyhow::Result<()> {
    for _ in 0..READY_ATTEMPTS {
        if let Ok(answer) = client.get(format!("{address}/readyz")).send().await
            && answer.status().is_success()
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the server did not become ready")
}

pub(crate) async fn send(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
    let answer = request.send().await?;
    let (status, body) = (answer.status(), answer.text().await?);
    if !status.is_success() {
        bail!("the server answered {status}: {body}");
    }
    Ok(serde_json::from_str(&body)?)
}

fn print_matches(customer: &Value, matches: &Value) {
    println!("\nMatches of {} ({FIRST_CUSTOMER})", customer["name"].as_str().unwrap_or("the first customer"));
    println!(
        "{} products judged, {} fit; the rest by what removed them:",
        matches["considered"], matches["fits_total"]
    );
    for step in matches["funnel"].as_array().into_iter().flatten() {
        if step["first"] != json!(0) {
            println!(
                "  {:>6}  {:<26} {}",
                step["first"],
                step["code"].as_str().unwrap_or(""),
                step["subject"].as_str().unwrap_or("")
            );
        }
    }
    for item in matches["items"].as_array().into_iter().flatten() {
        println!(
            "\n{:>5.1} %  {}  [{}]",
            item["score_permille"].as_f64().unwrap_or_default() / 10.0,
            item["product"]["name"].as_str().unwrap_or("(no name)"),
            item["verdict"].as_str().unwrap_or(""),
        );
        println!("         {}", item["summary"].as_str().unwrap_or(""));
    }
}
