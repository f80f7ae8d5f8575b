//! One resumable upload at the store: requests and answers of tus 1.0.0, as Supabase speaks it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Method, RequestBuilder};
use url::Url;

use super::Supabase;
use crate::answer::{Fault, Meaning, Refusal};
use crate::path::StorePath;

const ROUTE: &str = "upload/resumable";

/// An upload that the store knows.
#[derive(Debug)]
pub(super) struct Upload {
    url: Url,
    /// Bytes that the store has.
    pub offset: u64,
    /// The store knows how long the file will be. It may be told once only.
    length_told: bool,
}

impl Supabase {
    /// Begins an upload of a length that is not known yet.
    pub(super) async fn begin(&self, path: &StorePath) -> Result<Upload, Fault> {
        let metadata = [
            ("bucketName", &*self.bucket),
            ("objectName", path.as_str()),
            ("contentType", "application/octet-stream"),
        ];
        let metadata = metadata.map(|(key, value)| format!("{key} {}", STANDARD.encode(value))).join(",");
        let request = self
            .tus(Method::POST, self.url(ROUTE, &[]))
            .header("upload-defer-length", "1")
            .header("upload-metadata", metadata);
        let response = self.ask(request).await.map_err(|fault| match fault {
            // Nothing else is missing here.
            Fault::Refusal(refusal) if refusal.meaning() == Meaning::NoFile => {
                Fault::Refusal(Refusal::new(refusal.status, Some("NoSuchBucket")))
            }
            fault => fault,
        })?;
        let id = response.headers().get(LOCATION).and_then(|location| id_of(location.to_str().ok()?));
        // The key goes where the settings say, whatever host the store believes to have: of the address only the id counts.
        let url = self.url(ROUTE, &[id.as_deref().ok_or(Fault::Senseless)?]);
        Ok(Upload { url, offset: 0, length_told: false })
    }

    /// Sends what follows the offset. `length`: of the whole file, with its last bytes.
    pub(super) async fn patch(
        &self,
        upload: &mut Upload,
        bytes: Bytes,
        length: Option<u64>,
    ) -> Result<(), Fault> {
        let mut request = self
            .tus(Method::PATCH, upload.url.clone())
            .header("upload-offset", upload.offset)
            .header(CONTENT_TYPE, "application/offset+octet-stream")
            .body(bytes);
        if let Some(length) = length.filter(|_| !upload.length_told) {
            request = request.header("upload-length", length);
        }
        let response = self.ask(request).await?;
        upload.length_told |= length.is_some();
        upload.offset = number(response.headers(), "upload-offset").ok_or(Fault::Senseless)?;
        Ok(())
    }

    /// Asks how far the upload is.
    pub(super) async fn look(&self, upload: &mut Upload) -> Result<(), Fault> {
        let response = self.ask(self.tus(Method::HEAD, upload.url.clone())).await?;
        upload.offset = number(response.headers(), "upload-offset").ok_or(Fault::Senseless)?;
        upload.length_told = number(response.headers(), "upload-length").is_some();
        Ok(())
    }

    /// Ends an upload that is not complete; one that is gone already is as good.
    pub(super) async fn terminate(&self, upload: &Upload) -> Result<(), Fault> {
        match self.ask(self.tus(Method::DELETE, upload.url.clone())).await {
            Err(fault) if !is_gone(&fault) => Err(fault),
            _ => Ok(()),
        }
    }

    /// The store reads `x-upsert` from each request, and goes by that of the last one.
    fn tus(&self, method: Method, url: Url) -> RequestBuilder {
        self.request(method, url).header("tus-resumable", "1.0.0").header("x-upsert", "true")
    }
}

/// Whether the store has ended the upload, or forgotten it.
pub(super) fn is_gone(fault: &Fault) -> bool {
    matches!(fault.meaning(), Some(Meaning::NoUpload | Meaning::NoFile))
}

/// The last segment of an address: base64url of where the upload lies.
fn id_of(location: &str) -> Option<String> {
    let path = location.split(['?', '#']).next()?;
    let id = path.trim_end_matches('/').rsplit('/').next()?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=');
    (!id.is_empty() && id.bytes().all(fits)).then(|| id.to_owned())
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_location_only_the_id_is_taken() {
        for (location, id) in [
            ("https://x.example/storage/v1/upload/resumable/YS9i_-0=", Some("YS9i_-0=")),
            ("http://other.example:5000/upload/resumable/YWJj/", Some("YWJj")),
            ("/upload/resumable/YWJj?token=secret", Some("YWJj")),
            ("YWJj", Some("YWJj")),
            ("https://x.example/upload/resumable/..", None),
            ("", None),
        ] {
            assert_eq!(id_of(location).as_deref(), id, "{location}");
        }
    }
}
