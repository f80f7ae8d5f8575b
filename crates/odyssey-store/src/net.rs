//! The one way out to stores across the network.

use bytes::{Bytes, BytesMut};
use reqwest::{Client, RequestBuilder, Response};
use url::Url;

use crate::answer::Broken;
use crate::patience::Patience;
use crate::settings::SettingsError;

/// A client that follows nobody elsewhere, reads no proxy from the environment, and gives each request a connection
/// to itself.
pub(crate) fn client(patience: &Patience) -> Result<Client, SettingsError> {
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(patience.connect_max)
        .http1_only()
        .user_agent("odyssey-store")
        .build()
        .map_err(|error| SettingsError::Client(Broken::of(error).0))
}

/// An endpoint as it is written in the settings.
pub(crate) fn endpoint(text: &str, allow_http: bool) -> Result<Url, SettingsError> {
    let url = Url::parse(text.trim_end_matches('/')).map_err(|_| SettingsError::Endpoint)?;
    let scheme_fits = match url.scheme() {
        "https" => true,
        "http" if allow_http => true,
        "http" => return Err(SettingsError::PlainHttp),
        _ => false,
    };
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if scheme_fits && url.has_host() && is_plain { Ok(url) } else { Err(SettingsError::Endpoint) }
}

/// Sends a request; waits until its answer begins.
pub(crate) async fn send(request: RequestBuilder, patience: &Patience) -> Result<Response, Broken> {
    match tokio::time::timeout(patience.request_max, request.send()).await {
        Ok(result) => result.map_err(Broken::of),
        Err(_) => Err(Broken(format!("no answer within {:?}", patience.request_max))),
    }
}

/// Reads an answer that is known to be small; of a longer one, its beginning.
pub(crate) async fn small_body(
    mut response: Response,
    bytes_max: usize,
    patience: &Patience,
) -> Result<Bytes, Broken> {
    let mut body = BytesMut::new();
    while body.len() < bytes_max {
        match tokio::time::timeout(patience.silence_max, response.chunk()).await {
            Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk[..chunk.len().min(bytes_max - body.len())]),
            Ok(Ok(None)) => break,
            Ok(Err(error)) => return Err(Broken::of(error)),
            Err(_) => return Err(Broken(format!("silent for {:?}", patience.silence_max))),
        }
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_and_nothing_more() {
        assert!(endpoint("https://x.example/storage/v1/s3/", false).is_ok());
        assert!(endpoint("http://127.0.0.1:9000", true).is_ok());
        assert!(matches!(endpoint("http://127.0.0.1:9000", false), Err(SettingsError::PlainHttp)));
        for bad in ["", "x.example", "ftp://x.example", "https://u:p@x.example", "https://x.example/?a=b"] {
            assert!(matches!(endpoint(bad, true), Err(SettingsError::Endpoint)), "{bad}");
        }
    }
}
