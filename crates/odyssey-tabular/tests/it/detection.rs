//! What a file is taken for, quirk by quirk.

use std::io::{Read, Write};

use odyssey_tabular::{Compression, Mode, Options, ReadError, Table, open, sniff};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("into memory");
    encoder.finish().expect("into memory")
}

fn text_of(bytes: &[u8]) -> String {
    let mut text = String::new();
    open(bytes, &Options::default()).expect("opens").read_to_string(&mut text).expect("UTF-8");
    text
}

#[test]
fn delimiters_are_told_apart() {
    for (text, delimiter, quoting, columns) in [
        ("sku,name\n1,a\n2,b\n", b',', true, 2),
        ("sku;name;price\n1;a;1,50\n2;b;2,50\n", b';', true, 3),
        ("sku\tname\n1\t12\" pizza\n2\t\"a\n", b'\t', false, 2),
        ("sku\tname\n1\t\"a, \"\"b\"\"\"\n", b'\t', true, 2),
        ("sku|name|tags\n1|a|x,y\n2|b|z\n", b'|', true, 3),
        ("sku,note\n1,\"a;b;c;d\"\n2,\"e;f;g;h\"\n", b',', true, 2),
    ] {
        let found = sniff(text.as_bytes()).expect("opens");
        assert_eq!(
            (found.delimiter, found.quoting, found.columns),
            (delimiter, quoting, columns),
            "{text:?}"
        );
        assert!(found.has_header, "{text:?}");
    }
}

/// A column of lists that all have as many entries is split as evenly as the table itself.
#[test]
fn lists_of_one_length_in_a_cell_do_not_make_the_delimiter() {
    for (separator, delimiter) in [("; ", ','), ("|", ','), ("|", ';'), (", ", ';')] {
        let list = ["sugar", "salt", "oats", "honey", "milk", "fat", "rye", "malt", "egg", "soy"].repeat(3);
        let list = list.join(separator);
        let header = ["external_id", "name", "ingredients"].join(&delimiter.to_string());
        let rows = (1..200).map(|row| format!("{row}{delimiter}Bar{delimiter}{list}\n"));
        let text = format!("{header}\n{}", rows.collect::<String>());
        let found = sniff(text.as_bytes()).expect("opens");
        let expected = (delimiter as u8, 3, true);
        assert_eq!((found.delimiter, found.columns, found.has_header), expected, "{separator:?}");
    }
}

#[test]
fn encodings_are_told_apart_and_become_utf8() {
    let text = "sku,name\n1,Crème brûlée à l’orange\n2,Müsli für Kinder\n";
    let utf16 = |big: bool| -> Vec<u8> {
        text.encode_utf16()
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect()
    };
    let (latin1, _, _) = encoding_rs::WINDOWS_1252.encode(text);
    for (bytes, encoding, bom) in [
        (text.as_bytes().to_vec(), "UTF-8", false),
        ([b"\xef\xbb\xbf", text.as_bytes()].concat(), "UTF-8", true),
        (utf16(false), "UTF-16LE", false),
        (utf16(true), "UTF-16BE", false),
        ([b"\xff\xfe".to_vec(), utf16(false)].concat(), "UTF-16LE", true),
        ([b"\xfe\xff".to_vec(), utf16(true)].concat(), "UTF-16BE", true),
        (latin1.to_vec(), "windows-1252", false),
    ] {
        let found = sniff(bytes.as_slice()).expect("opens");
        assert_eq!((found.encoding, found.bom), (encoding, bom));
        assert_eq!(text_of(&bytes), text, "{encoding}");
    }
}

#[test]
fn an_encoding_that_shows_late_is_still_found() {
    let mut bytes = b"sku,name\n".to_vec();
    while bytes.len() < 600_000 {
        bytes.extend_from_slice(b"1,plain ascii for a long time\n");
    }
    let ascii = bytes.len();
    bytes.extend_from_slice("2,Crème brûlée\n".chars().map(|c| c as u8).collect::<Vec<_>>().as_slice());
    assert!(sniff(bytes.as_slice()).expect("opens").encoding_open);
    assert_eq!(&text_of(&bytes)[ascii..], "2,Crème brûlée\n");
}

#[test]
fn broken_bytes_become_replacement_characters_and_spoil_nothing_else() {
    let mut bytes = b"sku,name\n".to_vec();
    for _ in 0..40 {
        bytes.extend_from_slice("1,crème\n".as_bytes());
    }
    bytes.extend_from_slice(b"2,bad \xff byte\n");
    let text = text_of(&bytes);
    assert!(text.contains("crème") && text.contains("bad \u{fffd} byte"));
}

#[test]
fn several_gzip_members_and_zstd_frames_are_one_file() {
    let gzipped = [gzip(b"sku,name\n1,a\n"), gzip(b"2,b\n")].concat();
    let frame = |bytes: &[u8]| zstd::encode_all(bytes, 1).expect("into memory");
    let zstandard = [frame(b"sku,name\n1,a\n"), frame(b"2,b\n")].concat();
    for (bytes, compression) in [(gzipped, Compression::Gzip), (zstandard, Compression::Zstd)] {
        assert_eq!(sniff(bytes.as_slice()).expect("opens").compression, compression);
        assert_eq!(text_of(&bytes), "sku,name\n1,a\n2,b\n");
    }
}

