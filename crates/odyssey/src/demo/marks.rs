//! What a food contains or is, as bits, and how labels call its allergens.

/// The words of the tables, by bit. First the nine US allergens (21 U.S.C. 321(qq)), fish, crustaceans and
/// tree nuts by their kind, as the law wants them named; then what matters for diets; last what an
/// ingredient may be left out for and how it is written.
pub(super) const MARK_WORDS: [&str; 30] = [
    "milk",
    "egg",
    "salmon",
    "tuna",
    "cod",
    "anchovy",
    "shrimp",
    "almond",
    "walnut",
    "cashew",
    "pecan",
    "hazelnut",
    "pistachio",
    "peanut",
    "wheat",
    "soy",
    "sesame",
    "barley",
    "rye",
    "oats",
    "animal",
    "pork",
    "honey",
    "alcohol",
    "gelatin",
    "salted",
    "sweetened",
    "salty",
    "sweet",
    "tiny",
];

/// How many of the words are allergens.
const ALLERGEN_COUNT: usize = 17;

/// A set of marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks(u32);

impl Marks {
    pub(super) const NONE: Self = Self(0);
    pub(super) const MILK: Self = Self(1);
    pub(super) const EGG: Self = Self(1 << 1);
    /// Salmon, tuna, cod, anchovy and shrimp.
    pub(super) const SEAFOOD: Self = Self(0b11111 << 2);
    pub(super) const WHEAT: Self = Self(1 << 14);
    /// Wheat, barley, rye and oats: oats are rarely free of the others unless they are grown apart.
    pub(super) const GLUTEN: Self = Self(Self::WHEAT.0 | 0b111 << 17);
    pub(super) const ANIMAL: Self = Self(1 << 20);
    pub(super) const HONEY: Self = Self(1 << 22);
    pub(super) const ALCOHOL: Self = Self(1 << 23);
    pub(super) const SALTED: Self = Self(1 << 25);
    pub(super) const SWEETENED: Self = Self(1 << 26);
    pub(super) const SALTY: Self = Self(1 << 27);
    pub(super) const SWEET: Self = Self(1 << 28);
    pub(super) const TINY: Self = Self(1 << 29);

    pub(super) const fn bit(at: usize) -> Self {
        Self(1 << at)
    }

    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// True when the two sets share a mark.
    pub(super) const fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// What passes to the food that this one is inside of: salt and sugar can no longer be left out.
    pub(super) fn inside(self) -> Self {
        let mut passed = self.without(Self::SALTY.with(Self::SWEET).with(Self::TINY));
        if self.any(Self::SALTY) {
            passed = passed.with(Self::SALTED);
        }
        if self.any(Self::SWEET) {
            passed = passed.with(Self::SWEETENED);
        }
        passed
    }

    pub(super) fn allergens(self) -> impl Iterator<Item = &'static AllergenNames> {
        ALLERGENS.iter().enumerate().filter(move |(at, _)| self.any(Self::bit(*at))).map(|(_, names)| names)
    }
}

/// An allergen in a column of declarations, in the statement of a label, and in "may contain".
#[derive(Debug)]
pub(super) struct AllergenNames {
    pub column: &'static str,
    pub statement: &'static str,
    pub plain: &'static str,
}

/// In the order of the bits.
const ALLERGENS: [AllergenNames; ALLERGEN_COUNT] = [
    names("Milk", "Milk", "milk"),
    names("Egg", "Egg", "eggs"),
    names("Fish", "Fish (Salmon)", "fish"),
    names("Fish", "Fish (Tuna)", "fish"),
    names("Fish", "Fish (Cod)", "fish"),
    names("Fish", "Fish (Anchovy)", "fish"),
    names("Shrimp", "Crustacean Shellfish (Shrimp)", "shrimp"),
    names("Almonds", "Almonds", "almonds"),
    names("Walnuts", "Walnuts", "walnuts"),
    names("Cashews", "Cashews", "cashews"),
    names("Pecans", "Pecans", "pecans"),
    names("Hazelnuts", "Hazelnuts", "hazelnuts"),
    names("Pistachios", "Pistachios", "pistachios"),
    names("Peanuts", "Peanuts", "peanuts"),
    names("Wheat", "Wheat", "wheat"),
    names("Soy", "Soy", "soy"),
    names("Sesame", "Sesame", "sesame"),
];

const fn names(column: &'static str, statement: &'static str, plain: &'static str) -> AllergenNames {
    AllergenNames { column, statement, plain }
}
