//! Whole files by REST: read, look up, list, remove.

use std::collections::HashSet;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt};
use http::StatusCode;
use http::header::{ACCEPT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, RANGE};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::Supabase;
use crate::answer::{Broken, Fault, Meaning};
use crate::error::{Attempt, StoreError};
use crate::listing::{Listing, PAGE_FILES_MAX, Pages, StoredFile};
use crate::path::{StorePath, is_segment};
use crate::patience::{Patience, persist};
use crate::resume::{Part, Ranged};

/// Files that one request removes; the store takes 1,000.
const REMOVED_AT_ONCE: usize = 500;
/// The boundary of a form. Nothing else is in it.
const BOUNDARY: &str = "odyssey-store-empty-file";

#[derive(Deserialize)]
struct Info {
    size: Option<u64>,
}

#[derive(Deserialize)]
struct Bucket {
    #[serde(default)]
    public: bool,
}

/// A line of a listing: a file, or a folder, which has no id.
#[derive(Deserialize)]
struct Entry {
    name: String,
    id: Option<String>,
    updated_at: Option<DateTime<Utc>>,
    created_at: Option<DateTime<Utc>>,
    metadata: Option<EntryMetadata>,
}

#[derive(Deserialize)]
struct EntryMetadata {
    size: Option<u64>,
}

