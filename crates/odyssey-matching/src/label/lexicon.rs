//! The vocabulary: every word of the tables, numbered, with what is known of it.

use std::collections::HashMap;

pub(super) type WordId = u32;

/// What a word means to the reader of statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Marker {
    #[default]
    None,
    Contain,
    May,
    Not,
    No,
    Without,
    Free,
    Trace,
    Allergen,
    Information,
    Ingredient,
    Made,
    In,
    Place,
    Shared,
    Relative,
    Suitable,
    /// What a facility does: "facility processes fish".
    Uses,
    /// Begins the prose behind a list: "distributed by".
    Prose,
    /// Stands between "may" and "contain".
    Also,
    /// Speaks of a person: "allergic to nuts" is no heading.
    Allergic,
    /// A thing that should not be there and is no allergen: bones, pits.
    Hazard,
    /// Sends the reader elsewhere: "see the ingredients in bold".
    Look,
    And,
    Or,
    OneOrLess,
    Added,
    Range,
    Article,
    Product,
    Of,
    Present,
    /// Introduces what an ingredient is for.
    Purpose,
}

/// The markers by their normalised words; English first, then French, Spanish, Italian and
/// German; the verbs of statements also in Portuguese, Dutch, Swedish, Danish, Finnish, Polish and Czech.
pub(super) const MARKERS: &[(Marker, &str)] = &[
    (
        Marker::Contain,
        "contain contient contiene contengono enthalt enthaelt beinhaltet contienen contenir contenere contener contem conter bevat bevatten \
         innehaller innehalla indeholder indeholde sisaltaa sisaltaen zawiera zawierac obsahuje obsahovat",
    ),
    (
        Marker::May,
        "may might can could peut peuvent puede pueden puo possono kann konnen possibly pode podem kan saattaa voi \
         moze muze",
    ),
    (Marker::Not, "not cannot doesnt dont"),
    (Marker::No, "no zero nor non keine kein"),
    (Marker::Without, "without sans sin senza ohne"),
    (Marker::Free, "free frei"),
    (
        Marker::Trace,
        "trace spuren spur traza tracce traccia vestigio vestigios sporen spar spor jaama jaamia \
         presence",
    ),
    (Marker::Allergen, "allergen allergy allergene allergenes allergie alergeno alergenos allergeni"),
    (
        Marker::Information,
        "information info statement warning advice declaration notice alert advisory hinweis fact",
    ),
    (Marker::Ingredient, "ingredient zutaten ingrediente ingredienti zutat"),
    (
        Marker::Made,
        "made produced manufactured processed packed packaged prepared bottled baked blended roasted handled \
         produit fabrique elabore conditionne hergestellt verarbeitet producido elaborado fabricado prodotto confezionato manufacture",
    ),
    (Marker::In, "in on at with dan auf en su"),
    (
        Marker::Place,
        "facility plant factory bakery kitchen fabrik werk betriebsstatte line equipment machinery machine environment premise environnement ambiente umgebung entorno usine atelier betrieb anlage \
         fabrica instalacion instalacione stabilimento site",
    ),
    (Marker::Shared, "shared same common meme gleichen misma mismo stesso"),
    (
        Marker::Relative,
        "that which also where who qui que che der die das utilisant handling processing using containing manipulant",
    ),
    (
        Marker::Suitable,
        "suitable unsuitable convient convenir geeignet adatto adatta apto apta indicado indicato",
    ),
    (
        Marker::Also,
        "also still possibly eventually accidentally inadvertently unintentionally aussi egalement eventuellement \
         tambien anche ebenfalls auch eventualmente",
    ),
    (
        Marker::Allergic,
        "allergic allergique allergiker allergico allergiche allergici alergico intolerante sufferer",
    ),
    (Marker::Uses, "process handle use"),
    (
        Marker::Prose,
        "distributed distributor distribue imported importer store refrigerate conserver conservation",
    ),
    (Marker::Hazard, "bone pit shell stone fragment noyau noyaux arete os"),
    (Marker::Look, "see voir siehe ver vedi pour fur per refer"),
    (Marker::And, "and et und ed"),
    (Marker::Or, "or ou oder"),
    (Marker::OneOrLess, "one less fewer under two three up at either approximately about"),
    (Marker::Added, "added artificial any"),
    (Marker::Range, "range flowing run flow roaming form"),
    (Marker::Article, "a an the our de du des aux au d la le les los di von vom dem den einer une un"),
    (Marker::Product, "product item food ingredient"),
    (Marker::Of, "of"),
    (Marker::Present, "enthalten"),
    (
        Marker::Purpose,
        "to for as protect promote preserve maintain retain help improve enhance stabilize stabilise inhibit \
         prevent prevents protects maintains retains promotes",
    ),
];

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WordInfo {
    pub marker: Marker,
    /// A number word, a unit, a label phrase or a function word: no ingredient, so not counted.
    pub function: bool,
    /// Our own table says that the word names no allergen and no restricted class.
    pub food: bool,
    /// A word of a language other than English.
    pub foreign: bool,
    /// What an ingredient is for ("preservative"), not what it is.
    pub purpose: bool,
    /// A form that says nothing of its source ("oil", "powder").
    pub hollow: bool,
    /// How or whence it is ("organic", "dried"), not what it is.
    pub modifier: bool,
    /// Names what another ingredient is made of: "lecithin (sunflower)".
    pub source: bool,
    /// Rules animals out as the source, and no plant: "glycerin (vegetable)".
    pub no_animal: bool,
    /// The languages whose lists use the word, as bits in the order of `language::CODES`.
    pub languages: u16,
}

