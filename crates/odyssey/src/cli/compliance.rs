//! `odyssey customer …`, `odyssey hold …`: what the law asks for and nobody does lightly.

use anyhow::{Context, bail};
use clap::Subcommand;
use odyssey_domain::customers;
use odyssey_domain::retention::{self, REASON_LENGTH_MAX};
use odyssey_domain::tenancy::{self, Actor};
use odyssey_types::CustomerId;
use uuid::Uuid;

use super::tenancy::vendor;
use crate::config::Settings;
use crate::node::Node;

#[derive(Debug, Subcommand)]
pub enum CustomerCommand {
    /// Make a person unreadable, here and after any restore. This cannot be undone.
    Erase {
        /// Short name of the vendor.
        #[arg(long)]
        vendor: String,
        /// Id of the customer, as the API gives it.
        #[arg(long)]
        id: Uuid,
        /// Why, for the audit trail: a file reference, nothing about the person.
        #[arg(long)]
        reason: String,
        /// E-mail address of the member who asks for it; without it the operator of this machine does.
        #[arg(long)]
        by: Option<String>,
        /// Say that you mean it by giving the id again.
        #[arg(long, value_name = "ID")]
        confirm: Uuid,
    },
}

#[derive(Debug, Subcommand)]
pub enum HoldCommand {
    /// Stop every purge, erasure and removal of a vendor's data, or of everything.
    Place {
        /// Short name of the vendor; everything when left out.
        #[arg(long)]
        vendor: Option<String>,
        /// Why: a file reference, nobody's data.
        #[arg(long)]
        reason: String,
    },
    /// List holds, those that were lifted included.
    List,
    /// Let purges go on.
    Lift { id: Uuid },
}

pub async fn run_customer(command: &CustomerCommand, settings: &Settings) -> anyhow::Result<()> {
    let CustomerCommand::Erase { vendor: slug, id, reason, by, confirm } = command;
    if id != confirm {
        bail!("--confirm names another customer; nothing was done");
    }
    let reason = reason_of(reason)?;
    let node = Node::open(settings).await?;
    let database = &node.database;
    let user_id = match by {
        Some(email) => {
            Some(tenancy::find_user_by_email(database, email).await?.context("nobody has this address")?)
        }
        None => None,
    };
    let vendor = vendor(database, slug).await?;
    let mut tx = tenancy::begin_at_command_line(database, vendor.id, user_id).await?;
    let at = customers::erase_customer(&mut tx, CustomerId::from_uuid(*id), reason).await?;
    tx.commit().await?;
    println!("{id} erased {}", at.to_rfc3339());
    node.close().await
}

pub async fn run_hold(command: &HoldCommand, settings: &Settings) -> anyhow::Result<()> {
    let node = Node::open(settings).await?;
    let (database, actor) = (&node.database, Actor::command_line());
    match command {
        HoldCommand::Place { vendor: slug, reason } => {
            let reason = reason_of(reason)?;
            let vendor_id = match slug {
                Some(slug) => Some(vendor(database, slug).await?.id),
                None => None,
            };
            let hold = retention::place_hold(database, &actor, vendor_id, reason).await?;
            println!("{}", hold.context("the reason is empty or too long")?.id);
        }
        HoldCommand::List => {
            for hold in retention::list_holds(database).await? {
                let whose = hold.vendor_id.map_or_else(|| "everything".to_owned(), |id| id.to_string());
                let lasts = hold.lifted_at.map_or_else(|| "lasts".to_owned(), |at| format!("lifted {at}"));
                println!("{} {whose} placed {} {lasts} {}", hold.id, hold.placed_at, hold.reason);
            }
        }
        HoldCommand::Lift { id } => {
            if !retention::lift_hold(database, &actor, *id).await? {
                bail!("there is no hold of this id that lasts");
            }
        }
    }
    node.close().await
}

fn reason_of(reason: &str) -> anyhow::Result<&str> {
    let reason = reason.trim();
    if !(1..=REASON_LENGTH_MAX).contains(&reason.chars().count()) {
        bail!("a reason has 1 to {REASON_LENGTH_MAX} characters");
    }
    Ok(reason)
}
