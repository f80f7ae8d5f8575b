//! Rows per second of one file: `throughput FILE [products|customers]`.

use std::time::Instant;

use odyssey_tabular::{
    CustomerRow, HeaderSynonyms, Mode, Options, Outcome, ParseRow, ProductRow, ReadError, RowSettings, Rows,
    Table, map_headers, open,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: throughput FILE [products|customers]")?;
    let (accepted, rejected, seconds) = match arguments.next().as_deref() {
        Some("customers") => run::<CustomerRow>(&path, Mode::Customers)?,
        _ => run::<ProductRow>(&path, Mode::Products)?,
    };
    let rows = accepted + rejected;
    println!(
        "{rows} rows ({accepted} accepted, {rejected} rejected) in {seconds:.2} s: {:.0} rows/s",
        rows as f64 / seconds
    );
    Ok(())
}

fn run<T: ParseRow>(path: &str, mode: Mode) -> Result<(u64, u64, f64), ReadError> {
    let file = std::fs::File::open(path).map_err(ReadError::Io)?;
    let began = Instant::now();
    let table = Table::new(open(file, &Options::default())?)?;
    let mapping = map_headers(table.headers(), &table.sample(), mode, &HeaderSynonyms::default());
    let settings = RowSettings::new(chrono::NaiveDate::default());
    let (mut accepted, mut rejected) = (0, 0);
    for row in Rows::<_, T>::new(table, mapping, settings)? {
        match row? {
            Outcome::Accepted(_) => accepted += 1,
            Outcome::Rejected(_) => rejected += 1,
        }
    }
    Ok((accepted, rejected, began.elapsed().as_secs_f64()))
}
