//! What is known, ruled out and *not known* about one product: the common ground of the deriver,
//! the snapshot and the engine.

use odyssey_types::Nutrients;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::facts_document::FactsDocument;
use crate::indices::Indices;

macro_rules! keys {
    ($($variant:ident $code:literal $label:literal;)+) => {
        /// An allergen or an ingredient class that evidence is kept for. The order is that of storage
        /// (`product_facts.evidence_keys`) and of the snapshot's bitmaps: append only.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum EvidenceKey { $($variant),+ }

        impl EvidenceKey {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable code: `tree_nut.almond`, `class.pork`.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The name in a sentence.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),+ }
            }
        }
    };
}

keys! {
    Milk "milk" "milk";
    Egg "egg" "egg";
    Fish "fish" "fish";
    Crustacean "crustacean" "crustacean shellfish";
    Mollusc "mollusc" "molluscs";
    TreeNut "tree_nut" "tree nuts";
    Almond "tree_nut.almond" "almond";
    Hazelnut "tree_nut.hazelnut" "hazelnut";
    Walnut "tree_nut.walnut" "walnut";
    Pecan "tree_nut.pecan" "pecan";
    Cashew "tree_nut.cashew" "cashew";
    Pistachio "tree_nut.pistachio" "pistachio";
    BrazilNut "tree_nut.brazil" "Brazil nut";
    Macadamia "tree_nut.macadamia" "macadamia";
    PineNut "tree_nut.pine" "pine nut";
    OtherTreeNut "tree_nut.other" "other tree nuts";
    Coconut "coconut" "coconut";
    Peanut "peanut" "peanut";
    Wheat "wheat" "wheat";
    GlutenCereal "gluten_cereal" "gluten-containing cereals";
    Barley "gluten_cereal.barley" "barley";
    Rye "gluten_cereal.rye" "rye";
    Oats "gluten_cereal.oats" "oats";
    Soy "soy" "soy";
    Sesame "sesame" "sesame";
    Mustard "mustard" "mustard";
    Celery "celery" "celery";
    Lupin "lupin" "lupin";
    Sulfite "sulfite" "sulfites";
    Meat "class.meat" "meat";
    Pork "class.pork" "pork";
    Poultry "class.poultry" "poultry";
    Bee "class.bee" "bee products";
    AnimalAdditive "class.animal_additive" "animal-derived additives";
    AmbiguousAdditive "class.ambiguous_additive" "additives of unstated origin";
    Alcohol "class.alcohol" "alcohol";
    Grain "class.grain" "grain";
    Legume "class.legume" "legumes";
    Fava "class.fava" "fava bean";
    Root "class.root" "root vegetables";
    AddedSugar "class.added_sugar" "added sugar";
    Sweetener "class.sweetener" "sweeteners";
    Phenylalanine "class.phenylalanine" "phenylalanine sources";
    PartiallyHydrogenated "class.partially_hydrogenated" "partially hydrogenated oil";
    Caffeine "class.caffeine" "caffeine";
    Licorice "class.licorice" "licorice";
    Grapefruit "class.grapefruit" "grapefruit";
    Tyramine "class.tyramine" "tyramine-rich foods";
    PotassiumSalt "class.potassium_salt" "potassium salts";
    HighMercuryFish "class.high_mercury_fish" "high-mercury fish";
    RawRisk "class.raw_risk" "raw or unpasteurised foods";
    Corn "corn" "corn";
    Rice "rice" "rice";
    Buckwheat "buckwheat" "buckwheat";
    Kiwi "kiwi" "kiwi";
    Banana "banana" "banana";
    Mango "mango" "mango";
    Apple "apple" "apple";
    Peach "peach" "peach";
    Strawberry "strawberry" "strawberry";
    Citrus "citrus" "citrus fruit";
    Tomato "tomato" "tomato";
    Garlic "garlic" "garlic";
    Onion "onion" "onion";
    Mushroom "mushroom" "mushroom";
    Potato "potato" "potato";
    Cocoa "cocoa" "cocoa";
    Cinnamon "cinnamon" "cinnamon";
    Vanilla "vanilla" "vanilla";
    Tartrazine "tartrazine" "tartrazine";
    Glutamate "glutamate" "glutamate";
    Beef "beef" "beef";
    Gelatin "gelatin" "gelatin";
    Lactose "lactose" "lactose";
    OrganMeat "class.organ_meat" "organ meat";
    ProcessedMeat "class.processed_meat" "processed meat";
    Nightshade "class.nightshade" "nightshades";
    Fructan "class.fructan" "fructans";
    Galactan "class.galactan" "galactans";
    Fructose "class.fructose" "excess fructose";
    Polyol "class.polyol" "polyols";
    PhosphateAdditive "class.phosphate_additive" "phosphate additives";
    StarFruit "class.star_fruit" "star fruit";
    HighPurine "class.high_purine" "purine-rich foods";
    Mint "class.mint" "mint";
    Chili "class.chili" "chili";
    LeafyGreens "class.leafy_greens" "leafy greens";
    Natto "class.natto" "natto";
    Cranberry "class.cranberry" "cranberry";
    Quinine "class.quinine" "quinine";
    Iron "class.iron_fortified" "added iron";
    Calcium "class.calcium_fortified" "added calcium";
    Carrageenan "class.carrageenan" "carrageenan";
    Insect "class.insect" "insects";
    Sucrose "class.sucrose_fructose" "sucrose and fructose";
    HighOxalate "class.high_oxalate" "oxalate-rich foods";
    Carbonation "class.carbonation" "carbonation";
    WholeGrain "class.whole_grain" "whole grain";
    RefinedGrain "class.refined_grain" "refined grain";
    NonKosherAnimal "class.non_kosher_animal" "animals that are not kosher";
    Yeast "class.yeast" "yeast";
    MilkDrink "class.milk_drink" "milk as a drink";
    RawFish "class.raw_fish" "raw fish";
    FortifiedSoy "class.fermented_soy" "fermented soy";
    TeaCoffee "class.tea_coffee" "tea or coffee";
    DriedFruit "class.dried_fruit" "dried fruit";
    HistamineFish "class.histamine_fish" "fish rich in histamine";
    HerbalActive "class.herbal_active" "herbs that act like drugs";
    BitterMelon "class.bitter_melon" "bitter melon";
    Menthol "class.menthol" "menthol";
    Avocado "class.avocado" "avocado";
}

