//! The store in which files wait, as the settings say.

use odyssey_store::{
    DiskSettings, Patience, S3Settings, SettingsError, Store, StoreSettings, SupabaseSettings,
};

use crate::config::{Settings, StoreKind};

/// Nobody is asked yet.
pub(super) fn open_store(settings: &Settings) -> Result<Store, SettingsError> {
    let config = &settings.store;
    Store::new(&match config.kind {
        StoreKind::Disk => StoreSettings::Disk(DiskSettings { root: settings.spool_dir() }),
        StoreKind::S3 => StoreSettings::S3(S3Settings {
            endpoint: config.endpoint.clone(),
            region: config.region.clone(),
            bucket: config.bucket.clone(),
            access_key_id: config.access_key_id.clone(),
            secret_access_key: config.secret_access_key.clone().unwrap_or_default(),
            allow_http: config.allow_http,
            patience: Patience::default(),
        }),
        StoreKind::Supabase => StoreSettings::Supabase(SupabaseSettings {
            endpoint: config.endpoint.clone(),
            bucket: config.bucket.clone(),
            service_key: config.service_key.clone().unwrap_or_default(),
            allow_http: config.allow_http,
            patience: Patience::default(),
        }),
    })
}
