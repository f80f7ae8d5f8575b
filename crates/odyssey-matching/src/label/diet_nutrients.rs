//! The nutrient tests of diets, on integers. An amount that is not stated leaves a test open.

use odyssey_types::{Jurisdiction, Nutrient, Nutrients};

use crate::diet_rules::{Bound, NutrientTest, kcal_per_gram};
use crate::facts::{ReferenceSource, Truth};

/// Reference amounts up to this are small: 30 g, or two tablespoons (21 CFR 101.13(n)).
const SMALL: i64 = 30_000_000;
/// What small reference amounts are scaled to.
const FIFTY: i64 = 50_000_000;
const JOULES_PER_KCAL: i128 = 4184;
const MICROGRAMS_PER_GRAM: i128 = 1_000_000;

/// The figures that diets are tested on.
#[derive(Debug, Clone, Copy)]
pub(super) struct DietNutrients<'a> {
    pub per_100: &'a Nutrients,
    pub per_reference: &'a Nutrients,
    /// The larger of labelled serving and customary amount. Micrograms or nanolitres.
    pub reference_amount: i64,
    /// The smaller of the two, where both are known.
    pub least_amount: i64,
    pub reference_source: ReferenceSource,
    pub is_volume: bool,
}

/// Whether all tests are met; no tests are.
pub(super) fn all_met(tests: &[NutrientTest], given: &DietNutrients<'_>, label: Jurisdiction) -> Truth {
    let truths = tests.iter().map(|test| match test {
        NutrientTest::Amount { nutrient, bound } => amount(given, *nutrient, *bound),
        NutrientTest::Density { nutrient, at_most_per_100_g, at_most_per_100_ml } => {
            let most = if given.is_volume { at_most_per_100_ml } else { at_most_per_100_g };
            given.per_100.get(*nutrient).map_or(Truth::Unknown, |amount| truth(amount <= *most))
        }
        NutrientTest::EnergyShare { nutrient, below_percent } => {
            energy_share(given, *nutrient, *below_percent)
        }
        NutrientTest::Ketogenic {
            net_carbohydrate_below_percent,
            fat_at_least_percent,
            shares_from_joules,
            net_carbohydrate_below,
        } => {
            let shares = (*net_carbohydrate_below_percent, *fat_at_least_percent);
            ketogenic(given, label, shares, *shares_from_joules, *net_carbohydrate_below)
        }
    });
    truths.fold(Truth::Yes, |all, one| match (all, one) {
        (Truth::No, _) | (_, Truth::No) => Truth::No,
        (Truth::Unknown, _) | (_, Truth::Unknown) => Truth::Unknown,
        (Truth::Yes, Truth::Yes) => Truth::Yes,
    })
}

const fn truth(holds: bool) -> Truth {
    if holds { Truth::Yes } else { Truth::No }
}

/// Per reference amount and per labelled serving: an upper bound holds for both where it holds for the
/// larger, a lower one where it holds for the smaller. An assumed reference amount decides nothing.
fn amount(given: &DietNutrients<'_>, nutrient: Nutrient, bound: Bound) -> Truth {
    let stated = given.per_reference.get(nutrient).map(i128::from);
    let (Some(stated), true) = (stated, given.reference_source != ReferenceSource::Assumed) else {
        return Truth::Unknown;
    };
    let reference = i128::from(given.reference_amount.max(1));
    let upper = |holds: &dyn Fn(i128, i128) -> bool| {
        // Both sides times the reference amount, so that nothing is rounded.
        let small = given.least_amount <= SMALL && given.reference_amount < FIFTY;
        holds(stated * reference, reference) && (!small || holds(stated * i128::from(FIFTY), reference))
    };
    truth(match bound {
        Bound::AtMost(most) => upper(&|amount, scale| amount <= i128::from(most) * scale),
        Bound::Below(most) => upper(&|amount, scale| amount < i128::from(most) * scale),
        Bound::AtLeast(least) => stated * i128::from(given.least_amount) >= i128::from(least) * reference,
    })
}

/// Energy and amounts on one basis: per 100 where that is known.
fn basis<'a>(given: &DietNutrients<'a>) -> &'a Nutrients {
    if given.per_100.get(Nutrient::Energy).is_some() { given.per_100 } else { given.per_reference }
}

/// Energy of micrograms that carry `kcal` a gram, in joules times [`MICROGRAMS_PER_GRAM`].
const fn energy_of(micrograms: i128, kcal: i128) -> i128 {
    micrograms * kcal * JOULES_PER_KCAL
}

fn energy_share(given: &DietNutrients<'_>, nutrient: Nutrient, below_percent: i64) -> Truth {
    let amounts = basis(given);
    let (Some(energy), Some(amount), Some(kcal)) =
        (amounts.get(Nutrient::Energy), amounts.get(nutrient), kcal_per_gram(nutrient))
    else {
        return Truth::Unknown;
    };
    let part = energy_of(i128::from(amount), i128::from(kcal)) * 100;
    let whole = i128::from(energy) * i128::from(below_percent) * MICROGRAMS_PER_GRAM;
    truth(part < whole || amount == 0)
}

/// Fibre is inside the carbohydrate of a North American label, and outside that of a European one; on an
/// unknown label nothing is taken away. Polyols are not taken away: the discount is general knowledge.
pub(crate) fn net_carbohydrate(amounts: &Nutrients, label: Jurisdiction) -> Option<i128> {
    let carbohydrate = i128::from(amounts.get(Nutrient::Carbohydrate)?);
    let fiber = match label {
        Jurisdiction::Us | Jurisdiction::Ca => i128::from(amounts.get(Nutrient::Fiber).unwrap_or(0)),
        _ => 0,
    };
    Some((carbohydrate - fiber).max(0))
}

fn ketogenic(
    given: &DietNutrients<'_>,
    label: Jurisdiction,
    (net_percent, fat_percent): (i64, i64),
    shares_from_joules: i64,
    net_below: i64,
) -> Truth {
    let amounts = basis(given);
    let (Some(energy), Some(net), Some(fat)) =
        (amounts.get(Nutrient::Energy), net_carbohydrate(amounts, label), amounts.get(Nutrient::Fat))
    else {
        return Truth::Unknown;
    };
    if let Some(truth) = nearly_no_energy(given, label, shares_from_joules, net_below) {
        return truth;
    }
    let whole = i128::from(energy) * MICROGRAMS_PER_GRAM;
    let little_carbohydrate = energy_of(net, 4) * 100 < whole * i128::from(net_percent) || net == 0;
    let much_fat = energy_of(i128::from(fat), 9) * 100 >= whole * i128::from(fat_percent);
    truth(little_carbohydrate && much_fat)
}

/// Decides by the amount alone where there is too little energy for shares to say anything. Where the
/// reference amount is assumed it is 100 g or ml, and the same holds of anything smaller.
fn nearly_no_energy(
    given: &DietNutrients<'_>,
    label: Jurisdiction,
    shares_from_joules: i64,
    net_below: i64,
) -> Option<Truth> {
    let amounts =
        if given.reference_source == ReferenceSource::Assumed { given.per_100 } else { given.per_reference };
    amounts.get(Nutrient::Energy).filter(|e| *e < shares_from_joules)?;
    net_carbohydrate(amounts, label).map(|net| truth(net < i128::from(net_below)))
}
