//! The one client, and what it does with a request.

use std::sync::Arc;

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, LOCATION};
use tokio::time::timeout;

use crate::error::{Error, Stage, StartError};
use crate::limits::{HEADER_BYTES_MAX, HEADERS_MAX, IDLE_CONNECTIONS_MAX, IDLE_TIME_MAX, Limits};
use crate::lookup::{GuardedLookup, Lookup, SystemLookup};
use crate::policy::Policy;
use crate::request::{Method, Request};
use crate::response::Response;
use crate::target::Target;

/// The only way out. Cheap to clone; one for a process.
#[derive(Debug, Clone)]
pub struct Guard {
    client: reqwest::Client,
    policy: Arc<Policy>,
    limits: Limits,
}

const USER_AGENT: &str = concat!("Odyssey/", env!("CARGO_PKG_VERSION"));

impl Guard {
    /// A guard that asks the resolver of this machine.
    pub fn new(policy: Policy, limits: Limits) -> Result<Self, StartError> {
        Self::with_lookup(policy, limits, SystemLookup)
    }

    /// A guard that asks another resolver. Its answers are judged like any other's.
    pub fn with_lookup(policy: Policy, limits: Limits, lookup: impl Lookup) -> Result<Self, StartError> {
        Self::build(policy, limits, lookup, |client| client)
    }

    pub(crate) fn build(
        policy: Policy,
        limits: Limits,
        lookup: impl Lookup,
        adjust: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Result<Self, StartError> {
        if policy.unsafe_allow_this_machine_for_tests_only {
            tracing::warn!("Outbound requests may reach this machine: for tests only");
        }
        let policy = Arc::new(policy);
        let guarded = GuardedLookup { policy: Arc::clone(&policy), lookup: Arc::new(lookup) };
        // Each line says what would otherwise depend on a default, or on what another crate switches on. A proxy
        // would resolve for us, a redirect would be followed unjudged, a retry would be one nobody counts, and
        // one request of a few bytes could unpack to gigabytes.
        let client = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .dns_resolver(guarded)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .http1_only()
            .http1_max_headers(HEADERS_MAX)
            .connect_timeout(limits.connect_time_max)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .pool_idle_timeout(IDLE_TIME_MAX);
        let client = adjust(client).build().map_err(StartError)?;
        Ok(Self { client, policy, limits })
    }

    /// Judges a URL by what it says, without a network.
    pub fn check(&self, url: &str) -> Result<Target, Error> {
        self.policy.check(url)
    }

    /// Asks, follows redirects of a `Get`, and gives whatever answer stands at their end.
    pub async fn fetch(&self, request: Request) -> Result<Response, Error> {
        let host = request.target.host().to_owned();
        match timeout(self.limits.whole_time_max, self.follow(request)).await {
            Ok(result) => result,
            Err(_) => Err(Error::TooSlow { host, stage: Stage::Whole }),
        }
    }

    async fn follow(&self, mut request: Request) -> Result<Response, Error> {
        // The target may come from a guard with another policy.
        self.policy.check(request.target.as_str())?;
        let first = request.target.clone();
        let mut redirects = 0;
        loop {
            let (answer, next) = self.hop(&request).await.map_err(|error| after(&first, redirects, error))?;
            let Some(next) = next else {
                let taken = self.take(request, answer).await;
                return taken.map_err(|error| after(&first, redirects, error));
            };
            if redirects == self.limits.redirects_max {
                return Err(Error::TooManyRedirects {
                    host: first.host().to_owned(),
                    redirects_max: self.limits.redirects_max,
                });
            }
            redirects += 1;
            let next = self.policy.check(&next).map_err(|error| after(&first, redirects, error))?;
            if next.origin() != request.target.origin() {
                request.headers.clear();
            }
            request.target = next;
        }
    }

    /// One question and the head of its answer, with the URL it redirects to.
    async fn hop(&self, request: &Request) -> Result<(reqwest::Response, Option<String>), Error> {
        let host = request.target.host();
        let method = match request.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
        };
        let asked = self
            .client
            .request(method, request.target.url().clone())
            .headers(request.headers.clone())
            .header(ACCEPT_ENCODING, "identity");
        let asked = match request.method {
            Method::Get => asked,
            Method::Post => asked.body(request.body.clone()),
        };
        let answer = timeout(self.limits.first_byte_time_max, asked.send())
            .await
            .map_err(|_| Error::TooSlow { host: host.to_owned(), stage: Stage::FirstByte })?
            .map_err(|error| Error::of_client(host, error))?;
        self.check_peer(host, &answer)?;
        check_headers(host, answer.headers())?;
        let next = match request.method {
            Method::Get => redirect(&request.target, &answer)?,
            Method::Post => None,
        };
        Ok((answer, next))
    }

    /// The same judgement by another road: of the address that the connection really has.
    fn check_peer(&self, host: &str, answer: &reqwest::Response) -> Result<(), Error> {
        match answer.remote_addr() {
            Some(peer) if self.policy.admits(peer.ip()) => Ok(()),
            _ => Err(Error::NotPublic { host: host.to_owned() }),
        }
    }

    /// The body, piece by piece, and no piece more than may be taken.
    async fn take(&self, request: Request, mut answer: reqwest::Response) -> Result<Response, Error> {
        let host = request.target.host();
        let bytes_max = request
            .body_bytes_max
            .map_or(self.limits.body_bytes_max, |max| max.min(self.limits.body_bytes_max));
        let too_large = || Error::BodyTooLarge { host: host.to_owned(), bytes_max };
        if is_encoded(answer.headers()) {
            return Err(Error::Encoded { host: host.to_owned() });
        }
        if answer.content_length().is_some_and(|length| length > bytes_max) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| Error::of_client(host, error))? {
            if body.len() as u64 + piece.len() as u64 > bytes_max {
                return Err(too_large());
            }
            body.extend_from_slice(&piece);
        }
        let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
        Ok(Response { target: request.target, status, headers, body: body.into() })
    }
}

/// An error of a later hop tells of the redirect that led there.
fn after(first: &Target, redirects: u8, error: Error) -> Error {
    if redirects == 0 {
        return error;
    }
    Error::Redirected { host: first.host().to_owned(), reason: Box::new(error) }
}

fn check_headers(host: &str, headers: &HeaderMap) -> Result<(), Error> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if bytes > HEADER_BYTES_MAX {
        return Err(Error::HeadersTooLarge { host: host.to_owned() });
    }
    Ok(())
}

/// Where an answer redirects to, as a whole URL. 300 and 304 are answers, not redirects.
fn redirect(target: &Target, answer: &reqwest::Response) -> Result<Option<String>, Error> {
    if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location =
        answer.headers().get(LOCATION).and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
    let next = location.and_then(|location| target.url().join(location).ok());
    match next {
        Some(next) => Ok(Some(next.into())),
        None => Err(Error::RedirectUnreadable { host: target.host().to_owned() }),
    }
}

fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|value| {
        let value = value.as_bytes().trim_ascii();
        !value.is_empty() && !value.eq_ignore_ascii_case(b"identity")
    })
}
