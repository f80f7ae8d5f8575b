//! What whoever starts an import says about it: attestations, overrides, decisions.

use chrono::{DateTime, NaiveDate, Utc};
use odyssey_tabular::{HeaderOverride, HeaderSynonyms, Mode, Options, Target, Unit, is_known_encoding};
use odyssey_types::{JobId, Jurisdiction, NutritionBasis, UserId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::IngestionError;
use crate::tenancy::{Actor, Role};

/// Decisions about one header, at most as many as a file has columns.
const OVERRIDES_MAX: usize = odyssey_tabular::limits::COLUMNS_MAX;

/// The parameters of one import; the default says nothing and decides nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImportParameters {
    /// The allergen declarations of all rows are complete, says whoever starts the import.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attestation: Option<LabelAttestation>,
    /// All customers of the file consented to the use of their health data, says an admin of the vendor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentAttestation>,
    /// Take the file's row where a person edited the item since the last import of the same row.
    pub overwrite_edits: bool,
    /// Let barcodes move between many products at once; see `barcode_moves_unconfirmed`.
    pub allow_barcode_moves: bool,
    /// The file is the whole catalog: products that it does not have are deleted.
    pub full: bool,
    /// However many these are; see `full_deletes_unconfirmed`.
    pub allow_deletes: bool,
    /// Do everything, keep nothing, and say what would have been done.
    pub dry_run: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// A WHATWG label: `utf-8`, `latin1`, `utf-16le`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_header: Option<bool>,
    /// The basis of the whole file's nutrition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<NutritionBasis>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mapping: Vec<ColumnOverride>,
    /// Which saved mapping; absent: the one in force when the import begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved: Option<SavedChoice>,
}

/// A saved mapping that is not the one in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SavedChoice {
    Without,
    Version(i64),
}

/// An attestation of `allergen_data: complete` for every row that does not say otherwise itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelAttestation {
    pub label_jurisdiction: Jurisdiction,
    pub label_as_of: NaiveDate,
}

/// An attestation of consent to the use of health data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentAttestation {
    /// The version of the words that the customers agreed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_version: Option<String>,
}

/// What one header means, whatever the table of synonyms says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnOverride {
    pub header: String,
    /// `sodium_mg`, `external_id`, …; absent: the column is not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<NutritionBasis>,
}

/// The parameters as they are stored: with who attested, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredParameters {
    pub requested: ImportParameters,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attested_by: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attested_at: Option<DateTime<Utc>>,
    /// Pass over the rows that this dry run of the same file flagged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub except_flagged_of: Option<JobId>,
    /// Of a rerun: take its rows also where a later import has changed the product since.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub overwrite_newer: bool,
    /// Of the saved mapping that the import is read by.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub saved_version: Option<i64>,
}

