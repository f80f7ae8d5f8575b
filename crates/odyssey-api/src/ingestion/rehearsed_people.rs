//! What a dry run of customers found, as it is sent.

use odyssey_domain::differences::Difference;
use odyssey_domain::ingestion::{FlaggedPerson, PeopleRehearsal, PersonSample};
use odyssey_domain::matching::cell;
use odyssey_types::CustomerId;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What would become of the people of a file. Callers who may not read health data get numbers, of which those from 1 to
/// 10 are null.
#[derive(Serialize, ToSchema)]
pub(super) struct PeopleRehearsalDto {
    /// Rows that would make or change a customer, the first 20.
    samples: Vec<PersonSampleDto>,
    /// Rows by which somebody would lose what protects them, the first 1,000.
    flagged: Vec<FlaggedPersonDto>,
    flagged_total: Option<u64>,
    /// People whose matches would go by another policy than today.
    policies_changed: Option<u64>,
    /// People of whom an allergy would go, or be held less strictly.
    lose_allergies: Option<u64>,
    /// People of whom a condition, a medication, a diet, a limit or a pregnancy would go, or hold less.
    lose_other_protection: Option<u64>,
    /// The rows were left out because the caller may not read health data.
    masked: bool,
}

/// A row as it would become. No `Debug`: it is personal.
#[derive(Serialize, ToSchema)]
struct PersonSampleDto {
    row: u64,
    /// Absent of somebody who would be new.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    customer_id: Option<CustomerId>,
    /// The first 50.
    differences: Vec<PersonDifferenceDto>,
}

/// A value that would change. Absent is unknown. No `Debug`: it is personal.
#[derive(Serialize, ToSchema)]
struct PersonDifferenceDto {
    /// JSON pointer into record and profile: `/name`, `/profile/allergies`.
    pointer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

/// A row by which somebody would lose what protects them.
#[derive(Debug, Serialize, ToSchema)]
struct FlaggedPersonDto {
    row: u64,
    #[schema(value_type = Uuid)]
    customer_id: CustomerId,
    /// Allergies that would be taken away.
    allergies_gone: usize,
    /// Allergies that would be held less strictly.
    allergies_weakened: usize,
    conditions_gone: usize,
    medications_gone: usize,
    /// Diets that would go, or be held less strictly.
    diets_lost: usize,
    /// Limits that would go, or be raised.
    limits_lost: usize,
    /// Pregnant or lactating today, and not after it.
    pregnancy_gone: bool,
}

impl From<Difference> for PersonDifferenceDto {
    fn from(difference: Difference) -> Self {
        let Difference { pointer, before, after } = difference;
        Self { pointer, before, after }
    }
}

impl From<PersonSample> for PersonSampleDto {
    fn from(sample: PersonSample) -> Self {
        let PersonSample { row, customer_id, differences } = sample;
        let differences = differences.into_exposed().into_iter().map(Into::into).collect();
        Self { row, customer_id, differences }
    }
}

impl From<FlaggedPerson> for FlaggedPersonDto {
    fn from(flagged: FlaggedPerson) -> Self {
        let FlaggedPerson { row, customer_id, losses } = flagged;
        Self {
            row,
            customer_id,
            allergies_gone: losses.allergies_gone,
            allergies_weakened: losses.allergies_weakened,
            conditions_gone: losses.conditions_gone,
            medications_gone: losses.medications_gone,
            diets_lost: losses.diets_lost,
            limits_lost: losses.limits_lost,
            pregnancy_gone: losses.pregnancy_gone,
        }
    }
}

impl From<PeopleRehearsal> for PeopleRehearsalDto {
    fn from(found: PeopleRehearsal) -> Self {
        let PeopleRehearsal { samples, flagged, counts, masked } = found;
        let told = |count| if masked { cell(count) } else { Some(count) };
        Self {
            samples: samples.into_iter().map(Into::into).collect(),
            flagged: flagged.into_iter().map(Into::into).collect(),
            flagged_total: told(counts.flagged_total),
            policies_changed: told(counts.policies_changed),
            lose_allergies: told(counts.lose_allergies),
            lose_other_protection: told(counts.lose_other_protection),
            masked,
        }
    }
}
