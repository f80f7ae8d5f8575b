//! Any store that speaks the protocol of S3.
//!
//! `object_store` composes, signs and understands the requests. Who answers, how long that may take and what an answer
//! means is decided here ([`transport`]), and so is what is tried again: each try is signed anew.

mod error;
mod leftovers;
#[cfg(test)]
mod server_tests;
#[cfg(test)]
mod tests;
mod transport;
mod write;

use std::fmt;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, RetryConfig};
use secrecy::ExposeSecret;

use crate::answer::{Fault, Meaning};
use crate::error::{Attempt, StoreError};
use crate::listing::{Listing, PAGE_FILES_MAX, Pages, StoredFile};
use crate::net;
use crate::path::{StorePath, is_segment};
use crate::patience::{Patience, persist};
use crate::resume::{Part, Ranged};
use crate::settings::{S3Settings, SettingsError, check_bucket, check_credential};

use error::fault_of;
use transport::{Connector, Transport};

/// Files of a folder that are removed at the same time.
const REMOVED_AT_ONCE: usize = 8;

/// A bucket.
#[derive(Clone)]
pub(crate) struct S3 {
    client: Arc<AmazonS3>,
    /// For what the client has no words for.
    transport: Transport,
    bucket_url: Arc<str>,
    region: Arc<str>,
    patience: Patience,
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client knows the key, and has a word of its own on what it shows.
        f.debug_struct("S3").field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl S3 {
    pub fn new(settings: &S3Settings) -> Result<Self, SettingsError> {
        let endpoint = net::endpoint(&settings.endpoint, settings.allow_http)?;
        check_bucket(&settings.bucket)?;
        check_credential("the access key's id", &settings.access_key_id)?;
        check_credential("the secret access key", settings.secret_access_key.expose_secret())?;
        check_credential("the region", &settings.region)?;
        let patience = settings.patience;
        let transport = Transport { client: net::client(&patience)?, patience };
        let client = AmazonS3Builder::new()
            .with_endpoint(endpoint.as_str().trim_end_matches('/'))
            .with_region(&settings.region)
            .with_bucket_name(&settings.bucket)
            .with_access_key_id(&settings.access_key_id)
            .with_secret_access_key(settings.secret_access_key.expose_secret())
            .with_allow_http(settings.allow_http)
            .with_virtual_hosted_style_request(false)
            .with_disable_tagging(true)
            // The request that removes many carries checksums that not every store takes.
            .with_disable_bulk_delete(true)
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .with_http_connector(Connector(transport.clone()))
            .build()
            .map_err(|_| SettingsError::Client("the settings contradict each other".to_owned()))?;
        let bucket_url = format!("{}/{}", endpoint.as_str().trim_end_matches('/'), settings.bucket);
        Ok(Self {
            client: Arc::new(client),
            transport,
            bucket_url: bucket_url.into(),
            region: settings.region.as_str().into(),
            patience,
        })
    }

    pub async fn size(&self, path: &StorePath) -> Result<Option<u64>, StoreError> {
        let attempt = Attempt::at("look up", path);
        let found = persist(self.patience, || async {
            self.client.head(&key(path)).await.map_err(|error| error::store_error(&error, &attempt))
        });
        match found.await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub async fn remove(&self, path: &StorePath) -> Result<(), StoreError> {
        self.remove_key(&key(path), &Attempt::at("remove", path)).await
    }

    async fn remove_key(&self, key: &Path, attempt: &Attempt<'_>) -> Result<(), StoreError> {
        let removed = persist(self.patience, || async {
            self.client.delete(key).await.map_err(|error| error::store_error(&error, attempt))
        });
        match removed.await {
            Err(StoreError::NotFound { .. }) => Ok(()),
            result => result,
        }
    }

    pub async fn remove_folder(&self, folder: &StorePath) -> Result<(), StoreError> {
        let attempt = Attempt::at("remove", folder);
        let mut token = None;
        loop {
            let page = self.page(Some(folder), None, token).await?;
            let keys = page.result.objects.into_iter().map(|object| object.location);
            let attempt = &attempt;
            futures::stream::iter(keys)
                .map(|key| async move { self.remove_key(&key, attempt).await })
                .buffer_unordered(REMOVED_AT_ONCE)
                .try_collect::<()>()
                .await?;
            token = page.page_token;
            if token.is_none() {
                return Ok(());
            }
        }
    }

    pub async fn folders(&self, within: Option<&StorePath>) -> Result<Vec<String>, StoreError> {
        let (mut folders, mut token) = (Vec::new(), None);
        loop {
            let page = self.page(within, Some("/"), token).await?;
            let names = page.result.common_prefixes.iter().filter_map(|prefix| prefix.filename());
            folders.extend(names.filter(|name| is_segment(name)).map(str::to_owned));
            token = page.page_token;
            if token.is_none() {
                return Ok(folders);
            }
        }
    }

    pub fn list(&self, within: Option<&StorePath>) -> Listing {
        let (pages, listing) = Listing::new();
        let (s3, within) = (self.clone(), within.cloned());
        tokio::spawn(async move {
            let result = s3.send_pages(within.as_ref(), &pages).await;
            pages.end(result).await;
        });
        listing
    }

    async fn send_pages(&self, within: Option<&StorePath>, pages: &Pages) -> Result<(), StoreError> {
        let mut token = None;
        loop {
            let page = self.page(within, None, token).await?;
            let files = page.result.objects.into_iter().filter_map(|object| {
                let path = StorePath::parse(object.location.as_ref()).ok()?;
                Some(StoredFile { path, byte_count: object.size, modified_at: object.last_modified })
            });
            if !pages.send(files.collect()).await {
                return Ok(());
            }
            token = page.page_token;
            if token.is_none() {
                return Ok(());
            }
        }
    }

    async fn page(
        &self,
        within: Option<&StorePath>,
        delimiter: Option<&'static str>,
        token: Option<String>,
    ) -> Result<PaginatedListResult, StoreError> {
        persist(self.patience, || self.ask_page(within, delimiter, token.clone(), PAGE_FILES_MAX)).await
    }

    async fn ask_page(
        &self,
        within: Option<&StorePath>,
        delimiter: Option<&'static str>,
        page_token: Option<String>,
        files_max: usize,
    ) -> Result<PaginatedListResult, StoreError> {
        let prefix = within.map(|folder| format!("{folder}/"));
        let options = PaginatedListOptions {
            delimiter: delimiter.map(Into::into),
            max_keys: Some(files_max),
            page_token,
            ..PaginatedListOptions::default()
        };
        let page = self.client.list_paginated(prefix.as_deref(), options).await;
        page.map_err(|error| error::store_error(&error, &Attempt::within("list", within)))
    }

    pub async fn check(&self) -> Result<(), StoreError> {
        self.ask_page(None, Some("/"), None, 1).await.map(|_| ())
    }
}

impl Ranged for S3 {
    async fn part(&self, path: &StorePath, from: u64) -> Result<Part, StoreError> {
        let attempt = Attempt::at("read", path);
        let range = (from > 0).then_some(GetRange::Offset(from));
        let options = GetOptions { range, ..GetOptions::default() };
        let result = match self.client.get_opts(&key(path), options).await {
            Ok(result) => result,
            Err(error) => return self.behind_the_end(path, from, fault_of(&error)).await,
        };
        let (byte_count, tag) = (result.meta.size, result.meta.e_tag.clone());
        let of = path.clone();
        let body =
            result.into_stream().map_err(move |error| error::store_error(&error, &Attempt::at("read", &of)));
        if byte_count < from {
            return Err(StoreError::corrupt(&attempt, "the file is shorter than it was"));
        }
        Ok(Part { byte_count, tag, body: body.boxed() })
    }

    fn patience(&self) -> Patience {
        self.patience
    }
}

impl S3 {
    /// Stores refuse to read from the end of a file on; for us there is nothing there.
    async fn behind_the_end(&self, path: &StorePath, from: u64, fault: Fault) -> Result<Part, StoreError> {
        let attempt = Attempt::at("read", path);
        if from > 0 && fault.meaning() == Some(Meaning::Beyond) {
            let byte_count = self.size(path).await?.ok_or_else(|| attempt.not_found())?;
            if byte_count <= from {
                return Ok(Part { byte_count, tag: None, body: futures::stream::empty().boxed() });
            }
        }
        Err(fault.error(&attempt))
    }
}

/// Our paths are made of characters that stand for themselves.
fn key(path: &StorePath) -> Path {
    Path::from(path.as_str())
}
