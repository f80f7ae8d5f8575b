//! The closed registry of problems. A code is a contract: it may be added, never renamed.

use http::StatusCode;

macro_rules! registry {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:ident, $title:literal;)+) => {
        /// Everything that can be wrong, as clients see it. Each has a page at `/problems/<code>`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ProblemCode { $($(#[$doc])* $variant),+ }

        impl ProblemCode {
            /// The whole registry, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable public name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status),+ }
            }

            /// One sentence that is the same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }
        }
    };
}

/// Statuses that no registry lists.
trait Unlisted {
    /// 460, which tus has for it.
    const CHECKSUM_MISMATCH: StatusCode;
}

impl Unlisted for StatusCode {
    const CHECKSUM_MISMATCH: Self = match Self::from_u16(460) {
        Ok(status) => status,
        Err(_) => Self::BAD_REQUEST,
    };
}

impl ProblemCode {
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.as_str() == code)
    }
}

registry! {
    // The request itself.
    MalformedRequest = "malformed-request", BAD_REQUEST, "The request does not have the shape that the contract describes";
    ValidationError = "validation-error", UNPROCESSABLE_ENTITY, "A value breaks a rule";
    CursorInvalid = "cursor-invalid", BAD_REQUEST, "The cursor is not one that this list gave out";
    SearchQueryInvalid = "search-query-invalid", BAD_REQUEST, "The search query cannot be used";
    PayloadTooLarge = "payload-too-large", PAYLOAD_TOO_LARGE, "The body is larger than this route takes";
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "The body is of a type that this route does not read";
    RouteNotFound = "route-not-found", NOT_FOUND, "There is no such route";
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "This route does not have this method";
    // Who asks, and for which vendor.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "The request carries no valid credential";
    SignInLimited = "sign-in-limited", TOO_MANY_REQUESTS, "Too many failed sign-ins of this account";
    Forbidden = "forbidden", FORBIDDEN, "The caller's role may not do this";
    VendorRequired = "vendor-required", BAD_REQUEST, "The request must say which vendor it is for";
    VendorNotFound = "vendor-not-found", NOT_FOUND, "There is no such vendor";
    VendorSuspended = "vendor-suspended", FORBIDDEN, "The vendor is suspended";
    VendorConflict = "vendor-conflict", CONFLICT, "A vendor with this short name exists";
    UserNotFound = "user-not-found", NOT_FOUND, "There is no such user";
    UserConflict = "user-conflict", CONFLICT, "A user with this e-mail address exists";
    // Catalog.
    ProductNotFound = "product-not-found", NOT_FOUND, "There is no such product";
    ProductConflict = "product-conflict", CONFLICT, "A product with this external id exists";
    BarcodeTaken = "barcode-taken", CONFLICT, "Another product holds this barcode";
    RehearsalNotFound = "rehearsal-not-found", NOT_FOUND, "There is no rehearsal of this job";
    ImportNotUndoable = "import-not-undoable", CONFLICT, "The import cannot be undone";
    ProductVersionNotFound = "product-version-not-found", NOT_FOUND, "There is no such version of the product";
    ProductImageNotFound = "product-image-not-found", NOT_FOUND, "The product has no such picture";
    ProductImagesFull = "product-images-full", CONFLICT, "The product has as many pictures as it may";
    ImageUnsupported = "image-unsupported", UNSUPPORTED_MEDIA_TYPE, "The bytes are not a picture that is taken here";
    ImageTooLarge = "image-too-large", PAYLOAD_TOO_LARGE, "The picture is larger than a picture may be";
    ImageUrlRefused = "image-url-refused", UNPROCESSABLE_ENTITY, "The URL is not one that a picture is fetched from";
    ImageUrlUnreachable = "image-url-unreachable", BAD_GATEWAY, "The URL gave no picture now";
    HoldNotFound = "hold-not-found", NOT_FOUND, "There is no such allergen hold";
    HoldNotReleasable = "hold-not-releasable", CONFLICT, "The allergen hold is not one that can be released now";
    // Customers.
    CustomerNotFound = "customer-not-found", NOT_FOUND, "There is no such customer";
    CustomerConflict = "customer-conflict", CONFLICT, "A customer with this external id exists";
    CustomerMerged = "customer-merged", GONE, "The customer was merged into another";
    CustomersNotMergeable = "customers-not-mergeable", CONFLICT, "These customers cannot be merged";
    ProfileNotFound = "profile-not-found", NOT_FOUND, "The customer has no health profile";
    ConsentMissing = "consent-missing", FORBIDDEN, "The customer has not consented to this use of health data";
    ConsentNotFound = "consent-not-found", NOT_FOUND, "There is no such consent";
    FhirPatientMismatch = "fhir-patient-mismatch", CONFLICT, "The bundle does not show that it is about this customer";
    RegressionNotFound = "regression-not-found", NOT_FOUND, "There is no such change of a label";
    ReceiptNotFound = "receipt-not-found", NOT_FOUND, "There is no such receipt";
    ProposalNotFound = "proposal-not-found", NOT_FOUND, "There is no such proposal";
    ProposalDecided = "proposal-decided", CONFLICT, "The proposal has been applied";
    ListEntryNotFound = "list-entry-not-found", NOT_FOUND, "The product is not on this list";
    CustomerVersionNotFound = "customer-version-not-found", NOT_FOUND, "There is no such version of the customer";
    NoteNotFound = "note-not-found", NOT_FOUND, "There is no such note";
    // Ingestion and jobs.
    JobNotFinished = "job-not-finished", CONFLICT, "The job has not ended, so its result is not there yet";
    JobNotFound = "job-not-found", NOT_FOUND, "There is no such job";
    JobNotCancelable = "job-not-cancelable", CONFLICT, "The job has ended or is past the point of return";
    ErrorsNotCorrectable = "errors-not-correctable", CONFLICT, "The refused rows of the job cannot be corrected or run again now";
    JobNotRetryable = "job-not-retryable", CONFLICT, "The job cannot run again";
    QueueNotFound = "queue-not-found", NOT_FOUND, "There is no such queue";
    UploadTooLarge = "upload-too-large", PAYLOAD_TOO_LARGE, "The file is larger than an upload may be";
    UploadQuotaExceeded = "upload-quota-exceeded", PAYLOAD_TOO_LARGE, "The vendor has no room for this file";
    UploadNotFound = "upload-not-found", NOT_FOUND, "There is no such upload";
    UploadExpired = "upload-expired", GONE, "The upload was given up, or its time is over";
    UploadOffsetMismatch = "upload-offset-mismatch", CONFLICT, "The bytes do not begin where the upload ends";
    UploadPartJoined = "upload-part-joined", CONFLICT, "A part is in another upload already";
    UploadFinal = "upload-final", FORBIDDEN, "An upload that joins others takes no bytes";
    UploadVersionUnsupported = "upload-version-unsupported", PRECONDITION_FAILED, "The request speaks no version of the upload protocol that is spoken here";
    UploadExtensionUnsupported = "upload-extension-unsupported", NOT_IMPLEMENTED, "The request needs an extension of the upload protocol that is not served";
    UploadChecksumMismatch = "upload-checksum-mismatch", CHECKSUM_MISMATCH, "The bytes are not those of the checksum";
    StoreUnavailable = "store-unavailable", SERVICE_UNAVAILABLE, "The store of files cannot be used now";
    UnsupportedFile = "unsupported-file", UNSUPPORTED_MEDIA_TYPE, "The file is not of a kind that can be imported";
    MappingNotFound = "mapping-not-found", NOT_FOUND, "There is no such saved mapping";
    // Exports.
    ExportNotFound = "export-not-found", NOT_FOUND, "There is no such export";
    ExportFailed = "export-failed", CONFLICT, "The export failed or was canceled and has no file";
    ExportExpired = "export-expired", GONE, "The file's time is over";
    ExportsUnderWay = "exports-under-way", CONFLICT, "As many exports are under way as may be at once";
    // Matching.
    MatchingUnavailable = "matching-unavailable", SERVICE_UNAVAILABLE, "The matching engine cannot answer now";
    // Quality.
    RuleSetNotFound = "rule-set-not-found", NOT_FOUND, "There is no such label rule set";
    RuleSetNotWritable = "rule-set-not-writable", CONFLICT, "The label rule set cannot be written";
    RulesNotFound = "rules-not-found", NOT_FOUND, "There is no such version of the rules";
    RulesNotPublishable = "rules-not-publishable", CONFLICT, "This version of the rules cannot be put in force";
    // Taxonomy and synonyms.
    TaxonomyNodeNotFound = "taxonomy-node-not-found", NOT_FOUND, "There is no such node of the taxonomy";
    SynonymNotFound = "synonym-not-found", NOT_FOUND, "There is no such synonym";
    TaxonomyConflict = "taxonomy-conflict", CONFLICT, "A node or synonym like this exists";
    TaxonomyNotWritable = "taxonomy-not-writable", CONFLICT, "The taxonomy cannot be changed so";
    // Repeating and racing.
    IdempotencyKeyMissing = "idempotency-key-missing", BAD_REQUEST, "This operation needs an Idempotency-Key";
    IdempotencyKeyInvalid = "idempotency-key-invalid", BAD_REQUEST, "The Idempotency-Key cannot be used";
    IdempotencyKeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY, "The Idempotency-Key was used for another request";
    IdempotencyInProgress = "idempotency-in-progress", CONFLICT, "The same request is still under way";
    PreconditionFailed = "precondition-failed", PRECONDITION_FAILED, "The resource has changed since it was read";
    PreconditionRequired = "precondition-required", PRECONDITION_REQUIRED, "This operation needs If-Match";
    RateLimited = "rate-limited", TOO_MANY_REQUESTS, "Too many requests";
    // Us.
    Timeout = "timeout", SERVICE_UNAVAILABLE, "The request took longer than a request may";
    DatabaseUnavailable = "database-unavailable", SERVICE_UNAVAILABLE, "The database is away";
    ChangesCollided = "changes-collided", SERVICE_UNAVAILABLE, "Changes of several callers met, and nothing of this one was kept";
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something went wrong on our side";
}
