//! Writing an upload in pieces, each sealed under a key of its own and durable before a row speaks of it.

use bytes::Bytes;
use odyssey_types::{UploadId, VendorId};

use super::IngestionError;
use super::spool::{Spool, SpoolWriter};
use super::store::PieceRow;
use crate::db::Database;

/// Bytes after which a piece is sealed and can be recorded: what a killed server costs.
const PIECE_BYTES: u64 = 16 << 20;

/// The pieces of one upload that one writer adds.
#[derive(Debug)]
pub(super) struct PieceWriter {
    spool: Spool,
    database: Database,
    vendor_id: VendorId,
    folder: String,
    /// Bytes that rows speak of.
    recorded: u64,
    /// Pieces behind them that are durable.
    held: Vec<PieceRow>,
    open: Option<OpenPiece>,
}

#[derive(Debug)]
struct OpenPiece {
    piece_id: UploadId,
    file_key: Vec<u8>,
    byte_count: u64,
    writer: SpoolWriter,
}

impl PieceWriter {
    /// Goes on behind the bytes that are recorded.
    pub fn new(spool: &Spool, database: &Database, vendor_id: VendorId, folder: &str, recorded: u64) -> Self {
        Self {
            spool: spool.clone(),
            database: database.clone(),
            vendor_id,
            folder: folder.to_owned(),
            recorded,
            held: Vec::new(),
            open: None,
        }
    }

    /// Takes bytes as far as the piece in hand has room; says whether it is full, and durable.
    pub async fn write(&mut self, bytes: &mut Bytes) -> Result<bool, IngestionError> {
        let mut piece = match self.open.take() {
            Some(piece) => piece,
            None => self.begin()?,
        };
        let room = (PIECE_BYTES - piece.byte_count).min(bytes.len() as u64);
        piece.writer.write(bytes.split_to(room as usize)).await?;
        piece.byte_count += room;
        let full = piece.byte_count == PIECE_BYTES;
        self.open = Some(piece);
        if full {
            self.close().await?;
        }
        Ok(full)
    }

    /// Seals and syncs the piece in hand.
    pub async fn close(&mut self) -> Result<(), IngestionError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let written = open.writer.finish().await?;
        self.held.push(PieceRow {
            piece_id: open.piece_id,
            byte_from: self.reached(),
            byte_count: written.byte_count,
            file_key: open.file_key,
            folder_id: None,
        });
        Ok(())
    }

    /// Bytes that rows speak of.
    pub const fn recorded(&self) -> u64 {
        self.recorded
    }

    /// Bytes that are durable, recorded or not.
    pub fn reached(&self) -> u64 {
        self.recorded + self.held.iter().map(|piece| piece.byte_count).sum::<u64>()
    }

    /// Pieces that are durable and that no row speaks of.
    pub fn held(&self) -> &[PieceRow] {
        &self.held
    }

    /// Rows speak of what was held.
    pub fn settle(&mut self) {
        self.recorded = self.reached();
        self.held.clear();
    }

    /// What no row speaks of is of no use to anybody.
    pub async fn remove_held(&mut self) -> Result<(), IngestionError> {
        for piece in self.held.drain(..) {
            self.spool.remove(&Spool::piece_path(&self.folder, piece.piece_id)).await?;
        }
        Ok(())
    }

    fn begin(&self) -> Result<OpenPiece, IngestionError> {
        let piece_id = UploadId::generate(self.database.clock().now());
        let (key, file_key) = self.database.keys().vendor(self.vendor_id)?.new_file_key(piece_id)?;
        let writer = self.spool.create(&Spool::piece_path(&self.folder, piece_id), key);
        Ok(OpenPiece { piece_id, file_key, byte_count: 0, writer })
    }
}
