//! Brands that nobody has, made of two halves and a tail.

use super::random::{LongTail, Random};

const FIRST: &[&str] = &[
    "Quill", "Tarn", "Fenn", "Marl", "Brack", "Osten", "Pell", "Wrenn", "Thist", "Harrow", "Cald", "Dunn",
    "Emberl", "Fal", "Gris", "Hest", "Ivar", "Jorn", "Kest", "Lumm", "Mott", "Nettl", "Orrin", "Penn",
    "Rusk", "Sorrel", "Tamm", "Ulver", "Vann", "Wick", "Yarr", "Zell", "Aldr", "Birk", "Crann", "Dovel",
    "Elm", "Frith", "Glenn", "Hollin",
];
const SECOND: &[&str] = &[
    "mere", "wick", "holt", "by", "combe", "dale", "stead", "garth", "field", "low", "ford", "march", "rigg",
    "shaw", "thorpe", "vale", "wold", "haven", "croft", "den", "ley", "mount", "ness", "pool", "ridge",
    "side", "stow", "tide", "water",
];
const TAIL: &[&str] = &["", " Farms", " Kitchen", " Mill", " & Daughters", " Pantry", "", " Provisions"];

/// How many brands there are: each pair once, the tail following from the pair.
pub(super) const BRANDS: usize = 1_160;

pub(super) fn tail() -> LongTail {
    LongTail::new(BRANDS, 4)
}

/// A brand, the first ones far more often than the last ones.
pub(super) fn pick(random: &mut Random, tail: &LongTail) -> String {
    name(random.long_tail(tail))
}

fn name(nth: usize) -> String {
    // 40 and 29 have no common divisor, so stepping through both at once meets every pair once.
    let (first, second) = (FIRST[nth % FIRST.len()], SECOND[nth % SECOND.len()]);
    format!("{first}{second}{}", TAIL[(nth / 3) % TAIL.len()])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_brand_is_another_one() {
        assert_eq!(BRANDS, FIRST.len() * SECOND.len());
        let names: BTreeSet<String> = (0..BRANDS).map(name).collect();
        assert_eq!(names.len(), BRANDS);
    }
}
