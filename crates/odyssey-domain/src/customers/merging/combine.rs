//! What two records of one person come to, field by field, and why. Pure: opens, seals and writes nothing.
//!
//! Where the two differ the record that stays has its way, but for what protects: of allergies, diets, limits and
//! pregnancy the stricter word counts, and what only lets through counts where both say it.

use std::cmp::Reverse;

use odyssey_types::{
    AllergyEntry, AllergySeverity, CodeSystem, ConditionEntry, CustomerIdentity, DietEntry, DietKind,
    ExplicitLimit, HealthProfile, MedicationEntry, ReproductiveStatus, Strictness,
};

/// Whose word a field of the result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The customer that stays.
    This,
    /// The one that goes.
    Other,
    /// Both say the same, or both have a part in it.
    Both,
}

/// Where a field of the result comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    pub field: &'static str,
    pub side: Side,
    /// `same`, `only_here`, `only_there`, `kept`, `stricter`, `united`, `common`.
    pub why: &'static str,
}

/// The result of combining.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Combined {
    pub identity: CustomerIdentity,
    pub profile: HealthProfile,
    pub origins: Vec<Origin>,
}

/// Combines the record that stays with the one that goes.
pub(super) fn combine(
    this: (&CustomerIdentity, &HealthProfile),
    other: (&CustomerIdentity, &HealthProfile),
) -> Combined {
    let mut origins = Vec::new();
    let identity = combine_identity(this.0, other.0, &mut origins);
    let profile = combine_profile(this.1, other.1, &mut origins);
    Combined { identity, profile, origins }
}

/// What a file says of a customer who took in another one: as it says, but without taking away what protects. The
/// stricter word counts as in a merge, and what the file leaves empty stays known.
pub(in crate::customers) fn keep_protection(stored: &HealthProfile, file: &HealthProfile) -> HealthProfile {
    let combined = combine_profile(file, stored, &mut Vec::new());
    HealthProfile {
        goals: file.goals.clone(),
        liked_brands: not_among(file.liked_brands.clone(), &combined.disliked_brands),
        liked_categories: not_among(file.liked_categories.clone(), &combined.disliked_categories),
        ..combined
    }
}

fn combine_identity(
    this: &CustomerIdentity,
    other: &CustomerIdentity,
    origins: &mut Vec<Origin>,
) -> CustomerIdentity {
    CustomerIdentity {
        name: first("name", this.name.as_ref(), other.name.as_ref(), origins),
        email: first("email", this.email.as_ref(), other.email.as_ref(), origins),
        phone: first("phone", this.phone.as_ref(), other.phone.as_ref(), origins),
        birth_date: first("birth_date", this.birth_date.as_ref(), other.birth_date.as_ref(), origins),
        address: first("address", this.address.as_ref(), other.address.as_ref(), origins),
        member_number: first(
            "member_number",
            this.member_number.as_ref(),
            other.member_number.as_ref(),
            origins,
        ),
        tags: texts("tags", &this.tags, &other.tags, origins),
        notes: match (&this.notes, &other.notes) {
            (Some(a), Some(b)) if a != b => {
                origins.push(Origin { field: "notes", side: Side::Both, why: "united" });
                Some(format!("{a}\n\n{b}"))
            }
            (a, b) => first("notes", a.as_ref(), b.as_ref(), origins),
        },
    }
}

