use std::io::{self, Cursor, Read, Write};

use proptest::prelude::*;

use super::*;
use crate::VaultError;
use crate::key::{NamedSecret, Secret};

const FRAME: u64 = FRAME_BYTES as u64;
const HEADER: usize = STREAM_HEADER_BYTES;

fn key() -> FileKey {
    FileKey::new(&NamedSecret::generate().unwrap())
}

/// Bytes that differ from frame to frame.
fn content(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place % 251) as u8).collect()
}

fn seal(key: &FileKey, plaintext: &[u8]) -> Vec<u8> {
    let mut sealer = FrameSealer::new(key, Vec::new()).unwrap();
    sealer.write_all(plaintext).unwrap();
    sealer.finish().unwrap()
}

fn open(key: &FileKey, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
    let mut plaintext = Vec::new();
    let mut opener = FrameOpener::new(key, sealed)?;
    match opener.read_to_end(&mut plaintext) {
        Ok(_) => Ok(plaintext),
        Err(error) => Err(error.downcast::<VaultError>().expect("a failure of the vault")),
    }
}

fn frame(sealed: &[u8], number: usize) -> &[u8] {
    &sealed[HEADER + number * SEALED_FRAME_BYTES..][..SEALED_FRAME_BYTES]
}

#[test]
fn a_stream_written_once_opens_forever() {
    let sealed = hex::decode(concat!(
        "4f445946010110000b0b0b0b0b0b0b0b0110101010101010101010101010101010",
        "080c80bbb9df2e605801f6b54d1c15058c7b6eb7cab57d4ff1"
    ));
    let named = NamedSecret { id: KeyId::from_bytes([0x0b; 8]), secret: Secret::new([6; 32]) };
    let opened = open(&FileKey::new(&named), &sealed.unwrap()).unwrap();
    assert_eq!(opened, b"sku,name\n");
}

#[test]
fn every_size_around_a_frame_boundary_opens_unchanged_and_has_the_computed_length() {
    let key = key();
    for frames in 0..3 {
        for near in [0, 1, FRAME_BYTES - 1] {
            let plaintext = content(frames * FRAME_BYTES + near);
            let sealed = seal(&key, &plaintext);
            assert_eq!(sealed.len() as u64, sealed_len(plaintext.len() as u64));
            assert_eq!(plaintext_len(sealed.len() as u64), Some(plaintext.len() as u64));
            assert!(open(&key, &sealed).unwrap() == plaintext, "{} bytes", plaintext.len());
        }
    }
}

#[test]
fn a_stream_cut_anywhere_is_refused() {
    let key = key();
    let sealed = seal(&key, &content(2 * FRAME_BYTES + 500));
    let boundaries = [HEADER, HEADER + SEALED_FRAME_BYTES, HEADER + 2 * SEALED_FRAME_BYTES];
    let cuts = boundaries.iter().flat_map(|end| [end - 1, *end, end + 1, end + FRAME_OVERHEAD_BYTES]);
    for cut in cuts.chain([0, sealed.len() - 1]) {
        assert!(open(&key, &sealed[..cut]).is_err(), "cut to {cut}");
    }
    let at_a_boundary = open(&key, &sealed[..boundaries[2]]);
    assert!(matches!(at_a_boundary, Err(VaultError::Truncated { frame: 2 })));
}

#[test]
fn a_stream_that_was_never_finished_is_refused() {
    let key = key();
    let mut sealed = Vec::new();
    let mut sealer = FrameSealer::new(&key, &mut sealed).unwrap();
    sealer.write_all(&content(3 * FRAME_BYTES)).unwrap();
    drop(sealer);
    assert!(matches!(open(&key, &sealed), Err(VaultError::Truncated { frame: 2 })));
}

#[test]
fn frames_that_changed_places_are_refused() {
    let key = key();
    let sealed = seal(&key, &content(3 * FRAME_BYTES + 1));
    let swapped =
        [&sealed[..HEADER], frame(&sealed, 1), frame(&sealed, 0), &sealed[HEADER + 2 * SEALED_FRAME_BYTES..]]
            .concat();
    assert!(matches!(open(&key, &swapped), Err(VaultError::FrameRefused { frame: 0 })));
}

