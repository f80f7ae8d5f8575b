//! Joins the tables of a Synthea export into one customer file in our own columns.
//!
//! Owns: nothing. Promises: pure over readers and a writer; allergies to no food never become food
//! allergies, and a food allergy that nobody has mapped stays as words, which blocks matching until
//! somebody maps it. Emits: CSV. Never: fills in what the export does not say.
//!
//! The recipe, table by table, is in `docs/recipes/synthea.md`.

mod codes;

use std::collections::HashMap;
use std::io::{Read, Write};

use odyssey_types::{AllergyEntry, AllergySeverity, CodeSystem, ConditionEntry, MedicationEntry};

use crate::decode::{Options, open};
use crate::error::ReadError;
use crate::header::take_apart;
use crate::records::{Record, Table};
use crate::value::text::is_unknown;
use codes::{ANAPHYLAXIS, Classified, classify};

/// The columns that the join writes.
pub const COLUMNS: &[&str] = &[
    "external_id",
    "first_name",
    "last_name",
    "birth_date",
    "death_date",
    "sex",
    "address",
    "city",
    "region",
    "postal_code",
    "height_cm",
    "weight_kg",
    "allergies",
    "conditions",
    "medications",
];

/// What was joined, and what was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Joined {
    pub customers: u64,
    pub food_allergies: u64,
    /// Food allergies (or allergies of no stated kind) without a code of ours, kept as words.
    pub unmapped_allergies: u64,
    /// Latex, pollen, drugs, …
    pub other_allergies: u64,
    pub conditions: u64,
    pub medications: u64,
    /// Rows of the other tables whose patient is in no row of the patients.
    pub orphans: u64,
}