fn combine_profile(this: &HealthProfile, other: &HealthProfile, origins: &mut Vec<Origin>) -> HealthProfile {
    // Pregnancy is one thing: its weeks and the weight before it go with the word on it.
    let pregnancy = |p: &HealthProfile| {
        p.reproductive_status.map(|status| (status, p.gestation_weeks, p.pre_pregnancy_weight_kg))
    };
    let caution = |(status, ..): &(ReproductiveStatus, _, _)| match status {
        ReproductiveStatus::Pregnant => 2,
        ReproductiveStatus::Lactating => 1,
        ReproductiveStatus::Neither => 0,
    };
    let reproduction = match (pregnancy(this), pregnancy(other)) {
        (Some(a), Some(b)) if caution(&b) > caution(&a) => {
            origins.push(Origin { field: "reproductive_status", side: Side::Other, why: "stricter" });
            Some(b)
        }
        (a, b) => first("reproductive_status", a.as_ref(), b.as_ref(), origins),
    };
    let disliked_brands = texts("disliked_brands", &this.disliked_brands, &other.disliked_brands, origins);
    let disliked_categories =
        texts("disliked_categories", &this.disliked_categories, &other.disliked_categories, origins);
    let liked_brands = texts("liked_brands", &this.liked_brands, &other.liked_brands, origins);
    let liked_brands = not_among(liked_brands, &disliked_brands);
    let liked_categories =
        texts("liked_categories", &this.liked_categories, &other.liked_categories, origins);
    let liked_categories = not_among(liked_categories, &disliked_categories);
    HealthProfile {
        height_cm: first("height_cm", this.height_cm.as_ref(), other.height_cm.as_ref(), origins),
        weight_kg: first("weight_kg", this.weight_kg.as_ref(), other.weight_kg.as_ref(), origins),
        age_years: first("age_years", this.age_years.as_ref(), other.age_years.as_ref(), origins),
        sex: first("sex", this.sex.as_ref(), other.sex.as_ref(), origins),
        activity_level: first(
            "activity_level",
            this.activity_level.as_ref(),
            other.activity_level.as_ref(),
            origins,
        ),
        reproductive_status: reproduction.map(|(status, ..)| status),
        gestation_weeks: reproduction.map_or(this.gestation_weeks, |(_, weeks, _)| weeks),
        pre_pregnancy_weight_kg: reproduction.map_or(this.pre_pregnancy_weight_kg, |(.., weight)| weight),
        allergies: united(
            "allergies",
            &this.allergies,
            &other.allergies,
            allergen_of,
            stricter_allergy,
            origins,
        ),
        conditions: united(
            "conditions",
            &this.conditions,
            &other.conditions,
            condition_of,
            |a, _| a.clone(),
            origins,
        ),
        medications: united(
            "medications",
            &this.medications,
            &other.medications,
            medication_of,
            |a, _| a.clone(),
            origins,
        ),
        diets: united("diets", &this.diets, &other.diets, |d| d.diet.clone(), stricter_diet, origins),
        limits: united(
            "limits",
            &this.limits,
            &other.limits,
            |limit| (limit.nutrient, limit.period),
            |a, b| ExplicitLimit { max: a.max.min(b.max), ..a.clone() },
            origins,
        ),
        goals: texts("goals", &this.goals, &other.goals, origins),
        macro_targets: first(
            "macro_targets",
            this.macro_targets.as_ref(),
            other.macro_targets.as_ref(),
            origins,
        ),
        energy_target_kcal: first(
            "energy_target_kcal",
            this.energy_target_kcal.as_ref(),
            other.energy_target_kcal.as_ref(),
            origins,
        ),
        energy_formula: first(
            "energy_formula",
            this.energy_formula.as_ref(),
            other.energy_formula.as_ref(),
            origins,
        ),
        guideline: first("guideline", this.guideline.as_ref(), other.guideline.as_ref(), origins),
        overrides: {
            // An override lets through what a rule excludes: only where both records have it.
            let common: Vec<_> = this
                .overrides
                .iter()
                .filter(|mine| other.overrides.iter().any(|theirs| theirs.rule == mine.rule))
                .cloned()
                .collect();
            if !(this.overrides.is_empty() && other.overrides.is_empty()) {
                origins.push(Origin { field: "overrides", side: Side::Both, why: "common" });
            }
            common
        },
        liked_brands,
        disliked_brands,
        liked_categories,
        disliked_categories,
    }
}

/// The word of the record that stays, else that of the other.
fn first<T: Clone + PartialEq>(
    field: &'static str,
    this: Option<&T>,
    other: Option<&T>,
    origins: &mut Vec<Origin>,
) -> Option<T> {
    let (side, why) = match (this, other) {
        (None, None) => return None,
        (Some(a), Some(b)) if a == b => (Side::Both, "same"),
        (Some(_), Some(_)) => (Side::This, "kept"),
        (Some(_), None) => (Side::This, "only_here"),
        (None, Some(_)) => (Side::Other, "only_there"),
    };
    origins.push(Origin { field, side, why });
    this.or(other).cloned()
}

/// Who dislikes a thing does not like it, however the two are written.
fn not_among(mut liked: Vec<String>, disliked: &[String]) -> Vec<String> {
    let disliked: Vec<String> = disliked.iter().map(|name| name.trim().to_lowercase()).collect();
    liked.retain(|name| !disliked.contains(&name.trim().to_lowercase()));
    liked
}

fn texts(field: &'static str, this: &[String], other: &[String], origins: &mut Vec<Origin>) -> Vec<String> {
    united(field, this, other, String::clone, |a, _| a.clone(), origins)
}