/// How many keys there are.
pub const KEY_COUNT: usize = EvidenceKey::ALL.len();

impl EvidenceKey {
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|k| k.code() == code)
    }

    /// True for allergens, false for ingredient classes.
    pub const fn is_allergen(self) -> bool {
        self.is_regulated() || (Self::Corn as u8 <= self as u8 && self as u8 <= Self::Lactose as u8)
    }

    /// True for the allergens that the law of some jurisdiction makes a label declare, and for their
    /// kin of the same order: what "contains" and "may contain" statements are about.
    pub const fn is_regulated(self) -> bool {
        (self as u8) <= (Self::Sulfite as u8)
    }
}

/// A set of keys, as bits by their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct KeySet(pub u128);

const _: () = assert!(KEY_COUNT <= u128::BITS as usize, "every key has its bit");

impl KeySet {
    pub const EMPTY: Self = Self(0);

    pub const fn of(keys: &[EvidenceKey]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < keys.len() {
            bits |= 1 << (keys[at] as u8);
            at += 1;
        }
        Self(bits)
    }

    pub const fn contains(self, key: EvidenceKey) -> bool {
        self.0 & (1 << (key as u8)) != 0
    }

    pub const fn insert(&mut self, key: EvidenceKey) {
        self.0 |= 1 << (key as u8);
    }

    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in `self` and not in `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Ascending.
    pub fn iter(self) -> impl Iterator<Item = EvidenceKey> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let key = EvidenceKey::ALL.get(rest.trailing_zeros() as usize)?;
            rest &= rest - 1;
            Some(*key)
        })
    }
}

/// As the list of codes, in the order of the keys: readable, and the same wherever numbers end at 2^53.
impl Serialize for KeySet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(EvidenceKey::code))
    }
}

impl<'de> Deserialize<'de> for KeySet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut keys = Self::EMPTY;
        for code in <Vec<String>>::deserialize(deserializer)? {
            let unknown = || serde::de::Error::custom(format!("`{code}` is not a key"));
            keys.insert(EvidenceKey::from_code(&code).ok_or_else(unknown)?);
        }
        Ok(keys)
    }
}

/// The allergen keys that a customer's (or a vendor's) allergen code stands for; `None` for a code we
/// do not know. Groups expand to the safe side: `nut` to tree nuts and peanut, `seafood` to all of it.
pub fn keys_of_allergen(code: &str) -> Option<KeySet> {
    use EvidenceKey as K;
    const TREE_NUTS: KeySet = KeySet::of(&[
        K::TreeNut,
        K::Almond,
        K::Hazelnut,
        K::Walnut,
        K::Pecan,
        K::Cashew,
        K::Pistachio,
        K::BrazilNut,
        K::Macadamia,
        K::PineNut,
        K::OtherTreeNut,
    ]);
    Some(match code {
        "tree_nut" => TREE_NUTS,
        "nut" => TREE_NUTS.union(KeySet::of(&[K::Peanut])),
        "gluten" => KeySet::of(&[K::Wheat, K::GlutenCereal, K::Barley, K::Rye, K::Oats]),
        "gluten_cereal" => KeySet::of(&[K::GlutenCereal, K::Barley, K::Rye, K::Oats]),
        "shellfish" => KeySet::of(&[K::Crustacean, K::Mollusc]),
        "seafood" => KeySet::of(&[K::Fish, K::Crustacean, K::Mollusc]),
        // Foods that people are allergic to and that are kept as classes.
        "meat" => KeySet::of(&[K::Meat, K::Pork, K::Poultry, K::Beef, K::OrganMeat]),
        "red_meat" => KeySet::of(&[K::Meat, K::Pork, K::Beef, K::OrganMeat]),
        "pork" => KeySet::of(&[K::Pork]),
        "poultry" => KeySet::of(&[K::Poultry]),
        "legume" => KeySet::of(&[K::Legume, K::Fava, K::Peanut, K::Soy, K::Lupin]),
        "fava" => KeySet::of(&[K::Fava]),
        "aspartame" => KeySet::of(&[K::Phenylalanine]),
        "caffeine" => KeySet::of(&[K::Caffeine]),
        // Cashew and pistachio, walnut and pecan cross-react in nearly everyone (reference 4.5).
        "tree_nut.cashew" | "tree_nut.pistachio" => KeySet::of(&[K::TreeNut, K::Cashew, K::Pistachio]),
        "tree_nut.walnut" | "tree_nut.pecan" => KeySet::of(&[K::TreeNut, K::Walnut, K::Pecan]),
        other => {
            let key = EvidenceKey::from_code(other).filter(|k| k.is_allergen())?;
            let group =
                if other.starts_with("tree_nut.") { KeySet::of(&[K::TreeNut]) } else { KeySet::EMPTY };
            let group = match key {
                K::Barley | K::Rye | K::Oats => KeySet::of(&[K::GlutenCereal]),
                _ => group,
            };
            KeySet::of(&[key]).union(group)
        }
    })
}

/// One kind of evidence, as a bit of [`Flags`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Flag {
    /// Declared, in a "contains" line, or a definite ingredient term.
    Contains = 0,
    /// A term whose source is not stated.
    Ambiguous = 1,
    /// Precautionary statement: "may contain".
    Pal = 2,
    /// Precautionary statement: shared facility or equipment.
    Facility = 3,
    /// A derivative exempt from declaration.
    Exempt = 4,
    /// A free-from claim; never cancels another flag.
    ClaimFree = 5,
    /// A current certified or regulated free-from claim.
    CertifiedFree = 6,
}

impl Flag {
    pub const ALL: &'static [Self] = &[
        Self::Contains,
        Self::Ambiguous,
        Self::Pal,
        Self::Facility,
        Self::Exempt,
        Self::ClaimFree,
        Self::CertifiedFree,
    ];
}

/// A set of flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Flags(pub u8);

impl Flags {
    pub const NONE: Self = Self(0);

    pub const fn has(self, flag: Flag) -> bool {
        self.0 & (1 << (flag as u8)) != 0
    }

    pub const fn with(self, flag: Flag) -> Self {
        Self(self.0 | (1 << (flag as u8)))
    }

    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn without(self, flag: Flag) -> Self {
        Self(self.0 & !(1 << (flag as u8)))
    }
}

/// What can be said about the ingredient list as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum ListState {
    Absent = 0,
    /// Cut off (an import limit, an open parenthesis, a trailing comma): absence proves nothing.
    Truncated = 1,
    /// A language whose terms we do not know.
    OtherLanguage = 2,
    Complete = 3,
    /// Complete once, but of a label that is too old to prove anything. Never stored: whether a label is too
    /// old depends on the vendor's limit and the day ([`Facts::as_stale`]).
    Stale = 4,
}

/// Three-valued truth: unknown is not no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Truth {
    Unknown = 0,
    No = 1,
    Yes = 2,
}

macro_rules! diets {
    ($($variant:ident $code:literal $label:literal;)+) => {
        /// A diet that products are judged by. Append only.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Diet { $($variant),+ }

        impl Diet {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),+ }
            }

            pub fn from_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|d| d.code() == code)
            }
        }
    };
}

diets! {
    Vegan "vegan" "vegan";
    Vegetarian "vegetarian" "vegetarian";
    GlutenFree "gluten_free" "gluten-free";
    Halal "halal" "halal";
    Kosher "kosher" "kosher";
    LactoVegetarian "lacto_vegetarian" "lacto-vegetarian";
    OvoVegetarian "ovo_vegetarian" "ovo-vegetarian";
    Pescatarian "pescatarian" "pescatarian";
    DairyFree "dairy_free" "dairy-free";
    LactoseFree "lactose_free" "lactose-free";
    Keto "keto" "keto";
    LowCarb "low_carb" "low-carb";
    LowFat "low_fat" "low-fat";
    LowSodium "low_sodium" "low-sodium";
    LowSugar "low_sugar" "low-sugar";
    HighProtein "high_protein" "high-protein";
    HighFiber "high_fiber" "high-fiber";
    Dash "dash" "DASH";
    Mediterranean "mediterranean" "Mediterranean";
    Paleo "paleo" "paleo";
    Primal "primal" "primal";
    Whole30 "whole30" "Whole30";
    LowFodmap "low_fodmap" "low-FODMAP";
    Jain "jain" "Jain";
    HinduVegetarian "hindu_vegetarian" "Hindu vegetarian";
    Sattvic "sattvic" "sattvic";
    NoPork "no_pork" "pork-free";
    NoBeef "no_beef" "beef-free";
    NoRedMeat "no_red_meat" "free of red meat";
    AlcoholFree "alcohol_free" "alcohol-free";
    Carnivore "carnivore" "carnivore";
    Raw "raw" "raw-food";
    Macrobiotic "macrobiotic" "macrobiotic";
    LowResidue "low_residue" "low-residue";
    Soft "soft" "soft";
    EggFree "egg_free" "egg-free";
    NutFree "nut_free" "nut-free";
    SoyFree "soy_free" "soy-free";
    FishFree "fish_free" "fish-free";
    ShellfishFree "shellfish_free" "shellfish-free";
    SugarFree "sugar_free" "sugar-free";
    NoAddedSugar "no_added_sugar" "without added sugar";
}

/// How many diets there are.
pub const DIET_COUNT: usize = Diet::ALL.len();

/// What is known of one diet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DietFact {
    pub truth: Truth,
    /// `Yes` rests on a certificate.
    pub certified: bool,
    /// A precautionary statement names a class that the diet excludes.
    pub precaution: bool,
}

/// Where the reference amount comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum ReferenceSource {
    /// The labelled serving.
    Serving = 0,
    /// The reference amount customarily consumed, 21 CFR 101.12(b).
    Racc = 1,
    /// Neither is known: 100 g or ml (`DQ_SERVING_ASSUMED`).
    Assumed = 2,
}

/// What one product's label amounts to. Derived once when a product is written, by a versioned
/// deriver; stored as `product_facts`; loaded into snapshots. As JSON it says only what is known, by code:
/// [`FactsDocument`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "FactsDocument", try_from = "FactsDocument")]
pub struct Facts {
    /// Flags by key.
    pub flags: [Flags; KEY_COUNT],
    pub list_state: ListState,
    /// Recognised tokens of all tokens, rounded down.
    pub coverage_permille: u16,
    /// The list has a term that may hide others: spices, natural flavour, broth.
    pub container_term: bool,
    /// The keys that this label's jurisdiction and date oblige it to declare.
    pub mandatory: KeySet,
    /// The vendor attests that the allergen declaration is complete.
    pub attested: bool,
    pub diets: [DietFact; DIET_COUNT],
    /// Per 100 g or 100 ml; unknown where the basis cannot be converted.
    pub per_100: Nutrients,
    /// Per reference amount.
    pub per_reference: Nutrients,
    /// Micrograms or nanolitres.
    pub reference_amount: i64,
    pub reference_source: ReferenceSource,
    /// The reference amount and `per_100` count millilitres, not grams.
    pub is_volume: bool,
    /// Nutri-Score and the other indices; they score and inform, they never exclude.
    pub indices: Indices,
}

impl Facts {
    pub const fn flags_of(&self, key: EvidenceKey) -> Flags {
        self.flags[key as usize]
    }

    /// Whether silence about `key` proves nothing, for a constraint that asks for `coverage_permille`
    /// (reference 8.1): cleared only by a complete list of enough coverage *and* (a mandatory
    /// allergen on an attested label, or a certified claim, or full coverage without a container term).
    /// An allergen is never cleared by a label that is merely silent: the last way too needs the vendor's
    /// attestation, and only ingredient classes do without.
    pub fn is_incomplete(&self, key: EvidenceKey, coverage_permille: u16) -> bool {
        let list_good = self.list_state == ListState::Complete && self.coverage_permille >= coverage_permille;
        let spoken_for = (self.mandatory.contains(key) && self.attested)
            || self.flags_of(key).has(Flag::CertifiedFree)
            || (!self.mandatory.contains(key)
                && self.coverage_permille == 1000
                && !self.container_term
                && (self.attested || !key.is_allergen()));
        !(list_good && spoken_for)
    }
}

impl Facts {
    /// Whether somebody whom `former` fitted may find these facts in conflict, or be unsure of them: a flag that speaks
    /// for an allergen or a class is new, a diet is broken or doubted that was not, an amount or the portion is
    /// another, less is known of the list. A quick look before all customers are asked; it may say yes for nothing,
    /// and never no for something.
    pub fn may_turn_away(&self, former: &Self) -> bool {
        const SPEAKING: Flags = Flags::NONE
            .with(Flag::Contains)
            .with(Flag::Ambiguous)
            .with(Flag::Pal)
            .with(Flag::Facility)
            .with(Flag::Exempt);
        let new_flag = |(is, was): (&Flags, &Flags)| is.0 & !was.0 & SPEAKING.0 != 0;
        let worse = |(is, was): (&DietFact, &DietFact)| {
            (is.truth != was.truth && is.truth != Truth::Yes) || (is.precaution && !was.precaution)
        };
        self.flags.iter().zip(&former.flags).any(new_flag)
            || self.diets.iter().zip(&former.diets).any(worse)
            || self.per_reference != former.per_reference
            || self.per_100 != former.per_100
            || self.reference_amount != former.reference_amount
            || self.reference_source != former.reference_source
            || self.knows_less_than(former)
    }

    /// Whether silence may prove less than it did.
    fn knows_less_than(&self, former: &Self) -> bool {
        let lost = |key: &EvidenceKey| {
            let free = |facts: &Self| facts.flags_of(*key).has(Flag::CertifiedFree);
            (former.mandatory.contains(*key) && !self.mandatory.contains(*key))
                || (free(former) && !free(self))
        };
        (self.list_state != former.list_state && self.list_state != ListState::Complete)
            || self.coverage_permille < former.coverage_permille
            || (self.container_term && !former.container_term)
            || (former.attested && !self.attested)
            || EvidenceKey::ALL.iter().any(lost)
    }

    /// What is left of the facts of a label that is older than the vendor accepts. What it says it contains, it
    /// may contain still; what it does not say, and what it claims to be free of, is not known any more.
    /// Amounts stay: a label's figures are checked against nothing newer, and a score is no promise.
    pub fn as_stale(&self) -> Self {
        let mut stale = self.clone();
        if stale.list_state == ListState::Complete {
            stale.list_state = ListState::Stale;
        }
        for flags in &mut stale.flags {
            *flags = flags.without(Flag::CertifiedFree);
        }
        for diet in stale.diets.iter_mut().filter(|diet| diet.truth == Truth::Yes) {
            (diet.truth, diet.certified) = (Truth::Unknown, false);
        }
        stale
    }
}

/// What a flag rests on, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceSource {
    /// The vendor's declaration.
    Declared,
    /// A label statement: "contains: …", "may contain …", "made in a facility …".
    Statement,
    /// A term of the ingredient list, the name, or the description.
    Term,
    /// A claim or certificate.
    Claim,
    /// A flag that disappeared from the data and is held until a person releases it.
    Hold,
}

/// Why a flag stands, fit to be quoted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Evidence {
    pub key: String,
    pub flag: Flag,
    pub source: EvidenceSource,
    /// The product field it was found in: `allergens`, `ingredients`, `name`, …
    pub field: String,
    /// The text on the label.
    pub matched: String,
    /// The term of our tables that it matched.
    pub term: String,
    /// Byte offset in the field's text.
    pub offset: u32,
}

/// Something a vendor should look at; codes are `DQ_…` of reference 8.5.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct QualityIssue {
    pub code: String,
    pub field: String,
    /// The offending value, or what the issue is about.
    pub value: String,
    /// What was probably meant, where one reading and no other makes sense of the figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meant: Option<String>,
}

impl QualityIssue {
    pub fn new(code: &str, field: &str, value: impl Into<String>) -> Self {
        Self { code: code.to_owned(), field: field.to_owned(), value: value.into(), meant: None }
    }
}

/// The full result of deriving: the facts, and what they rest on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derivation {
    pub facts: Facts,
    /// Sorted by key, flag, source, offset.
    pub evidence: Vec<Evidence>,
    pub issues: Vec<QualityIssue>,
}
