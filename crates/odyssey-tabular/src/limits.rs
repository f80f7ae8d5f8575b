//! Every limit of this crate, with its unit and its reason.

/// Bytes of decoded text in one row. The widest real row met has 13 KiB; an unpaired quote must not
/// make the rest of a 10 GB file one row in memory.
pub const ROW_BYTES_MAX: usize = 1 << 20;
/// Columns of a file. The widest real export met has 210.
pub const COLUMNS_MAX: usize = 2_000;
/// The last row that may be the header: above it stand titles and remarks.
pub const HEADER_ROW_MAX: usize = 20;
/// Bytes of one header: longer ones are data.
pub const HEADER_BYTES_MAX: usize = 500;
/// Characters of a short text (name, brand, code), as the catalog takes them.
pub const SHORT_TEXT_MAX: usize = 500;
/// Characters of a long text (ingredients, description, notes): the longest ingredient list met has 5,305.
pub const LONG_TEXT_MAX: usize = 20_000;
/// Characters of an external id.
pub const EXTERNAL_ID_MAX: usize = 200;
/// Entries of a list (tags, allergens, images).
pub const LIST_MAX: usize = 200;
/// Decompressed bytes looked at to guess encoding and dialect.
pub const SAMPLE_BYTES: usize = 256 << 10;
/// Bytes from the first non-ASCII byte on that decide the encoding of a file whose sample is ASCII.
pub const ENCODING_WINDOW_BYTES: usize = 64 << 10;
/// Decompressed bytes that a compressed file may always reach, whatever its ratio.
pub const RATIO_FREE_BYTES: u64 = 64 << 20;
/// Decompressed bytes per compressed byte beyond [`RATIO_FREE_BYTES`]. Real catalogs reach 6 to 12,
/// machine-made ones about 100; deflate cannot exceed 1,032, which only a bomb comes near.
pub const DECOMPRESSION_RATIO_MAX: u64 = 250;
/// Folders and shadow files that a zip may have beside its one file.
pub const ARCHIVE_FILES_MAX: usize = 100;
/// Decompressed bytes of a file. Files of 10 GB are promised; this leaves room above.
pub const DECOMPRESSED_BYTES_MAX: u64 = 64 << 30;
/// Log2 of the largest zstd window (32 MiB): what `zstd -20` writes, and all the memory it may ask for.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 25;
/// Errors kept per row: a row with more is broken as a whole.
pub const ROW_ERRORS_MAX: usize = 20;
/// Rows of JSON Lines whose keys become the columns.
pub const JSON_HEADER_ROWS: usize = 1_000;
/// Bytes of those rows at most, since they are held until the columns are known.
pub const JSON_HEADER_BYTES: usize = 8 << 20;
/// Objects within objects. The deepest export met has three; a bomb of brackets has thousands.
pub const JSON_DEPTH_MAX: usize = 8;
/// Bytes of one JSON document of GS1 trade items: in memory it takes up to sixteen times as many. One item
/// with its pallet and case has 120 KiB.
pub const GDSN_DOCUMENT_BYTES_MAX: u64 = 16 << 20;
/// Bytes of what is read in all of them, which is held until the columns are known; about 2 KiB an item.
pub const GDSN_TEXT_BYTES_MAX: u64 = 128 << 20;
/// Bytes of a workbook (XLSX), which is read in memory; larger tables belong into a CSV file.
pub const WORKBOOK_PACKED_BYTES_MAX: usize = 64 << 20;
/// Bytes of all its parts unpacked.
pub const WORKBOOK_UNPACKED_BYTES_MAX: u64 = 512 << 20;
/// Bytes unpacked of the parts that are held in memory: texts, styles, relations.
pub const WORKBOOK_LOADED_BYTES_MAX: u64 = 64 << 20;
/// Bytes of styles and relations, times the cell formats and sheets that may copy them.
pub const WORKBOOK_CLONED_BYTES_MAX: u64 = 512 << 20;
/// Parts of a workbook. The directory of one with more could be read in two ways.
pub const WORKBOOK_PARTS_MAX: usize = 10_000;
/// Cells of its first sheet, four bytes each besides their text.
pub const WORKBOOK_CELLS_MAX: usize = 5_000_000;
/// Bytes of the text of those cells, a text counted wherever it stands, and a byte for each place between them.
pub const WORKBOOK_TEXT_BYTES_MAX: usize = 128 << 20;
/// Bytes of the XML of one cell or shared text. A cell has at most 32,767 characters, a few more bytes each where
/// their look changes within it; a text over [`ROW_BYTES_MAX`] refuses the rows that it stands in.
pub const WORKBOOK_CELL_XML_BYTES_MAX: u64 = 4 << 20;
/// Elements within elements. A sheet has about eight; the library remembers the name of each that is open.
pub const WORKBOOK_DEPTH_MAX: usize = 1_000;
