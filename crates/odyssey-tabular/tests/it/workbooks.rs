//! Workbooks: what a person sees in the first sheet, and what is refused before it is unpacked for good.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use odyssey_tabular::{
    Compression, Format, Mode, Options, ReadError, RowErrorCode, Table, WorkbookFault, limits, open, sniff,
};
use odyssey_types::Nutrient;

use crate::support::{Entry, products, workbook, workbook_parts, zip};

fn refusal(bytes: &[u8]) -> WorkbookFault {
    match open(bytes, &Options::default()) {
        Err(ReadError::Workbook(fault)) => fault,
        other => panic!("refused, not {other:?}"),
    }
}

/// The workbook with one part exchanged.
fn with_part(name: &str, contents: &str, rows: &str) -> Vec<u8> {
    let mut parts = workbook_parts(rows);
    parts.retain(|part| part.name != name);
    parts.push(Entry::new(name, contents.as_bytes()));
    zip(&parts)
}

const ROWS: &str = r#"
<row r="1"><c r="A1" t="inlineStr"><is><t>Price list</t></is></c></row>
<row r="3"><c r="A3" t="s"><v>0</v></c><c r="B3" t="s"><v>1</v></c><c r="C3" t="str"><v>fat</v></c>
  <c r="D3" t="str"><v>organic</v></c><c r="E3" t="str"><v>label_as_of</v></c></row>
<row r="4"><c r="A4"><v>4006381333931</v></c><c r="B4" t="s"><v>2</v></c><c r="C4"><f>1/3</f><v>0.30000000000000004</v></c>
  <c r="D4" t="b"><v>1</v></c><c r="E4" s="1"><v>43630</v></c></row>
<row r="6"><c r="A6"><v>7.61E+12</v></c><c r="B6" t="inlineStr"><is><r><t xml:space="preserve">Two </t></r><r><t>parts</t></r></is></c></row>
<row r="7"><c r="C7"/><c r="E7" t="str"><v>  </v></c></row>
<row r="8"><c r="A8" t="str"><v>96385074</v></c></row>"#;

#[test]
fn the_first_sheet_is_read_as_a_person_sees_it() {
    let bytes = workbook(ROWS);
    let found = sniff(bytes.as_slice()).expect("opens");
    assert_eq!(
        (found.compression, found.format, found.sheets),
        (Compression::None, Format::Workbook, Some(2))
    );
    assert_eq!((found.has_header, found.rows_above_header, found.columns), (true, 1, 5));
    let table = Table::new(open(bytes.as_slice(), &Options::default()).expect("opens")).expect("rows");
    assert_eq!(table.headers(), ["barcode", "name", "fat", "organic", "label_as_of"]);
    assert_eq!(
        table.sample(),
        [
            ["4006381333931", "Bar & Co", "0.3", "true", "2019-06-14"],
            ["7.61E+12", "Two parts", "", "", ""],
            ["96385074", "", "", "", ""]
        ]
    );
}

#[test]
fn rows_are_counted_behind_the_header_and_named_by_their_number_in_the_sheet() {
    let parsed = products(workbook(ROWS).as_slice());
    assert_eq!(parsed.accepted.iter().map(|r| (r.row, r.line)).collect::<Vec<_>>(), [(1, 4), (3, 8)]);
    assert_eq!(parsed.accepted[0].fields.name.as_deref(), Some("Bar & Co"));
    let amounts = &parsed.accepted[0].fields.nutrition.as_ref().expect("fat").amounts;
    assert_eq!(amounts.get(Nutrient::Fat), Some(300_000));
    let refused = &parsed.rejected[0];
    assert_eq!((refused.row, refused.line), (2, 6));
    assert_eq!(refused.errors[0].code, RowErrorCode::GtinDamagedBySpreadsheet);
}

