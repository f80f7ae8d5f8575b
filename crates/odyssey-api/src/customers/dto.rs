//! Customers as they go out, and how many records went in. What is personal has no `Debug`.

use chrono::{DateTime, Utc};
use odyssey_domain::customers::{
    ConsentState, Customer, MaskedCustomer, RowOutcome, WriteRefusal, WriteResult,
};
use odyssey_types::{CustomerId, CustomerIdentity, CustomerStatus};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::{Problem, ProblemError};

/// A customer. In the masked form only what needs no opened data is there.
#[derive(Serialize, ToSchema)]
pub(super) struct CustomerDto {
    #[schema(value_type = Uuid)]
    pub id: CustomerId,
    pub status: CustomerStatus,
    /// Whether anything is recorded in the health profile.
    pub has_profile: bool,
    /// Consent to the use of health data: `missing`, `granted` or `withdrawn`.
    pub health_consent: &'static str,
    /// Whether the personal fields were left out because the caller may not see them.
    pub masked: bool,
    #[serde(flatten)]
    pub personal: Option<PersonalDto>,
    pub row_version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// What only those see who may read customers. Absent fields are unknown.
#[derive(Serialize, ToSchema)]
pub(super) struct PersonalDto {
    /// The vendor's own id, unique within the vendor.
    pub external_id: String,
    #[serde(flatten)]
    pub identity: IdentityDto,
    pub lists_version: i64,
    pub consent_version: i64,
    /// When a person last edited the customer; absent when an import wrote it since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<DateTime<Utc>>,
}

/// Identity and contact.
#[derive(Serialize, ToSchema)]
pub(super) struct IdentityDto {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<chrono::NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member_number: Option<String>,
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

impl From<Customer> for CustomerDto {
    fn from(customer: Customer) -> Self {
        let identity: CustomerIdentity = customer.identity.into_exposed();
        Self {
            id: customer.id,
            status: customer.status,
            has_profile: customer.has_profile,
            health_consent: ConsentState::as_str(customer.health_consent),
            masked: false,
            personal: Some(PersonalDto {
                external_id: customer.external_id.into_exposed(),
                identity: IdentityDto {
                    name: identity.name,
                    email: identity.email,
                    phone: identity.phone,
                    birth_date: identity.birth_date,
                    address: identity.address,
                    member_number: identity.member_number,
                    tags: identity.tags,
                    notes: identity.notes,
                },
                lists_version: customer.lists_version,
                consent_version: customer.consent_version,
                edited_at: customer.edited_at,
            }),
            row_version: customer.row_version,
            created_at: customer.created_at,
            updated_at: customer.updated_at,
        }
    }
}

impl From<MaskedCustomer> for CustomerDto {
    fn from(customer: MaskedCustomer) -> Self {
        Self {
            id: customer.id,
            status: customer.status,
            has_profile: customer.has_profile,
            health_consent: ConsentState::as_str(customer.health_consent),
            masked: true,
            personal: None,
            row_version: customer.row_version,
            created_at: customer.created_at,
            updated_at: customer.updated_at,
        }
    }
}

/// The results, in the order of the records.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CustomerResults {
    pub results: Vec<CustomerResult>,
    /// Records by outcome.
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
    pub refused: usize,
}

/// What became of one record.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CustomerResult {
    /// Position in the request, from 0.
    pub index: usize,
    /// The status this record would have had alone.
    pub status: u16,
    /// `created`, `updated` or `unchanged`; absent when refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    /// The customer; with `customer-conflict` the one that exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub id: Option<CustomerId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row_version: Option<i64>,
    /// Code of the problem; its page is at `/problems/<code>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemError>,
}

impl CustomerResults {
    pub(super) fn new(results: Vec<Result<WriteResult, WriteRefusal>>) -> Self {
        let mut all = Self {
            results: Vec::with_capacity(results.len()),
            created: 0,
            updated: 0,
            unchanged: 0,
            refused: 0,
        };
        for (index, result) in results.into_iter().enumerate() {
            match result.as_ref().map(|r| r.outcome) {
                Ok(RowOutcome::Created) => all.created += 1,
                Ok(RowOutcome::Updated | RowOutcome::Deleted) => all.updated += 1,
                Ok(RowOutcome::Unchanged | RowOutcome::Kept) => all.unchanged += 1,
                Err(_) => all.refused += 1,
            }
            all.results.push(CustomerResult::new(index, result));
        }
        all
    }
}

impl CustomerResult {
    fn new(index: usize, result: Result<WriteResult, WriteRefusal>) -> Self {
        match result {
            Ok(written) => Self {
                index,
                status: if written.outcome == RowOutcome::Created { 201 } else { 200 },
                outcome: Some(outcome_name(written.outcome)),
                id: Some(written.id),
                row_version: Some(written.row_version),
                problem: None,
                detail: None,
                errors: Vec::new(),
            },
            Err(refusal) => {
                let id = match &refusal {
                    WriteRefusal::Exists { id } | WriteRefusal::Merged { into: id } => Some(*id),
                    _ => None,
                };
                let problem = Problem::from(refusal);
                Self {
                    index,
                    status: problem.code.status().as_u16(),
                    outcome: None,
                    id,
                    row_version: None,
                    problem: Some(problem.code.as_str()),
                    detail: problem.detail,
                    errors: problem.errors,
                }
            }
        }
    }
}

const fn outcome_name(outcome: RowOutcome) -> &'static str {
    match outcome {
        RowOutcome::Created => "created",
        RowOutcome::Updated => "updated",
        RowOutcome::Unchanged => "unchanged",
        RowOutcome::Kept => "kept",
        RowOutcome::Deleted => "deleted",
    }
}
