//! What holds of every file.

use std::io::Read;

use odyssey_tabular::{
    CustomerRow, HeaderSynonyms, Mode, Options, Outcome, ProductRow, Rows, Table, map_headers, open,
};
use proptest::prelude::*;

use crate::support::{Entry, products, settings, workbook_parts, zip};

/// Hands out its bytes in pieces of the given sizes, over and over.
struct Pieces<'a> {
    bytes: &'a [u8],
    sizes: Vec<usize>,
    at: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let wanted = self.sizes[self.at % self.sizes.len()].min(out.len()).min(self.bytes.len());
        self.at += 1;
        out[..wanted].copy_from_slice(&self.bytes[..wanted]);
        self.bytes = &self.bytes[wanted..];
        Ok(wanted)
    }
}

fn read_all(file: impl Read, mode: Mode) -> Vec<String> {
    let Ok(decoded) = open(file, &Options::default()) else { return vec!["unopened".into()] };
    let Ok(table) = Table::new(decoded) else { return vec!["no table".into()] };
    let mapping = map_headers(table.headers(), &table.sample(), mode, &HeaderSynonyms::default());
    match mode {
        Mode::Products => {
            let rows = Rows::<_, ProductRow>::new(table, mapping, settings()).expect("fits");
            rows.map(|row| format!("{row:?}")).collect()
        }
        Mode::Customers => {
            let rows = Rows::<_, CustomerRow>::new(table, mapping, settings()).expect("fits");
            rows.map(|row| match row {
                Ok(Outcome::Accepted(row)) => {
                    format!("{:?} {:?}", row.profile.expose(), row.identity.expose())
                }
                other => format!("{other:?}"),
            })
            .collect()
        }
    }
}

fn json_like() -> impl Strategy<Value = Vec<u8>> {
    let token = proptest::sample::select(vec![
        "{\"sku\":1",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"sku\"",
        "\"fat\":",
        "\"nutrition\":{",
        "\"",
        "\\u00e9",
        "1.50",
        "null",
        "true",
        "é",
        "\n",
        "}\n{\"sku\":\"a\",",
    ]);
    proptest::collection::vec(token, 0..60)
        .prop_map(|soup| format!("{{\"sku\":1}}\n{}", soup.concat()).into_bytes())
}

fn csv_like() -> impl Strategy<Value = Vec<u8>> {
    let header = proptest::sample::select(vec![
        "sku,name,fat,allergens,price",
        "customer_id,dob,height,weight_lb,allergies",
        "code;energy_100g;sodium",
        "barcode\tname",
    ]);
    let soup = proptest::collection::vec(
        prop_oneof![
            4 => "[0-9.,]{0,6}".prop_map(String::into_bytes),
            2 => "[a-z:{}\\[\\]\"' <~%-]{0,8}".prop_map(String::into_bytes),
            3 => proptest::sample::select(vec![&b","[..], b";", b"\t", b"\n", b"\r\n", b"\"", b"NULL"]).prop_map(<[u8]>::to_vec),
            1 => proptest::collection::vec(any::<u8>(), 0..6),
        ],
        0..80,
    );
    (header, soup)
        .prop_map(|(header, soup)| [header.as_bytes().to_vec(), b"\n".to_vec(), soup.concat()].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), packed in 0..4_u8) {
        let magic: &[u8] = match packed { 0 => b"", 1 => &[0x1f, 0x8b, 8, 0], 2 => b"PK\x03\x04\x14\0", _ => &[0x28, 0xb5, 0x2f, 0xfd] };
        let file = [magic, &bytes].concat();
        read_all(file.as_slice(), Mode::Products);
        read_all(file.as_slice(), Mode::Customers);
    }

    #[test]
    fn rows_do_not_depend_on_how_the_source_hands_out_its_bytes(
        bytes in prop_oneof![csv_like(), json_like()],
        sizes in proptest::collection::vec(1..40_usize, 1..5),
        customers in any::<bool>(),
    ) {
        let mode = if customers { Mode::Customers } else { Mode::Products };
        let pieces = Pieces { bytes: &bytes, sizes, at: 0 };
        prop_assert_eq!(read_all(pieces, mode), read_all(bytes.as_slice(), mode));
    }

    #[test]
    fn a_changed_zip_never_panics_and_reads_the_same_in_any_pieces(
        text in csv_like(),
        kind in 0..8_u8,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..3),
        sizes in proptest::collection::vec(1..40_usize, 1..5),
    ) {
        let entry = Entry {
            stored: kind & 1 > 0,
            length_behind: kind & 2 > 0,
            wide: kind & 4 > 0,
            ..Entry::new("a.csv", &text)
        };
        let mut bytes = zip(&[entry]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let pieces = Pieces { bytes: &bytes, sizes, at: 0 };
        prop_assert_eq!(read_all(pieces, Mode::Products), read_all(bytes.as_slice(), Mode::Products));
    }

    #[test]
    fn a_changed_workbook_never_panics(
        part in 1..8_usize,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
        in_archive in any::<bool>(),
    ) {
        let rows = "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"s\"><v>1</v></c></row>\
                    <row r=\"2\"><c r=\"A2\"><v>96385074</v></c><c r=\"B2\" s=\"1\"><v>4.5</v></c></row>";
        let mut parts = workbook_parts(rows);
        if !in_archive {
            for (at, byte) in &changes {
                let contents = &mut parts[part].contents;
                let at = at.index(contents.len());
                contents[at] = *byte;
            }
        }
        let mut bytes = zip(&parts);
        if in_archive {
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
        }
        read_all(bytes.as_slice(), Mode::Products);
    }

    #[test]
    fn what_is_written_reads_back_equal(
        rows in proptest::collection::vec((
            "[ -~à-ÿ]{0,20}", "[a-zA-Z,\";\n ]{0,30}", 0..100_000_000_i64, 0..39_000_000_i64,
        ), 1..40),
        delimiter in proptest::sample::select(vec![b',', b';', b'|']),
    ) {
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
        writer.write_record(["sku", "name", "ingredients", "carbohydrate_g", "sodium_mg"]).expect("writes");
        let text = |n: i64, digits| odyssey_types::render_fixed(n, digits);
        for (at, (name, words, carbohydrate, sodium)) in rows.iter().enumerate() {
            let cells = [format!("id{at}"), name.clone(), words.clone(), text(*carbohydrate, 6), text(*sodium, 3)];
            writer.write_record(&cells).expect("writes");
        }
        let file = writer.into_inner().expect("flushes");
        let parsed = products(file.as_slice());
        prop_assert_eq!(parsed.accepted.len(), rows.len(), "{:?}", parsed.rejected);
        for (row, (name, words, carbohydrate, sodium)) in parsed.accepted.iter().zip(&rows) {
            let said = |text: &str| {
                let trimmed = text.trim();
                (!trimmed.is_empty() && !trimmed.eq_ignore_ascii_case("null")).then(|| trimmed.to_owned())
            };
            let nutrition = row.fields.nutrition.as_ref().expect("nutrition");
            prop_assert_eq!(&row.fields.name, &said(name));
            prop_assert_eq!(&row.fields.ingredients, &said(words));
            prop_assert_eq!(nutrition.amounts.get(odyssey_types::Nutrient::Carbohydrate), Some(*carbohydrate));
            prop_assert_eq!(nutrition.amounts.get(odyssey_types::Nutrient::Sodium), Some(*sodium));
        }
    }
}
