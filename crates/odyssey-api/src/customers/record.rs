//! Customers as they come in: what the contract says of a record, and how one is read.
//!
//! A record is read as an object, because absent and null mean different things. The structs here that
//! nothing constructs describe its shape for the contract.

use odyssey_domain::catalog::FieldError;
use odyssey_domain::customers::{
    self, Change, ConsentChange, ConsentPurpose, ConsentState, CustomerWrite, WriteRefusal,
};
use odyssey_types::{CustomerIdentity, CustomerStatus, HealthProfile, Phi};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// One customer, or a batch.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the body; it is read as an object")]
pub(super) enum CreateCustomers {
    Batch(CustomerBatchDto),
    One(Box<CustomerRecordDto>),
}

/// Up to 10,000 records.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; it is read as an object")]
pub(super) struct CustomerBatchDto {
    #[schema(min_items = 1, max_items = 10_000)]
    pub customers: Vec<CustomerRecordDto>,
    /// `create` (the default) answers 409 for a customer that exists; `upsert` changes it.
    #[schema(inline)]
    pub mode: Option<WriteModeDto>,
}

/// One customer to write. Absent keeps what is stored, null is unknown.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; it is read as an object")]
pub(super) struct CustomerRecordDto {
    /// The vendor's own id: trimmed, case and leading zeros kept.
    pub external_id: String,
    #[schema(inline)]
    pub mode: Option<WriteModeDto>,
    pub status: Option<CustomerStatus>,
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub birth_date: Option<chrono::NaiveDate>,
    pub address: Option<String>,
    pub member_number: Option<String>,
    pub tags: Option<Vec<String>>,
    pub notes: Option<String>,
    pub profile: Option<HealthProfile>,
    pub consents: Option<Vec<ConsentRecordDto>>,
}

/// The whole of a customer's own record. What is left out becomes unknown; the health profile, the consents
/// and the lists are resources of their own and stay.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; it is read as an object")]
pub(super) struct ReplaceCustomer {
    /// May be sent back as it was read; it never changes.
    pub external_id: Option<String>,
    /// `active` when left out.
    pub status: Option<CustomerStatus>,
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub birth_date: Option<chrono::NaiveDate>,
    pub address: Option<String>,
    pub member_number: Option<String>,
    pub tags: Option<Vec<String>>,
    pub notes: Option<String>,
}

/// What to do with a customer that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum WriteModeDto {
    #[default]
    Create,
    Upsert,
}

/// A consent that is granted or withdrawn.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConsentRecordDto {
    pub purpose: ConsentPurposeDto,
    pub state: ConsentStateDto,
    /// The version of the words that were agreed to.
    #[serde(default)]
    pub text_version: Option<String>,
}

/// What is consented to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ConsentPurposeDto {
    /// Use of health data: without it there are no matches.
    HealthData,
    Marketing,
    Analytics,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ConsentStateDto {
    Granted,
    Withdrawn,
}

/// Most consents of one record: one per purpose, and room for a purpose that is said twice.
const CONSENTS_MAX: usize = 10;

impl ConsentRecordDto {
    pub(super) fn into_change(self) -> Result<ConsentChange, FieldError> {
        let change = ConsentChange {
            purpose: match self.purpose {
                ConsentPurposeDto::HealthData => ConsentPurpose::HealthData,
                ConsentPurposeDto::Marketing => ConsentPurpose::Marketing,
                ConsentPurposeDto::Analytics => ConsentPurpose::Analytics,
            },
            state: match self.state {
                ConsentStateDto::Granted => ConsentState::Granted,
                ConsentStateDto::Withdrawn => ConsentState::Withdrawn,
            },
            text_version: self.text_version,
        };
        change.check().map(|()| change)
    }
}

/// Reads one record of a create or upsert.
pub(super) fn read_record(
    mut record: Map<String, Value>,
    mode: WriteModeDto,
) -> Result<CustomerWrite, WriteRefusal> {
    let external_id = take_external_id(&mut record)?
        .ok_or_else(|| refuse("/external_id", "required", "every record has an external_id, a text"))?;
    let consents = match record.remove("consents") {
        None | Some(Value::Null) => Vec::new(),
        Some(consents) => read_consents(consents)?,
    };
    let write = CustomerWrite::by_external_id(external_id, Change::Merge(Phi::new(record)));
    Ok(CustomerWrite { consents, must_not_exist: mode == WriteModeDto::Create, ..write })
}

/// Reads a replacement: identity, status, and the external id if it was sent.
pub(super) fn read_replacement(
    mut record: Map<String, Value>,
) -> Result<(Option<Phi<String>>, Change), WriteRefusal> {
    let external_id = take_external_id(&mut record)?.map(Phi::new);
    let status = match record.remove("status") {
        None => CustomerStatus::Active,
        Some(status) => status
            .as_str()
            .and_then(CustomerStatus::parse)
            .ok_or_else(|| refuse("/status", "unreadable", "a status is `active` or `inactive`"))?,
    };
    let identity: CustomerIdentity = customers::fields_of(record).map_err(WriteRefusal::Invalid)?;
    Ok((external_id, Change::Replace { identity: Phi::new(identity), status }))
}

/// Reads a patch of a customer's own record.
pub(super) fn read_patch(
    mut record: Map<String, Value>,
) -> Result<(Option<Phi<String>>, Change), WriteRefusal> {
    let external_id = take_external_id(&mut record)?.map(Phi::new);
    if record.contains_key("profile") {
        let detail =
            "the health profile is a resource of its own: PATCH /api/v1/customers/{customer_id}/health";
        return Err(refuse("/profile", "unknown_field", detail));
    }
    Ok((external_id, Change::Merge(Phi::new(record))))
}

fn take_external_id(record: &mut Map<String, Value>) -> Result<Option<String>, WriteRefusal> {
    match record.remove("external_id") {
        None => Ok(None),
        Some(Value::String(external_id)) => Ok(Some(external_id)),
        Some(_) => Err(refuse("/external_id", "unreadable", "an external_id is a text")),
    }
}

fn read_consents(consents: Value) -> Result<Vec<ConsentChange>, WriteRefusal> {
    let Value::Array(consents) = consents else {
        return Err(refuse("/consents", "unreadable", "consents are a list"));
    };
    if consents.len() > CONSENTS_MAX {
        return Err(refuse(
            "/consents",
            "too_many",
            &format!("a record has at most {CONSENTS_MAX} consents"),
        ));
    }
    let mut changes = Vec::with_capacity(consents.len());
    for (at, consent) in consents.into_iter().enumerate() {
        let below = |mut error: FieldError| {
            error.pointer = format!("/consents/{at}{}", error.pointer);
            error
        };
        let Value::Object(consent) = consent else {
            return Err(refuse(&format!("/consents/{at}"), "unreadable", "a consent is an object"));
        };
        let consent: ConsentRecordDto = customers::fields_of(consent)
            .map_err(|errors| WriteRefusal::Invalid(errors.into_iter().map(below).collect()))?;
        changes.push(consent.into_change().map_err(|error| WriteRefusal::Invalid(vec![below(error)]))?);
    }
    Ok(changes)
}

pub(super) fn refuse(pointer: &str, code: &'static str, detail: &str) -> WriteRefusal {
    WriteRefusal::Invalid(vec![FieldError::new(pointer, code, detail)])
}
