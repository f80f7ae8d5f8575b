//! Amounts in a list: "12 %", "17,8%", "min. 40 %", "less than 2 % of".

use super::super::text::Word;
use super::{Share, ShareKind, WHOLE_PPM};

/// An amount and the words that state it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Amount {
    pub share: Share,
    pub first: usize,
    pub end: usize,
}

/// Reads amounts out of words and what stands between them.
#[derive(Clone, Copy)]
pub(super) struct Amounts<'a> {
    pub text: &'a str,
    pub words: &'a [Word],
}

impl<'a> Amounts<'a> {
    /// The word as it stands on the label, in lower case where it is ASCII.
    pub fn raw(&self, at: usize) -> String {
        let word = &self.words[at];
        self.text[word.start as usize..word.end as usize].to_ascii_lowercase()
    }

    /// What stands between the word and the next.
    pub fn gap_after(&self, at: usize) -> &'a str {
        let start = self.words[at].end as usize;
        let end = self.words.get(at + 1).map_or(self.text.len(), |w| w.start as usize);
        self.text.get(start..end).unwrap_or_default()
    }

    pub fn gap_before(&self, at: usize) -> &'a str {
        let start = if at == 0 { 0 } else { self.words[at - 1].end as usize };
        self.text.get(start..self.words[at].start as usize).unwrap_or_default()
    }

    /// The percentage that begins at the word, if one does.
    pub fn percentage(&self, at: usize, end: usize) -> Option<Amount> {
        let mut number = self.raw(at);
        if !number.bytes().all(|b| b.is_ascii_digit()) || number.len() > 3 {
            return None;
        }
        let mut last = at;
        let mut decimals = String::new();
        if matches!(self.gap_after(at), "," | ".") && at + 1 < end {
            let next = self.raw(at + 1);
            if next.bytes().all(|b| b.is_ascii_digit()) {
                decimals = next;
                last = at + 1;
            }
        }
        let percent = self.gap_after(last).trim_start().starts_with(['%', '\u{ff05}', '\u{66a}']);
        let spelled = last + 1 < end
            && matches!(self.raw(last + 1).as_str(), "percent" | "pct" | "prozent" | "percento");
        if !percent && !spelled {
            return None;
        }
        // Beyond a millionth nothing is kept.
        decimals.truncate(4);
        while decimals.len() < 4 {
            decimals.push('0');
        }
        number.push_str(&decimals);
        let ppm = number.parse::<u32>().ok().filter(|ppm| *ppm <= WHOLE_PPM)?;
        let share = Share { ppm, kind: ShareKind::Exactly };
        let amount = Amount { share, first: at, end: last + 1 + usize::from(spelled) };
        Some(self.qualified(amount, end))
    }

    /// With the words around that bound it: "minimum 40 %", "2 % or less", "< 2 %".
    fn qualified(&self, mut amount: Amount, end: usize) -> Amount {
        let before = |back: usize| amount.first.checked_sub(back).map(|at| self.raw(at)).unwrap_or_default();
        let (one, two, three) = (before(1), before(2), before(3));
        let gap = self.gap_before(amount.first).trim_end();
        let phrase = format!("{three} {two} {one}");
        let (kind, words) = if gap.ends_with(['<', '\u{2264}']) {
            (ShareKind::AtMost, 0)
        } else if gap.ends_with(['>', '\u{2265}']) {
            (ShareKind::AtLeast, 0)
        } else if gap.ends_with(['~', '\u{2248}']) {
            (ShareKind::About, 0)
        } else if phrase.ends_with("not more than") || phrase.ends_with("no more than") {
            (ShareKind::AtMost, 3)
        } else if [
            "less than",
            "fewer than",
            "up to",
            "at most",
            "moins de",
            "weniger als",
            "menos de",
            "meno del",
        ]
        .iter()
        .any(|p| phrase.ends_with(p))
        {
            (ShareKind::AtMost, 2)
        } else if ["at least", "au moins", "al menos", "mas de"].iter().any(|p| phrase.ends_with(p)) {
            (ShareKind::AtLeast, 2)
        } else if matches!(one.as_str(), "under" | "max" | "maximum" | "maximal" | "maximo") {
            (ShareKind::AtMost, 1)
        } else if matches!(one.as_str(), "min" | "minimum" | "mind" | "mindestens" | "minimo" | "minimal") {
            (ShareKind::AtLeast, 1)
        } else if matches!(
            one.as_str(),
            "about" | "approximately" | "approx" | "ca" | "circa" | "environ" | "env"
        ) {
            (ShareKind::About, 1)
        } else {
            (ShareKind::Exactly, 0)
        };
        amount.share.kind = kind;
        amount.first -= words;
        if kind == ShareKind::Exactly {
            let after = |ahead: usize| {
                let at = amount.end + ahead;
                if at < end { self.raw(at) } else { String::new() }
            };
            match (after(0).as_str(), after(1).as_str()) {
                ("or" | "of", "less" | "fewer") => {
                    amount.share.kind = ShareKind::AtMost;
                    amount.end += 2;
                }
                ("or" | "of", "more") => {
                    amount.share.kind = ShareKind::AtLeast;
                    amount.end += 2;
                }
                ("min" | "minimum" | "mindestens" | "minimo", _) => {
                    amount.share.kind = ShareKind::AtLeast;
                    amount.end += 1;
                }
                ("max" | "maximum" | "maximo", _) => {
                    amount.share.kind = ShareKind::AtMost;
                    amount.end += 1;
                }
                _ => {}
            }
        }
        amount
    }

    /// Whether "contains less than 2 % of" begins at the word: the bound in ppm, and where it ends.
    ///
    /// Labels also say it without "contains", with "each of the following", or misspelled as "2 % of less".
    pub fn minor(&self, at: usize, end: usize) -> Option<(u32, usize)> {
        let mut next = at;
        if next < end
            && matches!(self.raw(next).as_str(), "contain" | "contains" | "containing" | "and" | "with")
        {
            next += 1;
        }
        let amount = (next..end.min(next + 4)).find_map(|i| self.percentage(i, end))?;
        if amount.share.kind != ShareKind::AtMost || amount.first > next {
            return None;
        }
        let mut last = amount.end;
        let joins = |word: &str| {
            matches!(
                word,
                "of" | "each" | "the" | "following" | "de" | "and" | "ingredients" | "by" | "weight"
            )
        };
        let mut led = false;
        while last < end && joins(&self.raw(last)) {
            led |= matches!(self.raw(last).as_str(), "of" | "following" | "de");
            last += 1;
        }
        let announced = next > at || led || (last == end && self.gap_after(last - 1).contains(':'));
        announced.then_some((amount.share.ppm, last))
    }
}
