//! A folder of Synthea's CSV files as one file of customers; see `docs/recipes/synthea.md`.
//!
//! The joined rows are personal: they stay in memory until they are sealed.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail};
use odyssey_tabular::synthea::{Tables, join};

/// Joins the tables of a folder.
pub(super) fn join_folder(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let patients = match open(folder, "patients")? {
        Some(patients) => Some(patients),
        None => open(folder, "patients-with-nulls")?,
    };
    let patients = patients.context("the folder has no patients.csv (or .csv.gz)")?;
    let (Some(allergies), Some(conditions)) = (open(folder, "allergies")?, open(folder, "conditions")?)
    else {
        // Without them a person with an allergy would be imported as one without.
        bail!("the folder needs allergies.csv and conditions.csv beside patients.csv (or their .csv.gz)");
    };
    let tables = Tables {
        patients,
        allergies,
        conditions,
        medications: open(folder, "medications")?,
        observations: open(folder, "observations")?,
    };
    let mut joined = Vec::new();
    let summary = join(tables, &mut joined)?;
    eprintln!("{summary:?}");
    Ok(joined)
}

fn open(folder: &Path, table: &str) -> anyhow::Result<Option<Box<dyn Read>>> {
    let plain = folder.join(format!("{table}.csv"));
    if plain.exists() {
        return Ok(Some(Box::new(BufReader::new(File::open(plain)?))));
    }
    let packed = folder.join(format!("{table}.csv.gz"));
    if packed.exists() {
        return Ok(Some(Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(File::open(packed)?)))));
    }
    Ok(None)
}
