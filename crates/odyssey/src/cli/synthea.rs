//! A folder of Synthea's CSV files as one file of customers; see `docs/recipes/synthea.md`.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use anyhow::{Context, bail};
use odyssey_tabular::synthea::{Tables, join};
use tempfile::NamedTempFile;

/// Joins the tables of a folder into a temporary file, which is removed with the value.
pub(super) fn join_folder(folder: &Path) -> anyhow::Result<NamedTempFile> {
    let patients = open(folder, "patients")?.context("the folder has no patients.csv (or .csv.gz)")?;
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
    let joined = NamedTempFile::new()?;
    let mut writer = BufWriter::new(joined.as_file());
    let summary = join(tables, &mut writer)?;
    writer.flush()?;
    drop(writer);
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
