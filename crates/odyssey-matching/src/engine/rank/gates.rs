//! The gates over bitmaps: sixty-four products a word.

use super::tally::{GATES, INACTIVE, NEVER, Tally, code_order};
use super::{ListedRows, cautions};
use crate::engine::evaluate::{Cause, amount_code, class_code, diet_code, key_code};
use crate::engine::snapshot::bits::{self, NO_ROWS, Words};
use crate::engine::snapshot::{
    Block, DietBit, Single, day_number, diet_bit, flag_bit, good_bit, mandatory_bit, single_bit,
};
use crate::engine::{Action, AmountGate, Assumed, Basis, DietGate, Gate, KeyActions, Policy};
use crate::{Flag, KeySet};

/// Rows of one block by tier. Unverified rows that may be listed only.
pub(super) struct BlockVerdicts {
    pub one: Words,
    pub two: Words,
    pub listed_three: Words,
    pub listed_excluded: Words,
}

/// What the gates say about the considered rows of one block.
struct Sheet<'a> {
    considered: &'a Words,
    known_conflict: Words,
    excluded: Words,
    unverified: Words,
    caution: Words,
    unlisted: Words,
    failed_by: Vec<Words>,
    remaining: Words,
}

pub(super) fn judge(
    policy: &Policy,
    block: &Block,
    considered: &Words,
    listed: ListedRows<'_>,
    tally: &mut Tally,
) -> BlockVerdicts {
    let mut sheet = Sheet {
        considered,
        known_conflict: NO_ROWS,
        excluded: NO_ROWS,
        unverified: NO_ROWS,
        caution: NO_ROWS,
        unlisted: NO_ROWS,
        failed_by: vec![NO_ROWS; policy.gates.len() + GATES],
        remaining: *considered,
    };
    let stale = stale_rows(policy, block);
    let inactive = bits::not(&block.bits(single_bit(Single::Active)).to_words());
    sheet.step(INACTIVE, "HX_INACTIVE", true, &[(Cause::Inactive, Action::Exclude, inactive)], tally);
    if let Some(never) = listed.never {
        sheet.step(NEVER, "HX_LIST_NEVER", true, &[(Cause::NeverListed, Action::Exclude, *never)], tally);
    }
    for (at, gate) in policy.gates.iter().enumerate() {
        sheet.gate(at + GATES, gate, &Judged { block, stale: &stale }, listed.allowed, tally);
    }
    sheet.cautions(policy, block, listed.allowed);
    sheet.conclude(tally)
}

type Effect = (Cause, Action, Words);

/// A block, and the rows of it whose labels are too old to prove anything.
struct Judged<'a> {
    block: &'a Block,
    stale: &'a Words,
}

/// The rows whose labels are older than the policy accepts, or of no day.
fn stale_rows(policy: &Policy, block: &Block) -> Words {
    match policy.label_oldest {
        None => NO_ROWS,
        Some(oldest) => bits::not(&block.label_days.rows_above(i64::from(day_number(oldest)) - 1)),
    }
}

