//! Sealed streams: files of any size, sealed and opened in bounded memory, readable from the middle.
//!
//! Owns: the layout below. Promises: a stream that was cut, reordered, mixed with another or lengthened is
//! refused; no (key, nonce) pair ever seals two contents, whatever crashed in between. Emits: nothing.
//! Never: holds more than one frame in memory.
//!
//! ```text
//! stream   header (16) ‖ frame 0 ‖ frame 1 ‖ … ‖ last frame
//! header   "ODYF" ‖ version 1 ‖ algorithm 1 ‖ log2 of the frame size (16) ‖ 0 ‖ id of the file key (8)
//! frame    kind (1) ‖ salt (16) ‖ ciphertext ‖ tag (16)
//! kind     0: full (65,536 bytes of plaintext), more follow · 1: last (0 to 65,536 bytes) · 2: a tail kept apart
//! key      HKDF-Expand-SHA256(file key, `odyssey-vault/v1/frame` ‖ 0x00 ‖ salt)
//! nonce    kind (1) ‖ 0 0 0 ‖ frame number (8, big-endian)
//! AAD      header ‖ kind ‖ frame number (8, big-endian)
//! ```
//!
//! Full frames all have the same size, so an offset in the plaintext maps to a frame by arithmetic
//! ([`frame_offset`]). The salt belongs to one sitting of a writer: it is drawn when a [`FrameSealer`] is made
//! and repeated in each of its frames. A writer that comes back after a crash and seals frame 7 again, perhaps
//! with other bytes because the client sent others, does so under another salt and thus another key.
//!
//! # Appending across requests
//!
//! 1. The stream holds whole frames only. What is left over (less than a frame, or one that may turn out to
//!    be the last) leaves [`FrameSealer::suspend`] as a [`Suspended`] tail: sealed apart under the kind 2,
//!    whose nonces no frame shares, and rewritten as a whole after each request. It never goes into the stream.
//! 2. Order of writes: stream synced, then the tail stored. To come back, cut the stream to
//!    [`frame_offset`] of `next_frame * FRAME_BYTES` and call [`FrameSealer::resume`].
//! 3. After a crash before the tail was stored, the stream may hold more whole frames ([`whole_frames`]) than
//!    the tail's number says. Either go on from the tail, cutting the newer frames, or take the whole frames
//!    and drop the tail, which [`FrameSealer::resume`] refuses at any other number than its own.
//! 4. [`FrameSealer::finish`] writes the last frame, once.

mod file_key;
mod opener;
mod sealer;
#[cfg(test)]
mod tests;

use aes_gcm::AeadInOut;
use aes_gcm::Aes256Gcm;

pub use file_key::FileKey;
pub use opener::FrameOpener;
pub use sealer::{FrameSealer, Suspended};

use crate::envelope::{NONCE_BYTES, SALT_BYTES, TAG_BYTES};
use crate::key::KeyId;

/// Plaintext bytes in a full frame: 64 KiB.
pub const FRAME_BYTES: usize = 1 << FRAME_BYTES_LOG2;
/// Bytes a frame is longer than its plaintext.
pub const FRAME_OVERHEAD_BYTES: usize = PREFIX_BYTES + TAG_BYTES;
/// Bytes before the first frame.
pub const STREAM_HEADER_BYTES: usize = 8 + KeyId::BYTES;

const FRAME_BYTES_LOG2: u8 = 16;
const PREFIX_BYTES: usize = 1 + SALT_BYTES;
const SEALED_FRAME_BYTES: usize = FRAME_BYTES + FRAME_OVERHEAD_BYTES;
const MAGIC: [u8; 8] = [b'O', b'D', b'Y', b'F', 1, 1, FRAME_BYTES_LOG2, 0];

type Header = [u8; STREAM_HEADER_BYTES];
type Salt = [u8; SALT_BYTES];

/// The number of the frame that holds this byte of the plaintext.
pub const fn frame_index(plaintext_offset: u64) -> u64 {
    plaintext_offset / FRAME_BYTES as u64
}

