//! Reading an upload that lies in pieces, as if it were one file.

use std::io::{self, Read};

use odyssey_store::BlockingReader;
use odyssey_types::UploadId;
use odyssey_vault::{FileKey, FrameOpener};

use super::IngestionError;
use super::spool::Spool;
use super::store;
use crate::db::{DbError, VendorTx};

/// A piece: where it lies, and the key that opens it.
#[derive(Debug)]
pub(super) struct Piece {
    pub path: String,
    pub key: FileKey,
    pub byte_count: u64,
}

/// The pieces one behind the other. Each is opened when its turn comes; one that has not the bytes it should have
/// ends the reading with an error.
#[derive(Debug)]
pub(super) struct PieceReader<'a> {
    spool: &'a Spool,
    pieces: std::slice::Iter<'a, Piece>,
    open: Option<(FrameOpener<'a, BlockingReader>, u64)>,
}

impl<'a> PieceReader<'a> {
    pub fn new(spool: &'a Spool, pieces: &'a [Piece]) -> Self {
        Self { spool, pieces: pieces.iter(), open: None }
    }
}

impl Read for PieceReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some((opener, left)) = &mut self.open {
                let taken = opener.read(buffer)?;
                *left = left.checked_sub(taken as u64).ok_or_else(another_length)?;
                if taken > 0 || buffer.is_empty() {
                    return Ok(taken);
                }
                if *left > 0 {
                    return Err(another_length());
                }
            }
            let Some(piece) = self.pieces.next() else { return Ok(0) };
            let file = self.spool.open(&piece.path)?;
            let opener = FrameOpener::new(&piece.key, file).map_err(io::Error::other)?;
            self.open = Some((opener, piece.byte_count));
        }
    }
}

fn another_length() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a piece of the upload has another length than is recorded")
}

/// The pieces of a finished upload with their keys, for reading.
pub(super) async fn pieces_of(
    tx: &mut VendorTx,
    upload_id: UploadId,
    folder: &str,
) -> Result<Vec<Piece>, IngestionError> {
    let rows = store::find_pieces(tx, upload_id).await?;
    let (vendor_id, keys) = (tx.vendor_id(), tx.keys()?);
    let (own, of_part) = (|| folder.to_owned(), |part| Spool::folder_path(vendor_id, part));
    let mut at = 0;
    let mut pieces = Vec::with_capacity(rows.len());
    for row in rows {
        if row.byte_from != at {
            return Err(DbError::inconsistent(format!("upload {upload_id} has a gap at byte {at}")).into());
        }
        at += row.byte_count;
        pieces.push(Piece {
            path: Spool::piece_path(&row.folder_id.map_or_else(own, of_part), row.piece_id),
            key: keys.open_file_key(row.piece_id, &row.file_key)?,
            byte_count: row.byte_count,
        });
    }
    Ok(pieces)
}
