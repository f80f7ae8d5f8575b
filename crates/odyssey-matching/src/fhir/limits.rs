//! Every limit of reading a bundle, with its unit and its reason.

/// Bytes of a bundle: a JSON body has at most as many. A synthetic lifetime of one person has about 10 MB.
pub const BUNDLE_BYTES_MAX: usize = 32 << 20;
/// Nested brackets: the deepest official example has 12, and a parser must not run out of stack.
pub const DEPTH_MAX: usize = 64;
/// Resources of a bundle, those of bundles inside it and contained allergies included.
pub const RESOURCES_MAX: usize = 20_000;
/// Bundles inside bundles: the answer to a batch holds search sets, and nothing is known to go deeper.
pub const NESTING_MAX: usize = 3;
/// Resources of the kinds we read, and with them lines of a proposal: a person has to go through them.
pub const LINES_MAX: usize = 2_000;
/// Codings looked at in one concept: translations of one meaning.
pub const CODINGS_MAX: usize = 20;
/// Characters of a text that is taken over, as a profile takes them.
pub const TEXT_CHARS_MAX: usize = 500;
/// Allergens that one decision may map a line to.
pub const ALLERGENS_MAX: usize = 20;
/// Characters of the note beside a rejection.
pub const NOTE_CHARS_MAX: usize = 500;
