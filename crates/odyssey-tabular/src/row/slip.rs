//! A code of a closed list that was mistyped.

/// The one code that `is_meant` takes and that is a slip of the typing away.
pub(super) fn meant(typed: &str, is_meant: impl Fn(&str) -> bool) -> Option<&'static str> {
    let mut near = CODES.iter().filter(|known| is_meant(known) && is_one_slip(typed, known));
    near.next().filter(|_| near.next().is_none()).copied()
}

/// The longer codes of all closed lists: what a mistyped one is compared with.
const CODES: &[&str] = &[
    "active",
    "inactive",
    "discontinued",
    "complete",
    "partial",
    "unknown",
    "female",
    "male",
    "unspecified",
    "sedentary",
    "light",
    "moderate",
    "very",
    "extra",
    "pregnant",
    "lactating",
    "neither",
    "per_100g",
    "per_100ml",
    "per_serving",
];

/// One letter more, less, changed, or two neighbours swapped.
fn is_one_slip(typed: &str, meant: &str) -> bool {
    let (mut a, mut b) = (typed.as_bytes(), meant.as_bytes());
    while let (Some((first, rest)), Some((other, others))) = (a.split_first(), b.split_first()) {
        if first != other {
            break;
        }
        (a, b) = (rest, others);
    }
    while let (Some((last, rest)), Some((other, others))) = (a.split_last(), b.split_last()) {
        if last != other {
            break;
        }
        (a, b) = (rest, others);
    }
    match (a, b) {
        ([one, two], [three, four]) => one == four && two == three,
        _ => a.len() <= 1 && b.len() <= 1,
    }
}