#[test]
fn a_workbook_may_be_packed_and_a_first_row_of_customers_stays_a_row() {
    let packed = zip(&[Entry::new("products.xlsx", &workbook(ROWS))]);
    let found = sniff(packed.as_slice()).expect("opens");
    assert_eq!((found.compression, found.format), (Compression::Zip, Format::Workbook));
    let rows = r#"<row><c t="str"><v>M-77</v></c><c t="str"><v>Ada</v></c></row><row><c t="str"><v>M-78</v></c></row>"#;
    let options = Options { mode: Some(Mode::Customers), ..Options::default() };
    let bytes = workbook(rows);
    let table = Table::new(open(bytes.as_slice(), &options).expect("opens")).expect("rows");
    assert_eq!(table.headers(), ["column_1", "column_2"]);
    assert_eq!(table.sample(), [["M-77", "Ada"], ["M-78", ""]]);
}

#[test]
fn an_empty_sheet_has_no_header_and_a_row_too_wide_is_refused_alone() {
    for rows in ["", r#"<row><c r="A1"/></row>"#] {
        let bytes = workbook(rows);
        let table = Table::new(open(bytes.as_slice(), &Options::default()).expect("opens"));
        assert!(matches!(table, Err(ReadError::NoHeader)));
    }
    let rows = r#"<row r="1"><c r="A1" t="str"><v>sku</v></c><c r="B1" t="str"><v>name</v></c></row>
        <row r="2"><c r="A2"><v>1</v></c><c r="XFD2"><v>9</v></c></row><row r="1048576"><c r="A1048576"><v>2</v></c></row>"#;
    let parsed = products(workbook(rows).as_slice());
    assert_eq!((parsed.codes()["row_too_long"], parsed.accepted[0].line), (1, 1_048_576));
}

#[test]
fn what_is_no_workbook_is_refused_with_a_way_out() {
    let old = [&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1][..], &[0; 600]].concat();
    assert_eq!(refusal(&old), WorkbookFault::OldOrLocked);
    let document =
        zip(&[Entry::new("[Content_Types].xml", b"<Types/>"), Entry::new("word/document.xml", b"<w/>")]);
    assert_eq!(refusal(&document), WorkbookFault::Unreadable);
    let whole = workbook(ROWS);
    for len in [60, whole.len() / 2, whole.len() - 1] {
        assert_eq!(refusal(&whole[..len]), WorkbookFault::Unreadable, "{len}");
    }
    for rows in [
        r#"<row r="2"><c r="A2"><v>1</v></c></row><row r="1"><c r="A1"><v>1</v></c></row>"#,
        r#"<row><c r="B1"><v>1</v></c><c r="A1"><v>1</v></c></row>"#,
        r#"<row><c r="ZZZZZZZZZZZZZZ99999999999999"><v>1</v></c></row>"#,
        r#"<row><c t="s"><v>99</v></c></row>"#,
    ] {
        assert_eq!(refusal(&workbook(rows)), WorkbookFault::Unreadable, "{rows}");
    }
    let told = Options { format: Some(Format::Workbook), ..Options::default() };
    assert!(matches!(open(&b"sku\n1\n"[..], &told), Err(ReadError::Workbook(WorkbookFault::Unreadable))));
}