/// The entries of both; of two that speak of the same thing one is made.
fn united<T: Clone + PartialEq, K: PartialEq>(
    field: &'static str,
    this: &[T],
    other: &[T],
    key: impl Fn(&T) -> K,
    join: impl Fn(&T, &T) -> T,
    origins: &mut Vec<Origin>,
) -> Vec<T> {
    let mut result: Vec<T> = this.to_vec();
    for theirs in other {
        match result.iter_mut().find(|mine| key(mine) == key(theirs)) {
            Some(mine) => *mine = join(mine, theirs),
            None => result.push(theirs.clone()),
        }
    }
    let (side, why) = match (this.is_empty(), other.is_empty()) {
        (true, true) => return result,
        (false, true) => (Side::This, "only_here"),
        (true, false) => (Side::Other, "only_there"),
        (false, false) if this == other => (Side::Both, "same"),
        (false, false) => (Side::Both, "united"),
    };
    origins.push(Origin { field, side, why });
    result
}

/// An allergen by its code; one that nobody has mapped by its words.
pub(in crate::customers) fn allergen_of(entry: &AllergyEntry) -> (Option<String>, Option<String>) {
    match &entry.allergen {
        Some(code) => (Some(code.clone()), None),
        None => (None, entry.text.as_ref().map(|text| text.to_lowercase())),
    }
}

/// A code, however it is written.
pub(in crate::customers) fn condition_of(entry: &ConditionEntry) -> (CodeSystem, String) {
    (entry.system, entry.code.to_uppercase().replace('.', ""))
}

pub(in crate::customers) fn medication_of(entry: &MedicationEntry) -> (Option<String>, Option<String>) {
    match &entry.rxnorm {
        Some(code) => (Some(code.clone()), None),
        None => (None, entry.name.as_ref().map(|name| name.to_lowercase())),
    }
}

/// A missing severity is read as `allergy`; a missing strictness is the severity's own, which the loose ones loosen
/// and the strict ones tighten.
pub(in crate::customers) fn stricter_allergy(a: &AllergyEntry, b: &AllergyEntry) -> AllergyEntry {
    let severity = |severity: &Option<AllergySeverity>| match severity {
        Some(AllergySeverity::Preference) => 0,
        Some(AllergySeverity::Intolerance) => 1,
        None | Some(AllergySeverity::Allergy) => 2,
        Some(AllergySeverity::Anaphylaxis) => 3,
    };
    let strictness = |strictness: &Option<Strictness>| match strictness {
        Some(Strictness::Contains) => 0,
        Some(Strictness::MayContain) => 1,
        None => 2,
        Some(Strictness::Facility) => 3,
        Some(Strictness::ConfirmedFree) => 4,
    };
    AllergyEntry {
        allergen: a.allergen.clone(),
        text: a.text.clone().or_else(|| b.text.clone()),
        severity: [a.severity, b.severity].into_iter().min_by_key(|s| Reverse(severity(s))).flatten(),
        strictness: [a.strictness, b.strictness].into_iter().min_by_key(|s| Reverse(strictness(s))).flatten(),
        exempt_allowed: a.exempt_allowed && b.exempt_allowed,
        never: a.never || b.never,
        species_only: a.species_only && b.species_only,
    }
}

