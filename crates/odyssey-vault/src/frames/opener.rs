//! Reading a sealed stream.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use aes_gcm::Aes256Gcm;
use zeroize::Zeroizing;

use super::{
    FRAME_BYTES, FRAME_OVERHEAD_BYTES, FileKey, Header, Kind, MAGIC, PREFIX_BYTES, SEALED_FRAME_BYTES,
    STREAM_HEADER_BYTES, Salt, frame_offset, open_frame,
};
use crate::VaultError;
use crate::key::KeyId;

const WHAT: &str = "a sealed stream";

/// Opens what a [`super::FrameSealer`] wrote. Gives out only bytes whose frame was authenticated, and ends
/// only behind the last frame: a reader that saw the end has seen everything.
///
/// Through `Read`, a [`VaultError`] is the inner error of an [`io::Error`] of kind `InvalidData`
/// (`UnexpectedEof` for a stream that was cut).
pub struct FrameOpener<'key, R> {
    key: &'key FileKey,
    reader: R,
    header: Header,
    sitting: Option<(Salt, Aes256Gcm)>,
    number: u64,
    /// Prefix ‖ plaintext of the frame being given out.
    frame: Zeroizing<Vec<u8>>,
    given: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    MoreFrames,
    LastFrame,
    Failed,
}

impl<'key, R: Read> FrameOpener<'key, R> {
    /// Reads the header and checks that the stream was sealed under this key.
    pub fn new(key: &'key FileKey, mut reader: R) -> Result<Self, VaultError> {
        let mut header = [0; STREAM_HEADER_BYTES];
        reader.read_exact(&mut header).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => VaultError::Truncated { frame: 0 },
            _ => VaultError::Stream { attempt: "read", source },
        })?;
        if header[..MAGIC.len()] != MAGIC {
            return Err(VaultError::Format { what: WHAT });
        }
        if header != key.header() {
            let mut found = [0; KeyId::BYTES];
            found.copy_from_slice(&header[MAGIC.len()..]);
            return Err(VaultError::UnknownKey { what: WHAT, found: KeyId::from_bytes(found) });
        }
        Ok(Self {
            key,
            reader,
            header,
            sitting: None,
            number: 0,
            frame: Zeroizing::new(Vec::with_capacity(SEALED_FRAME_BYTES)),
            given: 0,
            state: State::MoreFrames,
        })
    }

    fn next_frame(&mut self) -> Result<(), VaultError> {
        let number = self.number;
        self.state = State::Failed;
        self.frame.clear();
        (&mut self.reader)
            .take(SEALED_FRAME_BYTES as u64)
            .read_to_end(&mut self.frame)
            .map_err(|source| VaultError::Stream { attempt: "read", source })?;
        if self.frame.len() < FRAME_OVERHEAD_BYTES {
            return Err(VaultError::Truncated { frame: number });
        }
        let kind = match Kind::from_byte(self.frame[0]) {
            Some(Kind::More) if self.frame.len() < SEALED_FRAME_BYTES => {
                return Err(VaultError::Truncated { frame: number });
            }
            Some(kind @ (Kind::More | Kind::Last)) => kind,
            Some(Kind::Tail) | None => return Err(VaultError::FrameRefused { frame: number }),
        };
        self.derive_sitting();
        let (_, cipher) = self.sitting.as_ref().ok_or(VaultError::StreamFailed)?;
        open_frame(cipher, &self.header, kind, number, &mut self.frame)
            .map_err(|_| VaultError::FrameRefused { frame: number })?;
        if kind == Kind::Last {
            self.expect_end(number)?;
        }
        self.given = PREFIX_BYTES;
        self.number += 1;
        self.state = if kind == Kind::Last { State::LastFrame } else { State::MoreFrames };
        Ok(())
    }

    /// Frames of one sitting share their salt, so the key is derived anew only where it changes.
    fn derive_sitting(&mut self) {
        let mut salt = Salt::default();
        salt.copy_from_slice(&self.frame[1..PREFIX_BYTES]);
        if self.sitting.as_ref().is_none_or(|(current, _)| *current != salt) {
            self.sitting = Some((salt, self.key.cipher(&salt)));
        }
    }

    fn expect_end(&mut self, frame: u64) -> Result<(), VaultError> {
        let mut beyond = Vec::new();
        (&mut self.reader)
            .take(1)
            .read_to_end(&mut beyond)
            .map_err(|source| VaultError::Stream { attempt: "read", source })?;
        if beyond.is_empty() { Ok(()) } else { Err(VaultError::TrailingData { frame }) }
    }
}

impl<R: Read + Seek> FrameOpener<'_, R> {
    /// Goes on at this byte of the plaintext; the stream starts at the reader's position 0. Refused as cut
    /// when the stream is shorter. The frames that are passed over are not checked.
    pub fn seek_to(&mut self, plaintext_offset: u64) -> Result<(), VaultError> {
        // The end of a frame is reached by reading it, since the stream may end there.
        let first = plaintext_offset.saturating_sub(1) / FRAME_BYTES as u64;
        let skip = (plaintext_offset - first * FRAME_BYTES as u64) as usize;
        self.state = State::Failed;
        self.reader
            .seek(SeekFrom::Start(frame_offset(first * FRAME_BYTES as u64)))
            .map_err(|source| VaultError::Stream { attempt: "seek in", source })?;
        self.number = first;
        self.next_frame()?;
        if skip > self.frame.len() - PREFIX_BYTES {
            self.state = State::Failed;
            return Err(VaultError::Truncated { frame: first });
        }
        self.given += skip;
        Ok(())
    }
}

impl<R: Read> Read for FrameOpener<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if self.state == State::Failed {
                return Err(VaultError::StreamFailed.into_io());
            }
            let ready = self.frame.get(self.given..).unwrap_or_default();
            if !ready.is_empty() {
                let taken = ready.len().min(buffer.len());
                buffer[..taken].copy_from_slice(&ready[..taken]);
                self.given += taken;
                return Ok(taken);
            }
            if self.state == State::LastFrame {
                return Ok(0);
            }
            self.next_frame().map_err(VaultError::into_io)?;
        }
    }
}

impl<R> fmt::Debug for FrameOpener<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameOpener").field("number", &self.number).finish_non_exhaustive()
    }
}