#[test]
fn a_workbook_that_would_fill_the_memory_is_refused_before() {
    let strings = |count: &str, padding: usize| {
        let text = format!("{}<sst {count}><si><t>a</t></si></sst>", " ".repeat(padding));
        with_part("xl/sharedStrings.xml", &text, "")
    };
    for padding in [0, 65_536 - 40, 65_536 - 20, 65_536, 65_600 - 30, 200_000] {
        for count in [
            "uniqueCount=\"4000000000\"",
            "uniqueCount   =  '4000000000'",
            "uniqueCount=\"99999999999999999999999\"",
        ] {
            assert_eq!(refusal(&strings(count, padding)), WorkbookFault::Bomb, "{count} {padding}");
        }
    }
    let hidden: Vec<u8> =
        "<sst uniqueCount=\"4000000000\"/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for begin in [&b"\xff\xfe"[..], b""] {
        let mut parts = workbook_parts("");
        parts.retain(|part| part.name != "xl/sharedStrings.xml");
        parts.push(Entry::new("xl/sharedStrings.xml", &[begin, &hidden].concat()));
        assert_eq!(refusal(&zip(&parts)), WorkbookFault::Unreadable);
    }
    assert!(open(strings("uniqueCount=\"1\"", 0).as_slice(), &Options::default()).is_ok());

    let font = format!("<font><name val=\"{}\"/></font>", "x".repeat(1 << 20));
    let styles = format!(
        "<styleSheet><fonts>{font}</fonts><cellXfs>{}</cellXfs></styleSheet>",
        "<xf fontId=\"0\"/>".repeat(10_000)
    );
    assert_eq!(refusal(&with_part("xl/styles.xml", &styles, "")), WorkbookFault::TooRich);

    let large = vec![b' '; (limits::WORKBOOK_UNPACKED_BYTES_MAX / 8) as usize + 1];
    let mut parts = workbook_parts("");
    parts.push(Entry::new("xl/worksheets/sheet9.xml", &large));
    assert_eq!(refusal(&zip(&parts)), WorkbookFault::Bomb);
    let options = Options { decompressed_bytes_max: Some(1 << 20), ..Options::default() };
    let bytes = zip(&parts);
    let refused = open(bytes.as_slice(), &options);
    assert!(matches!(refused, Err(ReadError::Workbook(WorkbookFault::UnpacksTooLarge { limit: 1_048_576 }))));

    let liar = Entry { size_said: Some(10), ..Entry::new("xl/worksheets/sheet9.xml", &large) };
    let mut parts = workbook_parts("");
    parts.push(liar);
    assert_eq!(refusal(&zip(&parts)), WorkbookFault::Unreadable);
}

#[test]
fn a_sheet_of_more_cells_than_are_held_is_refused() {
    let row = format!("<row>{}</row>", "<c><v>1</v></c>".repeat(1_000));
    let bytes = workbook(&row.repeat(limits::WORKBOOK_CELLS_MAX / 1_000 + 1));
    assert_eq!(refusal(&bytes), WorkbookFault::TooManyCells { limit: limits::WORKBOOK_CELLS_MAX });
}

/// A workbook with these shared texts.
fn with_texts(texts: &[&str], rows: &str) -> Vec<u8> {
    zip(&parts_with_texts(texts, rows))
}

fn parts_with_texts(texts: &[&str], rows: &str) -> Vec<Entry> {
    let list: String =
        texts.iter().map(|text| format!("<si><t xml:space=\"preserve\">{text}</t></si>")).collect();
    let text = format!("<sst uniqueCount=\"{}\">{list}</sst>", texts.len());
    let mut parts = workbook_parts(rows);
    parts.retain(|part| part.name != "xl/sharedStrings.xml");
    parts.push(Entry::new("xl/sharedStrings.xml", text.as_bytes()));
    parts
}

const HEAD: &str = "<row><c t=\"str\"><v>sku</v></c><c t=\"str\"><v>name</v></c></row>";

/// So many rows with so many cells of the first shared text.
fn referring(rows: usize, cells: usize) -> String {
    let cell = "<c t=\"s\"><v>0</v></c>";
    HEAD.to_owned() + &format!("<row>{}</row>", cell.repeat(cells)).repeat(rows)
}