/// Where, in the sealed stream, the frame begins that holds this byte of the plaintext. At the largest
/// numbers, where no file is, this and [`sealed_len`] stop at `u64::MAX`.
pub const fn frame_offset(plaintext_offset: u64) -> u64 {
    frame_index(plaintext_offset)
        .saturating_mul(SEALED_FRAME_BYTES as u64)
        .saturating_add(STREAM_HEADER_BYTES as u64)
}

/// The length of the sealed stream of this many bytes of plaintext, written in one go.
pub const fn sealed_len(plaintext_len: u64) -> u64 {
    let frames = if plaintext_len == 0 { 1 } else { plaintext_len.div_ceil(FRAME_BYTES as u64) };
    let overhead = STREAM_HEADER_BYTES as u64 + frames * FRAME_OVERHEAD_BYTES as u64;
    plaintext_len.saturating_add(overhead)
}

/// The plaintext bytes in a finished stream of this length; `None` when no stream has this length.
pub const fn plaintext_len(sealed_len: u64) -> Option<u64> {
    let Some(body) = sealed_len.checked_sub(STREAM_HEADER_BYTES as u64) else { return None };
    let frames = body.div_ceil(SEALED_FRAME_BYTES as u64);
    let last = body - frames.saturating_sub(1) * SEALED_FRAME_BYTES as u64;
    if last < FRAME_OVERHEAD_BYTES as u64 {
        return None;
    }
    Some(body - frames * FRAME_OVERHEAD_BYTES as u64)
}

/// The full frames in an unfinished stream of this length; a torn frame at its end does not count.
pub const fn whole_frames(sealed_len: u64) -> u64 {
    sealed_len.saturating_sub(STREAM_HEADER_BYTES as u64) / SEALED_FRAME_BYTES as u64
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    More,
    Last,
    Tail,
}

impl Kind {
    const fn byte(self) -> u8 {
        match self {
            Self::More => 0,
            Self::Last => 1,
            Self::Tail => 2,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::More),
            1 => Some(Self::Last),
            2 => Some(Self::Tail),
            _ => None,
        }
    }
}

/// Starts a frame in an empty buffer; the plaintext follows.
fn begin_frame(frame: &mut Vec<u8>, salt: &Salt) {
    frame.clear();
    frame.push(Kind::More.byte());
    frame.extend_from_slice(salt);
}

/// Turns prefix ‖ plaintext into prefix ‖ ciphertext ‖ tag. Fails only above the limit of AES-GCM, which a
/// frame does not reach.
fn seal_frame(
    cipher: &Aes256Gcm,
    header: &Header,
    kind: Kind,
    number: u64,
    frame: &mut Vec<u8>,
) -> Result<(), aes_gcm::Error> {
    frame[0] = kind.byte();
    let tag = cipher.encrypt_inout_detached(
        &nonce(kind, number).into(),
        &additional_data(header, kind, number),
        (&mut frame[PREFIX_BYTES..]).into(),
    )?;
    frame.extend_from_slice(&tag);
    Ok(())
}

/// Turns prefix ‖ ciphertext ‖ tag into prefix ‖ plaintext.
fn open_frame(
    cipher: &Aes256Gcm,
    header: &Header,
    kind: Kind,
    number: u64,
    frame: &mut Vec<u8>,
) -> Result<(), aes_gcm::Error> {
    let (rest, tag) = frame.split_last_chunk_mut::<TAG_BYTES>().ok_or(aes_gcm::Error)?;
    let body = rest.get_mut(PREFIX_BYTES..).ok_or(aes_gcm::Error)?;
    cipher.decrypt_inout_detached(
        &nonce(kind, number).into(),
        &additional_data(header, kind, number),
        body.into(),
        (&*tag).into(),
    )?;
    frame.truncate(frame.len() - TAG_BYTES);
    Ok(())
}

fn nonce(kind: Kind, number: u64) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce[0] = kind.byte();
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce
}

fn additional_data(header: &Header, kind: Kind, number: u64) -> [u8; STREAM_HEADER_BYTES + 9] {
    let mut data = [0; STREAM_HEADER_BYTES + 9];
    data[..STREAM_HEADER_BYTES].copy_from_slice(header);
    data[STREAM_HEADER_BYTES] = kind.byte();
    data[STREAM_HEADER_BYTES + 1..].copy_from_slice(&number.to_be_bytes());
    data
}
