//! Writing a sealed stream.

use std::fmt;
use std::io::{self, Write};

use aes_gcm::Aes256Gcm;
use zeroize::Zeroizing;

use super::{
    FRAME_BYTES, FileKey, Header, Kind, PREFIX_BYTES, SEALED_FRAME_BYTES, Salt, begin_frame, open_frame,
    seal_frame,
};
use crate::VaultError;
use crate::key::random;

/// Seals what is written to it. Only [`FrameSealer::finish`] makes the stream complete: one that is dropped
/// before is refused by the reader as cut. `flush` flushes the writer below and cuts no frame short.
///
/// Generic code that cannot block may seal into a `Vec<u8>` and take what has gathered by
/// [`FrameSealer::get_mut`] after each write.
pub struct FrameSealer<W> {
    writer: W,
    header: Header,
    cipher: Aes256Gcm,
    salt: Salt,
    number: u64,
    /// Prefix ‖ the plaintext of the frame in the making.
    frame: Zeroizing<Vec<u8>>,
    failed: bool,
}

/// What is left over when a writer stops in the middle: see "Appending across requests" in the module's doc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspended {
    /// The number of the frame that the tail begins; as many whole frames are in the stream.
    pub next_frame: u64,
    /// The sealed tail.
    pub tail: Vec<u8>,
}

impl<W: Write> FrameSealer<W> {
    /// Starts a stream and writes its header.
    pub fn new(key: &FileKey, mut writer: W) -> Result<Self, VaultError> {
        writer.write_all(&key.header()).map_err(write_failed)?;
        Self::at(key, writer, 0)
    }

    /// Goes on with a stream. The writer stands at the end of `suspended.next_frame` whole frames, with
    /// nothing behind.
    pub fn resume(key: &FileKey, writer: W, suspended: &Suspended) -> Result<Self, VaultError> {
        let mut sealer = Self::at(key, writer, suspended.next_frame)?;
        let refused = || VaultError::FrameRefused { frame: suspended.next_frame };
        let mut tail = Zeroizing::new(suspended.tail.clone());
        let salt = tail
            .get(1..PREFIX_BYTES)
            .and_then(|salt| salt.try_into().ok())
            .filter(|_| tail[0] == Kind::Tail.byte() && tail.len() <= SEALED_FRAME_BYTES)
            .ok_or_else(refused)?;
        open_frame(&key.cipher(&salt), &sealer.header, Kind::Tail, suspended.next_frame, &mut tail)
            .map_err(|_| refused())?;
        sealer.frame.extend_from_slice(&tail[PREFIX_BYTES..]);
        Ok(sealer)
    }

    /// Goes on behind `whole_frames` frames whose tail was lost or is not wanted; the writer stands there.
    pub fn resume_without_tail(key: &FileKey, writer: W, whole_frames: u64) -> Result<Self, VaultError> {
        Self::at(key, writer, whole_frames)
    }

    /// Plaintext bytes of the stream so far, those that wait for their frame included.
    pub fn plaintext_position(&self) -> u64 {
        self.number * FRAME_BYTES as u64 + (self.frame.len() - PREFIX_BYTES) as u64
    }

    /// The writer below.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.writer
    }

    /// Writes the last frame, flushes and gives the writer back. Syncing to disk is the caller's.
    pub fn finish(mut self) -> Result<W, VaultError> {
        self.put_frame(Kind::Last)?;
        self.writer.flush().map_err(write_failed)?;
        Ok(self.writer)
    }

    /// Stops in the middle: flushes, and gives back the writer and the tail to be stored apart.
    pub fn suspend(mut self) -> Result<(W, Suspended), VaultError> {
        if self.failed {
            return Err(VaultError::StreamFailed);
        }
        self.writer.flush().map_err(write_failed)?;
        seal_frame(&self.cipher, &self.header, Kind::Tail, self.number, &mut self.frame)
            .map_err(|_| VaultError::TooLong { what: "a frame" })?;
        let tail = std::mem::take(&mut *self.frame);
        Ok((self.writer, Suspended { next_frame: self.number, tail }))
    }

    fn at(key: &FileKey, writer: W, number: u64) -> Result<Self, VaultError> {
        let salt = random()?;
        let mut frame = Zeroizing::new(Vec::with_capacity(SEALED_FRAME_BYTES));
        begin_frame(&mut frame, &salt);
        Ok(Self {
            writer,
            header: key.header(),
            cipher: key.cipher(&salt),
            salt,
            number,
            frame,
            failed: false,
        })
    }

    /// A failure leaves the sealer unusable: the frame may be half written, and sealing other bytes under its
    /// number would repeat a nonce.
    fn put_frame(&mut self, kind: Kind) -> Result<(), VaultError> {
        if self.failed {
            return Err(VaultError::StreamFailed);
        }
        self.failed = true;
        seal_frame(&self.cipher, &self.header, kind, self.number, &mut self.frame)
            .map_err(|_| VaultError::TooLong { what: "a frame" })?;
        self.writer.write_all(&self.frame).map_err(write_failed)?;
        self.number += 1;
        begin_frame(&mut self.frame, &self.salt);
        self.failed = false;
        Ok(())
    }
}

impl<W: Write> Write for FrameSealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Err(VaultError::StreamFailed.into_io());
        }
        // A full frame waits for the next byte, since it may be the last.
        if !bytes.is_empty() && self.frame.len() == PREFIX_BYTES + FRAME_BYTES {
            self.put_frame(Kind::More).map_err(VaultError::into_io)?;
        }
        let taken = bytes.len().min(PREFIX_BYTES + FRAME_BYTES - self.frame.len());
        self.frame.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl<W> fmt::Debug for FrameSealer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameSealer").field("number", &self.number).finish_non_exhaustive()
    }
}

fn write_failed(source: io::Error) -> VaultError {
    VaultError::Stream { attempt: "write", source }
}
