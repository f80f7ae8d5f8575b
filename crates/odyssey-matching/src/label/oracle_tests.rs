//! The deriver against a second opinion that shares nothing with it: plain text search over real
//! ingredient lists (Open Food Facts, ODbL 1.0), with small word lists of its own.
//!
//! Precautionary and free-from clauses are cut away first, then phrases that only look like a forbidden
//! word. What is left and holds such a word may not be derived as clear of it. The search is coarse on
//! purpose: it knows no brackets, no statuses and no tables, so that it cannot share their faults.

use odyssey_types::{AllergenData, Jurisdiction, ProductFields};

use super::catalog_tests::real_lists;
use super::{Label, Tables, derive};
use crate::facts::{Diet, EvidenceKey as K, Facts, Flag, Truth, keys_of_allergen};

/// Rows of an ordinary test run; `ODYSSEY_SOAK=1` reads the whole catalog.
const ROWS: usize = 20_000;
/// The coverage that an allergy asks for (reference 8.1).
const ALLERGY_COVERAGE_PERMILLE: u16 = 980;

/// Clauses that warn of traces, up to the end of their sentence.
const PRECAUTIONS: &[&str] = &[
    "may contain",
    "may also contain",
    "can contain",
    "traces of",
    "trace of",
    "manufactured in",
    "manufactured on",
    "produced in",
    "produced on",
    "processed in",
    "processed on",
    "prepared in",
    "made in",
    "made on",
    "packed in",
    "packed on",
    "packaged in",
    "packaged on",
    "bottled in",
    "shared equipment",
    "shared facility",
    "same equipment",
    "same facility",
    "facility that",
    "facility which",
    "plant that",
    "equipment that",
    "equipment shared",
    "not suitable for",
];

/// Clauses that deny, up to the next comma or bracket.
const DENIALS: &[&str] = &[
    "contains no ",
    "contain no ",
    "does not contain",
    "do not contain",
    "gluten free bread",
    "gluten-free bread",
    "gluten free pretzel",
    "gluten-free pretzel",
    "free of ",
    "free from ",
    "without ",
    " no ",
    "non dairy",
    "non-dairy",
    "nondairy",
];

/// Words behind which "free" denies: "gluten-free", "dairy free".
const FREE: &[&str] = &["free"];

/// Phrases that only look like a forbidden word; deleted before the search, longest first.
const FALSE_FRIENDS: &[&str] = &[
    "peanut free",
    "peanut butter",
    "almond butter",
    "cashew butter",
    "hazelnut butter",
    "walnut butter",
    "pecan butter",
    "pistachio butter",
    "macadamia butter",
    "sunflower butter",
    "sunflower seed butter",
    "sesame butter",
    "nut butter",
    "seed butter",
    "cocoa butter",
    "cacao butter",
    "coco butter",
    "coconut butter",
    "shea butter",
    "mango butter",
    "kokum butter",
    "apple butter",
    "pumpkin butter",
    "butternut",
    "butter nut squash",
    "butter bean",
    "butter lettuce",
    "butterhead",
    "butter head",
    "butter leaf",
    "butterfly",
    "buttercup",
    "coconut cream",
    "creamed coconut",
    "cream of coconut",
    "cream of tartar",
    "coconut milk",
    "coconutmilk",
    "almond milk",
    "almondmilk",
    "cashew milk",
    "cashewmilk",
    "hazelnut milk",
    "soy milk",
    "soymilk",
    "soya milk",
    "rice milk",
    "oat milk",
    "oatmilk",
    "hemp milk",
    "flax milk",
    "milk thistle",
    "nutmilk",
    "quinoamilk",
    "flaxmilk",
    "almonds milk",
    "macadamia milk",
    "tahini butter",
    "vegan cheese",
    "custard apple",
    "soybean curd",
    "bean curd",
    "rice cracker",
    "chestnut mushroom",
    "honey crisp",
    "water chestnut",
    "waterchestnut",
    "eggplant",
    "egg plant",
    "honeydew",
    "honey dew",
    "honeycrisp",
    "honeybush",
    "honeysuckle",
    "buckwheat",
    "buck wheat",
    "wheatgrass",
    "oyster mushroom",
    "king oyster",
    "kidney bean",
    "coconut meat",
    "nutmeat",
    "beefsteak",
    "goose berry",
    "pregelatin",
    "gelatiniz",
    "gelatinis",
    "gelatinat",
];

/// What a verdict may not overlook: parts of words, and whole words (with a plural `s`).
struct Forbidden {
    name: &'static str,
    parts: &'static [&'static str],
    words: &'static [&'static str],
    is_clear: fn(&Facts) -> bool,
}