impl Sheet<'_> {
    fn gate(
        &mut self,
        number: usize,
        gate: &Gate,
        rows: &Judged<'_>,
        allowed: Option<&Words>,
        tally: &mut Tally,
    ) {
        let mut effects = match gate {
            Gate::Keys(gate) => {
                key_effects(gate.keys, &gate.actions, gate.severity.coverage_permille(), rows)
            }
            Gate::Class(gate) => key_effects(gate.keys, &gate.actions, gate.coverage_permille(), rows),
            Gate::Diet(gate) => diet_effects(gate, rows),
            Gate::Amount(gate) => amount_effects(gate, rows, self.considered),
        };
        if let (true, Some(allowed)) = (gate.is_preference(), allowed) {
            for (.., rows) in &mut effects {
                bits::and_not(rows, allowed);
            }
        }
        let code = |(cause, action, _): &Effect| match gate {
            Gate::Keys(_) => key_code(*cause, *action),
            Gate::Class(gate) => class_code(gate, *cause, *action),
            Gate::Diet(_) => diet_code(*cause, *action),
            Gate::Amount(gate) => amount_code(gate, *cause, *action),
        };
        // Effects with one code stand together, in the order of the funnel.
        effects.sort_by_key(|e| code_order(code(e)));
        for group in effects.chunk_by(|a, b| code(a) == code(b)) {
            self.step(number, code(&group[0]), gate.unverified_is_listed(), group, tally);
        }
    }

    fn step(&mut self, gate: usize, code: &'static str, listed: bool, effects: &[Effect], tally: &mut Tally) {
        let mut failed = NO_ROWS;
        for (cause, action, rows) in effects {
            match action {
                Action::Pass | Action::Warn => {}
                Action::Caution => bits::or(&mut self.caution, rows),
                Action::Unverified => bits::or(&mut self.unverified, rows),
                Action::Exclude => {
                    bits::or(&mut self.excluded, rows);
                    if cause.is_known() {
                        bits::or(&mut self.known_conflict, rows);
                    }
                }
            }
            if *action >= Action::Unverified {
                bits::or(&mut failed, rows);
            }
        }
        bits::and(&mut failed, self.considered);
        let total = bits::count(&failed);
        if total == 0 {
            return;
        }
        if !listed {
            bits::or(&mut self.unlisted, &failed);
        }
        bits::or(&mut self.failed_by[gate], &failed);
        tally.add(gate, code, bits::count_both(&failed, &self.remaining), total);
        bits::and_not(&mut self.remaining, &failed);
    }

    fn cautions(&mut self, policy: &Policy, block: &Block, allowed: Option<&Words>) {
        // A caution changes nothing for a product that a gate keeps out, or that is cautioned anyway.
        let mut open = self.remaining;
        bits::or(&mut self.caution, &cautions::warned(policy, block));
        bits::and_not(&mut open, &self.caution);
        if let Some(allowed) = allowed {
            bits::and_not(&mut open, allowed);
        }
        bits::or(&mut self.caution, &cautions::cautioned(policy, block, &open));
    }

    fn conclude(self, tally: &mut Tally) -> BlockVerdicts {
        let (mut once, mut twice) = (NO_ROWS, NO_ROWS);
        for failed in &self.failed_by {
            let mut again = once;
            bits::and(&mut again, failed);
            bits::or(&mut twice, &again);
            bits::or(&mut once, failed);
        }
        bits::and_not(&mut once, &twice);
        for (gate, failed) in self.failed_by.iter().enumerate() {
            tally.add_alone(gate, bits::count_both(failed, &once));
        }
        let but = |rows: &Words, without: &[&Words]| {
            let mut rows = *rows;
            for gone in without {
                bits::and_not(&mut rows, gone);
            }
            rows
        };
        let mut two = but(self.considered, &[&self.excluded, &self.unverified]);
        let one = but(&two, &[&self.caution]);
        bits::and(&mut two, &self.caution);
        let mut listed_three = but(self.considered, &[&self.excluded, &self.unlisted]);
        bits::and(&mut listed_three, &self.unverified);
        let mut listed_excluded = but(self.considered, &[&self.known_conflict, &self.unlisted]);
        bits::and(&mut listed_excluded, &self.excluded);
        BlockVerdicts { one, two, listed_three, listed_excluded }
    }
}

/// Rows where any of the keys has the flag.
pub(super) fn rows_with(block: &Block, keys: KeySet, flag: Flag) -> Words {
    let mut rows = NO_ROWS;
    keys.iter().for_each(|key| block.bits(flag_bit(key, flag)).or_into(&mut rows));
    rows
}

fn key_effects(keys: KeySet, actions: &KeyActions, coverage_permille: u16, rows: &Judged<'_>) -> Vec<Effect> {
    let block = rows.block;
    let with = |flag| rows_with(block, keys, flag);
    let mut effects = vec![
        (Cause::Contains, actions.contains, with(Flag::Contains)),
        (Cause::MayContain, actions.pal, with(Flag::Pal)),
        (Cause::Facility, actions.facility, with(Flag::Facility)),
        (Cause::Exempt, actions.exempt, with(Flag::Exempt)),
        (Cause::Ambiguous, actions.ambiguous, with(Flag::Ambiguous)),
    ];
    if actions.incomplete > Action::Pass {
        let incomplete = incomplete_rows(rows, keys, coverage_permille);
        effects.push((Cause::Incomplete, actions.incomplete, incomplete));
    }
    if actions.uncertified > Action::Pass {
        let mut certified = [u64::MAX; NO_ROWS.len()];
        for key in keys.iter() {
            bits::and(&mut certified, &block.bits(flag_bit(key, Flag::CertifiedFree)).to_words());
        }
        bits::and_not(&mut certified, rows.stale);
        effects.push((Cause::Uncertified, actions.uncertified, bits::not(&certified)));
    }
    effects
}

