//! Why the merge refused a row.

use crate::catalog::FieldError;

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MergeFault {
    pub code: String,
    /// The field, as a JSON pointer without its slash.
    pub field: Option<String>,
    pub remedy: String,
    pub value: Option<String>,
}

impl MergeFault {
    pub const BARCODE_TAKEN: &'static str = "barcode_taken";

    /// Another product holds the barcode and does not give it up in this file.
    pub fn barcode_taken(gtin: &str, remedy: String) -> Self {
        let code = Self::BARCODE_TAKEN.to_owned();
        Self { code, field: Some("gtin".to_owned()), remedy, value: Some(gtin.to_owned()) }
    }

    pub fn of_fields(errors: &[FieldError]) -> Vec<Self> {
        let fault = |error: &FieldError| Self {
            code: error.code.to_owned(),
            field: Some(error.pointer.trim_start_matches('/').to_owned()),
            remedy: error.detail.clone(),
            value: None,
        };
        errors.iter().map(fault).collect()
    }

    /// A refusal that the rules of the merge leave no room for, kept as a fault rather than lost.
    pub fn other(code: &str, remedy: impl Into<String>) -> Self {
        Self { code: code.to_owned(), field: None, remedy: remedy.into(), value: None }
    }
}
