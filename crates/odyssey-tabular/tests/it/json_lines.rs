//! JSON Lines, quirk by quirk.

use odyssey_tabular::{
    Compression, ErrorsCsv, Format, Mode, Options, ReadError, RowErrorCode, Table, WarningCode, limits, open,
    sniff,
};
use odyssey_types::Nutrient;

use crate::support::{customers, products};

fn headers(file: &str) -> Result<Vec<String>, ReadError> {
    let options = Options { mode: Some(Mode::Products), ..Options::default() };
    Table::new(open(file.as_bytes(), &options)?).map(|table| table.headers().to_vec())
}

#[test]
fn objects_one_a_line_are_seen_at_the_first_brace() {
    for (file, format) in [
        ("\n  {\"sku\":1}\n", Format::JsonLines),
        ("\u{feff}{ \"sku\":1}", Format::JsonLines),
        ("{}\n{\"sku\":1}", Format::JsonLines),
        ("{milk,soy},2\n", Format::Delimited),
        ("sku,note\n1,{}\n", Format::Delimited),
    ] {
        assert_eq!(sniff(file.as_bytes()).expect("opens").format, format, "{file}");
    }
    let utf16: Vec<u8> = "{\"sku\":\"é\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(sniff(utf16.as_slice()).expect("opens").format, Format::JsonLines);
    let packed = zstd::encode_all(&b"{\"sku\":1}"[..], 1).expect("into memory");
    let found = sniff(packed.as_slice()).expect("opens");
    assert_eq!((found.compression, found.format), (Compression::Zstd, Format::JsonLines));
    let told = Options { format: Some(Format::Delimited), ..Options::default() };
    assert_eq!(open(&b"{\"sku\":1}"[..], &told).expect("opens").detected.format, Format::Delimited);
}

#[test]
fn the_columns_are_the_fields_of_the_first_rows_together() {
    assert_eq!(
        headers("{\"sku\":1,\"name\":\"a\"}\n{\"name\":\"b\",\"nutrition\":{\"fat\":1},\"sku\":2}\n")
            .expect("rows"),
        ["sku", "name", "nutrition.fat"]
    );
    assert!(matches!(headers("{}\n"), Err(ReadError::NotJsonLines)));
    assert!(matches!(headers("{\n  \"sku\": 1\n}\n"), Err(ReadError::NotJsonLines)));
    let wide: Vec<String> = (0..1_500).map(|at| format!("\"a{at}\":1")).collect();
    let file = format!("{{{}}}\n{{{}}}\n", wide.join(","), wide.join(",").replace('a', "b"));
    assert!(matches!(headers(&file), Err(ReadError::TooManyColumns { .. })));
}

#[test]
fn a_row_reads_as_the_same_cells_of_a_delimited_file_would() {
    let parsed = products(
        "{\"sku\":\"0012\",\"name\":\"Bar\",\"allergens\":[\"milk\",\"may contain soy\"],\"price\":1.10,\"currency\":\"EUR\",\
         \"organic\":true,\"nutrition\":{\"sodium_mg\":120,\"fat_g\":1.5,\"per_100g\":{}},\"brand\":null}\n"
            .as_bytes(),
    );
    let row = &parsed.accepted[0];
    assert_eq!((row.external_id.as_str(), row.row, row.line), ("0012", 1, 1));
    assert_eq!(row.fields.brand, None);
    let amounts = &row.fields.nutrition.as_ref().expect("nutrition").amounts;
    assert_eq!((amounts.get(Nutrient::Sodium), amounts.get(Nutrient::Fat)), (Some(120_000), Some(1_500_000)));
    let declared = row.fields.allergens.as_ref().expect("declared");
    assert_eq!((declared.contains.len(), declared.may_contain.len()), (1, 1));
    let parsed = customers(
        "{\"customer_id\":\"M-1\",\"allergies\":[{\"allergen\":\"peanut\",\"severity\":\"anaphylaxis\"}]}\n"
            .as_bytes(),
    );
    assert_eq!(parsed.accepted.len(), 1, "{:?}", parsed.rejected);
}

#[test]
fn a_broken_line_is_refused_alone_and_shown_whole() {
    let file = "{\"sku\":1,\"name\":\"a\"}\n\n{\"sku\":2,\n[3]\r\n{\"sku\":4,\"sku\":5}\n{\"sku\":6}";
    let parsed = products(file.as_bytes());
    assert_eq!(parsed.accepted.iter().map(|r| (r.row, r.line)).collect::<Vec<_>>(), [(1, 1), (5, 6)]);
    let short: Vec<_> = parsed
        .rejected
        .iter()
        .map(|r| (r.row, r.line, r.errors[0].code, r.cells.expose().last().cloned()))
        .collect();
    use RowErrorCode::{JsonKeyTwice, JsonUnreadable};
    assert_eq!(
        short,
        [
            (2, 3, JsonUnreadable, Some("{\"sku\":2,".to_owned())),
            (3, 4, JsonUnreadable, Some("[3]".to_owned())),
            (4, 5, JsonKeyTwice, Some("sku: 5".to_owned())),
        ]
    );
    let mut errors = ErrorsCsv::new(Vec::new(), &["sku".to_owned(), "name".to_owned()]).expect("into memory");
    errors.write(&parsed.rejected[0]).expect("into memory");
    let csv = String::from_utf8(errors.finish().expect("flushes")).expect("UTF-8");
    assert!(csv.lines().nth(1).is_some_and(|l| l.starts_with(",,2,json_unreadable")), "{csv}");
    let long =
        format!("{{\"sku\":1}}\n{{\"sku\":\"{}\"}}\n{{\"sku\":3}}\n", "x".repeat(limits::ROW_BYTES_MAX));
    let parsed = products(long.as_bytes());
    assert_eq!((parsed.accepted.len(), parsed.codes()["row_too_long"]), (2, 1));
}

#[test]
fn a_late_field_that_would_be_read_refuses_its_row_and_any_other_is_left_out_with_a_word() {
    let mut file = String::new();
    for at in 0..limits::JSON_HEADER_ROWS {
        file.push_str(&format!("{{\"sku\":\"s{at}\"}}\n"));
    }
    file.push_str("{\"sku\":\"colour\",\"colour\":\"red\"}\n{\"sku\":\"name\",\"name\":\"Bar\"}\n{\"sku\":\"none\",\"name\":null}\n");
    let parsed = products(file.as_bytes());
    let [.., colour, null] = parsed.accepted.as_slice() else { panic!("rows") };
    assert_eq!(colour.warnings.iter().map(|w| w.code).collect::<Vec<_>>(), [WarningCode::FieldNotRead]);
    assert!(null.warnings.is_empty());
    assert_eq!(parsed.rejected[0].errors[0].code, RowErrorCode::JsonKeyLate);
    assert_eq!(parsed.rejected[0].errors[0].value.expose().as_deref(), Some("name"));
    assert_eq!(parsed.rejected[0].cells.expose(), &["name", "name: Bar"]);
}
