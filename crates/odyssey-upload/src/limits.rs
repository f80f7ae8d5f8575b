//! Every limit of this crate, with its unit and its reason.

/// Bytes of one `Upload-Metadata` header. A file name of 255 characters in base64 takes under 1 KiB; servers in
/// front of us often cut all headers at 8 KiB.
pub const METADATA_BYTES_MAX: usize = 4 << 10;
/// Pairs of metadata. Clients send a name, a type and a few fields of their own.
pub const METADATA_PAIRS_MAX: usize = 32;
/// Bytes of one metadata key: keys are names of fields.
pub const METADATA_KEY_BYTES_MAX: usize = 64;
/// Partial uploads that one final upload joins. Clients send in parallel with 2 to 10; each part is a look-up.
pub const PARTIALS_MAX: usize = 64;
/// Bytes of one URL in `Upload-Concat`: ours have about 100.
pub const UPLOAD_REF_BYTES_MAX: usize = 2_000;
/// The largest Integer of a structured field (RFC 9651, 15 digits), in bytes where it counts bytes. Larger uploads
/// could not be told of in the draft's headers, so neither protocol takes them.
pub const STRUCTURED_INTEGER_MAX: u64 = 999_999_999_999_999;
/// Bytes of a structured field that is looked at. The ones we read are a number or a boolean.
pub const STRUCTURED_BYTES_MAX: usize = 256;
/// Digits of a number: those of the largest 64-bit one. More cannot fit, so they are not counted through.
pub const NUMBER_DIGITS_MAX: usize = 20;
/// Seconds a browser may keep the answer to a preflight: one day, as clients of tus expect.
pub const PREFLIGHT_SECONDS_MAX: u32 = 86_400;
