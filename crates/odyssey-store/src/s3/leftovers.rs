//! Multipart uploads that nobody completes any more: a process that is killed cannot end its own, and their parts lie
//! in the bucket where no listing of files shows them.
//!
//! `object_store` has no words for this, so the request is made here, and signed and carried as its own are.

use chrono::{DateTime, Utc};
use http::{Method, Uri};
use object_store::aws::AwsAuthorizer;
use object_store::client::{HttpRequest, HttpRequestBody, HttpService};

use super::S3;
use super::error::{fault_in, store_error};
use crate::answer::Fault;
use crate::error::{Attempt, StoreError};
use crate::path::StorePath;
use crate::patience::persist;

/// What the query of this listing begins with.
pub(super) const UPLOADS_QUERY: &str = "uploads=";

/// An upload that was begun, and neither completed nor aborted.
#[derive(Debug, PartialEq, Eq)]
struct Open {
    key: String,
    id: String,
    begun_at: DateTime<Utc>,
}

#[derive(Debug, PartialEq, Eq)]
struct Page {
    uploads: Vec<Open>,
    /// Where the next page begins: behind this key and this upload.
    next: Option<(String, String)>,
}

impl S3 {
    /// Aborts uploads that were begun before this moment, by the clock of the store; says how many.
    pub async fn end_unfinished(
        &self,
        begun_before: DateTime<Utc>,
        is_ours: impl Fn(&StorePath) -> bool,
    ) -> Result<u64, StoreError> {
        let (mut ended, mut at) = (0, None);
        loop {
            let page = persist(self.patience, || self.open_uploads(at.as_ref())).await?;
            for open in page.uploads.iter().filter(|open| open.begun_at < begun_before) {
                let Ok(path) = StorePath::parse(&open.key) else { continue };
                if is_ours(&path) {
                    self.abort(&path, &open.id, self.patience).await?;
                    ended += 1;
                }
            }
            if page.next.is_none() {
                return Ok(ended);
            }
            if page.next == at {
                return Err(Fault::Senseless.error(&listing()));
            }
            at = page.next;
        }
    }

    async fn open_uploads(&self, after: Option<&(String, String)>) -> Result<Page, StoreError> {
        let attempt = listing();
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = self.listing_address(after)?;
        let credential = self.client.credentials().get_credential().await;
        let credential = credential.map_err(|error| store_error(&error, &attempt))?;
        AwsAuthorizer::new(&credential, "s3", &self.region)
            .try_authorize(&mut request, None)
            .map_err(|error| store_error(&error, &attempt))?;
        let response =
            self.transport.call(request).await.map_err(|error| fault_in(&error).error(&attempt))?;
        let body = response.into_body().bytes().await.map_err(|error| fault_in(&error).error(&attempt))?;
        let text = std::str::from_utf8(&body).ok();
        text.and_then(read_page).ok_or_else(|| Fault::Senseless.error(&attempt))
    }

    fn listing_address(&self, after: Option<&(String, String)>) -> Result<Uri, StoreError> {
        let mut query = url::form_urlencoded::Serializer::new(UPLOADS_QUERY.to_owned());
        if let Some((key, id)) = after {
            query.append_pair("key-marker", key).append_pair("upload-id-marker", id);
        }
        let address = format!("{}?{}", self.bucket_url, query.finish());
        address.parse().map_err(|_| StoreError::refused(&listing(), "the address of its bucket is none"))
    }
}

const fn listing() -> Attempt<'static> {
    Attempt::within("list the unfinished uploads of", None)
}

/// By looking for its elements: each has one place, and no key of ours has a character that XML writes otherwise.
fn read_page(text: &str) -> Option<Page> {
    let (_, list) = text.split_once("<ListMultipartUploadsResult")?;
    let mut uploads = Vec::new();
    for upload in list.split("<Upload>").skip(1) {
        let (upload, _) = upload.split_once("</Upload>")?;
        let begun_at = DateTime::parse_from_rfc3339(&element(upload, "Initiated")?).ok()?;
        uploads.push(Open {
            key: element(upload, "Key")?,
            id: element(upload, "UploadId")?,
            begun_at: begun_at.to_utc(),
        });
    }
    let is_all = element(list, "IsTruncated").as_deref() != Some("true");
    let next = || Some((element(list, "NextKeyMarker")?, element(list, "NextUploadIdMarker")?));
    Some(Page { uploads, next: if is_all { None } else { Some(next()?) } })
}

fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (content, _) = rest.split_once(&format!("</{name}>"))?;
    let plain =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&apos;", "'"), ("&amp;", "&")];
    Some(plain.iter().fold(content.trim().to_owned(), |text, (written, meant)| text.replace(written, meant)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_real_servers_write_it() {
        let page = "<?xml version=\"1.0\"?>\n<ListMultipartUploadsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <Bucket>b</Bucket><KeyMarker></KeyMarker><UploadIdMarker/><NextKeyMarker>v/u</NextKeyMarker>\
            <NextUploadIdMarker>a&amp;b</NextUploadIdMarker><MaxUploads>1</MaxUploads><IsTruncated>true</IsTruncated>\
            <Upload><Key>v/u</Key><UploadId>a&amp;b</UploadId><Initiator><ID>i</ID></Initiator><Owner><ID>o</ID></Owner>\
            <StorageClass>STANDARD</StorageClass><Initiated>2027-01-15T08:00:00.000Z</Initiated></Upload>\
            </ListMultipartUploadsResult>";
        let begun_at = "2027-01-15T08:00:00Z".parse().unwrap();
        let open = Open { key: "v/u".to_owned(), id: "a&b".to_owned(), begun_at };
        let next = Some(("v/u".to_owned(), "a&b".to_owned()));
        assert_eq!(read_page(page), Some(Page { uploads: vec![open], next }));
        let empty =
            "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>";
        assert_eq!(read_page(empty), Some(Page { uploads: vec![], next: None }));
        assert_eq!(read_page("<ListBucketResult></ListBucketResult>"), None);
    }
}
