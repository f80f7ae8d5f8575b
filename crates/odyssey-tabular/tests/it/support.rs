//! What every test needs: a file in memory, read in one line.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use chrono::NaiveDate;
use odyssey_tabular::{
    CustomerRow, HeaderSynonyms, Mapping, Mode, Options, Outcome, ParseRow, ProductRow, RejectedRow,
    RowSettings, Rows, Table, map_headers, open,
};

/// Everything a file gave.
pub struct Parsed<T> {
    pub accepted: Vec<T>,
    pub rejected: Vec<RejectedRow>,
    pub mapping: Mapping,
}

impl<T> Parsed<T> {
    /// Rows per reject code, a row counted once per code.
    pub fn codes(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for row in &self.rejected {
            let codes: std::collections::BTreeSet<_> = row.errors.iter().map(|e| e.code.as_str()).collect();
            for code in codes {
                *counts.entry(code).or_default() += 1;
            }
        }
        counts
    }
}

pub fn settings() -> RowSettings {
    RowSettings::new(NaiveDate::from_ymd_opt(2026, 1, 31).expect("a day"))
}

pub fn products(file: impl Read) -> Parsed<ProductRow> {
    parse(file, Mode::Products)
}

pub fn customers(file: impl Read) -> Parsed<CustomerRow> {
    parse(file, Mode::Customers)
}

fn parse<T: ParseRow>(file: impl Read, mode: Mode) -> Parsed<T> {
    let table = Table::new(open(file, &Options::default()).expect("opens")).expect("has a header");
    let mapping = map_headers(table.headers(), &table.sample(), mode, &HeaderSynonyms::default());
    let mut parsed = Parsed { accepted: Vec::new(), rejected: Vec::new(), mapping: mapping.clone() };
    for row in Rows::<_, T>::new(table, mapping, settings()).expect("fits") {
        match row.expect("readable") {
            Outcome::Accepted(row) => parsed.accepted.push(row),
            Outcome::Rejected(row) => parsed.rejected.push(row),
        }
    }
    parsed
}

/// A file of the shared data, or `None` (said on the screen) where there is none.
pub fn shared(path: &str) -> Option<std::fs::File> {
    let root = std::env::var_os("ODYSSEY_SHARED_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let file = std::fs::File::open(root.join(path)).ok();
    if file.is_none() {
        println!("skipped: shared data not present");
    }
    file
}

/// A file to be put into a zip, and what to make of it.
pub struct Entry {
    pub name: String,
    pub contents: Vec<u8>,
    pub stored: bool,
    /// Sizes and checksum behind the contents.
    pub length_behind: bool,
    /// Those sizes in eight bytes.
    pub wide: bool,
    pub flags: u16,
    pub method: Option<u16>,
    pub size_said: Option<u32>,
}

impl Entry {
    pub fn new(name: &str, contents: &[u8]) -> Self {
        let (name, contents) = (name.to_owned(), contents.to_vec());
        let (stored, length_behind, wide) = (false, false, false);
        Self { name, contents, stored, length_behind, wide, flags: 0, method: None, size_said: None }
    }
}

/// An archive with a directory at its end.
pub fn zip(entries: &[Entry]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let offset = bytes.len() as u32;
        let mut crc = flate2::Crc::new();
        crc.update(&entry.contents);
        let packed = if entry.stored { entry.contents.clone() } else { deflate(&entry.contents) };
        let flags = entry.flags | u16::from(entry.length_behind) << 3;
        let method = entry.method.unwrap_or(if entry.stored { 0 } else { 8 });
        let size = entry.size_said.unwrap_or(entry.contents.len() as u32);
        let sizes = |known: bool| {
            let numbers = if known { [crc.sum(), packed.len() as u32, size] } else { [0; 3] };
            numbers.map(u32::to_le_bytes).concat()
        };
        let head = |known: bool| {
            let words = [20, flags, method, 0, 0].map(u16::to_le_bytes).concat();
            [words, sizes(known), (entry.name.len() as u16).to_le_bytes().to_vec(), vec![0, 0]].concat()
        };
        bytes.extend(
            [b"PK\x03\x04".to_vec(), head(!entry.length_behind), entry.name.clone().into_bytes()].concat(),
        );
        bytes.extend_from_slice(&packed);
        if entry.length_behind && entry.wide {
            bytes.extend([b"PK\x07\x08", crc.sum().to_le_bytes().as_slice()].concat());
            bytes.extend([packed.len() as u64, u64::from(size)].map(u64::to_le_bytes).concat());
        } else if entry.length_behind {
            bytes.extend([b"PK\x07\x08".to_vec(), sizes(true)].concat());
        }
        directory.extend([b"PK\x01\x02\x14\x00".to_vec(), head(true), vec![0; 10]].concat());
        directory.extend([offset.to_le_bytes().as_slice(), entry.name.as_bytes()].concat());
    }
    let (start, count) = ((bytes.len() as u32).to_le_bytes(), (entries.len() as u16).to_le_bytes());
    let end =
        [b"PK\x05\x06\0\0\0\0".as_slice(), &count, &count, &(directory.len() as u32).to_le_bytes(), &start];
    [bytes, directory, end.concat(), vec![0, 0]].concat()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, bytes).expect("into memory");
    encoder.finish().expect("into memory")
}

/// A workbook whose first sheet is hidden and whose second has these rows; `0` to `2` are its texts, style 1
/// is a date.
pub fn workbook(rows: &str) -> Vec<u8> {
    zip(&workbook_parts(rows))
}

pub fn workbook_parts(rows: &str) -> Vec<Entry> {
    const MAIN: &str = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"";
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const RELATIONS: &str = "xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"";
    let sheet = |rows: &str| format!("<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>");
    let relation = |id: u8, kind: &str, target: &str| {
        format!("<Relationship Id=\"rId{id}\" Type=\"{OFFICE}/{kind}\" Target=\"{target}\"/>")
    };
    let relations = |list: String| format!("<Relationships {RELATIONS}>{list}</Relationships>");
    let parts = [
        ("[Content_Types].xml", "<Types/>".to_owned()),
        ("_rels/.rels", relations(relation(1, "officeDocument", "xl/workbook.xml"))),
        (
            "xl/workbook.xml",
            format!(
                "<workbook {MAIN} xmlns:r=\"{OFFICE}\"><sheets>\
                 <sheet name=\"Notes\" sheetId=\"1\" state=\"hidden\" r:id=\"rId1\"/>\
                 <sheet name=\"Products\" sheetId=\"2\" r:id=\"rId2\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            relations(
                relation(1, "worksheet", "worksheets/sheet1.xml")
                    + &relation(2, "worksheet", "worksheets/sheet2.xml"),
            ),
        ),
        (
            "xl/sharedStrings.xml",
            format!(
                "<sst {MAIN} count=\"3\" uniqueCount=\"3\"><si><t>barcode</t></si><si><t>name</t></si>\
                 <si><t>Bar &amp; Co</t></si></sst>"
            ),
        ),
        (
            "xl/styles.xml",
            format!(
                "<styleSheet {MAIN}><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>"
            ),
        ),
        ("xl/worksheets/sheet1.xml", sheet("<row><c t=\"str\"><v>hidden</v></c></row>")),
        ("xl/worksheets/sheet2.xml", sheet(rows)),
    ];
    parts.into_iter().map(|(name, text)| Entry::new(name, text.as_bytes())).collect()
}
