//! What things are called: trees of categories, tags, allergens, cuisines, certifications, conditions and
//! diets, and the words that stand for something of ours.
//!
//! Owns: `taxonomy_nodes`, `synonyms`, `taxonomy_versions`. Promises: rows of the platform are everybody's to
//! read and a vendor's row of the same code (or the same synonym) wins at that vendor; every change counts on
//! one version per vendor; parents exist and form no cycle; a synonym of an allergen only adds evidence, the
//! platform's and the vendor's together, and a change of one, or of how much of a meal a category's products are, makes
//! the vendor's facts stale and their derivation due in the same transaction. Emits: the jobs that derive anew. Never: holds personal data, lets
//! a vendor take an allergen's evidence away; lets a synonym of a value make a known word mean less.

mod error;
mod known;
mod model;
mod nodes;
mod store;
mod synonyms;
mod terms;

pub use error::TaxonomyError;
pub use model::{
    CODE_CHARS_MAX, Certainty, DEPTH_MAX, EVIDENCE_DOMAIN, EVIDENCE_SYNONYMS_MAX, LABEL_CHARS_MAX, NODES_MAX,
    Node, NodeQuery, NodeWrite, Owner, SYNONYMS_MAX, Synonym, SynonymKind, SynonymQuery, SynonymWrite,
    TaxonomyKind,
};
pub use nodes::{
    create_node, delete_node, delete_platform_node, find_platform_node, get_node, get_own_node, list_nodes,
    list_platform_nodes, put_node, put_platform_node,
};
pub use synonyms::{
    RederiveCatalog, create_synonym, delete_platform_synonym, delete_synonym, find_platform_synonym,
    get_synonym, list_platform_synonyms, list_synonyms, put_platform_synonym, replace_synonym,
};
pub use terms::{ImportWords, import_words, search_synonyms, tables};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::db::{SystemTx, VendorTx};

/// A change under way: it holds the lock on the owner's version, and every row it writes gets this version.
#[derive(Debug)]
pub struct Change {
    version: i64,
}

/// Counts a change of the vendor's on its version, which keeps others waiting until it commits.
pub async fn begin_change(tx: &mut VendorTx) -> Result<Change, TaxonomyError> {
    let version = store::next_version(&mut Desk::vendor(tx)).await?;
    Ok(Change { version })
}

/// The same for the platform's rows.
pub async fn begin_platform_change(tx: &mut SystemTx) -> Result<Change, TaxonomyError> {
    let version = store::next_version(&mut Desk::platform(tx)).await?;
    Ok(Change { version })
}

/// How often the taxonomy changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The vendor's own rows; 0 before the first change.
    pub vendor: i64,
    /// The platform's.
    pub platform: i64,
    /// Of the tables by which the vendor's facts are derived; facts of another are being derived anew.
    pub tables: u32,
}

/// The versions that the vendor's rows, the platform's rows and the vendor's tables are at.
pub async fn versions(tx: &mut VendorTx) -> Result<Versions, TaxonomyError> {
    let (vendor, platform) = store::versions(tx).await?;
    Ok(Versions { vendor, platform, tables: tables(tx).await?.version() })
}

/// Whose rows are at hand, and the connection to them.
struct Desk<'a> {
    connection: &'a mut PgConnection,
    /// Nil for the platform.
    owner: Uuid,
    now: DateTime<Utc>,
}

impl<'a> Desk<'a> {
    fn vendor(tx: &'a mut VendorTx) -> Self {
        let (owner, now) = (tx.vendor_id().as_uuid(), tx.now());
        Self { connection: tx.connection(), owner, now }
    }

    fn platform(tx: &'a mut SystemTx) -> Self {
        let now = tx.now();
        Self { connection: tx.connection(), owner: Uuid::nil(), now }
    }
}