/// Why the tables could not be joined.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error("the table `{table}` could not be read")]
    Read { table: &'static str, source: ReadError },
    #[error("the table `{table}` has no column `{column}`")]
    ColumnMissing { table: &'static str, column: &'static str },
    #[error("the customer file could not be written")]
    Write(#[from] std::io::Error),
    #[error("a list could not be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// The tables of an export; each may be compressed.
#[derive(Debug)]
pub struct Tables<P, A, C, M, O> {
    pub patients: P,
    pub allergies: A,
    pub conditions: C,
    pub medications: Option<M>,
    pub observations: Option<O>,
}

#[derive(Default)]
struct Person {
    allergies: Vec<AllergyEntry>,
    conditions: Vec<ConditionEntry>,
    medications: Vec<MedicationEntry>,
    /// Date and value of the latest measurement.
    height_cm: Option<(String, String)>,
    weight_kg: Option<(String, String)>,
}

/// Joins the tables and writes one row per patient, in the order of the patients.
///
/// Holds the joined lists in memory: a Synthea export is read per patient, and one has at most some
/// hundred thousand.
pub fn join<P: Read, A: Read, C: Read, M: Read, O: Read>(
    tables: Tables<P, A, C, M, O>,
    writer: impl Write,
) -> Result<Joined, JoinError> {
    let mut joined = Joined::default();
    let mut people: HashMap<String, Person> = HashMap::new();
    read_allergies(tables.allergies, &mut people, &mut joined)?;
    read_conditions(tables.conditions, &mut people, &mut joined)?;
    if let Some(medications) = tables.medications {
        read_medications(medications, &mut people, &mut joined)?;
    }
    if let Some(observations) = tables.observations {
        read_observations(observations, &mut people)?;
    }
    write_people(tables.patients, writer, people, &mut joined)?;
    Ok(joined)
}

fn read_allergies(
    source: impl Read,
    people: &mut HashMap<String, Person>,
    joined: &mut Joined,
) -> Result<(), JoinError> {
    let mut table = Columns::open("allergies", source)?;
    let [patient, stop, code, description] = table.find(["PATIENT", "STOP", "CODE", "DESCRIPTION"])?;
    let optional = |name| table.index(name);
    let (system, kind, category) = (optional("SYSTEM"), optional("TYPE"), optional("CATEGORY"));
    let severities = [optional("SEVERITY1"), optional("SEVERITY2")];
    let reactions = [optional("REACTION1"), optional("REACTION2")];
    while let Some(row) = table.next()? {
        if !is_unknown(row.cell(stop).trim()) {
            continue;
        }
        let at = |index: Option<usize>| index.map_or("", |i| row.cell(i).trim());
        let (code, words) = (row.cell(code).trim(), row.cell(description).trim());
        let allergen = match classify(code, words, at(system), at(category)) {
            Classified::Food(allergen) => Some(allergen.to_owned()),
            Classified::UnmappedFood => None,
            Classified::Other => {
                joined.other_allergies += 1;
                continue;
            }
        };
        joined.food_allergies += 1;
        joined.unmapped_allergies += u64::from(allergen.is_none());
        let severe = severities.iter().any(|s| at(*s).eq_ignore_ascii_case("severe"))
            || reactions.iter().any(|r| at(*r) == ANAPHYLAXIS);
        // Reference 4.4: an intolerance is one whatever it did; a severe reaction or anaphylaxis makes an
        // allergy anaphylactic; otherwise it is an allergy.
        let severity = match at(kind) {
            "intolerance" => AllergySeverity::Intolerance,
            _ if severe => AllergySeverity::Anaphylaxis,
            _ => AllergySeverity::Allergy,
        };
        let person = people.entry(row.cell(patient).trim().to_owned()).or_default();
        let text = Some(words.to_owned());
        let severity = Some(severity);
        person.allergies.push(AllergyEntry { allergen, text, severity, ..AllergyEntry::default() });
    }
    Ok(())
}

fn read_conditions(
    source: impl Read,
    people: &mut HashMap<String, Person>,
    joined: &mut Joined,
) -> Result<(), JoinError> {
    let mut table = Columns::open("conditions", source)?;
    let [patient, stop, code, description] = table.find(["PATIENT", "STOP", "CODE", "DESCRIPTION"])?;
    while let Some(row) = table.next()? {
        let code = row.cell(code).trim();
        if !is_unknown(row.cell(stop).trim()) || is_unknown(code) {
            continue;
        }
        let person = people.entry(row.cell(patient).trim().to_owned()).or_default();
        if person.conditions.iter().any(|c| c.code == code) {
            continue;
        }
        joined.conditions += 1;
        let display = Some(row.cell(description).trim().to_owned());
        person.conditions.push(ConditionEntry { system: CodeSystem::Snomed, code: code.to_owned(), display });
    }
    Ok(())
}

fn read_medications(
    source: impl Read,
    people: &mut HashMap<String, Person>,
    joined: &mut Joined,
) -> Result<(), JoinError> {
    let mut table = Columns::open("medications", source)?;
    let [patient, stop, code, description] = table.find(["PATIENT", "STOP", "CODE", "DESCRIPTION"])?;
    while let Some(row) = table.next()? {
        let code = row.cell(code).trim();
        if !is_unknown(row.cell(stop).trim()) || is_unknown(code) {
            continue;
        }
        let person = people.entry(row.cell(patient).trim().to_owned()).or_default();
        let medication = MedicationEntry {
            rxnorm: Some(code.to_owned()),
            name: Some(row.cell(description).trim().to_owned()),
        };
        if !person.medications.contains(&medication) {
            joined.medications += 1;
            person.medications.push(medication);
        }
    }
    Ok(())
}

/// The latest body height and weight (LOINC 8302-2 in cm, 29463-7 in kg).
fn read_observations(source: impl Read, people: &mut HashMap<String, Person>) -> Result<(), JoinError> {
    let mut table = Columns::open("observations", source)?;
    let [date, patient, code, value, units] = table.find(["DATE", "PATIENT", "CODE", "VALUE", "UNITS"])?;
    while let Some(row) = table.next()? {
        let wanted = match (row.cell(code).trim(), row.cell(units).trim()) {
            ("8302-2", "cm") => true,
            ("29463-7", "kg") => false,
            _ => continue,
        };
        let person = people.entry(row.cell(patient).trim().to_owned()).or_default();
        let slot = if wanted { &mut person.height_cm } else { &mut person.weight_kg };
        let date = row.cell(date).trim();
        // ISO 8601 in one time zone sorts as text.
        if slot.as_ref().is_none_or(|(latest, _)| date >= latest.as_str()) {
            *slot = Some((date.to_owned(), row.cell(value).trim().to_owned()));
        }
    }
    Ok(())
}

fn write_people(
    source: impl Read,
    writer: impl Write,
    mut people: HashMap<String, Person>,
    joined: &mut Joined,
) -> Result<(), JoinError> {
    let mut table = Columns::open("patients", source)?;
    let [id, birth] = table.find(["Id", "BIRTHDATE"])?;
    let plain = ["FIRST", "LAST", "BIRTHDATE", "DEATHDATE", "GENDER", "ADDRESS", "CITY", "STATE", "ZIP"];
    let plain: Vec<Option<usize>> = plain.iter().map(|name| table.index(name)).collect();
    debug_assert_eq!(plain[2], Some(birth), "the birth date is among the plain columns");
    let mut csv = csv::Writer::from_writer(writer);
    csv.write_record(COLUMNS).map_err(std::io::Error::from)?;
    while let Some(row) = table.next()? {
        let id = row.cell(id).trim();
        let person = people.remove(id).unwrap_or_default();
        let mut cells = vec![id.to_owned()];
        cells.extend(plain.iter().map(|index| index.map_or("", |i| row.cell(i).trim()).to_owned()));
        cells.push(person.height_cm.map(|(_, value)| value).unwrap_or_default());
        cells.push(person.weight_kg.map(|(_, value)| value).unwrap_or_default());
        cells.push(json(&person.allergies)?);
        cells.push(json(&person.conditions)?);
        cells.push(json(&person.medications)?);
        csv.write_record(&cells).map_err(std::io::Error::from)?;
        joined.customers += 1;
    }
    csv.flush()?;
    joined.orphans = people.len() as u64;
    Ok(())
}

/// A JSON array, which keeps commas and semicolons of the words; empty stays empty.
fn json<T: serde::Serialize>(list: &[T]) -> Result<String, serde_json::Error> {
    if list.is_empty() { Ok(String::new()) } else { serde_json::to_string(list) }
}

/// A table whose columns are found by name.
struct Columns<R: Read> {
    name: &'static str,
    table: Table<R>,
    record: Record,
}

impl<R: Read> Columns<R> {
    fn open(name: &'static str, source: R) -> Result<Self, JoinError> {
        let fault = |source| JoinError::Read { table: name, source };
        // Synthea writes commas and always a header.
        let options = Options {
            delimiter: Some(b','),
            quoting: Some(true),
            has_header: Some(true),
            ..Options::default()
        };
        let table = Table::new(open(source, &options).map_err(fault)?).map_err(fault)?;
        Ok(Self { name, table, record: Record::default() })
    }

    fn index(&self, column: &str) -> Option<usize> {
        let wanted = take_apart(column).full;
        self.table.headers().iter().position(|h| take_apart(h).full == wanted)
    }

    fn find<const N: usize>(&self, columns: [&'static str; N]) -> Result<[usize; N], JoinError> {
        let mut found = [0; N];
        for (slot, column) in found.iter_mut().zip(columns) {
            *slot = self.index(column).ok_or(JoinError::ColumnMissing { table: self.name, column })?;
        }
        Ok(found)
    }

    fn next(&mut self) -> Result<Option<&Record>, JoinError> {
        let table = self.name;
        let more = self.table.read(&mut self.record).map_err(|source| JoinError::Read { table, source })?;
        Ok(more.then_some(&self.record))
    }
}
