//! Pictures by URL, through the one way out.

use std::time::Duration;

use bytes::Bytes;
use odyssey_outbound::{Error, Guard, Limits, Policy, Request, StartError};
use tokio::sync::Semaphore;

use super::IMAGE_SENT_BYTES_MAX;
use super::error::{ImageError, UrlRefusal};

/// How long a picture may take to come, with all redirects: a person waits for the answer.
const WHOLE_TIME_MAX: Duration = Duration::from_secs(10);
/// Until a server takes the connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(3);
/// Redirects followed for one picture.
const REDIRECTS_MAX: u8 = 3;
/// Pictures fetched at a time in this process: each may hold 10 MiB. Others wait their turn.
const FETCHES_AT_ONCE_MAX: usize = 8;
static TURNS: Semaphore = Semaphore::const_new(FETCHES_AT_ONCE_MAX);

/// Fetches what vendors name by a URL. Cheap to clone; one for a process.
#[derive(Debug, Clone)]
pub struct PictureFetcher(Guard);

impl PictureFetcher {
    /// Over https alone, on the public internet.
    pub fn open() -> Result<Self, StartError> {
        Self::with_policy(Policy::default())
    }

    /// Reaches servers on this machine, but for 127.0.0.2, which stands for what is refused: no setting leads here.
    #[cfg(feature = "testing")]
    pub fn on_this_machine() -> Result<Self, StartError> {
        Self::with_policy(Policy {
            plain_http_allowed: true,
            also_refused: "127.0.0.2/32".parse().into_iter().collect(),
            unsafe_allow_this_machine_for_tests_only: true,
            ..Policy::default()
        })
    }

    fn with_policy(policy: Policy) -> Result<Self, StartError> {
        let limits = Limits {
            body_bytes_max: IMAGE_SENT_BYTES_MAX as u64,
            redirects_max: REDIRECTS_MAX,
            connect_time_max: CONNECT_TIME_MAX,
            first_byte_time_max: WHOLE_TIME_MAX,
            whole_time_max: WHOLE_TIME_MAX,
        };
        Guard::new(policy, limits).map(Self)
    }

    /// The bytes behind a URL, whatever they are. Holds nothing of the database.
    pub async fn fetch(&self, url: &str) -> Result<Bytes, ImageError> {
        let target = self.0.check(url).map_err(|error| refusal(&error))?;
        let turn = TURNS.acquire().await.map_err(|_| ImageError::Stopped)?;
        let answer =
            self.0.fetch(Request::get(target)).await.and_then(odyssey_outbound::Response::into_success);
        drop(turn);
        Ok(answer.map_err(|error| refusal(&error))?.body)
    }
}

/// What is said of an error. A name that leads nowhere and one that leads inside are one answer, so that nobody
/// learns the names of a private network by asking.
fn refusal(error: &Error) -> ImageError {
    let (code, detail) = match error {
        Error::Redirected { reason, .. } => return refusal(reason),
        Error::NotAUrl | Error::UrlTooLong => (
            "url_unreadable",
            "this is not a URL that is read: write it whole, such as https://shop.example/picture.jpg",
        ),
        Error::Scheme | Error::PlainHttp => (
            "scheme_not_allowed",
            "it, or what it redirects to, does not begin with https://: use a link that does",
        ),
        Error::UserInfo => (
            "credentials_in_url",
            "it carries a user name or a password before its host: use a link that needs none",
        ),
        Error::Port { .. } => {
            ("port_not_allowed", "it names a port that is not asked: use a link without a port")
        }
        Error::LocalName { .. } | Error::NotPublic { .. } | Error::NameUnknown { .. } => (
            "host_not_public",
            "its host, or one that it redirects to, is not found on the public internet: look for a mistyped name, and use a server that everybody can reach",
        ),
        Error::NoConnection { .. } => (
            "connection_failed",
            "its host takes no connection: see whether it is up and reachable from everywhere",
        ),
        Error::Encryption { .. } => (
            "certificate_invalid",
            "its host cannot prove who it is: its certificate must be valid and for this name",
        ),
        Error::TooSlow { .. } => {
            ("too_slow", "its host did not answer in time: try again later, or send the file")
        }
        Error::Garbled { .. } | Error::HeadersTooLarge { .. } => (
            "answer_unreadable",
            "its host answered with something that cannot be read: send the file instead",
        ),
        Error::BodyTooLarge { .. } => {
            ("body_too_large", "there are more than 10 MiB behind it: use a smaller picture")
        }
        Error::Encoded { .. } => (
            "body_compressed",
            "its host compresses its answer although it was asked not to: send the file instead",
        ),
        Error::Status { .. } => {
            ("status_unexpected", "its host refuses to give it out: use a link that anybody can open")
        }
        Error::RedirectUnreadable { .. } | Error::TooManyRedirects { .. } => (
            "redirects_too_many",
            "it redirects too often or nowhere: use the link that the redirects end at",
        ),
        Error::Header { .. } => ("url_unreadable", "it cannot be asked for: send the file instead"),
    };
    let may_pass = error.may_pass() && code != "host_not_public";
    ImageError::Url(UrlRefusal { code, detail, may_pass })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn code(url: &str) -> &'static str {
        match PictureFetcher::open().expect("a client").fetch(url).await {
            Err(ImageError::Url(UrlRefusal { code, may_pass: false, .. })) => code,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_url_that_leads_inside_is_refused_without_a_network() {
        for url in [
            "https://127.0.0.1/a.png",
            "https://[::1]/a.png",
            "https://169.254.169.254/latest/meta-data/",
            "https://2130706433/a.png",
            "https://10.0.0.8/a.png",
            "https://localhost/a.png",
            "https://db.internal/a.png",
        ] {
            assert_eq!(code(url).await, "host_not_public", "{url}");
        }
        assert_eq!(code("http://shop.example/a.png").await, "scheme_not_allowed");
        assert_eq!(code("file:///etc/passwd").await, "scheme_not_allowed");
        assert_eq!(code("https://ada:secret@shop.example/a.png").await, "credentials_in_url");
        assert_eq!(code("https://shop.example:8443/a.png").await, "port_not_allowed");
        assert_eq!(code("a.png").await, "url_unreadable");
    }
}
