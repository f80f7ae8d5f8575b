//! The two logins the server connects as, and their passwords.

use anyhow::Context;
use odyssey_domain::db::Logins;
use odyssey_vault::KeyStore;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use crate::config::Settings;

/// Name of the secret that passwords are derived from.
const SECRET: &str = "database-logins";

/// The configured passwords, or ones derived from the key store: every node that shares the store knows
/// them, and they are written nowhere.
pub(super) fn of(settings: &Settings, keys: &KeyStore) -> anyhow::Result<Logins> {
    let config = &settings.database;
    let password = |configured: &Option<SecretString>, login: &str| match configured {
        Some(password) => Ok(password.clone()),
        None => derived(keys, login),
    };
    Ok(Logins {
        app_password: password(&config.app_password, &config.app_login)?,
        platform_password: password(&config.platform_password, &config.platform_login)?,
        app: config.app_login.clone(),
        platform: config.platform_login.clone(),
    })
}

pub(super) fn derived(keys: &KeyStore, login: &str) -> anyhow::Result<SecretString> {
    let mut fresh = [0_u8; 32];
    getrandom::fill(&mut fresh).context("the system gave no random bytes")?;
    let secret = keys.named_secret_or_put(SECRET, &fresh)?;
    let mut hasher = Sha256::new();
    hasher.update(&secret[..]);
    hasher.update([0]);
    hasher.update(login.as_bytes());
    Ok(SecretString::from(hex::encode(hasher.finalize())))
}
