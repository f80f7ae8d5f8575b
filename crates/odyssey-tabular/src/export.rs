//! Files that we write: columns by the names of our fields, cells that read back equal.
//!
//! A file says in its first column what it is. Under that mark our own reader takes every cell as it stands: no word
//! is looked up, no space is trimmed, lists and objects are JSON. What a spreadsheet would take for a formula stands
//! behind an apostrophe, which the reader takes away again.

use odyssey_types::{CustomerIdentity, CustomerStatus, HealthProfile, Nutrient, ProductFields};
use serde::Serialize;
use serde_json::value::RawValue;

/// The column that says that a file is ours.
const EXPORT_COLUMN: &str = "odyssey_export";
/// How the lines of our JSON files begin.
pub(crate) const EXPORT_LINE: &str = "{\"odyssey_export\":";
/// The layout of our files; another layout gets another number.
const LAYOUT: &str = "1";

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// RFC 4180, UTF-8, one line of headers.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// What stands in one place of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    Unknown,
    Text(String),
    /// A number, or JSON, as it stands in a file of either format.
    Json(String),
}

/// One row: each column with its cell, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileRow(Vec<(&'static str, Cell)>);

/// Why a row is not written; never met, since all of our values are JSON.
pub type WriteError = std::io::Error;

impl FileRow {
    /// A row of a file that our importer reads.
    fn ours() -> Self {
        Self::default().number(EXPORT_COLUMN, Some(LAYOUT))
    }

    #[must_use]
    pub fn cell(mut self, column: &'static str, cell: Cell) -> Self {
        self.0.push((column, cell));
        self
    }

    #[must_use]
    pub fn text(self, column: &'static str, text: Option<&str>) -> Self {
        self.cell(column, text.map_or(Cell::Unknown, |text| Cell::Text(text.to_owned())))
    }

    #[must_use]
    pub fn number(self, column: &'static str, number: Option<impl ToString>) -> Self {
        self.cell(column, number.map_or(Cell::Unknown, |number| Cell::Json(number.to_string())))
    }

    pub fn value(self, column: &'static str, value: Option<&impl Serialize>) -> Result<Self, WriteError> {
        let json = value.map(serde_json::to_string).transpose()?;
        Ok(self.cell(column, json.map_or(Cell::Unknown, Cell::Json)))
    }

    /// The line of headers, where the format has one.
    pub fn header(&self, format: FileFormat) -> Result<String, WriteError> {
        match format {
            FileFormat::Csv => csv_line(self.0.iter().map(|(column, _)| *column)),
            FileFormat::Ndjson => Ok(String::new()),
        }
    }

    /// The row with its line end.
    pub fn line(&self, format: FileFormat) -> Result<String, WriteError> {
        match format {
            FileFormat::Csv => csv_line(self.0.iter().map(|(_, cell)| match cell {
                Cell::Unknown => String::new(),
                Cell::Text(text) => guarded(text, true),
                Cell::Json(json) => json.clone(),
            })),
            FileFormat::Ndjson => self.json_line(),
        }
    }

    /// Every column stands in every line: a reader finds the columns in the first ones.
    fn json_line(&self) -> Result<String, WriteError> {
        let mut line = String::from("{");
        for (at, (column, cell)) in self.0.iter().enumerate() {
            if at > 0 {
                line.push(',');
            }
            line.push_str(&serde_json::to_string(column)?);
            line.push(':');
            match cell {
                Cell::Unknown => line.push_str("null"),
                Cell::Text(text) => line.push_str(&serde_json::to_string(&guarded(text, false))?),
                Cell::Json(json) => line.push_str(serde_json::from_str::<&RawValue>(json)?.get()),
            }
        }
        line.push_str("}\n");
        Ok(line)
    }
}

fn csv_line<T: AsRef<[u8]>>(cells: impl Iterator<Item = T>) -> Result<String, WriteError> {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(cells)?;
    let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    String::from_utf8(bytes).map_err(WriteError::other)
}

/// What a spreadsheet takes for the beginning of a formula, and what would hide one.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\t', '\r', '\n', '\''];

/// A text as a cell: behind an apostrophe where a spreadsheet would run it, and where it would be mistaken for an
/// unknown one or for a guarded one.
fn guarded(text: &str, in_spreadsheet: bool) -> String {
    let runs = in_spreadsheet && text.starts_with(FORMULA);
    if text.is_empty() || runs || unguarded(text) != text { format!("'{text}") } else { text.to_owned() }
}

/// The text of a cell that [`guarded`] wrote.
pub(crate) fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if text.is_empty() || text.starts_with(FORMULA) => text,
        _ => cell,
    }
}

