//! Measures what sealing costs: `cargo run --release -p odyssey-vault --example throughput`.
//!
//! Prints megabytes (10^6) per second of streamed sealing and opening, in memory, on one core, and
//! microseconds for what a request does with one customer. Each figure is the best of several runs.

use std::error::Error;
use std::hint::black_box;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use odyssey_types::{CustomerId, UploadId, VendorId};
use odyssey_vault::{Aad, FileKey, FrameOpener, FrameSealer, KeyStore, VendorKeys};
use uuid::Uuid;

const STREAM_BYTES: usize = 256 << 20;
const PROFILE_BYTES: usize = 2 * 1024;
const RUNS: usize = 5;
const REPEATS: u32 = 2_000;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let store = KeyStore::create(directory.path().join("keys"))?;
    let vendor = VendorId::from_uuid(Uuid::from_u128(1));
    let keys = store.create_vendor(vendor)?;
    let (file_key, _) = keys.new_file_key(UploadId::from_uuid(Uuid::from_u128(2)))?;
    stream(&file_key)?;
    customer(&keys)?;
    let lookup = best(|| store.vendor(vendor).map(|_| ()))?;
    println!("find a vendor's keys      {lookup:8.2} µs");
    Ok(())
}

fn stream(key: &FileKey) -> Result<(), Box<dyn Error>> {
    let plaintext = vec![7_u8; STREAM_BYTES];
    let mut sealed = Vec::with_capacity(STREAM_BYTES + (STREAM_BYTES >> 8));
    let (mut sealing, mut opening) = (Duration::MAX, Duration::MAX);
    for _ in 0..RUNS {
        sealed.clear();
        let started = Instant::now();
        let mut sealer = FrameSealer::new(key, &mut sealed)?;
        sealer.write_all(&plaintext)?;
        sealer.finish()?;
        sealing = sealing.min(started.elapsed());

        let mut chunk = vec![0; 64 << 10];
        let started = Instant::now();
        let mut opener = FrameOpener::new(key, sealed.as_slice())?;
        while opener.read(black_box(&mut chunk))? > 0 {}
        opening = opening.min(started.elapsed());
    }
    let rate = |took: Duration| STREAM_BYTES as f64 / 1e6 / took.as_secs_f64();
    println!("seal a stream             {:8.0} MB/s", rate(sealing));
    println!("open a stream             {:8.0} MB/s", rate(opening));
    Ok(())
}

fn customer(keys: &VendorKeys) -> Result<(), Box<dyn Error>> {
    let customer = keys.customer_id("M-1001");
    let aad = Aad { vendor: keys.vendor(), row: customer.as_uuid(), column: "health_profiles.profile" };
    let profile = vec![b'x'; PROFILE_BYTES];
    let (key, wrapped) = keys.new_person_key(customer)?;
    let sealed = key.seal(&aad, &profile)?;
    let open_whole = |customer: CustomerId| -> Result<(), odyssey_vault::VaultError> {
        black_box(keys.open_person_key(customer, &wrapped)?.open(&aad, &sealed)?);
        Ok(())
    };
    println!("new person key            {:8.2} µs", best(|| keys.new_person_key(customer).map(|_| ()))?);
    println!(
        "open person key           {:8.2} µs",
        best(|| keys.open_person_key(customer, &wrapped).map(|_| ()))?
    );
    println!("seal a 2 KB profile       {:8.2} µs", best(|| key.seal(&aad, &profile).map(|_| ()))?);
    println!("open a 2 KB profile       {:8.2} µs", best(|| key.open(&aad, &sealed).map(|_| ()))?);
    println!("open key and profile      {:8.2} µs", best(|| open_whole(customer))?);
    println!(
        "derive a customer id      {:8.2} µs",
        best(|| -> Result<(), odyssey_vault::VaultError> {
            black_box(keys.customer_id(black_box("M-1001")));
            Ok(())
        })?
    );
    Ok(())
}

/// Microseconds of one call, the best run's mean.
fn best<E>(mut call: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let started = Instant::now();
        for _ in 0..REPEATS {
            call()?;
        }
        best = best.min(started.elapsed());
    }
    Ok(best.as_secs_f64() * 1e6 / f64::from(REPEATS))
}
