//! `odyssey vendor …`, `odyssey user …`: what an operator at the machine may do.

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use odyssey_domain::db::Database;
use odyssey_domain::tenancy::{self, Actor, NewUser, NewVendor, PasswordSettings, Role, Vendor};
use secrecy::SecretString;

use crate::config::Settings;
use crate::node::Node;

#[derive(Debug, Subcommand)]
pub enum VendorCommand {
    /// Make a vendor with its keys and partitions.
    Create {
        /// Short name: lower-case letters, digits, hyphens.
        slug: String,
        /// Name for people; the short name when left out.
        #[arg(long)]
        name: Option<String>,
    },
    /// List the vendors.
    List,
    /// Stop a vendor from the next request on.
    Suspend { slug: String },
    /// Let a suspended vendor work again.
    Unsuspend { slug: String },
    /// Destroy a suspended vendor's keys and data. This cannot be undone.
    Remove {
        slug: String,
        /// Say that you mean it by giving the short name again.
        #[arg(long, value_name = "SLUG")]
        confirm: String,
    },
}

#[derive(Debug, Args)]
pub struct NewUserArgs {
    /// E-mail address the person signs in with.
    pub email: String,
    /// Name for people; the address when left out.
    #[arg(long)]
    pub name: Option<String>,
    /// Vendor to work at.
    #[arg(long, requires = "role")]
    pub vendor: Option<String>,
    /// vendor_admin, vendor_operator or vendor_viewer.
    #[arg(long)]
    pub role: Option<String>,
    /// Make a platform superadmin.
    #[arg(long, conflicts_with = "vendor")]
    pub superadmin: bool,
}

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Make a person who can sign in; the password is read from ODYSSEY_PASSWORD or standard input.
    Create(NewUserArgs),
    /// Give a person a role at a vendor, or another one than before.
    Grant { email: String, vendor: String, role: String },
}

pub async fn run_vendor(command: &VendorCommand, settings: &Settings) -> anyhow::Result<()> {
    let node = Node::open(settings).await?;
    let database = &node.database;
    let actor = Actor::command_line();
    match command {
        VendorCommand::Create { slug, name } => {
            let vendor = create_vendor(database, slug, name.as_deref().unwrap_or(slug)).await?;
            println!("{} {}", vendor.id, vendor.slug);
        }
        VendorCommand::List => {
            for vendor in tenancy::list_vendors(database).await? {
                let state = if vendor.suspended_at.is_some() { "suspended" } else { "active" };
                println!(
                    "{} {:<20} {state:<9} catalog {} {}",
                    vendor.id, vendor.slug, vendor.catalog_version, vendor.name
                );
            }
        }
        VendorCommand::Suspend { slug } => {
            tenancy::suspend_vendor(database, &actor, vendor(database, slug).await?.id).await?;
        }
        VendorCommand::Unsuspend { slug } => {
            tenancy::unsuspend_vendor(database, &actor, vendor(database, slug).await?.id).await?;
        }
        VendorCommand::Remove { slug, confirm } => {
            if slug != confirm {
                bail!("--confirm names another vendor; nothing was done");
            }
            let id = vendor(database, slug).await?.id;
            tenancy::remove_vendor(database, &actor, id).await?;
            // With the catalog's file on this machine.
            node.snapshots.forget(id);
        }
    }
    node.close().await
}

pub async fn run_user(command: &UserCommand, settings: &Settings) -> anyhow::Result<()> {
    let node = Node::open(settings).await?;
    let database = &node.database;
    match command {
        UserCommand::Create(args) => {
            let role = args.role.as_deref().map(parse_role).transpose()?;
            let password = read_password()?;
            let new = NewUser {
                email: args.email.clone(),
                display_name: args.name.clone().unwrap_or_else(|| args.email.clone()),
                password,
                superadmin: args.superadmin,
            };
            let user =
                tenancy::create_user(database, &Actor::command_line(), password_settings(settings), new)
                    .await?;
            if let (Some(slug), Some(role)) = (&args.vendor, role) {
                let vendor = vendor(database, slug).await?;
                tenancy::add_membership(database, &Actor::command_line(), vendor.id, user, role).await?;
            }
            println!("{user}");
        }
        UserCommand::Grant { email, vendor: slug, role } => {
            let user =
                tenancy::find_user_by_email(database, email).await?.context("nobody has this address")?;
            let vendor = vendor(database, slug).await?;
            tenancy::add_membership(database, &Actor::command_line(), vendor.id, user, parse_role(role)?)
                .await?;
        }
    }
    node.close().await
}

pub(super) async fn create_vendor(database: &Database, slug: &str, name: &str) -> anyhow::Result<Vendor> {
    let new = NewVendor {
        slug: slug.to_owned(),
        name: name.to_owned(),
        product_leaves: NewVendor::PRODUCT_LEAVES,
        customer_leaves: NewVendor::CUSTOMER_LEAVES,
    };
    Ok(tenancy::create_vendor(database, &Actor::command_line(), new).await?)
}

pub(super) async fn vendor(database: &Database, slug: &str) -> anyhow::Result<Vendor> {
    tenancy::find_vendor_by_slug(database, slug)
        .await?
        .with_context(|| format!("there is no vendor `{slug}`"))
}

pub(super) const fn password_settings(settings: &Settings) -> PasswordSettings {
    PasswordSettings { memory_kib: settings.auth.argon2_memory_kib, passes: settings.auth.argon2_passes }
}

fn parse_role(role: &str) -> anyhow::Result<Role> {
    match Role::parse(role) {
        Some(role @ (Role::VendorAdmin | Role::VendorOperator | Role::VendorViewer)) => Ok(role),
        _ => bail!("a role is vendor_admin, vendor_operator or vendor_viewer"),
    }
}

/// Never an argument: arguments are visible to everybody on the machine.
fn read_password() -> anyhow::Result<SecretString> {
    if let Ok(password) = std::env::var("ODYSSEY_PASSWORD") {
        return Ok(SecretString::from(password));
    }
    eprintln!("password (12 characters at least), then Enter:");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(SecretString::from(line.trim_end_matches(['\n', '\r']).to_owned()))
}
