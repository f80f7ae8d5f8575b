//! Reading that is ended from outside, whatever is read.

use std::io::{self, Read, Write};
use std::time::Duration;

use odyssey_tabular::{
    Decoded, HeaderSynonyms, Mode, Options, Outcome, ProductRow, ReadError, Rows, StopReading, Table,
    map_headers, open,
};

use crate::support::{Entry, settings, workbook, zip};

/// More rows than are looked at for the mapping.
const ROWS: usize = 400;

fn files() -> Vec<(&'static str, Vec<u8>)> {
    let each = |row: fn(usize) -> String| (0..ROWS).map(row).collect::<String>();
    let csv = "sku,name\n".to_owned() + &each(|n| format!("{n},{:x}\n", n.wrapping_mul(2_654_435_761)));
    let cells = "<c t=\"str\"><v>sku</v></c><c t=\"str\"><v>name</v></c>";
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(csv.as_bytes()).expect("into memory");
        encoder.finish().expect("into memory")
    };
    vec![
        ("zip", zip(&[Entry::new("a.csv", csv.as_bytes())])),
        ("zstd", zstd::encode_all(csv.as_bytes(), 1).expect("into memory")),
        ("csv", csv.into_bytes()),
        ("gzip", gzip),
        ("json lines", each(|n| format!("{{\"sku\":\"{n}\",\"name\":\"a\"}}\n")).into_bytes()),
        ("gdsn", each(|n| format!("{{\"tradeItem\":{{\"gtin\":\"{n}\"}}}}\n")).into_bytes()),
        ("workbook", workbook(&format!("<row>{cells}</row>").repeat(ROWS))),
    ]
}

fn rows<R: Read>(table: Table<R>) -> Rows<R, ProductRow> {
    let mapping = map_headers(table.headers(), &table.sample(), Mode::Products, &HeaderSynonyms::default());
    Rows::new(table, mapping, settings()).expect("fits")
}

fn opened<'a>(bytes: &'a [u8], stop: &StopReading) -> Result<Decoded<&'a [u8]>, ReadError> {
    open(bytes, &Options { stop: stop.clone(), ..Options::default() })
}

#[test]
fn what_nobody_stops_is_read_to_its_end() {
    for (kind, bytes) in files() {
        let table = Table::new(opened(&bytes, &StopReading::default()).expect("opens")).expect("has rows");
        let read = rows(table).try_fold(0, |count, row| row.map(|_| count + 1)).expect("readable");
        assert!(read >= ROWS - 1, "{kind}");
    }
}

#[test]
fn a_stop_ends_each_step_of_reading_for_good() {
    for (kind, bytes) in files() {
        let stop = StopReading::default();
        let decoded = opened(&bytes, &stop).expect("opens");
        let mut being_read = rows(Table::new(opened(&bytes, &stop).expect("opens")).expect("has rows"));
        let mut skipping = rows(Table::new(opened(&bytes, &stop).expect("opens")).expect("has rows"));
        let naming = rows(Table::new(opened(&bytes, &stop).expect("opens")).expect("has rows"));
        assert!(matches!(being_read.next(), Some(Ok(Outcome::Accepted(_) | Outcome::Rejected(_)))), "{kind}");

        stop.clone().stop();
        assert!(stop.is_stopped());
        assert!(matches!(being_read.next(), Some(Err(ReadError::Stopped))), "{kind}");
        assert!(being_read.next().is_none(), "{kind}");
        assert!(matches!(skipping.skip_rows(u64::MAX), Err(ReadError::Stopped)), "{kind}");
        assert!(matches!(naming.identities(|_, _| {}), Err(ReadError::Stopped)), "{kind}");
        assert!(matches!(Table::new(decoded), Err(ReadError::Stopped)), "{kind}");
        assert!(matches!(opened(&bytes, &stop), Err(ReadError::Stopped)), "{kind}");
    }
}

/// Stops the reading when so many bytes have been taken from it.
struct StopsAt<'a> {
    bytes: &'a [u8],
    left: usize,
    stop: StopReading,
}

impl Read for StopsAt<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = out.len().min(1_000).min(self.left.max(1));
        let read = self.bytes.read(&mut out[..len])?;
        self.left = self.left.saturating_sub(read);
        if self.left == 0 {
            self.stop.stop();
        }
        Ok(read)
    }
}

#[test]
fn a_stop_in_the_middle_of_a_block_is_no_damage() {
    for (kind, bytes) in files() {
        for left in [1, 50, bytes.len() / 2, bytes.len() - 1] {
            let stop = StopReading::default();
            let options = Options { stop: stop.clone(), ..Options::default() };
            let table = open(StopsAt { bytes: &bytes, left, stop }, &options).and_then(Table::new);
            assert!(matches!(table, Err(ReadError::Stopped)), "{kind} {left}: {table:?}");
        }
    }
}

#[test]
fn a_large_workbook_is_left_in_the_middle() {
    let row = format!("<row>{}</row>", "<c><v>1</v></c>".repeat(1_000));
    let bytes = workbook(&row.repeat(4_000));
    // While it is unpacked for a look, and while its cells are read.
    for wait_ms in [30, 600] {
        let stop = StopReading::default();
        let from_outside = stop.clone();
        let stopping = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(wait_ms));
            from_outside.stop();
        });
        let read = opened(&bytes, &stop);
        stopping.join().expect("stops");
        assert!(matches!(read, Err(ReadError::Stopped)), "{wait_ms}");
    }
}

#[test]
fn a_default_stop_is_of_one_file_alone() {
    let (first, second) = (Options::default(), Options::default());
    first.stop.stop();
    assert!(!second.stop.is_stopped());
    assert!(first.clone().stop.is_stopped());
}
