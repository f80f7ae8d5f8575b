//! The statement parser against labels made by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use odyssey_matching::label::{Label, Tables, derive, parse};
use odyssey_matching::{EvidenceSource, Flag};
use odyssey_types::ProductFields;

use super::Outcome;
use super::catalog::{Row, attested, audited, fingerprint, labels, order};

/// Words by which a statement may begin; kept apart from the parser's tables, and coarser.
const MARKS: &[&str] = &[
    "trace",
    "facilit",
    "equipment",
    "allerg",
    "shared",
    "manufactured",
    "produced in",
    "produced on",
    "processed in",
    "processed on",
    "packed in",
    "packed on",
    "packaged in",
    "packaged on",
    "made in",
    "made on",
    "suitable",
    "free from",
    "free of",
];
/// "Contains" before one of these states an amount.
const AMOUNTS: &[&str] = &[
    "one ",
    "less",
    "no more",
    "not more",
    "fewer",
    "two ",
    "up to",
    "under",
    "at least",
    "approx",
    "about",
    ".",
    "<",
    "the following",
    "or less",
];
/// Parts of words by which an allergen may be named.
const NAMES: &[&str] = &[
    "milk",
    "dairy",
    "lactose",
    "whey",
    "casein",
    "cheese",
    "butter",
    "cream",
    "egg",
    "fish",
    "cod",
    "tuna",
    "salmon",
    "anchov",
    "pollock",
    "shrimp",
    "crab",
    "lobster",
    "prawn",
    "crustac",
    "shellfish",
    "oyster",
    "clam",
    "mollus",
    "squid",
    "mussel",
    "nut",
    "almond",
    "pecan",
    "cashew",
    "pistach",
    "macadamia",
    "wheat",
    "gluten",
    "barley",
    "rye",
    "oat",
    "soy",
    "soja",
    "sesame",
    "sésame",
    "mustard",
    "moutarde",
    "celery",
    "céleri",
    "sellerie",
    "lupin",
    "sulph",
    "sulf",
    "sulfit",
    "lait",
    "oeuf",
    "œuf",
    "blé",
    "noix",
    "coque",
    "arachid",
    "poisson",
    "milch",
    "erdn",
    "nüss",
    "weizen",
    "leche",
    "huevo",
    "trigo",
    "latte",
    "uova",
    "frumento",
    "noci",
];
/// A name counts this many characters behind the mark.
const REACH: usize = 150;

/// Prints the rows of a draw with the hashes of their texts.
pub fn draw(rows: &[Row], seed: &str, count: usize) -> Outcome {
    let mut candidates: Vec<&Row> = rows.iter().filter(|r| is_candidate(&r.text)).collect();
    println!("# {} candidates among {} texts", candidates.len(), rows.len());
    candidates.sort_by_key(|r| order(seed, &r.number.to_string()));
    for row in candidates.into_iter().take(count) {
        println!("{}\t{}", row.number, fingerprint(&row.text));
    }
    Ok(())
}

/// Prints what the parser reads in the rows of a file.
pub fn marks(rows: &[Row], file: &str) -> Outcome {
    let by_number: BTreeMap<usize, &Row> = rows.iter().map(|r| (r.number, r)).collect();
    for (number, hash, _) in labels(file)? {
        let row = by_number.get(&number).ok_or("no such row")?;
        let marks: Vec<String> = read(&row.text).iter().map(|(mode, key)| format!("{mode}:{key}")).collect();
        println!("{number}\t{hash}\t{}", marks.join(" "));
    }
    Ok(())
}

/// Prints what a row's facts rest on.
pub fn explain(rows: &[Row], number: usize) -> Outcome {
    let row = rows.iter().find(|r| r.number == number).ok_or("no such row")?;
    let fields = attested(&row.text);
    for evidence in derive(&Label { fields: &fields, holds: &[] }, Tables::embedded()).evidence {
        let (key, flag, source) = (evidence.key, evidence.flag, evidence.source);
        println!(
            "{key} {flag:?} {source:?} at {}: {} ({})",
            evidence.offset, evidence.matched, evidence.term
        );
    }
    let tree = parse(&row.text);
    for (depth, ingredient) in tree.walk() {
        println!("{}{} {}..{}", "  ".repeat(depth), ingredient.name, ingredient.min_ppm, ingredient.max_ppm);
    }
    for statement in tree.statements {
        println!("{:?} {:?} {}..{}", statement.kind, statement.allergens, statement.start, statement.end);
    }
    Ok(())
}

fn is_candidate(text: &str) -> bool {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let text: String = text.into_iter().collect();
    let mut marks: Vec<usize> = MARKS.iter().flat_map(|m| text.match_indices(m).map(|(at, _)| at)).collect();
    for (at, word) in text.match_indices("contain") {
        let rest = &text[at + word.len()..];
        let rest = rest.strip_prefix('s').or_else(|| rest.strip_prefix("ing")).unwrap_or(rest);
        let body = rest.trim_start_matches([' ', ':', '(']);
        let amount =
            body.starts_with(|c: char| c.is_ascii_digit()) || AMOUNTS.iter().any(|a| body.starts_with(a));
        if !rest.starts_with("ed") && !rest.starts_with("er") && !amount {
            marks.push(at);
        }
    }
    marks.into_iter().any(|at| {
        let reach: String = text[at..].chars().take(REACH).collect();
        NAMES.iter().any(|n| reach.contains(n))
    })
}