const FORBIDDEN: &[Forbidden] = &[
    Forbidden {
        name: "peanut",
        parts: &["peanut", "groundnut", "arachis", "cacahuete", "erdnuss"],
        words: &["pea nut", "goober", "mandelona"],
        is_clear: |facts| is_clear(facts, "peanut"),
    },
    Forbidden {
        name: "milk",
        parts: &[
            "milk",
            "butter",
            "cheese",
            "cream",
            "whey",
            "casein",
            "lactose",
            "yogurt",
            "yoghurt",
            "cheddar",
            "mozzarella",
        ],
        words: &["ghee", "parmesan", "ricotta", "dairy", "romano", "curd", "feta", "kefir", "custard"],
        is_clear: |facts| is_clear(facts, "milk"),
    },
    Forbidden {
        name: "egg",
        parts: &["albumen", "mayonnaise", "meringue"],
        words: &["egg", "egg white", "egg yolk", "yolk", "lysozyme", "mayo"],
        is_clear: |facts| is_clear(facts, "egg"),
    },
    Forbidden {
        name: "soy",
        parts: &["soy", "tofu", "edamame", "tempeh"],
        words: &["miso", "tamari", "natto"],
        is_clear: |facts| is_clear(facts, "soy"),
    },
    Forbidden {
        name: "wheat",
        parts: &["wheat", "semolina", "durum", "couscous", "breadcrumb", "bulgur"],
        words: &[
            "spelt", "farina", "farro", "kamut", "seitan", "panko", "graham", "bread", "cracker", "pretzel",
        ],
        is_clear: |facts| is_clear(facts, "wheat"),
    },
    Forbidden {
        name: "tree_nut",
        parts: &[
            "almond",
            "hazelnut",
            "walnut",
            "pecan",
            "cashew",
            "pistachio",
            "macadamia",
            "filbert",
            "brazil nut",
            "pine nut",
            "chestnut",
        ],
        words: &["marzipan", "gianduja", "praline", "mixed nut", "tree nut"],
        is_clear: |facts| is_clear(facts, "tree_nut"),
    },
    Forbidden {
        name: "fish",
        parts: &["anchov", "salmon", "tilapia", "sardine", "mackerel", "haddock", "pollock"],
        words: &["fish", "tuna", "cod", "trout", "halibut", "herring", "fish sauce", "fish oil", "bonito"],
        is_clear: |facts| is_clear(facts, "fish"),
    },
    Forbidden {
        name: "crustacean",
        parts: &["shrimp", "lobster", "prawn", "crawfish", "crayfish", "langoust"],
        words: &["crab", "crabmeat", "krill"],
        is_clear: |facts| is_clear(facts, "crustacean"),
    },
    Forbidden {
        name: "sesame",
        parts: &["sesame", "tahini"],
        words: &["hummus", "halva", "gomasio"],
        is_clear: |facts| is_clear(facts, "sesame"),
    },
    Forbidden {
        name: "vegan",
        parts: &[
            "milk",
            "butter",
            "cheese",
            "cream",
            "whey",
            "casein",
            "lactose",
            "yogurt",
            "yoghurt",
            "gelatin",
            "carmine",
            "cochineal",
            "honey",
            "beeswax",
            "shellac",
            "collagen",
            "isinglass",
            "anchov",
            "salmon",
            "shrimp",
            "lobster",
            "chicken",
            "bacon",
            "sausage",
            "pepperoni",
            "tallow",
            "mayonnaise",
            "albumen",
        ],
        words: &[
            "egg",
            "egg white",
            "yolk",
            "beef",
            "pork",
            "turkey",
            "ham",
            "lard",
            "suet",
            "meat",
            "lamb",
            "veal",
            "duck",
            "fish",
            "tuna",
            "cod",
            "crab",
            "clam",
            "oyster",
            "squid",
            "dairy",
            "ghee",
            "rennet",
            "parmesan",
            "ricotta",
            "lanolin",
            "liver",
            "propolis",
            "royal jelly",
            "carminic acid",
            "confectioners glaze",
            "confectioner s glaze",
            "animal fat",
        ],
        is_clear: |facts| facts.diets[Diet::Vegan as usize].truth == Truth::Yes,
    },
];

fn is_clear(facts: &Facts, allergen: &str) -> bool {
    let keys: Vec<K> =
        keys_of_allergen(allergen).into_iter().flat_map(|k| k.iter().collect::<Vec<_>>()).collect();
    !keys.is_empty()
        && keys.iter().all(|key| {
            let flags = facts.flags_of(*key);
            let flagged = [Flag::Contains, Flag::Ambiguous, Flag::Exempt].iter().any(|f| flags.has(*f));
            !flagged && !facts.is_incomplete(*key, ALLERGY_COVERAGE_PERMILLE)
        })
}