/// A product, so that the import of it changes nothing.
pub fn product_row(external_id: &str, fields: &ProductFields) -> Result<FileRow, WriteError> {
    let nutrition = fields.nutrition.as_ref();
    let serving = fields.serving_size.as_ref();
    let declared = fields.allergens.as_ref();
    let mut row = FileRow::ours()
        .text("external_id", Some(external_id))
        .text("status", Some(fields.status.as_str()))
        .text("gtin", fields.gtin.as_ref().map(odyssey_types::Gtin::as_str))
        .text("name", fields.name.as_deref())
        .text("brand", fields.brand.as_deref())
        .text("description", fields.description.as_deref())
        .text("category_id", fields.category_id.as_deref())
        .text("sub_category_id", fields.sub_category_id.as_deref())
        .text("cuisine", fields.cuisine.as_deref())
        .text("market", fields.market.as_deref())
        .text("price", fields.price.as_deref())
        .text("currency", fields.currency.as_deref())
        .text("ingredients", fields.ingredients.as_deref())
        .text("nutrition_basis", nutrition.map(|nutrition| nutrition.basis.as_str()));
    for nutrient in Nutrient::ALL {
        let amount = nutrition.and_then(|nutrition| nutrition.amounts.get(*nutrient));
        row = row.number(nutrient.field(), amount.map(|amount| nutrient.render(amount)));
    }
    let row = row
        .number("serving_size_g", serving.and_then(|serving| serving.amount_g))
        .number("serving_size_ml", serving.and_then(|serving| serving.amount_ml))
        .text("serving_text", serving.and_then(|serving| serving.text.as_deref()))
        .number("package_weight_g", fields.package_weight_g)
        .text("package_text", fields.package_text.as_deref())
        .value("dietary_tags", fields.dietary_tags.as_ref())?
        .value("allergens", declared.map(|declared| &declared.contains))?
        .value("may_contain", declared.map(|declared| &declared.may_contain))?
        .value("facility", declared.map(|declared| &declared.facility))?
        .value("free_from", declared.map(|declared| &declared.free_from))?
        .value("certifications", fields.certifications.as_ref())?
        .value("regulatory_codes", fields.regulatory_codes.as_ref())?
        .value("images", fields.images.as_ref())?
        .text("source_url", fields.source_url.as_deref())
        .text("label_jurisdiction", Some(fields.label_jurisdiction.as_str()))
        .text("label_as_of", fields.label_as_of.map(|day| day.to_string()).as_deref())
        .text("allergen_data", Some(fields.allergen_data.as_str()));
    Ok(row)
}

/// What the person decided about the use of health data, and under which words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsentCells<'a> {
    /// `None`: nothing was ever stated.
    pub granted: Option<bool>,
    pub text_version: Option<&'a str>,
}

impl FileRow {
    fn consent(self, consent: ConsentCells<'_>) -> Self {
        self.number("consent_health_data", consent.granted).text("consent_version", consent.text_version)
    }
}

/// Who a customer is, so that the import of it changes nothing.
pub fn customer_row(
    external_id: &str,
    status: CustomerStatus,
    identity: &CustomerIdentity,
    consent: ConsentCells<'_>,
) -> Result<FileRow, WriteError> {
    let row = FileRow::ours()
        .text("external_id", Some(external_id))
        .text("status", Some(status.as_str()))
        .text("full_name", identity.name.as_deref())
        .text("email", identity.email.as_deref())
        .text("phone", identity.phone.as_deref())
        .text("birth_date", identity.birth_date.map(|day| day.to_string()).as_deref())
        .text("address", identity.address.as_deref())
        .text("member_number", identity.member_number.as_deref())
        .value("tags", Some(&identity.tags))?
        .text("notes", identity.notes.as_deref());
    Ok(row.consent(consent))
}

/// What a customer's health profile says, so that the import of it changes nothing. Decisions about single rules are
/// no part of it: they are made by a clinician, not by a file.
pub fn profile_row(
    external_id: &str,
    profile: &HealthProfile,
    consent: ConsentCells<'_>,
) -> Result<FileRow, WriteError> {
    let shares = profile.macro_targets;
    let row = FileRow::ours()
        .text("external_id", Some(external_id))
        .number("age_years", profile.age_years)
        .text("sex", profile.sex.map(|sex| sex.as_str()))
        .number("height_cm", profile.height_cm)
        .number("weight_kg", profile.weight_kg)
        .number("pre_pregnancy_weight_kg", profile.pre_pregnancy_weight_kg)
        .text("activity_level", profile.activity_level.map(|level| level.as_str()))
        .text("reproductive_status", profile.reproductive_status.map(|status| status.as_str()))
        .number("gestation_weeks", profile.gestation_weeks)
        .value("allergies", Some(&profile.allergies))?
        .value("conditions", Some(&profile.conditions))?
        .value("medications", Some(&profile.medications))?
        .value("diets", Some(&profile.diets))?
        .value("limits", Some(&profile.limits))?
        .value("goals", Some(&profile.goals))?
        .number("protein_pct", shares.map(|shares| shares.protein_pct))
        .number("fat_pct", shares.map(|shares| shares.fat_pct))
        .number("carbohydrate_pct", shares.map(|shares| shares.carbohydrate_pct))
        .number("energy_target_kcal", profile.energy_target_kcal)
        .text("energy_formula", profile.energy_formula.map(|formula| formula.as_str()))
        .text("guideline", profile.guideline.map(|guideline| guideline.as_str()))
        .value("liked_brands", Some(&profile.liked_brands))?
        .value("disliked_brands", Some(&profile.disliked_brands))?
        .value("liked_categories", Some(&profile.liked_categories))?
        .value("disliked_categories", Some(&profile.disliked_categories))?;
    Ok(row.consent(consent))
}
