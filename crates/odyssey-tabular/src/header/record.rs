//! A mapping as it is kept, so that rows can be read by it when its file is gone.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::decided::Tier;
use super::mapping::{BasisSource, ColumnMap, Groups, Mapping};
use super::presets::presets;
use super::vocabulary::ValueWords;
use crate::target::{Mode, Target};
use odyssey_types::NutritionBasis;

/// Everything of a mapping, also what its report leaves out.
#[derive(Serialize, Deserialize)]
struct MappingRecord {
    mode: Mode,
    columns: Vec<ColumnRecord>,
    basis: NutritionBasis,
    basis_source: BasisSource,
    preset: Option<String>,
    groups: Groups,
    width: usize,
    /// Words for values, by field.
    values: Vec<(Target, ValueWords)>,
}

#[derive(Serialize, Deserialize)]
struct ColumnRecord {
    column: ColumnMap,
    tier: Tier,
    rank: u8,
    known: bool,
}

impl Mapping {
    /// The whole mapping. Of a customer file its headers may be cells of a person.
    pub fn to_record(&self) -> Result<Value, serde_json::Error> {
        let columns = self.columns.iter().map(|column| ColumnRecord {
            tier: column.tier,
            rank: column.rank,
            known: column.known,
            column: column.clone(),
        });
        serde_json::to_value(MappingRecord {
            mode: self.mode,
            columns: columns.collect(),
            basis: self.basis,
            basis_source: self.basis_source,
            preset: self.preset.map(str::to_owned),
            groups: self.groups.clone(),
            width: self.width,
            values: self.values.iter().map(|(target, words)| (*target, words.clone())).collect(),
        })
    }

    /// The mapping that was recorded; [`Mapping::digest`] tells whether it still means the same.
    pub fn from_record(record: Value) -> Result<Self, serde_json::Error> {
        let record: MappingRecord = serde_json::from_value(record)?;
        let columns = record.columns.into_iter().map(|record| ColumnMap {
            tier: record.tier,
            rank: record.rank,
            known: record.known,
            ..record.column
        });
        Ok(Self {
            mode: record.mode,
            columns: columns.collect(),
            basis: record.basis,
            basis_source: record.basis_source,
            preset: record.preset.and_then(|id| presets().find(|preset| preset.id == id)).map(|p| p.id),
            groups: record.groups,
            width: record.width,
            values: record.values.into_iter().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::{HeaderSynonyms, map_headers};

    #[test]
    fn a_recorded_mapping_is_the_mapping() {
        for (mode, headers) in [
            (Mode::Products, vec!["SKU", "Name", "Salt (g)", "Vegan", "Calories", "Energy (kJ)", "price"]),
            (
                Mode::Products,
                vec!["Handle", "Title", "Variant SKU", "Variant Barcode", "Body (HTML)", "Vendor"],
            ),
            (Mode::Customers, vec!["patient id", "Wilhelmina Secretson", "weight_kg", "birth date"]),
        ] {
            let headers: Vec<String> = headers.into_iter().map(str::to_owned).collect();
            let mapping = map_headers(&headers, &[], mode, &HeaderSynonyms::default());
            let record = mapping.to_record().expect("it is written");
            let restored = Mapping::from_record(record).expect("it is read");
            assert_eq!(restored, mapping);
            assert_eq!(restored.digest(), mapping.digest());
        }
    }
}