#[test]
fn a_cell_longer_than_any_program_writes_refuses_the_workbook_before_it_is_held() {
    let limit = limits::WORKBOOK_CELL_XML_BYTES_MAX;
    let long = "x".repeat(limit as usize);
    let runs = "<r><t>ten bytes.</t></r>".repeat(limit as usize / 20);
    let inline =
        |inside: &str| workbook(&format!("{HEAD}<row><c t=\"inlineStr\"><is>{inside}</is></c></row>"));
    for (bytes, what) in [
        (with_texts(&[&long], &referring(3_000, 1)), "a shared text"),
        (with_texts(&["a", &"x".repeat(60 << 20)], &referring(1, 1)), "one that nobody refers to"),
        (
            with_part("xl/sharedStrings.xml", &format!("<sst><si>{runs}</si></sst>"), &referring(1, 1)),
            "of runs",
        ),
        (inline(&format!("<t>{long}</t>")), "a text of its own"),
        (inline(&runs), "runs of its own"),
        (inline(&format!("<t><!--{}--></t>", "<".repeat(limit as usize))), "a remark"),
        (inline(&format!("<t><![CDATA[{}]]></t>", "<x>".repeat(limit as usize))), "raw text"),
        (inline(&format!("<t a='{long}'>x</t>")), "a tag"),
        (workbook(&format!("{HEAD}<row><c><f>{long}</f><v>1</v></c></row>")), "a formula"),
    ] {
        let refused = refusal(&bytes);
        assert_eq!(refused, WorkbookFault::CellTooLong { limit }, "{what}");
        assert!(refused.to_string().contains("save the sheet as .csv"), "{refused}");
    }
    let held = vec![b' '; limits::WORKBOOK_LOADED_BYTES_MAX as usize + 1];
    let mut random = 1_u32;
    let noise: Vec<u8> = (0..(4 << 20))
        .map(|_| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b'a' + (random >> 28) as u8
        })
        .collect();
    let mut parts = workbook_parts(&format!("{HEAD}<row><c><v>1</v></c></row>"));
    parts.push(Entry::new("xl/worksheets/sheet9.xml", &[b"<worksheet>", held.as_slice()].concat()));
    parts.push(Entry::new("xl/media/noise.txt", &noise));
    assert_eq!(refusal(&zip(&parts)), WorkbookFault::TooRich);
}

#[test]
fn rows_that_refer_to_a_text_longer_than_a_row_are_refused_without_a_copy_of_it() {
    let long = "x".repeat(limits::ROW_BYTES_MAX + 1);
    let rows = referring(20_000, 1) + "<row><c t=\"str\"><v>9</v></c></row>";
    let began = std::time::Instant::now();
    let parsed = products(with_texts(&[&long], &rows).as_slice());
    assert_eq!((parsed.codes()["row_too_long"], parsed.accepted.len()), (20_000, 1));
    // Twenty gigabytes, if each were copied.
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
}

#[test]
fn texts_are_counted_wherever_they_stand() {
    let long = "x".repeat(limits::ROW_BYTES_MAX - 1);
    // The second text is too much for each row, and the first is forgotten.
    assert_eq!(refusal(&with_texts(&[&long], &referring(3_000, 2))), WorkbookFault::Bomb);
    let blank = " ".repeat(limits::ROW_BYTES_MAX - 1);
    assert_eq!(refusal(&with_texts(&[&blank], &referring(3_000, 1))), WorkbookFault::Bomb);

    // What is packed twice is as small as the file that comes.
    let mut parts = parts_with_texts(&[&"x".repeat(10_000)], &referring(7_000, 1));
    assert_eq!(refusal(&zip(&parts)), WorkbookFault::Bomb);
    parts.push(Entry { stored: true, ..Entry::new("xl/media/filler.bin", &vec![7; 1 << 20]) });
    let filled = zip(&parts);
    assert!(open(filled.as_slice(), &Options::default()).is_ok());
    assert_eq!(refusal(&zip(&[Entry::new("a.xlsx", &filled)])), WorkbookFault::Bomb);

    let bytes = with_texts(&[&"x".repeat(10_000)], &referring(200, 1));
    assert!(open(bytes.as_slice(), &Options::default()).is_ok());
    let options = Options { decompressed_bytes_max: Some(1 << 20), ..Options::default() };
    let refused = open(bytes.as_slice(), &options);
    assert!(matches!(refused, Err(ReadError::Workbook(WorkbookFault::UnpacksTooLarge { limit: 1_048_576 }))));

    // Empty places are read, too.
    let wide =
        |rows| format!("<row><c r=\"A1\"><v>1</v></c><c r=\"BXX1\"><v>1</v></c></row>{}", referring(rows, 1));
    assert!(open(with_texts(&["x"], &wide(1_000)).as_slice(), &Options::default()).is_ok());
    assert_eq!(refusal(&with_texts(&["x"], &wide(60_000))), WorkbookFault::Bomb);
}

