//! What synonyms do, kept in memory by the state of the rows that say it: the deriver's tables as a vendor has
//! them (those of the program, the platform's synonyms of allergens and roles of categories, and the vendor's), and words
//! of a search.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use moka::sync::Cache;
use odyssey_matching::Role;
use odyssey_matching::label::{Roles, Tables};
use uuid::Uuid;

use super::model::{DEPTH_MAX, EVIDENCE_DOMAIN, EVIDENCE_SYNONYMS_MAX, SYNONYMS_MAX, term_of};
use super::{Desk, Owner, Synonym, SynonymKind, SynonymQuery, TaxonomyError, known, store};
use crate::db::{DbError, VendorTx};

/// Sets of tables kept in memory. One holds its added terms alone, at most a megabyte; what the program
/// carries is shared.
const TABLES_MAX: u64 = 256;

/// The states of the vendor's and of the platform's rows; none before the first change.
pub(super) type Stamps = (Option<Uuid>, Option<Uuid>);

/// The tables of this transaction's vendor, as its rows say now: one read by key, and the terms after a
/// change.
pub async fn tables(tx: &mut VendorTx) -> Result<Tables, TaxonomyError> {
    let stamps = store::stamps(tx).await?;
    if stamps == (None, None) {
        return Ok(Tables::embedded().clone());
    }
    if let Some(kept) = kept().get(&stamps) {
        return Ok(kept);
    }
    // What is read may be newer than the stamps, never older: whoever comes later reads newer stamps.
    let terms = store::evidence_terms(tx).await?;
    let roles = meal_roles(tx).await?;
    let tables = Tables::embedded()
        .with_terms(&terms)
        .map_err(|error| DbError::inconsistent(format!("a stored synonym cannot be used: {error}")))?
        .with_roles(roles);
    kept().insert(stamps, tables.clone());
    Ok(tables)
}

/// The tables with the terms that the owner of these rows sees.
pub(super) async fn tables_of(desk: &mut Desk<'_>) -> Result<Tables, TaxonomyError> {
    let limit = u32::try_from(2 * EVIDENCE_SYNONYMS_MAX).unwrap_or(u32::MAX);
    let domain = Some(EVIDENCE_DOMAIN.to_owned());
    let query = SynonymQuery { kind: SynonymKind::Value, domain, after: None, limit };
    let rows = store::list_synonyms(desk, &query).await?;
    let terms: Vec<_> =
        rows.iter().filter_map(|row| term_of(&row.synonym, &row.target, row.certainty)).collect();
    let tables = Tables::embedded().with_terms(&terms);
    Ok(tables.map_err(|error| DbError::inconsistent(format!("a stored synonym cannot be used: {error}")))?)
}

/// The roles of the vendor's categories as its rows, and the platform's, say in this transaction.
pub(super) async fn meal_roles(tx: &mut VendorTx) -> Result<Roles, TaxonomyError> {
    Ok(inherited(&store::meal_roles(tx).await?))
}

/// Each category that has a role, of its own or from the nearest node above that has one.
fn inherited(nodes: &HashMap<String, (Option<String>, Option<Role>)>) -> Roles {
    let role_of = |code: &String| {
        let mut at = code;
        for _ in 0..DEPTH_MAX {
            let (parent, role) = nodes.get(at)?;
            if role.is_some() {
                return *role;
            }
            at = parent.as_ref()?;
        }
        None
    };
    nodes.keys().filter_map(|code| Some((code.clone(), role_of(code)?))).collect()
}

fn kept() -> &'static Cache<Stamps, Tables> {
    static KEPT: OnceLock<Cache<Stamps, Tables>> = OnceLock::new();
    KEPT.get_or_init(|| Cache::new(TABLES_MAX))
}

/// Words of a search, in lower case, and what else each is found by.
pub type SearchSynonyms = Arc<HashMap<String, Vec<String>>>;

/// Vendors whose search synonyms are kept; at most some two megabytes each.
const SEARCHES_MAX: u64 = 64;

/// The search synonyms of the platform and of the vendor; of two with one domain and word the vendor's.
pub async fn search_synonyms(tx: &mut VendorTx) -> Result<SearchSynonyms, TaxonomyError> {
    let stamps = store::stamps(tx).await?;
    if stamps == (None, None) {
        return Ok(SearchSynonyms::default());
    }
    if let Some(kept) = searches().get(&stamps) {
        return Ok(kept);
    }
    // The platform's and the vendor's together.
    let limit = u32::try_from(2 * SYNONYMS_MAX).unwrap_or(u32::MAX);
    let query = SynonymQuery { kind: SynonymKind::Search, domain: None, after: None, limit };
    let mut synonyms: HashMap<String, Vec<String>> = HashMap::new();
    for row in store::list_synonyms(&mut Desk::vendor(tx), &query).await? {
        synonyms.entry(row.synonym.to_lowercase()).or_default().push(row.target);
    }
    let synonyms = Arc::new(synonyms);
    searches().insert(stamps, Arc::clone(&synonyms));
    Ok(synonyms)
}

/// Synonyms that imports are read by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportWords {
    /// Of headers in files of one kind.
    pub headers: Vec<Synonym>,
    /// Of values, the vendor's before the platform's. Evidence on labels is none of them.
    pub values: Vec<Synonym>,
}

/// The synonyms of headers in files of this kind, and those of values; of two with one domain and text the
/// vendor's.
pub async fn import_words(tx: &mut VendorTx, kind_of_file: &str) -> Result<ImportWords, TaxonomyError> {
    if store::stamps(tx).await? == (None, None) {
        return Ok(ImportWords::default());
    }
    let limit = u32::try_from(2 * SYNONYMS_MAX).unwrap_or(u32::MAX);
    let all = |kind, domain| SynonymQuery { kind, domain, after: None, limit };
    let query = all(SynonymKind::Header, Some(kind_of_file.to_owned()));
    let headers = store::list_synonyms(&mut Desk::vendor(tx), &query).await?;
    let mut values = store::list_synonyms(&mut Desk::vendor(tx), &all(SynonymKind::Value, None)).await?;
    values.retain(|word| !word.is_evidence());
    if !values.is_empty() {
        // Written before the word was known. The words of files keep their meaning while files are read.
        let tables = tables(tx).await?;
        values.retain(|word| {
            !known::is_known_to_labels_alone(&word.domain, &word.synonym, &word.target, &tables)
        });
    }
    values.sort_by_key(|word| word.owner == Owner::Platform);
    Ok(ImportWords { headers, values })
}

fn searches() -> &'static Cache<Stamps, SearchSynonyms> {
    static KEPT: OnceLock<Cache<Stamps, SearchSynonyms>> = OnceLock::new();
    KEPT.get_or_init(|| Cache::new(SEARCHES_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_has_the_role_of_the_nearest_above_and_a_cycle_ends() {
        let node =
            |code: &str, parent: Option<&str>, role| (code.to_owned(), (parent.map(str::to_owned), role));
        let roles = inherited(&HashMap::from([
            node("prepared", None, Some(Role::Meal)),
            node("soups", Some("prepared"), Some(Role::MainDish)),
            node("cold-soups", Some("soups"), None),
            node("pizza", Some("prepared"), None),
            node("fruit", None, None),
            node("a", Some("b"), None),
            node("b", Some("a"), None),
            node("orphan", Some("nobody"), None),
        ]));
        let expected = [
            ("prepared", Role::Meal),
            ("soups", Role::MainDish),
            ("cold-soups", Role::MainDish),
            ("pizza", Role::Meal),
        ];
        assert_eq!(roles, expected.map(|(code, role)| (code.to_owned(), role)).into());
    }
}