#[derive(Debug, Default)]
pub(super) struct Lexicon {
    ids: HashMap<Box<str>, WordId>,
    info: Vec<WordInfo>,
}

impl Lexicon {
    /// The id of every word that no table knows.
    pub const UNKNOWN: WordId = 0;

    pub fn new() -> Self {
        let mut lexicon = Self { ids: HashMap::new(), info: vec![WordInfo::default()] };
        for (marker, words) in MARKERS {
            for word in words.split_whitespace() {
                let id = lexicon.add(word);
                if lexicon.info[id as usize].marker == Marker::None {
                    lexicon.info[id as usize].marker = *marker;
                }
            }
        }
        lexicon
    }

    pub fn id(&self, word: &str) -> WordId {
        self.ids.get(word).copied().unwrap_or(Self::UNKNOWN)
    }

    pub fn add(&mut self, word: &str) -> WordId {
        if let Some(id) = self.ids.get(word) {
            return *id;
        }
        let id = self.info.len() as WordId;
        self.ids.insert(word.into(), id);
        self.info.push(WordInfo::default());
        id
    }

    /// Makes `variant` read as the word `canonical`; false if it already is a word of its own.
    pub fn alias(&mut self, variant: &str, canonical: &str) -> bool {
        let id = self.add(canonical);
        if self.ids.contains_key(variant) {
            return false;
        }
        self.ids.insert(variant.into(), id);
        true
    }

    pub fn info(&self, id: WordId) -> WordInfo {
        self.info.get(id as usize).copied().unwrap_or_default()
    }

    pub fn info_mut(&mut self, id: WordId) -> &mut WordInfo {
        &mut self.info[id as usize]
    }

    pub fn marker(&self, id: WordId) -> Marker {
        self.info(id).marker
    }

    pub fn is_connective(&self, id: WordId) -> bool {
        matches!(self.marker(id), Marker::And | Marker::Or)
    }

    /// Words from number `from` on came with the foreign terms; those that no other table knows are foreign.
    pub fn mark_foreign_from(&mut self, from: usize) {
        for info in self.info.iter_mut().skip(from) {
            info.foreign = !info.food && !info.function && !info.purpose;
        }
    }

    pub fn len(&self) -> usize {
        self.info.len()
    }
}