#[test]
fn what_no_program_writes_as_markup_is_no_sheet() {
    let row = format!("{HEAD}<row><c><v>1</v></c></row>");
    let sheet =
        |before: &str, rows: &str| format!("{before}<worksheet><sheetData>{rows}</sheetData></worksheet>");
    let name = "xl/worksheets/sheet2.xml";
    assert!(
        open(with_part(name, &sheet("<?xml version=\"1.0\"?>", &row), "").as_slice(), &Options::default())
            .is_ok()
    );
    for (text, what) in [
        (sheet("text", &row), "text before it"),
        (sheet("<!DOCTYPE worksheet>", &row), "a document type"),
        (sheet("", &row.replace("</v></c></row>", "</v></x:c></row>")), "an end of another name"),
        (sheet("", &format!("{}{row}", "<x>".repeat(limits::WORKBOOK_DEPTH_MAX))), "without an end"),
        (sheet("", &row.replace("<v>1</v>", "<c><v>1</v></c>")), "cells within cells"),
    ] {
        assert_eq!(refusal(&with_part(name, &text, "")), WorkbookFault::Unreadable, "{what}");
    }
    // Quotes, remarks and raw text may hold brackets.
    let odd = "<row><!-- <row> > -- --><c t=\"inlineStr\" x=\"a>b\" y='\"'><is><t><![CDATA[<c>]]></t></is></c ><?x <c> ?></row>";
    let bytes = with_part(name, &sheet("", &(HEAD.to_owned() + odd)), "");
    let table = Table::new(open(bytes.as_slice(), &Options::default()).expect("opens")).expect("rows");
    assert_eq!(table.sample(), [["<c>", ""]]);
}

#[test]
fn no_reference_to_a_cell_makes_the_library_panic() {
    let panics = Arc::new(AtomicUsize::new(0));
    let (counted, before) = (Arc::clone(&panics), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |info| {
        let inside = info.location().is_some_and(|at| at.file().contains("calamine"));
        counted.fetch_add(usize::from(inside), Ordering::Relaxed);
        before(info);
    }));
    let cell = |at: &str| format!("<row><c r=\"{at}\"><v>1</v></c></row>");
    let sheet = |dimension: &str| {
        let text = format!(
            "<worksheet><dimension ref=\"{dimension}\"/><sheetData>{}</sheetData></worksheet>",
            cell("A1")
        );
        with_part("xl/worksheets/sheet2.xml", &text, "")
    };
    let long = "9".repeat(40);
    for at in [
        "ZZZZZZZZ1",
        "A4294967296",
        &format!("A{long}"),
        &format!("{}1", "Z".repeat(2_000)),
        "A0",
        "",
        "1",
        "A",
        "A1:B2",
        "\u{c4}1",
    ] {
        assert_eq!(refusal(&workbook(&cell(at))), WorkbookFault::Unreadable, "{at}");
        let row = format!("<row r=\"{at}\"><c r=\"A1\"><v>1</v></c></row>");
        assert!(at == "1" || refusal(&workbook(&row)) == WorkbookFault::Unreadable, "{at}");
    }
    for range in ["C3:A1", "A1:A4294967296", "ZZZZZZZZ1:A1", "A1:B2:C3", "A3:B1", ""] {
        assert_eq!(refusal(&sheet(range)), WorkbookFault::Unreadable, "{range}");
    }
    for range in ["A1", "A1:XFD1048576", "B2:B2"] {
        assert!(open(sheet(range).as_slice(), &Options::default()).is_ok(), "{range}");
    }
    assert_eq!(panics.load(Ordering::Relaxed), 0);
}