#[test]
fn no_list_that_names_a_forbidden_word_is_derived_as_clear_of_it() {
    let soak = std::env::var_os("ODYSSEY_SOAK").is_some_and(|v| v == "1");
    let (step, rows) = if soak { (1, usize::MAX) } else { (8, ROWS) };
    let Some(lists) = real_lists(step, rows) else {
        println!("skipped: shared data not present");
        return;
    };
    let (mut faults, mut clear, mut peanut_and_vegan) = (Vec::new(), [0usize; FORBIDDEN.len()], 0);
    for list in &lists {
        let facts = facts_of_attested_us_label(list);
        let text = searchable(list);
        let verdicts: Vec<bool> = FORBIDDEN.iter().map(|f| (f.is_clear)(&facts)).collect();
        for (at, (forbidden, is_clear)) in FORBIDDEN.iter().zip(&verdicts).enumerate() {
            clear[at] += usize::from(*is_clear);
            if let Some(word) = forbidden.in_text(&text).filter(|_| *is_clear) {
                faults.push(format!("{}: `{word}` in: {list}", forbidden.name));
            }
        }
        peanut_and_vegan += usize::from(verdicts[0] && verdicts[FORBIDDEN.len() - 1]);
    }
    println!("{} lists; clear as of an attested US label of 2019-06-14:", lists.len());
    for (forbidden, count) in FORBIDDEN.iter().zip(clear) {
        println!("  {}: {count}", forbidden.name);
    }
    println!("  peanut and vegan: {peanut_and_vegan}");
    assert!(peanut_and_vegan > lists.len() / 100, "a search that clears nothing proves nothing");
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn the_search_finds_what_is_there_and_nothing_else() {
    let found = |name: &str, text: &str| {
        let forbidden = FORBIDDEN.iter().find(|f| f.name == name);
        forbidden.and_then(|f| f.in_text(&searchable(text)))
    };
    assert_eq!(found("peanut", "Corn, PEANUTS, salt"), Some("peanut"));
    assert_eq!(found("peanut", "Corn. May contain peanuts."), None);
    assert_eq!(found("peanut", "Corn. Made in a facility that handles peanuts and milk"), None);
    assert_eq!(found("vegan", "cocoa butter, cream of tartar, eggplant, non-dairy"), None);
    assert_eq!(found("vegan", "cocoa butter, butter"), Some("butter"));
    assert_eq!(found("milk", "May contain nuts. Whole milk"), Some("milk"));
    assert_eq!(found("wheat", "gluten and wheat free oats"), None);
}

fn facts_of_attested_us_label(list: &str) -> Facts {
    let fields = ProductFields {
        ingredients: Some(list.to_owned()),
        label_jurisdiction: Jurisdiction::Us,
        label_as_of: chrono::NaiveDate::from_ymd_opt(2019, 6, 14),
        allergen_data: AllergenData::Complete,
        ..ProductFields::default()
    };
    derive(&Label { fields: &fields, holds: &[] }, Tables::embedded()).facts
}

impl Forbidden {
    fn in_text(&self, text: &str) -> Option<&'static str> {
        let whole =
            |word: &&&str| text.contains(&format!(" {word} ")) || text.contains(&format!(" {word}s "));
        let part = self.parts.iter().find(|p| text.contains(**p));
        part.or_else(|| self.words.iter().find(whole)).copied()
    }
}

/// The list in lower case, without clauses and false friends, words apart by single spaces.
fn searchable(list: &str) -> String {
    let mut text = format!(" {} ", list.to_lowercase().replace(['_', '*'], ""));
    for start in PRECAUTIONS {
        cut(&mut text, start, &['.', ';', '\n']);
    }
    for start in DENIALS {
        cut(&mut text, start, &[',', '.', ';', '(', ')', '\n']);
    }
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let mut kept: Vec<&str> = Vec::new();
    for word in words {
        if FREE.contains(&word) {
            kept.pop();
        } else {
            kept.push(word);
        }
    }
    let mut text = format!(" {} ", kept.join(" "));
    for friend in FALSE_FRIENDS {
        // What only looks like milk may still be a peanut: "peanut butter" keeps its first word.
        let of_a_nut = friend.split_once(' ').filter(|(_, last)| ["butter", "milk"].contains(last));
        text = text.replace(friend, of_a_nut.map_or("", |(nut, _)| nut));
    }
    text
}

/// Cuts from each `start` up to the next of `ends`.
fn cut(text: &mut String, start: &str, ends: &[char]) {
    let mut from = 0;
    while let Some(at) = text[from..].find(start) {
        let at = from + at;
        let body = at + start.len();
        let end = text[body..].find(ends).map_or(text.len(), |e| body + e);
        text.replace_range(at..end, " ");
        from = at + 1;
    }
}
