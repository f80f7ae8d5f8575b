//! A list of JSON objects, however it is broken over lines, and JSON and XML that are no table.

use std::io::Read;

use odyssey_tabular::{Format, Mode, Options, ReadError, RowErrorCode, Table, limits, open, sniff};

use crate::support::{products, shared};

fn fault(file: &str) -> ReadError {
    let options = Options { mode: Some(Mode::Products), ..Options::default() };
    let read = open(file.as_bytes(), &options).and_then(|decoded| {
        let table = Table::new(decoded)?;
        let mapping = odyssey_tabular::map_headers(
            table.headers(),
            &table.sample(),
            Mode::Products,
            &odyssey_tabular::HeaderSynonyms::default(),
        );
        let rows = odyssey_tabular::Rows::<_, odyssey_tabular::ProductRow>::new(
            table,
            mapping,
            crate::support::settings(),
        )?;
        rows.collect::<Result<Vec<_>, _>>().map(|rows| rows.len())
    });
    match read {
        Ok(rows) => panic!("{rows} rows of {file}"),
        Err(fault) => fault,
    }
}

#[test]
fn a_list_gives_the_rows_that_its_objects_would_give_line_by_line() {
    let lines =
        "{\"sku\":\"a\",\"name\":\"Bar, \\\"raw\\\" ]}\"}\n{\"sku\":\"b\",\"nutrition\":{\"fat\":1.5}}\n";
    let list = "[\n  {\n    \"sku\": \"a\",\n    \"name\": \"Bar, \\\"raw\\\" ]}\"\n  },\n  { \"sku\": \"b\",\n    \
                \"nutrition\": { \"fat\": 1.5 } }\n]\n";
    let dense =
        "[{\"sku\":\"a\",\"name\":\"Bar, \\\"raw\\\" ]}\"},{\"sku\":\"b\",\"nutrition\":{\"fat\":1.5}}]";
    assert_eq!(sniff(list.as_bytes()).expect("opens").format, Format::JsonList);
    let told = products(lines.as_bytes());
    for file in [list, dense] {
        let parsed = products(file.as_bytes());
        assert_eq!(parsed.accepted.len(), 2, "{:?}", parsed.rejected);
        for (read, line) in parsed.accepted.iter().zip(&told.accepted) {
            assert_eq!(
                (&read.external_id, &read.fields, read.row, read.source_hash),
                (&line.external_id, &line.fields, line.row, line.source_hash)
            );
        }
    }
    // Where an object begins in the file.
    assert_eq!(products(list.as_bytes()).accepted.iter().map(|r| r.line).collect::<Vec<_>>(), [2, 6]);
}

