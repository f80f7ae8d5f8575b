//! Supabase Storage by its own endpoints: REST for whole files, tus for files that are longer than one chunk.
//!
//! Nearly every refusal comes with status 400 and says in its body what it is; the routes of tus answer in plain text
//! with the true status.

mod objects;
#[cfg(test)]
mod tests;
mod tus;
mod write;

use std::fmt;
use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::answer::{Fault, REFUSAL_BYTES_MAX, Refusal};
use crate::net;
use crate::patience::Patience;
use crate::settings::{SettingsError, SupabaseSettings, check_bucket, check_credential};

/// Bytes of an answer that is no file: a page of a listing has 1,000 entries of about 1 KiB.
const ANSWER_BYTES_MAX: usize = 1 << 23;

/// A bucket.
#[derive(Clone)]
pub(crate) struct Supabase {
    client: Client,
    endpoint: Url,
    bucket: Arc<str>,
    credentials: HeaderMap,
    patience: Patience,
}

impl fmt::Debug for Supabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supabase")
            .field("bucket", &self.bucket)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// The body of a refusal. What it says in words is not read: it is written for people, and quotes.
#[derive(Deserialize)]
struct RefusalBody {
    #[serde(rename = "statusCode")]
    status: Option<Status>,
    code: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Status {
    Number(u16),
    Text(String),
}

impl Supabase {
    pub fn new(settings: &SupabaseSettings) -> Result<Self, SettingsError> {
        let endpoint = net::endpoint(&settings.endpoint, settings.allow_http)?;
        check_bucket(&settings.bucket)?;
        let key = settings.service_key.expose_secret();
        check_credential("the service key", key)?;
        let mut credentials = HeaderMap::new();
        for (name, value) in [(AUTHORIZATION.as_str(), format!("Bearer {key}")), ("apikey", key.to_owned())] {
            let value = HeaderValue::try_from(value).map(|mut value| {
                value.set_sensitive(true);
                value
            });
            let name = http::HeaderName::from_static(name);
            credentials.insert(name, value.map_err(|_| SettingsError::Credential("the service key"))?);
        }
        Ok(Self {
            client: net::client(&settings.patience)?,
            endpoint,
            bucket: settings.bucket.as_str().into(),
            credentials,
            patience: settings.patience,
        })
    }

    /// The address of a route, with what follows it. Every part is one of ours and needs no escape.
    fn url(&self, route: &str, parts: &[&str]) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(route.split('/'));
            segments.extend(parts.iter().flat_map(|part| part.split('/')));
        }
        url
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url).headers(self.credentials.clone())
    }

    /// Sends a request; an answer that is no success is a fault.
    async fn ask(&self, request: RequestBuilder) -> Result<Response, Fault> {
        let response = net::send(request, &self.patience).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        // The status says enough where the text does not arrive.
        let body = net::small_body(response, REFUSAL_BYTES_MAX, &self.patience).await.unwrap_or_default();
        Err(Fault::Refusal(refusal_of(status.as_u16(), &body)))
    }

    async fn ask_json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Fault> {
        let response = self.ask(request).await?;
        let body = net::small_body(response, ANSWER_BYTES_MAX, &self.patience).await?;
        serde_json::from_slice(&body).map_err(|_| Fault::Senseless)
    }
}

fn refusal_of(status: u16, body: &[u8]) -> Refusal {
    let Ok(body) = serde_json::from_slice::<RefusalBody>(body) else { return Refusal::new(status, None) };
    let told = match body.status {
        Some(Status::Number(number)) => Some(number),
        Some(Status::Text(text)) => text.parse().ok(),
        None => None,
    };
    let code = body.code.or(body.error);
    // Servers of before 2024 have no code.
    let code = code.as_deref().map(|code| if code == "Bucket not found" { "NoSuchBucket" } else { code });
    Refusal::new(told.unwrap_or(status), code)
}
