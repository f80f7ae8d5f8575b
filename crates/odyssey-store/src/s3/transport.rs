//! Carries the requests of `object_store`, with bounds on every wait, and says of an answer that is no success what it
//! means: a [`Refusal`] or a [`Broken`], found again by `error.rs`.

use async_trait::async_trait;
use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use reqwest::Response;

use crate::answer::{Broken, REFUSAL_BYTES_MAX, Refusal};
use crate::net::small_body;
use crate::patience::Patience;

/// Bytes of an answer that is no file: a page of a listing has 1,000 keys of at most 512 bytes, and what is around them.
const ANSWER_BYTES_MAX: usize = 1 << 22;

#[derive(Debug, Clone)]
pub(super) struct Transport {
    pub client: reqwest::Client,
    pub patience: Patience,
}

/// Gives `object_store` our transport, whatever options it has in mind.
#[derive(Debug)]
pub(super) struct Connector(pub Transport);

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

#[async_trait]
impl HttpService for Transport {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let url = parts.uri.to_string().parse().map_err(|_| broken("the address of a request is none"))?;
        let is_list = parts.uri.query().is_some_and(|query| {
            query.contains("list-type=2") || query.starts_with(super::leftovers::UPLOADS_QUERY)
        });
        let gives_file = parts.method == Method::GET && !is_list;
        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        *request.body_mut() = Some(reqwest::Body::wrap(body));
        let answer = tokio::time::timeout(self.patience.request_max, self.client.execute(request));
        let response = match answer.await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(told(Broken::of(error))),
            Err(_) => return Err(broken(&format!("no answer within {:?}", self.patience.request_max))),
        };
        if !response.status().is_success() {
            return Err(told(self.refusal(response).await));
        }
        if gives_file { Ok(stream(response)) } else { self.whole(response).await }
    }
}

impl Transport {
    async fn refusal(&self, response: Response) -> Refusal {
        let status = response.status().as_u16();
        // The status says enough where the text does not arrive.
        let body = small_body(response, REFUSAL_BYTES_MAX, &self.patience).await.unwrap_or_default();
        Refusal::new(status, code_of(&body).as_deref())
    }

    /// A small answer, read to its end. One that is an error in spite of its status is one.
    async fn whole(&self, response: Response) -> Result<HttpResponse, HttpError> {
        let mut builder = HttpResponse::new(Bytes::new().into());
        *builder.status_mut() = response.status();
        *builder.headers_mut() = response.headers().clone();
        let body = small_body(response, ANSWER_BYTES_MAX, &self.patience).await.map_err(told)?;
        if let Some(code) = code_of(&body) {
            return Err(told(Refusal::new(builder.status().as_u16(), Some(&code))));
        }
        *builder.body_mut() = body.into();
        Ok(builder)
    }
}

fn stream(response: Response) -> HttpResponse {
    let response: http::Response<reqwest::Body> = response.into();
    response.map(|body| HttpResponseBody::new(body.map_err(|error| told(Broken::of(error)))))
}

/// Not to be tried again there: who calls decides.
fn told<E: std::error::Error + Send + Sync + 'static>(error: E) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, error)
}

fn broken(reason: &str) -> HttpError {
    told(Broken(reason.to_owned()))
}

/// The code of `<Error>…<Code>…</Code>…</Error>`, by looking for it: what is around it is not needed.
fn code_of(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, error) = text.split_once("<Error>").or_else(|| text.split_once("<Error "))?;
    let (_, rest) = error.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    Some(code.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_an_error_is_found_and_nothing_else_taken_for_one() {
        let body =
            b"<?xml version=\"1.0\"?>\n<Error><Resource/><Code>NoSuchKey</Code><Message>m</Message></Error>";
        assert_eq!(code_of(body).as_deref(), Some("NoSuchKey"));
        let body = b"<Error xmlns=\"x\"><Code> SlowDown </Code></Error>";
        assert_eq!(code_of(body).as_deref(), Some("SlowDown"));
        assert_eq!(code_of(b"<ListBucketResult><Code>x</Code></ListBucketResult>"), None);
        assert_eq!(code_of(b"\xff\xfe"), None);
    }
}
