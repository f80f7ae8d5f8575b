//! What a row says, in a form by which two rows are compared.

use sha2::{Digest, Sha256};

use super::context::Plan;
use crate::header::Transform;
use crate::records::Record;
use crate::value::text::{is_unknown, nfc};

/// The mapped part of a row in a form that two rows share exactly when they say the same: per target in
/// order, its code and its trimmed cells in NFC, `NULL` as empty.
pub(crate) fn source_bytes(plan: &Plan, record: &Record) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(record.text().len() + 16 * plan.targets.len());
    let mut push = |name: &str, column: usize| {
        let of = &plan.mapping.columns[column];
        let cell = record.cell(of.index);
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0x1f);
        if of.transform == Transform::Exact {
            bytes.extend_from_slice(cell.as_bytes());
        } else if !is_unknown(cell.trim()) {
            bytes.extend_from_slice(nfc(cell.trim()).as_bytes());
        }
        bytes.push(0x1e);
    };
    for (target, columns) in &plan.targets {
        for column in columns {
            push(target.code(), *column);
        }
    }
    for (column, _, tag) in &plan.flags {
        push(tag, *column);
    }
    bytes
}

pub(crate) fn source_hash(plan: &Plan, record: &Record) -> [u8; 32] {
    Sha256::digest(source_bytes(plan, record)).into()
}
