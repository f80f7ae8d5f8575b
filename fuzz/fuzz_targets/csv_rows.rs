//! Any bytes as a vendor's file: opened, mapped and read as products or customers, errors written.
//!
//! Run with `cargo +nightly fuzz run csv_rows` from the root of the repository. The first byte picks the
//! kind of file and whether a header that maps is put before the rest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use odyssey_tabular::{
    CustomerRow, ErrorsCsv, HeaderSynonyms, Mode, Options, Outcome, ParseRow, ProductRow, RowSettings, Rows, Table,
    map_headers, open,
};

const PRODUCTS: &[u8] = b"sku,barcode,name,ingredients,allergens,fat,energy,sodium,serving_size,price,label_as_of,organic\n";
const CUSTOMERS: &[u8] = b"customer_id,dob,age,gender,height,weight_lb,allergies,conditions,medications,limits,consent\n";

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    let customers = choice & 1 == 1;
    let header = if customers { CUSTOMERS } else { PRODUCTS };
    let file = if choice & 2 == 2 { [header, rest].concat() } else { rest.to_vec() };
    if customers {
        read::<CustomerRow>(&file, Mode::Customers);
    } else {
        read::<ProductRow>(&file, Mode::Products);
    }
});

fn read<T: ParseRow>(file: &[u8], mode: Mode) {
    let options = Options { decompressed_bytes_max: Some(16 << 20), ..Options::default() };
    let Ok(decoded) = open(file, &options) else { return };
    let Ok(table) = Table::new(decoded) else { return };
    let mapping = map_headers(table.headers(), &table.sample(), mode, &HeaderSynonyms::default());
    let headers = table.headers().to_vec();
    let rows = Rows::<_, T>::new(table, mapping, RowSettings::new(chrono::NaiveDate::default())).expect("the mapping fits");
    let mut errors = ErrorsCsv::new(Vec::new(), &headers).expect("into memory");
    for row in rows {
        match row {
            Ok(Outcome::Accepted(_)) => {}
            Ok(Outcome::Rejected(row)) => errors.write(&row).expect("into memory"),
            Err(_) => break,
        }
    }
    errors.finish().expect("into memory");
}
