//! What a bucket says of what lies in it.

use axum::response::Response;

use super::{Asked, BUCKET, Inner, LAST_MODIFIED_IN_LISTS, xml};

pub(super) fn list(inner: &Inner, asked: &Asked) -> Response {
    let prefix = asked.prefix.as_deref().unwrap_or_default();
    let (mut names, mut folders) = (Vec::new(), Vec::<String>::new());
    for (key, (bytes, _)) in inner.objects.iter().filter(|(key, _)| key.starts_with(prefix)) {
        let below = key[prefix.len()..].split_once('/').filter(|_| asked.delimiter.is_some());
        match below {
            Some((folder, _)) if folders.last().is_some_and(|last| last == folder) => {}
            Some((folder, _)) => {
                names.push((
                    format!("{prefix}{folder}/"),
                    format!("<CommonPrefixes><Prefix>{prefix}{folder}/</Prefix></CommonPrefixes>"),
                ));
                folders.push(folder.to_owned());
            }
            None => names.push((
                key.clone(),
                format!(
                    "<Contents><Key>{key}</Key><LastModified>{LAST_MODIFIED_IN_LISTS}</LastModified><ETag>\"x\"</ETag><Size>{}</Size></Contents>",
                    bytes.len()
                ),
            )),
        }
    }
    let after = asked.token.as_deref().unwrap_or_default();
    let rest: Vec<_> = names.into_iter().filter(|(name, _)| name.as_str() > after).collect();
    let limit = asked.max_keys.unwrap_or(1_000).min(1_000);
    let is_truncated = rest.len() > limit;
    let page = &rest[..limit.min(rest.len())];
    let next = match page.last() {
        Some((name, _)) if is_truncated => format!("<NextContinuationToken>{name}</NextContinuationToken>"),
        _ => String::new(),
    };
    let lines: String = page.iter().map(|(_, line)| line.as_str()).collect();
    xml(&format!(
        "<ListBucketResult><Name>{BUCKET}</Name><Prefix>{prefix}</Prefix><IsTruncated>{is_truncated}</IsTruncated>{lines}{next}</ListBucketResult>"
    ))
}

/// Uploads in the order of their keys, and of their ids within one.
pub(super) fn list_uploads(inner: &Inner, asked: &Asked) -> Response {
    let mut open: Vec<_> = inner.uploads.iter().map(|(id, upload)| (&upload.key, id, upload)).collect();
    open.sort_unstable_by_key(|(key, id, _)| (*key, *id));
    let after = asked.key_marker.as_ref().zip(asked.id_marker.as_ref());
    let rest: Vec<_> = open.into_iter().filter(|(key, id, _)| Some((*key, *id)) > after).collect();
    let page = &rest[..rest.len().min(1_000)];
    let is_truncated = page.len() < rest.len();
    let next = page.last().map_or_else(String::new, |(key, id, _)| {
        format!("<NextKeyMarker>{key}</NextKeyMarker><NextUploadIdMarker>{id}</NextUploadIdMarker>")
    });
    let lines = page.iter().map(|(key, id, upload)| {
        let begun_at = &upload.begun_at;
        format!("<Upload><Key>{key}</Key><UploadId>{id}</UploadId><Initiated>{begun_at}</Initiated></Upload>")
    });
    let lines: String = lines.collect();
    xml(&format!(
        "<ListMultipartUploadsResult><Bucket>{BUCKET}</Bucket>{next}<IsTruncated>{is_truncated}</IsTruncated>{lines}</ListMultipartUploadsResult>"
    ))
}
