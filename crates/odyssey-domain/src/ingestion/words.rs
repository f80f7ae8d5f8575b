//! What is known about a vendor's files before one is opened: the saved mapping and the synonyms. An import keeps
//! what it began with, so that each of its attempts reads the same rows.

use std::sync::Arc;

use odyssey_tabular::{
    FieldRule, HeaderSynonyms, Mode, Options, Target, Treatment, Vocabulary, WordOwner, value_target,
};
use serde::{Deserialize, Serialize};

use super::mappings::SavedMapping;
use super::parameters::SavedChoice;
use super::{ImportParameters, IngestionError, store};
use crate::db::VendorTx;
use crate::taxonomy::{self, Owner};

/// The saved mapping and the synonyms that one import is read by. Settings only: no cell of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Words {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_version: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<SavedMapping>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<HeaderWord>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    values: Vec<ValueWord>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct HeaderWord {
    header: String,
    field: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transform: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    platform: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ValueWord {
    domain: String,
    written: String,
    meant: String,
}

/// The version of the saved mapping that an import which begins in this transaction is read by.
pub(super) async fn saved_version(
    tx: &mut VendorTx,
    mode: Mode,
    choice: Option<SavedChoice>,
) -> Result<Option<i64>, IngestionError> {
    let version = match choice {
        Some(SavedChoice::Without) => return Ok(None),
        Some(SavedChoice::Version(version)) => Some(version),
        None => None,
    };
    let found = store::find_mapping(tx, mode, version).await?.filter(|found| found.mapping.is_some());
    match (found, version) {
        (None, Some(_)) => Err(IngestionError::ParameterInvalid {
            pointer: "/mapping",
            detail: "there is no such version of the saved mapping".to_owned(),
        }),
        (found, _) => Ok(found.map(|found| found.version)),
    }
}

impl Words {
    /// The words of this moment, with one version of the saved mapping.
    pub async fn load(
        tx: &mut VendorTx,
        mode: Mode,
        saved_version: Option<i64>,
    ) -> Result<Self, IngestionError> {
        let saved = match saved_version {
            None => None,
            Some(version) => {
                let found = store::find_mapping(tx, mode, Some(version)).await?;
                let gone = || {
                    let detail =
                        "The version of the saved mapping that this import was begun with is no longer kept.";
                    IngestionError::import("mapping_version_gone", detail)
                };
                Some(found.and_then(|found| found.mapping).ok_or_else(gone)?)
            }
        };
        let words = taxonomy::import_words(tx, mode.as_str()).await?;
        let headers = words.headers.into_iter().map(|word| HeaderWord {
            header: word.synonym,
            field: word.target,
            transform: word.transform,
            platform: word.owner == Owner::Platform,
        });
        let values = words.values.into_iter().filter(|word| value_target(&word.domain, mode).is_some());
        let values =
            values.map(|word| ValueWord { domain: word.domain, written: word.synonym, meant: word.target });
        Ok(Self { saved_version, saved, headers: headers.collect(), values: values.collect() })
    }

    /// The same with a mapping that nobody has saved.
    pub fn with_draft(self, draft: SavedMapping) -> Self {
        Self { saved_version: None, saved: Some(draft), ..self }
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How a file is opened and its headers are understood.
    pub fn reading(
        &self,
        parameters: &ImportParameters,
        mode: Mode,
        unpacked_bytes_max: u64,
    ) -> Result<(Options, HeaderSynonyms), IngestionError> {
        let vocabulary = Arc::new(self.vocabulary(mode)?);
        let options =
            Options { vocabulary: Arc::clone(&vocabulary), ..parameters.options(mode, unpacked_bytes_max) };
        Ok((options, HeaderSynonyms { vocabulary, ..parameters.synonyms(mode)? }))
    }

    fn vocabulary(&self, mode: Mode) -> Result<Vocabulary, IngestionError> {
        let mut vocabulary = Vocabulary::default();
        if let Some(saved) = &self.saved {
            vocabulary.basis = saved.basis;
            for (header, fields) in saved.rules(mode)? {
                vocabulary.save(header, fields);
            }
        }
        for word in &self.headers {
            // A field or a transform that only a later program knows is that program's to read.
            let Some(target) = Target::from_code(&word.field).filter(|target| target.belongs_to(mode)) else {
                continue;
            };
            let treatment = match &word.transform {
                None => Treatment::default(),
                Some(text) => match Treatment::parse(text, target) {
                    Ok(treatment) => treatment,
                    Err(_) => continue,
                },
            };
            let owner = if word.platform { WordOwner::Platform } else { WordOwner::Vendor };
            vocabulary.add_header(&word.header, FieldRule { target, treatment }, owner);
        }
        for word in &self.values {
            if let Some(target) = value_target(&word.domain, mode) {
                vocabulary.add_value(target, &word.written, &word.meant);
            }
        }
        Ok(vocabulary)
    }
}