/// What a person read: `c:milk` (contains), `p:` (may contain), `f:` (facility), `n:` (free from); with `?`
/// behind, either answer is right, and `*?` says so of every allergen.
type Marks = BTreeSet<(char, String)>;

pub fn judge(rows: &[Row], files: &[&str]) -> Outcome {
    let by_number: BTreeMap<usize, &Row> = rows.iter().map(|r| (r.number, r)).collect();
    let mut score = Score::default();
    for file in files {
        for (number, hash, marks) in labels(file)? {
            let row = by_number.get(&number).ok_or("no such row")?;
            if fingerprint(&row.text) != hash {
                return Err(format!("row {number} is not the text that was labelled").into());
            }
            score.add(row, &marks)?;
        }
    }
    score.print();
    Ok(())
}

#[derive(Default)]
struct Score {
    rows: usize,
    stating: usize,
    /// By mode: right, wrong, missed.
    counts: BTreeMap<char, [usize; 3]>,
    faults: Vec<String>,
}

impl Score {
    fn add(&mut self, row: &Row, labels: &str) -> Result<(), Box<dyn Error>> {
        let (mut required, mut allowed) = (Marks::new(), Marks::new());
        for label in labels.split_whitespace() {
            let (mode, key) = label.split_once(':').ok_or_else(|| format!("`{label}` is no label"))?;
            let mode = mode.chars().next().ok_or("no mode")?;
            match key.strip_suffix('?') {
                Some(key) => allowed.insert((mode, key.to_owned())),
                None => required.insert((mode, key.to_owned())),
            };
        }
        let found = read(&row.text);
        self.rows += 1;
        self.stating += usize::from(!required.is_empty());
        for mark in &required {
            let hit = found.contains(mark);
            let counts = self.counts.entry(mark.0).or_default();
            counts[if hit { 0 } else { 2 }] += 1;
            if !hit {
                self.faults.push(format!("row {} missed {}:{}", row.number, mark.0, mark.1));
            }
        }
        // `c:*?`: the clause is a list of ingredients, and whatever is read in it is there.
        let whole = |m: &&(char, String)| allowed.contains(&(m.0, "*".to_owned()));
        let surplus = found.iter().filter(|m| !required.contains(*m) && !allowed.contains(*m) && !whole(m));
        for mark in surplus {
            if !implied(mark, &required) {
                self.counts.entry(mark.0).or_default()[1] += 1;
                self.faults.push(format!("row {} wrongly {}:{}", row.number, mark.0, mark.1));
            }
        }
        Ok(())
    }

    fn print(&self) {
        for fault in &self.faults {
            println!("{fault}");
        }
        println!("{} rows read by hand, {} of them with a statement", self.rows, self.stating);
        let mut all = [0; 3];
        for (mode, counts) in &self.counts {
            let name = match mode {
                'c' => "contains",
                'p' => "may contain",
                'f' => "facility",
                _ => "free from",
            };
            print_line(name, *counts);
            for (sum, count) in all.iter_mut().zip(counts) {
                *sum += count;
            }
        }
        print_line("all", all);
    }
}

fn print_line(name: &str, [right, wrong, missed]: [usize; 3]) {
    let share = |of: usize| if of == 0 { 100.0 } else { right as f64 * 100.0 / of as f64 };
    println!(
        "{name}: {right} right, {wrong} wrong, {missed} missed; precision {:.2} %, recall {:.2} %",
        share(right + wrong),
        share(right + missed)
    );
}

/// What a name states besides itself: gluten is wheat's too, nuts may be peanuts, and the like.
fn implied(mark: &(char, String), required: &Marks) -> bool {
    let has = |key: &str| required.contains(&(mark.0, key.to_owned()));
    match mark.1.as_str() {
        "wheat" => has("gluten_cereal"),
        "gluten_cereal" => {
            has("wheat")
                || has("gluten_cereal.barley")
                || has("gluten_cereal.rye")
                || has("gluten_cereal.oats")
        }
        "peanut" | "coconut" | "tree_nut" => {
            has("tree_nut")
                || required.iter().any(|(mode, key)| *mode == mark.0 && key.starts_with("tree_nut"))
        }
        "mollusc" => has("crustacean"),
        "crustacean" => has("mollusc"),
        _ => false,
    }
}

/// What the parser reads out of statements.
pub fn read(text: &str) -> Marks {
    let fields = ProductFields { ingredients: Some(text.to_owned()), ..ProductFields::default() };
    let derivation = derive(&Label { fields: &fields, holds: &[] }, Tables::embedded());
    let keys: BTreeSet<&str> = audited().map(|k| k.code()).collect();
    let stated = derivation.evidence.iter().filter(|e| {
        // Only statements make a precaution, also where its words were misread.
        let stated = matches!(e.source, EvidenceSource::Statement | EvidenceSource::Claim)
            || matches!(e.flag, Flag::Pal | Flag::Facility);
        stated && keys.contains(e.key.as_str())
    });
    let mark = |flag: Flag| match flag {
        Flag::Contains => Some('c'),
        Flag::Pal => Some('p'),
        Flag::Facility => Some('f'),
        Flag::ClaimFree => Some('n'),
        _ => None,
    };
    stated.filter_map(|e| Some((mark(e.flag)?, e.key.clone()))).collect()
}
