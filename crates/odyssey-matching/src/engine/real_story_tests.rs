//! The people of `data/stories` on a real catalog (Open Food Facts, ODbL 1.0, where present), one row in sixteen of
//! it, as if its labels were attested complete. Its text may not be kept here: what is committed are row numbers,
//! verdicts, codes and a digest of all that was said. `ODYSSEY_STORIES=write` writes them anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use chrono::NaiveDate;
use odyssey_types::{AllergenData, HealthProfile};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::testing::{id, meta_of, policy_of};
use super::{Filters, Query, Role, SnapshotBuilder, SnapshotRow, Tier, Verdict, evaluate, rank};
use crate::Derivation;
use crate::label::catalog_tests::real_products;
use crate::label::{Label, Tables, derive};

const STEP: usize = 16;
const MATCHES: usize = 20;
const EXCLUSIONS: usize = 5;

#[derive(Deserialize)]
struct Story {
    name: String,
    profile: HealthProfile,
}

fn shelf() -> Option<Vec<(SnapshotRow, Derivation)>> {
    let attested = NaiveDate::from_ymd_opt(2019, 6, 14);
    let products = real_products(STEP)?.into_iter().enumerate().map(|(at, mut fields)| {
        fields.allergen_data = AllergenData::Complete;
        fields.label_as_of = attested;
        let derivation = derive(&Label { fields: &fields, holds: &[] }, Tables::embedded());
        let row = SnapshotRow {
            id: id((at * STEP + 1) as u64),
            facts: derivation.facts.clone(),
            active: true,
            brand: None,
            category: None,
            role: Role::Snack,
            tags: Vec::new(),
            price_hundredths: None,
            currency: None,
            label_as_of: None,
            changed_at_seconds: 0,
        };
        (row, derivation)
    });
    Some(products.collect())
}

fn line(out: &mut String, at: usize, verdict: &Verdict) {
    let text = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let codes: BTreeSet<&str> = verdict.reasons.iter().map(|reason| reason.code.as_str()).collect();
    let kind = text(serde_json::to_value(verdict.verdict).expect("a verdict is text"));
    let codes: Vec<&str> = codes.into_iter().collect();
    writeln!(out, "row {} {kind} {} {}", at * STEP + 1, verdict.score_permille, codes.join(" "))
        .expect("writing to memory");
}

fn tell(shelf: &[(SnapshotRow, Derivation)], story: &Story) -> String {
    let policy = policy_of(&story.profile);
    let mut builder = SnapshotBuilder::new();
    shelf.iter().for_each(|(row, _)| builder.push(row));
    let query = Query { k: MATCHES, include_cannot_verify: false, filters: Filters::default() };
    let ranked = rank(&builder.finish(), &policy, &query);
    let mut digest = Sha256::new();
    let mut verdict_at = |at: usize| {
        let (row, derivation) = &shelf[at];
        let verdict = evaluate(&policy, derivation, &meta_of(row));
        digest.update(serde_json::to_vec(&verdict).expect("a verdict has a JSON form"));
        verdict
    };
    let mut lines = String::new();
    for candidate in &ranked.fits {
        let at = shelf.iter().position(|(row, _)| row.id == candidate.id).expect("a row of the shelf");
        line(&mut lines, at, &verdict_at(at));
    }
    lines.push_str("kept out\n");
    let mut seen = BTreeSet::new();
    for at in 0..shelf.len() {
        let verdict = verdict_at(at);
        let kept_out = verdict.tier >= Tier::Three;
        let Some(first) = verdict.reasons.first().filter(|_| kept_out) else { continue };
        if seen.insert((first.code.clone(), first.subject.clone())) {
            line(&mut lines, at, &verdict);
        }
        if seen.len() == EXCLUSIONS {
            break;
        }
    }
    let Story { name, .. } = story;
    let digest = super::hex(&digest.finalize());
    format!("{name}: {} of {} fit; {digest}\n{lines}\n", ranked.fits_total, ranked.considered)
}

#[test]
fn the_real_catalog_gives_the_people_of_the_stories_what_it_gave_before() {
    let Some(shelf) = shelf() else {
        println!("skipped: shared data not present");
        return;
    };
    let stories: Vec<Story> =
        serde_json::from_str(include_str!("../../data/stories/stories.json")).expect("stories");
    let told: String = stories.iter().map(|story| tell(&shelf, story)).collect();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/stories/real_catalog.txt");
    if std::env::var_os("ODYSSEY_STORIES").is_some_and(|v| v == "write") {
        std::fs::write(&path, &told).expect("a writable folder");
    }
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    for (was, is) in before.split("\n\n").zip(told.split("\n\n")) {
        assert_eq!(was, is);
    }
    assert_eq!(before.len(), told.len(), "as many stories");
}