#[test]
fn what_is_wrong_with_one_entry_refuses_that_row_alone() {
    let file = "[{\"sku\":1},\n7, null, \"x\", [1, {\"a\":2}],\n{\"sku\":2 \"b\":3},\n{\"sku\":3}]";
    let parsed = products(file.as_bytes());
    assert_eq!(parsed.accepted.iter().map(|r| r.row).collect::<Vec<_>>(), [1, 7]);
    assert_eq!(parsed.codes()["json_unreadable"], 5);
    let long = format!("[{{\"sku\":1}},{{\"sku\":\"{}\"}},{{\"sku\":3}}]", "x".repeat(limits::ROW_BYTES_MAX));
    let parsed = products(long.as_bytes());
    assert_eq!((parsed.accepted.len(), parsed.codes()["row_too_long"]), (2, 1));
    let deep = format!(
        "[{{\"sku\":1}},{{\"sku\":2,\"x\":{}1{}}}]",
        "{\"a\":".repeat(limits::JSON_DEPTH_MAX),
        "}".repeat(limits::JSON_DEPTH_MAX)
    );
    assert_eq!(products(deep.as_bytes()).rejected[0].errors[0].code, RowErrorCode::JsonTooDeep);
    let deepest = format!("[{{\"sku\":1}},{}{}]", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(products(deepest.as_bytes()).codes()["json_unreadable"], 1);
}

#[test]
fn a_list_that_is_cut_or_damaged_is_never_taken_for_a_whole_one() {
    for file in [
        "[{\"sku\":1},{\"sku\":2}",
        "[{\"sku\":1},",
        "[{\"sku\":1},\n{\"sku\":2",
        "[{\"sku\":1},{\"sku\":\"2}]",
    ] {
        assert!(matches!(fault(file), ReadError::JsonListCut { .. }), "{file}");
    }
    for file in [
        "[{\"sku\":1} {\"sku\":2}]",
        "[{\"sku\":1},,{\"sku\":2}]",
        "[{\"sku\":1},]",
        "[{\"sku\":1}]{\"sku\":2}",
        "[{\"sku\":1}\n}]",
    ] {
        assert!(matches!(fault(file), ReadError::JsonListBroken { .. }), "{file}");
    }
    // Its line is named.
    assert!(matches!(fault("[{\"sku\":1}\n\n{\"sku\":2}]"), ReadError::JsonListBroken { line: 3 }));
    let many: Vec<String> = (0..3_000).map(|at| format!("{{\"sku\":\"s{at}\"}}")).collect();
    assert!(matches!(fault(&format!("[{}", many.join(","))), ReadError::JsonListCut { .. }));
    assert_eq!(products(format!("[{}]", many.join(",\n")).as_bytes()).accepted.len(), 3_000);
}

#[test]
fn files_that_are_no_table_are_named_for_what_they_are() {
    for file in [
        "<?xml version=\"1.0\"?>\n<a><b>1</b></a>",
        "\u{feff}\n<catalogue>\n<item sku=\"1\"/>",
        "<!DOCTYPE html>\n<p>",
    ] {
        let fault = fault(file);
        assert!(matches!(fault, ReadError::Xml), "{file}: {fault}");
        assert!([".csv", ".xlsx", "JSON"].iter().all(|way| fault.to_string().contains(way)), "{fault}");
    }
    for file in [
        "{\"resourceType\":\"Bundle\",\"entry\":[]}",
        "{\n  \"resourceType\": \"Patient\",\n  \"id\": \"7\"\n}",
        "{\"resourceType\":\"Patient\"}\n{\"resourceType\":\"Patient\"}\n",
        "[{\"resourceType\":\"Observation\"}]",
    ] {
        let fault = fault(file);
        assert!(matches!(fault, ReadError::Fhir), "{file}: {fault}");
        let text = fault.to_string();
        assert!(text.contains("/customers/{customer_id}/fhir") && text.contains("--mode fhir"), "{text}");
    }
    for file in [
        "{\n  \"sku\": 1,\n  \"name\": \"Bar\"\n}\n",
        "[\"sku\",\"name\"]\n[1,\"Bar\"]\n",
        "[[1,2],[3,4]]",
        "[]",
        "{}",
    ] {
        let fault = fault(file);
        assert!(matches!(fault, ReadError::NotJsonLines), "{file}: {fault}");
    }
    // Headers may look odd; whoever knows better is believed.
    assert_eq!(sniff(&b"[sku],[name]\n1,Bar\n"[..]).expect("opens").format, Format::Delimited);
    assert_eq!(sniff(&b"<sku>;<name>\n1;Bar\n"[..]).expect("opens").format, Format::Delimited);
    let told = Options { delimiter: Some(b','), ..Options::default() };
    assert!(open(&b"<b>sku</b>,name\n1,Bar\n"[..], &told).is_ok());
}

#[test]
fn real_feeds_in_xml_and_real_lists_are_known() {
    let Some(mut xml) = shared("products/gs1_gdsn_feeds/agena3000_andros.xml") else { return };
    let mut text = String::new();
    xml.read_to_string(&mut text).expect("UTF-8");
    assert!(matches!(fault(&text), ReadError::Xml));
    let list = shared("products/gs1_gdsn_feeds/agena3000_andros.off.json").expect("present");
    let parsed = products(list);
    assert_eq!(parsed.accepted[0].external_id, "03608580065340", "{:?}", parsed.rejected);
    let mut allergy =
        shared("patients/fhir_r4_examples/AllergyIntolerance-fishallergy.json").expect("present");
    text.clear();
    allergy.read_to_string(&mut text).expect("UTF-8");
    assert!(matches!(fault(&text), ReadError::Fhir));
}
