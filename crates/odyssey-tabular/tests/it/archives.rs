//! Zip archives with one file in them, and all that are refused.

use std::io::{Read, Write};

use odyssey_tabular::{ArchiveFault, Compression, Format, Options, ReadError, open, sniff};

use crate::support::{Entry, products, zip};

const TEXT: &str = "sku,name\n1,a\n2,b\n";

fn read(bytes: &[u8]) -> Result<String, ReadError> {
    let mut text = String::new();
    open(bytes, &Options::default())?.read_to_string(&mut text)?;
    Ok(text)
}

fn refusal(bytes: &[u8]) -> ArchiveFault {
    match read(bytes) {
        Err(ReadError::Archive(fault)) => fault,
        other => panic!("refused, not {other:?}"),
    }
}

#[test]
fn the_one_file_of_a_zip_is_read_however_it_is_packed() {
    for (stored, behind, wide) in
        [(true, false, false), (false, false, false), (false, true, false), (false, true, true)]
    {
        let entry =
            Entry { stored, length_behind: behind, wide, ..Entry::new("products.csv", TEXT.as_bytes()) };
        let bytes = zip(&[entry]);
        let found = sniff(bytes.as_slice()).expect("opens");
        assert_eq!((found.compression, found.format), (Compression::Zip, Format::Delimited));
        assert_eq!(read(&bytes).expect("one file"), TEXT, "{stored} {behind} {wide}");
    }
    let bytes = zip(&[Entry::new("rows.ndjson", b"{\"sku\":\"1\"}\n")]);
    assert_eq!(products(bytes.as_slice()).accepted.len(), 1);
}

#[test]
fn folders_and_what_macos_adds_do_not_count() {
    let bytes = zip(&[
        Entry { stored: true, ..Entry::new("export/", b"") },
        Entry { length_behind: true, ..Entry::new("export/products.csv", TEXT.as_bytes()) },
        Entry { length_behind: true, ..Entry::new("__MACOSX/export/._products.csv", b"\0\x05\x16\x07") },
        Entry::new("export/.DS_Store", b"x"),
    ]);
    assert_eq!(read(&bytes).expect("one file"), TEXT);
}

#[test]
fn any_other_zip_is_refused_with_its_reason() {
    let file = || Entry::new("a.csv", TEXT.as_bytes());
    for (entries, fault) in [
        (vec![], ArchiveFault::Empty),
        (vec![Entry::new("__MACOSX/x", b"x")], ArchiveFault::Empty),
        (vec![file(), Entry::new("b.csv", b"sku\n")], ArchiveFault::SeveralFiles),
        (vec![Entry { flags: 1, ..file() }], ArchiveFault::Encrypted),
        (vec![Entry { method: Some(93), ..file() }], ArchiveFault::Method),
        (vec![Entry { stored: true, length_behind: true, ..file() }], ArchiveFault::LengthUnknown),
        (vec![Entry { size_said: Some(u32::MAX), ..file() }], ArchiveFault::TooLarge),
        (
            vec![Entry::new("mimetype", b"application/vnd.oasis.opendocument.spreadsheet")],
            ArchiveFault::OpenDocument,
        ),
        (vec![Entry::new("inner.zip", &zip(&[file()]))], ArchiveFault::Nested),
    ] {
        assert_eq!(refusal(&zip(&entries)), fault);
    }
}

#[test]
fn a_second_file_far_behind_is_still_seen() {
    let long = TEXT.repeat(100_000);
    assert_eq!(
        refusal(&zip(&[Entry::new("a.csv", long.as_bytes()), Entry::new("b.csv", b"x")])),
        ArchiveFault::SeveralFiles
    );
}

#[test]
fn a_zip_that_is_cut_or_changed_is_damaged_and_not_short() {
    let whole = zip(&[Entry { length_behind: true, ..Entry::new("a.csv", TEXT.repeat(2_000).as_bytes()) }]);
    let end_of_file = whole.windows(4).position(|w| w == b"PK\x07\x08").expect("a descriptor");
    for len in [10, 35, 60, end_of_file - 1, end_of_file, end_of_file + 9, end_of_file + 16] {
        assert!(matches!(read(&whole[..len]), Err(ReadError::Damaged(_))), "{len}");
    }
    let mut changed = whole.clone();
    changed[end_of_file + 4] ^= 1;
    assert!(matches!(read(&changed), Err(ReadError::Damaged(_))));
    let stored = zip(&[Entry { stored: true, ..Entry::new("a.csv", TEXT.as_bytes()) }]);
    let mut changed = stored;
    changed[38] ^= 1;
    assert!(matches!(read(&changed), Err(ReadError::Damaged(_))));
}

#[test]
fn a_bomb_in_a_zip_is_stopped_wherever_it_lies() {
    let zeros = vec![b'a'; 80 << 20];
    let bomb = zip(&[Entry::new("a.csv", &zeros)]);
    assert!(matches!(read(&bomb), Err(ReadError::Bomb { .. })));
    let beside = zip(&[Entry::new("__MACOSX/a", &zeros), Entry::new("a.csv", TEXT.as_bytes())]);
    assert!(matches!(read(&beside), Err(ReadError::Bomb { .. })));
    let options = Options { decompressed_bytes_max: Some(1 << 20), ..Options::default() };
    let copied =
        open(bomb.as_slice(), &options).map(|mut text| std::io::copy(&mut text, &mut std::io::sink()));
    let error = copied.expect("begins well").expect_err("trips");
    assert!(matches!(ReadError::from(error), ReadError::TooLarge { .. }));
    let gzipped = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&zip(&[Entry::new("a.csv", TEXT.as_bytes())])).expect("into memory");
        encoder.finish().expect("into memory")
    };
    assert_eq!(refusal(&gzipped), ArchiveFault::Nested);
}
