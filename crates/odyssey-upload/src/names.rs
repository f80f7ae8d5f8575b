//! Names on the wire, as they are spelled in the two documents. Header maps ignore their case.

pub const TUS_RESUMABLE: &str = "Tus-Resumable";
pub const TUS_VERSION: &str = "Tus-Version";
pub const TUS_EXTENSION: &str = "Tus-Extension";
pub const TUS_MAX_SIZE: &str = "Tus-Max-Size";
pub const TUS_CHECKSUM_ALGORITHM: &str = "Tus-Checksum-Algorithm";
pub const UPLOAD_OFFSET: &str = "Upload-Offset";
pub const UPLOAD_LENGTH: &str = "Upload-Length";
pub const UPLOAD_DEFER_LENGTH: &str = "Upload-Defer-Length";
pub const UPLOAD_METADATA: &str = "Upload-Metadata";
pub const UPLOAD_CONCAT: &str = "Upload-Concat";
pub const UPLOAD_CHECKSUM: &str = "Upload-Checksum";
pub const UPLOAD_EXPIRES: &str = "Upload-Expires";
pub const UPLOAD_COMPLETE: &str = "Upload-Complete";
pub const UPLOAD_LIMIT: &str = "Upload-Limit";
pub const INTEROP_VERSION: &str = "Upload-Draft-Interop-Version";
pub const METHOD_OVERRIDE: &str = "X-HTTP-Method-Override";
pub const CONTENT_TYPE: &str = "Content-Type";
pub const CONTENT_LENGTH: &str = "Content-Length";
pub const LOCATION: &str = "Location";
pub const CACHE_CONTROL: &str = "Cache-Control";
pub const ACCEPT_PATCH: &str = "Accept-Patch";
pub const ALLOW: &str = "Allow";
pub const RETRY_AFTER: &str = "Retry-After";

/// The one version of tus we speak.
pub const TUS_VERSION_SPOKEN: &str = "1.0.0";
/// The interop version of drafts 09 to 11.
pub const INTEROP_VERSION_SPOKEN: u64 = 8;
/// Bodies of tus.
pub const OFFSET_OCTET_STREAM: &str = "application/offset+octet-stream";
/// Bodies of appends in the draft.
pub const PARTIAL_UPLOAD: &str = "application/partial-upload";

/// `Access-Control-Allow-Methods` of the endpoint.
pub const CORS_METHODS: &[&str] = &["POST", "HEAD", "PATCH", "OPTIONS", "GET", "DELETE"];
/// `Access-Control-Allow-Headers` of the endpoint.
pub const CORS_REQUEST_HEADERS: &[&str] = &[
    "Authorization",
    "Origin",
    "X-Requested-With",
    "X-Request-ID",
    METHOD_OVERRIDE,
    CONTENT_TYPE,
    UPLOAD_LENGTH,
    UPLOAD_OFFSET,
    TUS_RESUMABLE,
    UPLOAD_METADATA,
    UPLOAD_DEFER_LENGTH,
    UPLOAD_CONCAT,
    UPLOAD_CHECKSUM,
    UPLOAD_COMPLETE,
    INTEROP_VERSION,
    "Idempotency-Key",
];
/// `Access-Control-Expose-Headers` of the endpoint: those of tus, those of the draft, and when to come back.
pub const CORS_ANSWER_HEADERS: &[&str] = &[
    UPLOAD_OFFSET,
    LOCATION,
    UPLOAD_LENGTH,
    TUS_VERSION,
    TUS_RESUMABLE,
    TUS_MAX_SIZE,
    TUS_EXTENSION,
    TUS_CHECKSUM_ALGORITHM,
    UPLOAD_METADATA,
    UPLOAD_DEFER_LENGTH,
    UPLOAD_CONCAT,
    UPLOAD_EXPIRES,
    UPLOAD_COMPLETE,
    UPLOAD_LIMIT,
    INTEROP_VERSION,
    RETRY_AFTER,
];
