//! Rows that the catalog has already, as far as a fingerprint tells, so that an unchanged file is neither staged whole
//! nor written as JSON.
//!
//! Promises: nothing rests on a fingerprint. What it took for unchanged is compared by its whole hash like every other
//! row, and where that says otherwise the file is staged anew without it.

use std::sync::{Arc, OnceLock};

use futures::TryStreamExt;
use uuid::Uuid;

use super::progress::Run;
use super::{IngestionError, store};

/// Fingerprints of rows that an import wrote by the same mapping and nobody touched since; sorted.
#[derive(Debug, Default)]
pub(super) struct Known(Vec<u64>);

impl Known {
    pub async fn load(run: &Run<'_>, mapping_digest: &[u8]) -> Result<Self, IngestionError> {
        let mut prints = Vec::new();
        let mut tx = run.begin().await?;
        let mut rows = store::imported_rows(&mut tx, mapping_digest);
        while let Some((id, hash)) = rows.try_next().await? {
            prints.push(fingerprint(id, &hash));
        }
        drop(rows);
        tx.roll_back().await?;
        prints.sort_unstable();
        prints.shrink_to_fit();
        Ok(Self(prints))
    }

    pub fn has(&self, id: Uuid, source_hash: &[u8]) -> bool {
        !self.0.is_empty() && self.0.binary_search(&fingerprint(id, source_hash)).is_ok()
    }
}

/// Of 64 bits: the hash is SHA-256, and the id is derived from the row's own.
fn fingerprint(id: Uuid, source_hash: &[u8]) -> u64 {
    let hash = source_hash.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
    hash ^ id.as_u64_pair().1
}

/// Where the thread that reads waits for what is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Expected(Arc<OnceLock<Known>>);

impl Expected {
    /// Blocks until it is known.
    pub fn wait(&self) -> &Known {
        self.0.wait()
    }

    /// The promise to tell it; whoever lets go of it tells that nothing is known.
    pub fn promise(&self) -> Promise {
        Promise(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
pub(super) struct Promise(Arc<OnceLock<Known>>);

impl Promise {
    pub fn keep(self, known: Known) {
        // The only promise: nobody told before.
        self.0.get_or_init(|| known);
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.0.get_or_init(Known::default);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_promise_lets_the_reader_go_on_with_nothing_known() {
        let expected = Expected::default();
        let waiting = expected.clone();
        let promise = expected.promise();
        let reader = std::thread::spawn(move || waiting.wait().has(Uuid::nil(), &[0; 32]));
        drop(promise);
        assert!(!reader.join().expect("the reader ends"));
    }

    #[test]
    fn a_row_is_known_by_its_id_and_its_hash_together() {
        let (id, hash) = (Uuid::from_u128(7), [1; 32]);
        let known = Known(vec![fingerprint(id, &hash)]);
        assert!(known.has(id, &hash));
        assert!(!known.has(Uuid::from_u128(8), &hash));
        assert!(!known.has(id, &[2; 32]));
    }
}