/// The rows where `Facts::is_incomplete` holds for any of the keys.
fn incomplete_rows(rows: &Judged<'_>, keys: KeySet, coverage_permille: u16) -> Words {
    let block = rows.block;
    let single = |bit: Single| block.bits(single_bit(bit)).to_words();
    let good = single(good_bit(coverage_permille));
    let attested = single(Single::Attested);
    let mut fully_named = single(Single::Good1000);
    bits::and_not(&mut fully_named, &single(Single::Container));
    let mut cleared = good;
    bits::and_not(&mut cleared, rows.stale);
    for key in keys.iter() {
        let mandatory = block.bits(mandatory_bit(key)).to_words();
        let mut spoken_for = fully_named;
        bits::and_not(&mut spoken_for, &mandatory);
        if key.is_allergen() {
            // A merely silent label clears no allergen.
            bits::and(&mut spoken_for, &attested);
        }
        let mut declared = mandatory;
        bits::and(&mut declared, &attested);
        bits::or(&mut spoken_for, &declared);
        block.bits(flag_bit(key, Flag::CertifiedFree)).or_into(&mut spoken_for);
        bits::and(&mut cleared, &spoken_for);
    }
    bits::not(&cleared)
}

fn diet_effects(gate: &DietGate, judged: &Judged<'_>) -> Vec<Effect> {
    let rows = |bit| judged.block.bits(diet_bit(gate.diet, bit)).to_words();
    let (mut yes, no) = (rows(DietBit::Yes), rows(DietBit::No));
    bits::and_not(&mut yes, judged.stale);
    let mut unknown = bits::not(&yes);
    bits::and_not(&mut unknown, &no);
    vec![
        (Cause::DietBroken, gate.no, no),
        (Cause::DietPrecaution, gate.precaution, rows(DietBit::Precaution)),
        (Cause::DietUnproven, gate.unknown, unknown),
    ]
}

fn amount_effects(gate: &AmountGate, rows: &Judged<'_>, considered: &Words) -> Vec<Effect> {
    let block = rows.block;
    let column = block.per_reference(gate.nutrient);
    let (mut exceeded, unknown) = match gate.basis {
        Basis::Reference => {
            (gate.exclude_above.map_or(NO_ROWS, |limit| column.rows_above(limit)), column.rows_unknown())
        }
        Basis::Per100 => block.per_100_rows(gate.nutrient, gate.exclude_above, considered),
    };
    let above = |limit: i64| match gate.basis {
        Basis::Reference => column.rows_above(limit),
        Basis::Per100 => block.per_100_rows(gate.nutrient, Some(limit), considered).0,
    };
    let mut not_stated = unknown;
    if !gate.absent_lifts.is_empty() {
        // An amount of something that is known to be absent need not be stated.
        let mut possible = incomplete_rows(rows, gate.absent_lifts, AmountGate::ABSENT_COVERAGE_PERMILLE);
        bits::or(&mut possible, &rows_with(block, gate.absent_lifts, Flag::Contains));
        bits::or(&mut possible, &rows_with(block, gate.absent_lifts, Flag::Ambiguous));
        bits::and(&mut not_stated, &possible);
    }
    let mut assumed = block.bits(single_bit(Single::ReferenceAssumed)).to_words();
    bits::and_not(&mut assumed, &unknown);
    let mut effects = vec![(Cause::AmountUnknown, gate.unknown, not_stated)];
    match gate.assumed {
        Assumed::Ignore => {}
        Assumed::Unknown => {
            bits::and_not(&mut exceeded, &assumed);
            effects.push((Cause::ReferenceAssumed, gate.unknown, assumed));
        }
        Assumed::PassUpTo(most) => {
            bits::and_not(&mut exceeded, &assumed);
            let too_much = if assumed == NO_ROWS { NO_ROWS } else { above(most) };
            let (mut unverified, mut passed) = (assumed, assumed);
            bits::and(&mut unverified, &too_much);
            bits::and_not(&mut passed, &too_much);
            effects.push((Cause::ReferenceAssumed, gate.unknown, unverified));
            effects.push((Cause::ReferenceAssumed, Action::Caution, passed));
        }
    }
    effects.push((Cause::Above, Action::Exclude, exceeded));
    effects
}
