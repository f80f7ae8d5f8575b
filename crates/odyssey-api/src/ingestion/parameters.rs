//! The parameters of an import, as its query says them: the body is the file.

use chrono::NaiveDate;
use odyssey_domain::ingestion::{
    ColumnOverride, ConsentAttestation, ImportMode, ImportParameters, LabelAttestation, SavedChoice,
};
use odyssey_types::{Jurisdiction, NutritionBasis};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::problem::{Problem, ProblemCode, ProblemError};

/// What the file holds, and what you say about it.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct IngestQuery {
    #[param(inline)]
    mode: ModeParameter,
    /// `complete`: you attest that the allergen declarations of all rows that do not say otherwise are
    /// complete. Needs `label_jurisdiction` and `label_as_of`. Stored with your name and quoted in reasons.
    #[param(inline)]
    allergen_data: Option<CompleteParameter>,
    /// Whose labelling law the labels were made under.
    #[param(value_type = Option<String>, example = "US")]
    label_jurisdiction: Option<Jurisdiction>,
    /// The day the labels are of.
    label_as_of: Option<NaiveDate>,
    /// `attested`: as an admin of the vendor you attest that everybody in the file consented to the use of
    /// their health data. One record per customer, with your name.
    #[param(inline)]
    consent: Option<AttestedParameter>,
    /// The version of the words that they agreed to.
    consent_text_version: Option<String>,
    /// Take the file's row where a person edited the item since the same row was imported.
    #[serde(default)]
    overwrite_edits: bool,
    /// Let many products hand their barcodes on to each other.
    #[serde(default)]
    allow_barcode_moves: bool,
    /// `full`: the file is the whole catalog, and products that it does not have are deleted once its rows are merged.
    /// If that is more than a fifth of them (of ten or fewer: more than half), the import stops before it writes anything and wants `allow_deletes`.
    /// Products that a person changed after the import began, and those of refused rows, stay; while a refused row
    /// does not say which product it is of, nothing is deleted. `delta`, the default: the others stay as they are.
    #[serde(default)]
    #[param(inline)]
    load: LoadParameter,
    /// Let a whole catalog delete however many products it does not have.
    #[serde(default)]
    allow_deletes: bool,
    /// Do everything and keep nothing: the job's totals say what would become of the rows, its errors which would be
    /// refused, and `GET /jobs/{job_id}/rehearsal` what would change, and for how many people.
    #[serde(default)]
    dry_run: bool,
    /// One character; `tab` for a tab.
    delimiter: Option<String>,
    /// A WHATWG label: `utf-8`, `latin1`, `utf-16le`.
    encoding: Option<String>,
    has_header: Option<bool>,
    /// The basis of the whole file's nutrition.
    #[param(value_type = Option<String>, example = "per_100g")]
    basis: Option<NutritionBasis>,
    /// Decisions about columns, each `header=field` or `header=field,unit`; `header=` leaves a column out.
    #[serde(default)]
    map: Vec<String>,
    /// Which saved mapping takes part: `none`, or one of its versions. The one in force when left out.
    mapping: Option<String>,
}

/// What the rows are.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ModeParameter {
    Products,
    Customers,
}

/// What the absence of a product says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LoadParameter {
    #[default]
    Delta,
    Full,
}

impl From<ModeParameter> for ImportMode {
    fn from(mode: ModeParameter) -> Self {
        match mode {
            ModeParameter::Products => Self::Products,
            ModeParameter::Customers => Self::Customers,
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CompleteParameter {
    Complete,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AttestedParameter {
    Attested,
}

impl IngestQuery {
    pub(super) fn into_parts(self) -> Result<(ImportMode, ImportParameters), Problem> {
        let mode = self.mode.into();
        let attestation = self.attestation()?;
        let consent = match (self.consent, self.consent_text_version) {
            (Some(AttestedParameter::Attested), text_version) => Some(ConsentAttestation { text_version }),
            (None, Some(_)) => {
                return Err(refuse("consent", "say `consent=attested` beside consent_text_version"));
            }
            (None, None) => None,
        };
        let parameters = ImportParameters {
            attestation,
            consent,
            overwrite_edits: self.overwrite_edits,
            allow_barcode_moves: self.allow_barcode_moves,
            full: self.load == LoadParameter::Full,
            allow_deletes: self.allow_deletes,
            dry_run: self.dry_run,
            delimiter: self.delimiter.as_deref().map(delimiter).transpose()?,
            encoding: self.encoding,
            has_header: self.has_header,
            basis: self.basis,
            saved: self.mapping.as_deref().map(saved).transpose()?,
            mapping: self.map.iter().map(|entry| column(entry)).collect::<Result<_, _>>()?,
        };
        Ok((mode, parameters))
    }

    fn attestation(&self) -> Result<Option<LabelAttestation>, Problem> {
        match (self.allergen_data, self.label_jurisdiction, self.label_as_of) {
            (Some(CompleteParameter::Complete), Some(label_jurisdiction), Some(label_as_of)) => {
                Ok(Some(LabelAttestation { label_jurisdiction, label_as_of }))
            }
            (None, None, None) => Ok(None),
            _ => Err(refuse(
                "allergen_data",
                "`allergen_data=complete`, `label_jurisdiction` and `label_as_of` come together",
            )),
        }
    }
}

fn delimiter(text: &str) -> Result<char, Problem> {
    let mut characters = text.chars();
    match (text, characters.next(), characters.next()) {
        ("tab", ..) => Ok('\t'),
        (_, Some(only), None) => Ok(only),
        _ => Err(refuse("delimiter", "a delimiter is one character, or `tab`")),
    }
}

fn saved(text: &str) -> Result<SavedChoice, Problem> {
    match (text, text.parse()) {
        ("none", _) => Ok(SavedChoice::Without),
        (_, Ok(version)) => Ok(SavedChoice::Version(version)),
        (_, Err(_)) => Err(refuse("mapping", "write `none`, or a version of the saved mapping")),
    }
}

/// The last `=` parts header from field: a header may hold one itself.
fn column(entry: &str) -> Result<ColumnOverride, Problem> {
    let (header, field) = entry.rsplit_once('=').ok_or_else(|| refuse("map", "write `header=field`"))?;
    let (target, unit) = field.split_once(',').map_or((field, None), |(field, unit)| (field, Some(unit)));
    Ok(ColumnOverride {
        header: header.to_owned(),
        target: (!target.is_empty()).then(|| target.trim().to_owned()),
        unit: unit.map(|unit| unit.trim().to_owned()),
        basis: None,
    })
}

pub(super) fn refuse(parameter: &str, detail: &str) -> Problem {
    Problem::new(ProblemCode::ValidationError).error(ProblemError::parameter(parameter, "invalid", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_about_a_column_may_hold_a_unit_or_leave_it_out() {
        let salt = column("Salz (g) = Salt=salt_g,g").expect("a decision");
        assert_eq!(
            (salt.header.as_str(), salt.target.as_deref(), salt.unit.as_deref()),
            ("Salz (g) = Salt", Some("salt_g"), Some("g"))
        );
        let out = column("Internal=").expect("a decision");
        assert_eq!((out.target, out.unit), (None, None));
        assert!(column("nothing").is_err());
    }

    #[test]
    fn a_delimiter_is_one_character() {
        assert_eq!(delimiter("tab").expect("a tab"), '\t');
        assert_eq!(delimiter(";").expect("a semicolon"), ';');
        assert!(delimiter(";;").is_err() && delimiter("").is_err());
    }
}
