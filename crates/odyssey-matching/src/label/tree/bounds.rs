//! How much of the product an ingredient can be: by the shares that the label states, and by the descending
//! order of weight that the law prescribes (21 CFR 101.4(a)(1); Regulation (EU) 1169/2011, Article 18(1)).
//!
//! A stated share may be of the product or of the ingredient around it; the bounds allow for both. Where
//! stated shares contradict the order, only the shares count.

use super::{Ingredient, ShareKind, WHOLE_PPM};

/// Sets the bounds of a list of siblings of which the whole is between `min` and `max` ppm. `complete` says
/// that nothing is missing at the end.
pub(super) fn set(siblings: &mut [Ingredient], min: u32, max: u32, complete: bool) {
    let ordered = is_ordered(siblings);
    let heads = siblings.iter().filter(|i| i.ordered).map(|i| i.rank).max().unwrap_or(0);
    let mut ceiling = max;
    for ingredient in siblings.iter_mut() {
        let (low, high) = stated(ingredient, min);
        // The k-th is no more than the k-th part of the whole.
        let by_order =
            if ordered && ingredient.ordered { ceiling.min(max / ingredient.rank.max(1)) } else { max };
        let block = if ingredient.minor { ingredient.max_ppm } else { WHOLE_PPM };
        ingredient.max_ppm = high.min(by_order).min(block).min(max);
        ingredient.min_ppm = low.min(ingredient.max_ppm);
        if ingredient.ordered && ingredient.has_own_rank() {
            ceiling = ceiling.min(ingredient.max_ppm);
        }
    }
    // Those before one with a stated share are no less than it.
    if ordered {
        let mut floor = 0;
        for ingredient in siblings.iter_mut().rev().filter(|i| i.ordered) {
            ingredient.min_ppm = ingredient.min_ppm.max(floor).min(ingredient.max_ppm);
            if ingredient.has_own_rank() {
                floor = ingredient.min_ppm;
            }
        }
        // The first of a complete list is no less than the mean.
        let minors = siblings.iter().any(|i| !i.ordered);
        let alternatives = siblings.iter().any(|i| !i.has_own_rank());
        if let Some(first) = siblings.first_mut()
            && complete
            && !minors
            && !alternatives
            && heads > 0
        {
            first.min_ppm = first.min_ppm.max(min / heads).min(first.max_ppm);
        }
    }
    for ingredient in siblings {
        let (low, high) = (ingredient.min_ppm, ingredient.max_ppm);
        set(&mut ingredient.ingredients, low, high, true);
    }
}

impl Ingredient {
    /// Whether it has its rank for itself: an alternative may be absent, so it bounds nobody.
    fn has_own_rank(&self) -> bool {
        !matches!(self.joint, super::Joint::Or | super::Joint::AndOr)
    }
}

/// The bounds that the stated share alone sets, of the product.
fn stated(ingredient: &Ingredient, whole_min: u32) -> (u32, u32) {
    let Some(share) = ingredient.share else { return (0, WHOLE_PPM) };
    let of_whole = (u64::from(share.ppm) * u64::from(whole_min) / u64::from(WHOLE_PPM)) as u32;
    match share.kind {
        ShareKind::Exactly => (of_whole, share.ppm),
        ShareKind::AtLeast => (of_whole, WHOLE_PPM),
        ShareKind::AtMost => (0, share.ppm),
        ShareKind::About => (0, WHOLE_PPM),
    }
}

/// Whether the stated shares descend and do not sum to more than the whole.
fn is_ordered(siblings: &[Ingredient]) -> bool {
    let mut before = WHOLE_PPM;
    let mut sum = 0u64;
    for ingredient in siblings.iter().filter(|i| i.ordered) {
        let Some(share) = ingredient.share.filter(|s| s.kind == ShareKind::Exactly) else { continue };
        if share.ppm > before {
            return false;
        }
        before = share.ppm;
        sum += u64::from(share.ppm);
    }
    sum <= u64::from(WHOLE_PPM)
}
