//! What callers of this area can act on. Nothing here holds personal data: details name fields, rules
//! and versions, never values.

use odyssey_matching::fhir::{DecisionError, ProposeError};
use odyssey_types::{CustomerId, ProductId};
use odyssey_vault::VaultError;

// Edge: putting a product on a list asks the catalog whether it exists.
use crate::catalog::CatalogError;
use crate::db::DbError;
use crate::field::FieldError;
use crate::rules::RulesError;

/// Why one record of a write was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteRefusal {
    #[error("there is no such customer")]
    NotFound,
    #[error("a customer with this external id exists already")]
    Exists { id: CustomerId },
    #[error("the customer has changed since it was read")]
    VersionMismatch { current: i64 },
    #[error("an earlier record of this request has the same external id")]
    DuplicateInRequest,
    #[error("{} field(s) cannot be taken", .0.len())]
    Invalid(Vec<FieldError>),
    /// It was merged into another, which stands for it.
    #[error("this customer was merged into customer {into}")]
    Merged { into: CustomerId },
}

#[derive(Debug, thiserror::Error)]
pub enum CustomerError {
    #[error("there is no such customer")]
    NotFound,
    #[error(transparent)]
    Refused(WriteRefusal),
    /// No health data may be used for this person.
    #[error("the customer has not consented to the use of health data")]
    ConsentMissing,
    #[error("the cursor is not one of ours")]
    CursorInvalid,
    #[error("the vendor has no product {0}")]
    ProductNotFound(ProductId),
    #[error("product {0} is on no list of this customer")]
    ListEntryNotFound(ProductId),
    #[error("the lists of a customer hold at most {max} products")]
    ListFull { max: usize },
    #[error("there is no such version of the customer")]
    VersionNotFound,
    #[error("there is no such note")]
    NoteNotFound,
    #[error("a customer has at most {max} notes")]
    NotesFull { max: usize },
    #[error("a request has at most {max} records")]
    TooManyRecords { max: usize },
    /// No proposal can be made of a FHIR bundle.
    #[error(transparent)]
    Fhir(ProposeError),
    #[error("there is no such proposal")]
    ProposalNotFound,
    #[error("there is no such receipt")]
    ReceiptNotFound,
    #[error("the proposal has been decided")]
    ProposalDecided,
    #[error("at most {max} proposals of a customer are kept")]
    ProposalsFull { max: usize },
    #[error("{} decision(s) cannot be taken", .0.len())]
    DecisionsInvalid(Vec<DecisionError>),
    /// The text of a lookup has nothing to look for.
    #[error("this text is no e-mail address, phone number or external id")]
    LookupInvalid,
    #[error("a legal hold covers this vendor; nobody may be erased while it lasts")]
    UnderLegalHold,
    #[error("the customers cannot be merged: {0}")]
    NotMergeable(&'static str),
    #[error("personal data could not be sealed or opened")]
    Vault(#[from] VaultError),
    #[error("the catalog could not be asked")]
    Catalog(#[source] CatalogError),
    #[error("the vendor's rules could not be read")]
    Rules(#[from] RulesError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<WriteRefusal> for CustomerError {
    fn from(refusal: WriteRefusal) -> Self {
        match refusal {
            WriteRefusal::NotFound => Self::NotFound,
            other => Self::Refused(other),
        }
    }
}

impl From<CatalogError> for CustomerError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Db(error) => Self::Db(error),
            other => Self::Catalog(other),
        }
    }
}

impl From<sqlx::Error> for CustomerError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}