/// A missing kind is read as `ethical`.
pub(in crate::customers) fn stricter_diet(a: &DietEntry, b: &DietEntry) -> DietEntry {
    let kind = |kind: &Option<DietKind>| match kind {
        Some(DietKind::Preference) => 0,
        None | Some(DietKind::Ethical) => 1,
        Some(DietKind::Religious) => 2,
        Some(DietKind::Medical) => 3,
    };
    DietEntry {
        diet: a.diet.clone(),
        kind: [a.kind, b.kind].into_iter().min_by_key(|k| Reverse(kind(k))).flatten(),
        refuse_may_contain: a.refuse_may_contain || b.refuse_may_contain,
        never: a.never || b.never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allergic(entry: &str) -> HealthProfile {
        serde_json::from_str(&format!("{{\"allergies\":[{entry}]}}")).expect("a profile")
    }

    /// Two profiles with one allergy each, either way round.
    #[track_caller]
    fn check(a: &str, b: &str, expected: &str) {
        let nobody = CustomerIdentity::default();
        for (this, other) in [(a, b), (b, a)] {
            let combined = combine((&nobody, &allergic(this)), (&nobody, &allergic(other)));
            assert_eq!(combined.profile.allergies, allergic(expected).allergies, "{this} with {other}");
        }
    }

    #[test]
    fn of_two_words_on_an_allergen_the_stricter_counts_whoever_says_it() {
        check(
            r#"{"allergen":"peanut","severity":"intolerance"}"#,
            r#"{"allergen":"peanut","severity":"anaphylaxis","strictness":"facility"}"#,
            r#"{"allergen":"peanut","severity":"anaphylaxis","strictness":"facility"}"#,
        );
        check(
            r#"{"allergen":"peanut","severity":"intolerance","strictness":"contains"}"#,
            r#"{"allergen":"peanut"}"#,
            r#"{"allergen":"peanut"}"#,
        );
        check(
            r#"{"allergen":"peanut","exempt_allowed":true,"species_only":true}"#,
            r#"{"allergen":"peanut","never":true}"#,
            r#"{"allergen":"peanut","never":true}"#,
        );
    }

    #[test]
    fn no_allergy_is_lost_and_none_is_taken_for_another() {
        let nobody = CustomerIdentity::default();
        let this = allergic(r#"{"allergen":"tree_nut.almond"},{"text":"Moon Dust"}"#);
        let other = allergic(r#"{"allergen":"tree_nut"},{"text":"moon dust"},{"text":"stardust"}"#);
        let combined = combine((&nobody, &this), (&nobody, &other));
        assert_eq!(combined.profile.allergies.len(), 4);
    }

    #[test]
    fn what_lets_through_counts_where_both_say_it_and_what_limits_where_one_does() {
        let nobody = CustomerIdentity::default();
        let read = |json: &str| serde_json::from_str::<HealthProfile>(json).expect("a profile");
        let this = read(
            r#"{"limits":[{"nutrient":"sodium_mg","max":1500,"period":"day"}],"liked_brands":["Acme"],"weight_kg":70,
                "overrides":[{"rule":"a.b","by":"x","reason":"y","on":"2026-01-01"}],"diets":[{"diet":"vegan"}]}"#,
        );
        let other = read(
            r#"{"limits":[{"nutrient":"sodium_mg","max":1200,"period":"day"}],"disliked_brands":["Acme"],"weight_kg":72,
                "reproductive_status":"pregnant","gestation_weeks":20,"diets":[{"diet":"vegan","kind":"medical"}]}"#,
        );
        let combined = combine((&nobody, &this), (&nobody, &other)).profile;
        let expected = read(
            r#"{"limits":[{"nutrient":"sodium_mg","max":1200,"period":"day"}],"disliked_brands":["Acme"],"weight_kg":70,
                "reproductive_status":"pregnant","gestation_weeks":20,"diets":[{"diet":"vegan","kind":"medical"}]}"#,
        );
        assert_eq!(combined, expected);
    }

    #[test]
    fn a_file_takes_nothing_away_that_protects_and_has_its_way_in_all_else() {
        let read = |json: &str| serde_json::from_str::<HealthProfile>(json).expect("a profile");
        let stored = read(
            r#"{"allergies":[{"allergen":"egg"},{"allergen":"peanut","severity":"anaphylaxis"}],"age_years":3,"weight_kg":70,
                "conditions":[{"system":"icd10cm","code":"I10"}],"medications":[{"rxnorm":"11289"}],
                "diets":[{"diet":"halal","kind":"religious"}],"reproductive_status":"pregnant","gestation_weeks":20,
                "limits":[{"nutrient":"sodium_mg","max":1200,"period":"day"}],"disliked_brands":["ACME"],"goals":["old"],
                "overrides":[{"rule":"a.b","by":"x","reason":"y","on":"2026-01-01"}]}"#,
        );
        let file = read(
            r#"{"allergies":[{"allergen":"egg"},{"allergen":"peanut","severity":"intolerance"}],"weight_kg":72,
                "reproductive_status":"neither","limits":[{"nutrient":"sodium_mg","max":2000,"period":"day"}],
                "liked_brands":["acme","Zed"],"goals":["new"],
                "overrides":[{"rule":"a.b","by":"x","reason":"y","on":"2026-01-01"}]}"#,
        );
        let kept = keep_protection(&stored, &file);
        let expected = HealthProfile {
            weight_kg: file.weight_kg,
            goals: file.goals.clone(),
            liked_brands: vec!["Zed".to_owned()],
            ..stored.clone()
        };
        assert_eq!(kept, expected);
        assert_eq!(keep_protection(&stored, &HealthProfile::default()).allergies, stored.allergies);
    }

    #[test]
    fn each_field_says_whose_it_is() {
        let read = |json: &str| serde_json::from_str::<CustomerIdentity>(json).expect("an identity");
        let this = read(r#"{"name":"Ada","email":"a@example.org","notes":"one","tags":["x"]}"#);
        let other = read(r#"{"name":"Ada","email":"b@example.org","phone":"1","notes":"two","tags":["y"]}"#);
        let nothing = HealthProfile::default();
        let combined = combine((&this, &nothing), (&other, &nothing));
        let why: Vec<_> = combined.origins.iter().map(|o| (o.field, o.side, o.why)).collect();
        assert_eq!(
            why,
            [
                ("name", Side::Both, "same"),
                ("email", Side::This, "kept"),
                ("phone", Side::Other, "only_there"),
                ("tags", Side::Both, "united"),
                ("notes", Side::Both, "united"),
            ]
        );
        assert_eq!(combined.identity.notes.as_deref(), Some("one\n\ntwo"));
    }
}
