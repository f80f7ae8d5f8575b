//! The customer file of the demo vendor.
//!
//! Owns: its columns and how profiles are spread. Promises: as the product file, and every address and
//! telephone number is one that reaches nobody (RFC 2606, 555-0100 to 555-0199).

use std::io;

use super::csv::CsvLines;
use super::random::{LongTail, Random};
use super::stories::STORIES;

pub(super) const COLUMNS: [&str; 17] = [
    "external_id",
    "name",
    "email",
    "phone",
    "birth_date",
    "sex",
    "height_cm",
    "weight_kg",
    "activity_level",
    "allergies",
    "conditions",
    "medications",
    "diets",
    "limits",
    "consent_health_data",
    "consent_at",
    "consent_version",
];

const STREAM: u64 = 2;

/// One row of the file; empty is unknown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Person<'a> {
    pub external_id: &'a str,
    pub name: &'a str,
    pub email: &'a str,
    pub phone: &'a str,
    pub birth_date: &'a str,
    pub sex: &'a str,
    pub height_cm: &'a str,
    pub weight_kg: &'a str,
    pub activity_level: &'a str,
    pub allergies: &'a str,
    pub conditions: &'a str,
    pub medications: &'a str,
    pub diets: &'a str,
    pub limits: &'a str,
    pub consent: &'a str,
    pub consent_at: &'a str,
    pub consent_version: &'a str,
}

impl Person<'static> {
    /// Nobody yet, who consents.
    pub(super) const CONSENTING: Self = Person {
        external_id: "",
        name: "",
        email: "",
        phone: "",
        birth_date: "",
        sex: "",
        height_cm: "",
        weight_kg: "",
        activity_level: "",
        allergies: "",
        conditions: "",
        medications: "",
        diets: "",
        limits: "",
        consent: "yes",
        consent_at: "2026-03-02",
        consent_version: "2026-01",
    };
}

const FIRST_NAMES: &[&str] = &[
    "Amara",
    "Bennett",
    "Carmen",
    "Devon",
    "Elena",
    "Farid",
    "Greta",
    "Hollis",
    "Imani",
    "Jonah",
    "Keiko",
    "Leandro",
    "Maribel",
    "Nadia",
    "Oscar",
    "Petra",
    "Quentin",
    "Rosalind",
    "Samir",
    "Tabitha",
    "Ulrich",
    "Vera",
    "Wendell",
    "Ximena",
    "Yara",
    "Zeke",
    "Anika",
    "Bruno",
    "Celeste",
    "Dmitri",
    "Esme",
    "Felix",
    "Ginger",
    "Hugo",
    "Ingrid",
    "Jasper",
    "Kamala",
    "Linus",
    "Mireille",
    "Nolan",
    "Odette",
    "Priscilla",
];
const LAST_NAMES: &[&str] = &[
    "Abernathy",
    "Bakshi",
    "Castellan",
    "Dunmore",
    "Eastlake",
    "Fairweather",
    "Gutenson",
    "Hathersage",
    "Iwamoto",
    "Jankovic",
    "Kettleby",
    "Lovelace",
    "Mbekani",
    "Northrup",
    "Okonjo",
    "Pemberwick",
    "Quarles",
    "Rasmusson",
    "Sandoval",
    "Thackeray",
    "Underhill",
    "Vasquez",
    "Winterbourne",
    "Xiong",
    "Yarborough",
    "Zelinsky",
    "Ashdown",
    "Brightwater",
    "Covington",
    "Delacroix",
    "Ellingham",
    "Farrow",
    "Grimaldi",
    "Holloway",
    "Ibarra",
    "Juniper",
    "Kowalczyk",
    "Lindgren",
];
const AREA_CODES: &[&str] =
    &["202", "212", "305", "312", "404", "415", "503", "602", "617", "713", "801", "919"];
const ACTIVITY: &[&str] = &["sedentary", "light", "light", "moderate", "moderate", "very", "extra"];
/// Frequent ones first.
const ALLERGENS: &[&str] =
    &["milk", "peanut", "crustacean", "tree_nut", "egg", "wheat", "fish", "soy", "sesame", "mustard"];
const SEVERITIES: &[&str] = &["anaphylaxis", "allergy", "allergy", "intolerance"];
/// Known conditions that have rules of their own, and how they are written.
const RULED_CONDITIONS: &[&str] = &["N18.3", "K90.0", "E78.5", "I50.9", "M10.9", "High blood pressure"];
/// Conditions that say nothing about food.
const OTHER_CONDITIONS: &[&str] = &["J45.909", "M54.50", "F41.1", "G43.909", "H52.4"];
const MEDICATIONS: &[&str] =
    &["Cetirizine", "Sertraline", "Lisinopril", "rxnorm:6809 Metformin", "Atorvastatin", "Albuterol"];
const DIETS: &[&str] = &["vegetarian", "vegan", "gluten_free", "halal:religious", "kosher:religious"];
const LIMITS: &[&str] =
    &["sodium_mg<=500/serving", "sugars_g<=12/serving", "saturated_fat_g<=5/100", "added_sugars_g<=30/day"];

/// Writes a customer file with a header line and `rows` rows; the first ten are the same for every seed.
pub fn write_customers_csv(out: &mut impl io::Write, seed: u64, rows: u64) -> io::Result<()> {
    let allergens = LongTail::new(ALLERGENS.len(), 3);
    let mut lines = CsvLines::new(out);
    write_line(&mut lines, &COLUMNS)?;
    for row in 1..=rows {
        match usize::try_from(row - 1).ok().and_then(|at| STORIES.get(at)) {
            Some(story) => write_person(&mut lines, story)?,
            None => write_invented(&mut lines, &mut Random::of_row(seed, STREAM, row), &allergens, row)?,
        }
    }
    lines.finish()
}