impl StoredParameters {
    /// Checks the parameters against the mode, the day and the person who gives them.
    pub fn accept(
        requested: ImportParameters,
        mode: Mode,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<Self, IngestionError> {
        requested.check(mode, now)?;
        let attests = requested.attestation.is_some() || requested.consent.is_some();
        if attests && actor.user_id.is_none() {
            return Err(IngestionError::AttestationNeedsPerson);
        }
        if requested.consent.is_some() && actor.role != Role::VendorAdmin {
            return Err(IngestionError::ConsentNeedsAdmin);
        }
        Ok(Self {
            requested,
            attested_by: actor.user_id.filter(|_| attests),
            attested_at: attests.then_some(now),
            except_flagged_of: None,
            overwrite_newer: false,
            saved_version: None,
        })
    }

    /// The same, given by somebody else at another time.
    pub fn accepted_by(self, mode: Mode, actor: &Actor, now: DateTime<Utc>) -> Result<Self, IngestionError> {
        let Self { requested, except_flagged_of, saved_version, .. } = self;
        Ok(Self { except_flagged_of, saved_version, ..Self::accept(requested, mode, actor, now)? })
    }

    /// SHA-256 of everything but the cells that decides what a row becomes: the mapping, and what was
    /// attested for the rows.
    pub fn digest(&self, mapping_digest: [u8; 32]) -> Vec<u8> {
        let mut hash = Sha256::new_with_prefix(b"odyssey/import/v1\0");
        hash.update(mapping_digest);
        if let Some(attestation) = &self.requested.attestation {
            let LabelAttestation { label_jurisdiction, label_as_of } = attestation;
            hash.update(format!("\nlabel\t{label_jurisdiction}\t{label_as_of}"));
        }
        if let Some(consent) = &self.requested.consent {
            hash.update(format!("\nconsent\t{:?}", consent.text_version));
        }
        hash.finalize().to_vec()
    }
}

impl ImportParameters {
    fn check(&self, mode: Mode, now: DateTime<Utc>) -> Result<(), IngestionError> {
        if let Some(attestation) = &self.attestation {
            if mode != Mode::Products {
                return refuse("/allergen_data", "only products have labels");
            }
            if attestation.label_jurisdiction == Jurisdiction::Unknown {
                return refuse(
                    "/label_jurisdiction",
                    "an attestation says under which law the labels were made",
                );
            }
            // A day ahead of UTC is today somewhere.
            if attestation.label_as_of > now.date_naive() + chrono::TimeDelta::days(1) {
                return refuse("/label_as_of", "the labels cannot be of a day to come");
            }
        }
        if self.consent.is_some() && mode != Mode::Customers {
            return refuse("/consent", "only customers consent");
        }
        if self.full && mode != Mode::Products {
            return refuse("/load", "only a file of products can be the whole catalog");
        }
        if self.allow_deletes && !self.full {
            return refuse("/allow_deletes", "only a whole catalog (`load=full`) deletes anything");
        }
        if self.delimiter.is_some_and(|d| !d.is_ascii() || matches!(d, '"' | '\r' | '\n')) {
            return refuse("/delimiter", "a delimiter is one ASCII character such as `,`, `;`, `|` or a tab");
        }
        if self.encoding.as_deref().is_some_and(|label| !is_known_encoding(label)) {
            return refuse(
                "/encoding",
                "name an encoding as `utf-8`, `latin1` or `utf-16le`, or leave it out",
            );
        }
        if self.mapping.len() > OVERRIDES_MAX {
            return refuse("/map", "there are more decisions than a file may have columns");
        }
        self.synonyms(mode).map(|_| ())
    }

    /// How the file is to be opened.
    pub(super) fn options(&self, mode: Mode, unpacked_bytes_max: u64) -> Options {
        Options {
            mode: Some(mode),
            named_headers: self.mapping.iter().map(|column| column.header.clone()).collect(),
            encoding: self.encoding.clone(),
            delimiter: self.delimiter.map(|d| d as u8),
            has_header: self.has_header,
            decompressed_bytes_max: Some(unpacked_bytes_max),
            ..Options::default()
        }
    }

    /// The decisions about headers, for the mapper.
    pub(super) fn synonyms(&self, mode: Mode) -> Result<HeaderSynonyms, IngestionError> {
        let overrides = self.mapping.iter().map(|o| o.to_override(mode)).collect::<Result<_, _>>()?;
        Ok(HeaderSynonyms { overrides, basis: self.basis, ..HeaderSynonyms::default() })
    }
}

impl ColumnOverride {
    fn to_override(&self, mode: Mode) -> Result<HeaderOverride, IngestionError> {
        let target = match self.target.as_deref() {
            None => None,
            Some(code) => match Target::from_code(code).filter(|target| target.belongs_to(mode)) {
                Some(target) => Some(target),
                None => {
                    return refuse("/map", "a column is mapped to a field that these files do not have");
                }
            },
        };
        let unit = match self.unit.as_deref() {
            None => None,
            Some(unit) => match Unit::parse(unit) {
                Some(unit) => Some(unit),
                None => return refuse("/map", "a column is given a unit that is not known"),
            },
        };
        Ok(HeaderOverride { header: self.header.clone(), target, unit, basis: self.basis })
    }
}

fn refuse<T>(pointer: &'static str, detail: &str) -> Result<T, IngestionError> {
    Err(IngestionError::ParameterInvalid { pointer, detail: detail.to_owned() })
}
