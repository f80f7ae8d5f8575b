//! Rows on their way to the job's staging table, in PostgreSQL's binary COPY format.
//!
//! The format: <https://www.postgresql.org/docs/15/sql-copy.html#id-1.9.3.55.9.4>.

use uuid::Uuid;

/// Bytes gathered before they are copied: larger gains nothing.
pub(super) const COPY_BYTES: usize = 4 << 20;

/// A product row ready for the merge.
#[derive(Debug, Clone)]
pub(super) struct StagedRow {
    pub row: u64,
    pub id: Uuid,
    pub source_hash: [u8; 32],
    /// Fourteen digits, when the row states a barcode.
    pub gtin: Option<String>,
    /// The merge patch as JSON text, `external_id` among the fields; none for a row taken for unchanged.
    pub fields: Option<Vec<u8>>,
}

/// A COPY in the making.
#[derive(Debug)]
pub(super) struct CopyBuffer {
    bytes: Vec<u8>,
    rows: usize,
}

impl CopyBuffer {
    pub fn new() -> Self {
        let mut buffer = Self { bytes: Vec::with_capacity(COPY_BYTES + (1 << 16)), rows: 0 };
        buffer.begin();
        buffer
    }

    pub const fn rows(&self) -> usize {
        self.rows
    }

    pub fn is_full(&self) -> bool {
        self.bytes.len() >= COPY_BYTES
    }

    pub fn push(&mut self, row: &StagedRow) {
        let record = (row.row as i64).to_be_bytes();
        self.bytes.extend_from_slice(&6_i16.to_be_bytes());
        self.field(&record);
        self.field(&record);
        self.field(row.id.as_bytes());
        self.field(&row.source_hash);
        self.maybe(row.gtin.as_deref().map(str::as_bytes));
        self.maybe(row.fields.as_deref());
        self.rows += 1;
    }

    /// The whole COPY; the buffer begins anew.
    pub fn take(&mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&(-1_i16).to_be_bytes());
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(COPY_BYTES + (1 << 16)));
        self.rows = 0;
        self.begin();
        bytes
    }

    fn begin(&mut self) {
        // Signature, no flags, no extension.
        self.bytes.extend_from_slice(b"PGCOPY\n\xff\r\n\0");
        self.bytes.extend_from_slice(&[0; 8]);
    }

    fn maybe(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) => self.field(value),
            None => self.bytes.extend_from_slice(&(-1_i32).to_be_bytes()),
        }
    }

    fn field(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(&(value.len() as i32).to_be_bytes());
        self.bytes.extend_from_slice(value);
    }
}