#[test]
fn a_decompression_bomb_is_stopped() {
    let zeros = vec![b'a'; 80 << 20];
    let bomb = gzip(&zeros);
    let mut decoded = open(bomb.as_slice(), &Options::default()).expect("begins well");
    let error = std::io::copy(&mut decoded, &mut std::io::sink()).expect_err("trips");
    assert!(matches!(ReadError::from(error), ReadError::Bomb { .. }));

    let options = Options { decompressed_bytes_max: Some(1 << 20), ..Options::default() };
    let mut decoded = open(bomb.as_slice(), &options).expect("begins well");
    let error = std::io::copy(&mut decoded, &mut std::io::sink()).expect_err("trips");
    assert!(matches!(ReadError::from(error), ReadError::TooLarge { limit: 1_048_576 }));
}

#[test]
fn a_cut_compressed_file_is_damaged_and_not_short() {
    let whole = gzip("sku,name\n1,a\n".repeat(10_000).as_bytes());
    let mut decoded = open(&whole[..whole.len() / 2], &Options::default());
    let error = match decoded.as_mut() {
        Ok(decoded) => ReadError::from(std::io::copy(decoded, &mut std::io::sink()).expect_err("is cut")),
        Err(_) => decoded.expect_err("is cut"),
    };
    assert!(matches!(error, ReadError::Damaged(_)));
}

#[test]
fn a_file_without_header_gets_column_names_and_loses_no_row() {
    let file = b"10,2.5,7\n11,2.6,8\n12,2.7,9\n";
    let table = Table::new(open(file.as_slice(), &Options::default()).expect("opens")).expect("rows");
    assert_eq!(table.headers(), ["column_1", "column_2", "column_3"]);
    assert_eq!(table.sample().len(), 3);
}

#[test]
fn an_empty_file_has_no_header() {
    for bytes in [&b""[..], b"\n\n", b"\xef\xbb\xbf"] {
        let table = Table::new(open(bytes, &Options::default()).expect("opens"));
        assert!(matches!(table, Err(ReadError::NoHeader)), "{bytes:?}");
    }
}

#[test]
fn what_the_caller_knows_goes_before_any_guess() {
    let options = Options {
        encoding: Some("latin1".into()),
        delimiter: Some(b';'),
        has_header: Some(false),
        ..Options::default()
    };
    let decoded = open(&b"a;b\xe9\n"[..], &options).expect("opens");
    assert_eq!((decoded.detected.encoding, decoded.detected.delimiter), ("windows-1252", b';'));
    assert!(!decoded.detected.has_header);
    let unknown = Options { encoding: Some("klingon".into()), ..Options::default() };
    assert!(matches!(open(&b"a"[..], &unknown), Err(ReadError::UnknownEncoding(_))));
}

#[test]
fn only_a_header_that_names_an_identity_makes_the_first_row_of_customers_a_header() {
    let customers = |file: &str, named: &[&str]| {
        let options = Options {
            mode: Some(Mode::Customers),
            named_headers: named.iter().map(|n| (*n).to_owned()).collect(),
            ..Options::default()
        };
        open(file.as_bytes(), &options).expect("opens").detected.has_header
    };
    assert!(!customers("M-77,Ada,vegan,peanut\nM-78,Otto,,\n", &[]));
    assert!(!customers("Ada,female,kg\nOtto,,3\n", &[]), "words of our tables are cells too");
    assert!(customers("Patient ID,Ada,x\nM-78,Otto,y\n", &[]));
    assert!(customers("Asiakasnumero,nimi\nM-78,Otto\n", &["asiakasnumero"]), "somebody named it");
    assert!(!customers("Asiakasnumero,nimi\nM-78,Otto\n", &["column_1", ""]));
}

#[test]
fn what_stands_above_the_header_is_passed_over_and_lines_stay_those_of_the_file() {
    let file = "Price list;;;\r\n\r\n# \"Spring\";;;\r\n;;;\r\nsku;name;fat;salt\r\n1;a;1;2\r\n2;b;-1;2\r\n";
    let found = sniff(file.as_bytes()).expect("opens");
    assert_eq!(
        (found.delimiter, found.has_header, found.rows_above_header, found.columns),
        (b';', true, 3, 4)
    );
    let parsed = crate::support::products(file.as_bytes());
    assert_eq!((parsed.accepted[0].row, parsed.accepted[0].line), (1, 6));
    assert_eq!((parsed.rejected[0].row, parsed.rejected[0].line), (2, 7));

    let none = Options { has_header: Some(false), ..Options::default() };
    let table = Table::new(open(file.as_bytes(), &none).expect("opens")).expect("rows");
    assert_eq!((table.headers()[0].as_str(), table.sample().len()), ("column_1", 6));
}

#[test]
fn a_first_row_of_customers_is_no_title() {
    let options = Options { mode: Some(Mode::Customers), ..Options::default() };
    for file in
        ["M-77\nname,sex,weight\nAda,female,70\n", "M-77,Ada,milk\ncustomer_id,name,allergies\nM-78,Otto,\n"]
    {
        let found = open(file.as_bytes(), &options).expect("opens").detected;
        assert_eq!((found.has_header, found.rows_above_header), (false, 0), "{file}");
    }
}