fn write_line<W: io::Write>(lines: &mut CsvLines<'_, W>, cells: &[&str]) -> io::Result<()> {
    for cell in cells {
        lines.cell(cell);
    }
    lines.end_line()
}

/// In the order of [`COLUMNS`].
fn write_person<W: io::Write>(lines: &mut CsvLines<'_, W>, person: &Person<'_>) -> io::Result<()> {
    let cells: [&str; COLUMNS.len()] = [
        person.external_id,
        person.name,
        person.email,
        person.phone,
        person.birth_date,
        person.sex,
        person.height_cm,
        person.weight_kg,
        person.activity_level,
        person.allergies,
        person.conditions,
        person.medications,
        person.diets,
        person.limits,
        person.consent,
        person.consent_at,
        person.consent_version,
    ];
    write_line(lines, &cells)
}

fn write_invented<W: io::Write>(
    lines: &mut CsvLines<'_, W>,
    random: &mut Random,
    allergens: &LongTail,
    row: u64,
) -> io::Result<()> {
    let first = random.pick(FIRST_NAMES).copied().unwrap_or_default();
    let last = random.pick(LAST_NAMES).copied().unwrap_or_default();
    let domain = random.pick(&["org", "com", "net"]).copied().unwrap_or_default();
    let area = random.pick(AREA_CODES).copied().unwrap_or_default();
    let sex = random.pick(&["female", "female", "male", "male", "male", "female", ""]).copied();
    let (height, weight) = body(random, sex == Some("male"));
    let (consent, consent_at, version) = consent(random);
    let some = |random: &mut Random, percent, of: &'static [&'static str]| {
        if random.percent(percent) { random.pick(of).copied().unwrap_or_default() } else { "" }
    };
    write_person(
        lines,
        &Person {
            external_id: &format!("C-{row:07}"),
            name: &format!("{first} {last}"),
            // The row makes the address of each namesake another one.
            email: &optional(random, 94, || {
                format!("{}.{}{row}@example.{domain}", first.to_lowercase(), last.to_lowercase())
            }),
            phone: &phone(random, area),
            birth_date: &birth_date(random),
            sex: sex.unwrap_or_default(),
            height_cm: &height,
            weight_kg: &weight,
            activity_level: some(random, 85, ACTIVITY),
            allergies: &allergies(random, allergens),
            conditions: &conditions(random),
            medications: some(random, 9, MEDICATIONS),
            diets: some(random, 30, DIETS),
            limits: some(random, 6, LIMITS),
            consent,
            consent_at: &consent_at,
            consent_version: version,
        },
    )
}

fn optional(random: &mut Random, percent: u64, cell: impl FnOnce() -> String) -> String {
    if random.percent(percent) { cell() } else { String::new() }
}

/// In the hundred numbers of each area that are kept for fiction.
fn phone(random: &mut Random, area: &str) -> String {
    let line = random.below(100);
    optional(random, 88, || format!("({area}) 555-01{line:02}"))
}

/// Adults of 18 to 88 in 2026, few of them old.
fn birth_date(random: &mut Random) -> String {
    let year = 2007 - random.between(0, 45) - random.between(0, 22);
    let (month, day) = (random.between(1, 12), random.between(1, 28));
    optional(random, 97, || format!("{year}-{month:02}-{day:02}"))
}

/// Height in cm and weight in kg, the weight from a body mass index of 18.5 to 37.
fn body(random: &mut Random, male: bool) -> (String, String) {
    let height = if male { random.between(164, 193) } else { random.between(151, 179) };
    let index_tenths = random.between(185, 290) + random.between(0, 80);
    let weight_tenths = index_tenths * height * height / 10_000;
    let height = optional(random, 86, || height.to_string());
    let weight = optional(random, 84, || format!("{}.{}", weight_tenths / 10, weight_tenths % 10));
    (height, weight)
}

/// Whether, when and to which text somebody consented.
fn consent(random: &mut Random) -> (&'static str, String, &'static str) {
    match random.below(100) {
        0..90 => {
            let day = format!("2026-{:02}-{:02}", random.between(1, 9), random.between(1, 28));
            ("yes", day, "2026-01")
        }
        90..95 => ("no", String::new(), ""),
        _ => ("", String::new(), ""),
    }
}

fn allergies(random: &mut Random, tail: &LongTail) -> String {
    let count = match random.below(100) {
        0..66 => 0,
        66..92 => 1,
        _ => 2,
    };
    let mut entries: Vec<(usize, String)> = Vec::with_capacity(count);
    for _ in 0..count {
        let at = random.long_tail(tail);
        let severity = random.pick(SEVERITIES).copied().unwrap_or_default();
        if !entries.iter().any(|(known, _)| *known == at) {
            entries.push((at, format!("{}:{severity}", ALLERGENS[at])));
        }
    }
    entries.into_iter().map(|(_, entry)| entry).collect::<Vec<_>>().join(";")
}

fn conditions(random: &mut Random) -> String {
    let mut found: Vec<&str> = Vec::with_capacity(3);
    if random.percent(22) {
        found.push("I10");
    }
    if random.percent(13) {
        found.push("E11.9");
    }
    if random.percent(6) {
        found.extend(random.pick(RULED_CONDITIONS));
    }
    if random.percent(10) {
        found.extend(random.pick(OTHER_CONDITIONS));
    }
    if random.percent(1) {
        // Words that nobody has coded.
        found.push("trouble sleeping");
    }
    found.join(";")
}
