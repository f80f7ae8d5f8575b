//! `[store]`: where uploads wait, sealed.

use secrecy::SecretString;
use serde::Deserialize;

use super::ConfigError;
use super::database::optional_secret;
use super::layers::Layers;

/// The kinds of stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    Disk,
    S3,
    Supabase,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// `disk`, `s3` or `supabase`. Default `disk`. `ODYSSEY__STORE__KIND`.
    pub kind: StoreKind,
    /// Of an object store, without the bucket. Default unset. `ODYSSEY__STORE__ENDPOINT`.
    pub endpoint: String,
    /// Of S3. Default `us-east-1`. `ODYSSEY__STORE__REGION`.
    pub region: String,
    /// A private bucket with nothing else in it. Default unset. `ODYSSEY__STORE__BUCKET`.
    pub bucket: String,
    /// Of S3. Default unset. `ODYSSEY__STORE__ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// Of S3. Secret. Default unset. `ODYSSEY__STORE__SECRET_ACCESS_KEY`.
    #[serde(deserialize_with = "optional_secret")]
    pub secret_access_key: Option<SecretString>,
    /// Of Supabase: the service role's key, or a secret key. Secret. Default unset. `ODYSSEY__STORE__SERVICE_KEY`.
    #[serde(deserialize_with = "optional_secret")]
    pub service_key: Option<SecretString>,
    /// Weakens: an endpoint that is `http://`. Default false. `ODYSSEY__STORE__ALLOW_HTTP`.
    pub allow_http: bool,
}

impl StoreConfig {
    pub(super) fn check(&self, layers: &Layers) -> Result<(), ConfigError> {
        let texts = [
            ("store.endpoint", self.endpoint.is_empty()),
            ("store.bucket", self.bucket.is_empty()),
            ("store.access_key_id", self.access_key_id.is_empty()),
            ("store.secret_access_key", self.secret_access_key.is_none()),
            ("store.service_key", self.service_key.is_none()),
        ];
        let (needed, kind): (&[&str], _) = match self.kind {
            StoreKind::Disk => (&[], "disk"),
            StoreKind::S3 => {
                (&["store.endpoint", "store.bucket", "store.access_key_id", "store.secret_access_key"], "s3")
            }
            StoreKind::Supabase => (&["store.endpoint", "store.bucket", "store.service_key"], "supabase"),
        };
        for (key, is_unset) in texts {
            if needed.contains(&key) && is_unset {
                return Err(layers.refuse(key, format!("is not set; a store of kind `{kind}` needs it")));
            }
            // Somebody who set it believes that the store is another one than it is.
            if !needed.contains(&key) && !is_unset {
                return Err(layers.refuse(key, format!("is set, and a store of kind `{kind}` has none")));
            }
        }
        Ok(())
    }
}