impl Supabase {
    pub async fn size(&self, path: &StorePath) -> Result<Option<u64>, StoreError> {
        let attempt = Attempt::at("look up", path);
        let url = self.url("object/info/authenticated", &[&self.bucket, path.as_str()]);
        let found = persist(self.patience, || async {
            let info: Result<Info, Fault> = self.ask_json(self.request(Method::GET, url.clone())).await;
            info.and_then(|info| info.size.ok_or(Fault::Senseless)).map_err(|fault| fault.error(&attempt))
        });
        match found.await {
            Ok(byte_count) => Ok(Some(byte_count)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Stores a short file in one request. It replaces what was there, so it can be sent again.
    pub(super) async fn post(&self, path: &StorePath, bytes: Bytes) -> Result<(), StoreError> {
        let attempt = Attempt::at("write", path);
        let url = self.url("object", &[&self.bucket, path.as_str()]);
        persist(self.patience, || async {
            let request = self.request(Method::POST, url.clone()).header("x-upsert", "true");
            // A body without a byte is taken for none at all, except in a form.
            let request = if bytes.is_empty() {
                request
                    .header(CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
                    .body(empty_form())
            } else {
                request.header(CONTENT_TYPE, "application/octet-stream").body(bytes.clone())
            };
            self.ask(request).await.map(|_| ()).map_err(|fault| fault.error(&attempt))
        })
        .await
    }

    pub async fn remove(&self, path: &StorePath) -> Result<(), StoreError> {
        let attempt = Attempt::at("remove", path);
        let url = self.url("object", &[&self.bucket, path.as_str()]);
        let removed = persist(self.patience, || async {
            let asked = self.ask(self.request(Method::DELETE, url.clone())).await;
            asked.map(|_| ()).map_err(|fault| fault.error(&attempt))
        });
        match removed.await {
            Err(StoreError::NotFound { .. }) => Ok(()),
            result => result,
        }
    }

    pub async fn remove_folder(&self, folder: &StorePath) -> Result<(), StoreError> {
        let mut folders = vec![folder.to_string()];
        let mut emptied = HashSet::new();
        while let Some(folder) = folders.last().cloned() {
            // What was removed is not listed again: always the first page.
            let entries = self.page(Some(&folder), 0).await?;
            let depth = folders.len();
            let mut names = Vec::new();
            for entry in &entries {
                let name = format!("{folder}/{}", entry.name);
                match entry.id {
                    Some(_) => names.push(name),
                    // A folder that is still told of when nothing is left in it is looked at once.
                    None if emptied.contains(&name) => {}
                    None => folders.push(name),
                }
            }
            for names in names.chunks(REMOVED_AT_ONCE) {
                self.remove_named(names).await?;
            }
            if folders.len() == depth && names.is_empty() {
                folders.pop();
                emptied.insert(folder);
            }
        }
        Ok(())
    }

    /// Removes files of a listing. Where none of them is removed, none ever would be.
    async fn remove_named(&self, names: &[String]) -> Result<(), StoreError> {
        let attempt = Attempt::within("remove a folder of", None);
        let url = self.url("object", &[&self.bucket]);
        let removed: Vec<serde::de::IgnoredAny> = persist(self.patience, || async {
            let request = self.request(Method::DELETE, url.clone()).json(&json!({ "prefixes": names }));
            self.ask_json(request).await.map_err(|fault| fault.error(&attempt))
        })
        .await?;
        if removed.is_empty() {
            return Err(StoreError::refused(
                &attempt,
                "it lists files and removes none of them; check that the key may remove",
            ));
        }
        Ok(())
    }

    pub async fn folders(&self, within: Option<&StorePath>) -> Result<Vec<String>, StoreError> {
        let (mut folders, mut offset) = (Vec::new(), 0);
        loop {
            let entries = self.page(within.map(StorePath::as_str), offset).await?;
            let count = entries.len();
            let names = entries.into_iter().filter(|entry| entry.id.is_none()).map(|entry| entry.name);
            folders.extend(names.filter(|name| is_segment(name)));
            if count < PAGE_FILES_MAX {
                return Ok(folders);
            }
            offset += count;
        }
    }

    pub fn list(&self, within: Option<&StorePath>) -> Listing {
        let (pages, listing) = Listing::new();
        let (supabase, within) = (self.clone(), within.cloned());
        tokio::spawn(async move {
            let result = supabase.send_pages(within, &pages).await;
            pages.end(result).await;
        });
        listing
    }

    async fn send_pages(&self, within: Option<StorePath>, pages: &Pages) -> Result<(), StoreError> {
        let mut folders = vec![within];
        while let Some(folder) = folders.pop() {
            let mut offset = 0;
            loop {
                let entries = self.page(folder.as_ref().map(StorePath::as_str), offset).await?;
                let count = entries.len();
                let mut files = Vec::new();
                for entry in entries {
                    let Some(path) = StorePath::below(folder.as_ref(), &entry.name) else { continue };
                    match entry.id {
                        Some(_) => files.extend(stored(entry, path)),
                        None => folders.push(Some(path)),
                    }
                }
                if !pages.send(files).await {
                    return Ok(());
                }
                if count < PAGE_FILES_MAX {
                    break;
                }
                offset += count;
            }
        }
        Ok(())
    }

    /// The names in one folder, not in those below.
    async fn page(&self, folder: Option<&str>, offset: usize) -> Result<Vec<Entry>, StoreError> {
        let attempt = Attempt::within("list", None);
        let url = self.url("object/list", &[&self.bucket]);
        let question = json!({
            "prefix": folder.unwrap_or_default(),
            "limit": PAGE_FILES_MAX,
            "offset": offset,
            "sortBy": { "column": "name", "order": "asc" },
        });
        persist(self.patience, || async {
            let request = self.request(Method::POST, url.clone()).json(&question);
            self.ask_json(request).await.map_err(|fault| fault.error(&attempt))
        })
        .await
    }

    pub async fn check(&self) -> Result<(), StoreError> {
        let attempt = Attempt::within("use", None);
        let request = self.request(Method::GET, self.url("bucket", &[&self.bucket]));
        let bucket: Bucket = self.ask_json(request).await.map_err(|fault| match fault.meaning() {
            Some(Meaning::NoFile) => {
                StoreError::refused(&attempt, "there is no such bucket; make it, private")
            }
            _ => fault.error(&attempt),
        })?;
        if bucket.public {
            return Err(StoreError::refused(&attempt, "the bucket is public; make it private"));
        }
        Ok(())
    }
}

impl Ranged for Supabase {
    async fn part(&self, path: &StorePath, from: u64) -> Result<Part, StoreError> {
        let attempt = Attempt::at("read", path);
        let url = self.url("object/authenticated", &[&self.bucket, path.as_str()]);
        // What is stored is the body, not a shorter way to say it.
        let mut request = self.request(Method::GET, url).header(ACCEPT_ENCODING, "identity");
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let response = match self.ask(request).await {
            Ok(response) => response,
            Err(fault) if from > 0 && fault.meaning() == Some(Meaning::Beyond) => {
                return self.behind_the_end(path, from, &fault).await;
            }
            Err(fault) => return Err(fault.error(&attempt)),
        };
        let byte_count = match response.status() {
            StatusCode::PARTIAL_CONTENT => range_of(response.headers())
                .filter(|(first, _)| *first == from)
                .map(|(_, byte_count)| byte_count),
            _ if from == 0 => response.content_length(),
            _ => None,
        };
        let Some(byte_count) = byte_count else { return Err(Fault::Senseless.error(&attempt)) };
        let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let of = path.clone();
        let body =
            response.bytes_stream().map_err(move |error| Broken::of(error).error(&Attempt::at("read", &of)));
        Ok(Part { byte_count, tag, body: body.boxed() })
    }

    fn patience(&self) -> Patience {
        self.patience
    }
}

impl Supabase {
    /// The store refuses to read from the end of a file on; for us there is nothing there.
    async fn behind_the_end(&self, path: &StorePath, from: u64, fault: &Fault) -> Result<Part, StoreError> {
        let attempt = Attempt::at("read", path);
        let byte_count = self.size(path).await?.ok_or_else(|| attempt.not_found())?;
        if byte_count > from {
            return Err(fault.error(&attempt));
        }
        Ok(Part { byte_count, tag: None, body: futures::stream::empty().boxed() })
    }
}

/// `None` where the store does not say what a file must have.
fn stored(entry: Entry, path: StorePath) -> Option<StoredFile> {
    let byte_count = entry.metadata?.size?;
    Some(StoredFile { path, byte_count, modified_at: entry.updated_at.or(entry.created_at)? })
}

/// First byte, and bytes of the whole, of `bytes 5-9/10`.
fn range_of(headers: &HeaderMap) -> Option<(u64, u64)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, byte_count) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.parse().ok()?, byte_count.parse().ok()?))
}

fn empty_form() -> String {
    format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"file\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n\r\n--{BOUNDARY}--\r\n"
    )
}