#[test]
fn a_frame_left_out_or_repeated_is_refused() {
    let key = key();
    let sealed = seal(&key, &content(2 * FRAME_BYTES + 1));
    let rest = &sealed[HEADER + SEALED_FRAME_BYTES..];
    let left_out = [&sealed[..HEADER], rest].concat();
    assert!(matches!(open(&key, &left_out), Err(VaultError::FrameRefused { frame: 0 })));
    let repeated = [&sealed[..HEADER + SEALED_FRAME_BYTES], frame(&sealed, 0), rest].concat();
    assert!(matches!(open(&key, &repeated), Err(VaultError::FrameRefused { frame: 1 })));
}

#[test]
fn a_full_frame_declared_to_be_the_last_is_refused() {
    let key = key();
    let mut sealed = seal(&key, &content(FRAME_BYTES + 1));
    sealed.truncate(HEADER + SEALED_FRAME_BYTES);
    sealed[HEADER] = Kind::Last.byte();
    assert!(matches!(open(&key, &sealed), Err(VaultError::FrameRefused { frame: 0 })));
}

#[test]
fn bytes_behind_the_last_frame_are_refused() {
    let key = key();
    for length in [FRAME_BYTES, 10] {
        let mut sealed = seal(&key, &content(length));
        sealed.push(0);
        assert!(open(&key, &sealed).is_err(), "{length} bytes");
    }
}

#[test]
fn a_frame_of_another_file_is_refused() {
    let (ours, theirs) = (key(), key());
    let sealed = seal(&ours, &content(10));
    assert!(matches!(open(&theirs, &sealed), Err(VaultError::UnknownKey { .. })));
    let grafted = [&seal(&theirs, &content(10))[..HEADER], &sealed[HEADER..]].concat();
    assert!(matches!(open(&theirs, &grafted), Err(VaultError::FrameRefused { frame: 0 })));
}

#[test]
fn no_byte_of_a_changed_frame_is_given_out() {
    let key = key();
    let mut sealed = seal(&key, &content(FRAME_BYTES + 10));
    let end = sealed.len();
    sealed[end - 20] ^= 1;
    let mut opener = FrameOpener::new(&key, sealed.as_slice()).unwrap();
    let mut given = Vec::new();
    assert_eq!(opener.read_to_end(&mut given).unwrap_err().kind(), io::ErrorKind::InvalidData);
    assert_eq!(given.len(), FRAME_BYTES);
    assert!(opener.read(&mut [0; 1]).is_err(), "a failed stream stays failed");
}

#[test]
fn reading_can_start_at_any_offset() {
    let key = key();
    let plaintext = content(2 * FRAME_BYTES);
    let sealed = seal(&key, &plaintext);
    for offset in [0, 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME - 1, 2 * FRAME] {
        let mut opener = FrameOpener::new(&key, Cursor::new(&sealed)).unwrap();
        opener.seek_to(offset).unwrap();
        let mut rest = Vec::new();
        opener.read_to_end(&mut rest).unwrap();
        assert!(rest == plaintext[offset as usize..], "from {offset}");
    }
    let mut opener = FrameOpener::new(&key, Cursor::new(&sealed)).unwrap();
    assert!(opener.seek_to(2 * FRAME + 1).is_err());
}

#[test]
fn an_offset_maps_to_the_frame_that_holds_it() {
    assert_eq!((frame_index(FRAME - 1), frame_offset(FRAME - 1)), (0, 16));
    assert_eq!((frame_index(FRAME), frame_offset(FRAME)), (1, 16 + 65_536 + 33));
    assert_eq!(whole_frames(frame_offset(5 * FRAME)), 5);
    assert_eq!(whole_frames(frame_offset(5 * FRAME) - 1), 4);
    assert_eq!((frame_offset(u64::MAX), sealed_len(u64::MAX)), (u64::MAX, u64::MAX));
    assert_eq!(plaintext_len(16), None);
    assert_eq!(plaintext_len(frame_offset(FRAME) + 32), None);
}

#[test]
fn an_upload_in_several_requests_reads_as_one() {
    let key = key();
    let plaintext = content(3 * FRAME_BYTES + 100);
    let sealer = FrameSealer::new(&key, Vec::new()).unwrap();
    let (mut stream, mut suspended) = sealer.suspend().unwrap();
    for part in plaintext.chunks(50_000) {
        let mut sealer = FrameSealer::resume(&key, stream, &suspended).unwrap();
        sealer.write_all(part).unwrap();
        (stream, suspended) = sealer.suspend().unwrap();
        assert_eq!(stream.len() as u64, frame_offset(suspended.next_frame * FRAME));
        assert_eq!(whole_frames(stream.len() as u64), suspended.next_frame);
    }
    let sealer = FrameSealer::resume(&key, stream, &suspended).unwrap();
    assert_eq!(sealer.plaintext_position(), plaintext.len() as u64);
    assert!(open(&key, &sealer.finish().unwrap()).unwrap() == plaintext);
}

