//! A second opinion that knows nothing of our tables: plain text search.

/// Words that no product for a vegan with a peanut allergy may name.
const FORBIDDEN: [&str; 40] = [
    "peanut",
    "groundnut",
    "arachis",
    "milk",
    "butter",
    "cream",
    "cheese",
    "whey",
    "casein",
    "yogurt",
    "yoghurt",
    "lactose",
    "ghee",
    "egg",
    "albumen",
    "mayonnaise",
    "honey",
    "gelatin",
    "beef",
    "pork",
    "bacon",
    "ham",
    "chicken",
    "turkey",
    "lamb",
    "lard",
    "tallow",
    "fish",
    "anchov",
    "tuna",
    "salmon",
    "cod",
    "shrimp",
    "crab",
    "lobster",
    "oyster",
    "clam",
    "squid",
    "carmine",
    "cochineal",
];

/// Phrases that only look like one of them; deleted before the search.
const FALSE_FRIENDS: [&str; 70] = [
    "cocoa butter",
    "cacao butter",
    "coconut butter",
    "shea butter",
    "mango butter",
    "almond butter",
    "cashew butter",
    "sunflower butter",
    "sunflower seed butter",
    "apple butter",
    "pumpkin butter",
    "nut butter",
    "seed butter",
    "sesame butter",
    "soy butter",
    "walnut butter",
    "pecan butter",
    "butternut",
    "butter bean",
    "butter lettuce",
    "butterhead",
    "buttercup",
    "vegan butter",
    "coconut cream",
    "coconut milk",
    "coconutmilk",
    "coconut yogurt",
    "almond milk",
    "almondmilk",
    "cashew milk",
    "cashewmilk",
    "soy milk",
    "soymilk",
    "soya milk",
    "rice milk",
    "oat milk",
    "hemp milk",
    "hazelnut milk",
    "pea milk",
    "flax milk",
    "nut milk",
    "plant milk",
    "cream of tartar",
    "creamed corn",
    "cream style",
    "creamed coconut",
    "non-dairy",
    "milk thistle",
    "vegan cheese",
    "eggplant",
    "egg plant",
    "graham",
    "champagne",
    "hamburger bun",
    "oyster mushroom",
    "oyster plant",
    "crabapple",
    "crab apple",
    "honeydew",
    "honeycrisp",
    "honey crisp",
    "honeysuckle",
    "honey mango",
    "honeynut",
    "clamshell",
    "cream sherry",
    "chamomile",
    "hamlin",
    "codium",
    "coconut water",
];

/// Clauses that warn or deny; what they name is not in the product.
const CLAUSES: [&str; 9] = [
    "may contain",
    "traces of",
    "manufactured in",
    "made in a",
    "made on",
    "produced in",
    "processed in",
    "packed in",
    "free from",
];

/// The forbidden words that stand in an ingredient list, false friends and precautionary clauses aside.
pub fn forbidden_words(ingredients: &str) -> Vec<&'static str> {
    let mut text = ingredients.to_lowercase();
    for clause in CLAUSES {
        while let Some(start) = text.find(clause) {
            let end = text[start..].find('.').map_or(text.len(), |at| start + at + 1);
            text.replace_range(start..end, " ");
        }
    }
    for phrase in FALSE_FRIENDS {
        text = text.replace(phrase, " ");
    }
    FORBIDDEN.into_iter().filter(|word| stands_in(&text, word)).collect()
}

/// At the beginning of a word, in singular or plural; "ham" is not in "chamomile" nor in "hamlet".
fn stands_in(text: &str, word: &str) -> bool {
    let mut from = 0;
    while let Some(at) = text[from..].find(word).map(|at| from + at) {
        let before = text[..at].chars().next_back();
        let rest = &text[at + word.len()..];
        let ends = rest.chars().next().is_none_or(|c| !c.is_alphabetic())
            || ["s", "es", "y", "ies", "ate", "ates", "milk", "fat", "ine"].iter().any(|end| {
                rest.strip_prefix(end)
                    .is_some_and(|rest| rest.chars().next().is_none_or(|c| !c.is_alphabetic()))
            });
        // "-free" behind a word denies it.
        let denied = rest.trim_start_matches(['s', '-', ' ']).starts_with("free");
        if before.is_none_or(|c| !c.is_alphabetic()) && ends && !denied {
            return true;
        }
        from = at + word.len();
    }
    false
}

#[test]
fn the_second_opinion_sees_what_stands_there_and_nothing_else() {
    assert_eq!(forbidden_words("Water, nonfat MILK, salt"), ["milk"]);
    assert_eq!(
        forbidden_words("Almond milk, cocoa butter, eggplant. May contain peanuts."),
        Vec::<&str>::new()
    );
    assert_eq!(forbidden_words("Roasted peanuts"), ["peanut"]);
}