#[test]
fn a_writer_that_seals_a_frame_again_does_so_under_another_key() {
    let key = key();
    let (_, suspended) = FrameSealer::new(&key, Vec::new()).unwrap().suspend().unwrap();
    let again = || {
        let mut sealer = FrameSealer::resume(&key, Vec::new(), &suspended).unwrap();
        sealer.write_all(&content(10)).unwrap();
        sealer.finish().unwrap()
    };
    assert_ne!(again()[1..PREFIX_BYTES], again()[1..PREFIX_BYTES]);
}

#[test]
fn whole_frames_survive_the_loss_of_the_tail() {
    let key = key();
    let plaintext = content(2 * FRAME_BYTES + 10);
    let mut sealer = FrameSealer::new(&key, Vec::new()).unwrap();
    sealer.write_all(&plaintext).unwrap();
    let (stream, _lost) = sealer.suspend().unwrap();
    let frames = whole_frames(stream.len() as u64);
    let mut sealer = FrameSealer::resume_without_tail(&key, stream, frames).unwrap();
    sealer.write_all(&plaintext[(frames * FRAME) as usize..]).unwrap();
    assert!(open(&key, &sealer.finish().unwrap()).unwrap() == plaintext);
}

#[test]
fn a_tail_is_refused_at_another_frame_in_another_file_and_in_the_stream() {
    let key = key();
    let mut sealer = FrameSealer::new(&key, Vec::new()).unwrap();
    sealer.write_all(&content(100)).unwrap();
    let (stream, suspended) = sealer.suspend().unwrap();
    let moved = Suspended { next_frame: 1, ..suspended.clone() };
    assert!(FrameSealer::resume(&key, Vec::new(), &moved).is_err());
    assert!(FrameSealer::resume(&self::key(), Vec::new(), &suspended).is_err());
    let cut = Suspended { tail: suspended.tail[..10].to_vec(), ..suspended.clone() };
    assert!(FrameSealer::resume(&key, Vec::new(), &cut).is_err());
    let mut as_last = [stream, suspended.tail].concat();
    assert!(matches!(open(&key, &as_last), Err(VaultError::FrameRefused { frame: 0 })));
    as_last[HEADER] = Kind::Last.byte();
    assert!(matches!(open(&key, &as_last), Err(VaultError::FrameRefused { frame: 0 })));
}

/// Takes the header, then fails.
struct FullDisk {
    left: usize,
}

impl Write for FullDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.left);
        self.left -= taken;
        if taken == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_sealer_whose_writer_failed_seals_nothing_more() {
    let mut sealer = FrameSealer::new(&key(), FullDisk { left: HEADER + 100 }).unwrap();
    let error = sealer.write_all(&content(FRAME_BYTES + 1)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    sealer.get_mut().left = usize::MAX;
    assert!(sealer.write(b"x").is_err());
    assert!(matches!(sealer.finish(), Err(VaultError::StreamFailed)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_sizes_of_writes_and_reads_give_the_same_bytes(
        length in prop_oneof![0..200usize, FRAME_BYTES - 40..FRAME_BYTES + 40, 2 * FRAME_BYTES - 40..2 * FRAME_BYTES + 40],
        write_size in 1..100_000usize,
        read_size in 1..100_000usize,
    ) {
        let key = key();
        let plaintext = content(length);
        let mut sealer = FrameSealer::new(&key, Vec::new()).unwrap();
        for part in plaintext.chunks(write_size) {
            sealer.write_all(part).unwrap();
        }
        let sealed = sealer.finish().unwrap();
        let mut opener = FrameOpener::new(&key, sealed.as_slice()).unwrap();
        let (mut opened, mut buffer) = (Vec::new(), vec![0; read_size]);
        loop {
            let given = opener.read(&mut buffer).unwrap();
            if given == 0 {
                break;
            }
            opened.extend_from_slice(&buffer[..given]);
        }
        prop_assert!(opened == plaintext);
    }
}
