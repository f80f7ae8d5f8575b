//! Indices as columns, and back. A row derived before there were any reads as unknown.

use std::collections::BTreeSet;

use odyssey_matching::{
    Claims, FoodKind, Grade, Indices, Nova, NutriScore, QualityIssue, Truth, UkNpm, issue_rule,
};

use super::facts::FactsRow;

/// The columns of the indices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IndicesRecord {
    pub food_kind: Option<i16>,
    pub nutri_score: Option<i16>,
    pub nutri_grade: Option<i16>,
    pub nutri_estimated: Option<bool>,
    pub uk_npm_score: Option<i16>,
    pub uk_npm_less_healthy: Option<bool>,
    pub nova_group: Option<i16>,
    pub claims_yes: Option<i32>,
    pub claims_no: Option<i32>,
    pub fda_healthy: Option<i16>,
    pub completeness_permille: Option<i16>,
    pub quality_permille: Option<i16>,
}

impl IndicesRecord {
    pub fn of(indices: &Indices) -> Self {
        let (nutri, npm) = (indices.nutri_score, indices.uk_npm);
        Self {
            food_kind: indices.kind.map(|kind| i16::from(kind as u8)),
            nutri_score: nutri.map(|n| i16::from(n.score)),
            nutri_grade: nutri.map(|n| i16::from(n.grade as u8)),
            nutri_estimated: nutri.map(|n| n.estimated),
            uk_npm_score: npm.map(|n| i16::from(n.score)),
            uk_npm_less_healthy: npm.map(|n| n.less_healthy),
            nova_group: indices.nova.map(|n| i16::from(n as u8)),
            // Bits below the sign: there are fewer than 31 claims.
            claims_yes: Some(indices.claims.yes as i32),
            claims_no: Some(indices.claims.no as i32),
            fda_healthy: Some(i16::from(indices.healthy as u8)),
            completeness_permille: Some(indices.completeness_permille as i16),
            quality_permille: Some(indices.quality_permille as i16),
        }
    }

    pub fn of_row(row: &FactsRow) -> Self {
        Self {
            food_kind: row.food_kind,
            nutri_score: row.nutri_score,
            nutri_grade: row.nutri_grade,
            nutri_estimated: row.nutri_estimated,
            uk_npm_score: row.uk_npm_score,
            uk_npm_less_healthy: row.uk_npm_less_healthy,
            nova_group: row.nova_group,
            claims_yes: row.claims_yes,
            claims_no: row.claims_no,
            fda_healthy: row.fda_healthy,
            completeness_permille: row.completeness_permille,
            quality_permille: row.quality_permille,
        }
    }

    /// `None` where a column holds what no program of ours wrote.
    pub fn to_indices(&self) -> Option<Indices> {
        let nutri_score = match (self.nutri_score, self.nutri_grade) {
            (Some(score), Some(grade)) => Some(NutriScore {
                score: i8::try_from(score).ok()?,
                grade: Grade::from_number(grade)?,
                estimated: self.nutri_estimated.unwrap_or(true),
            }),
            _ => None,
        };
        let uk_npm = match (self.uk_npm_score, self.uk_npm_less_healthy) {
            (Some(score), Some(less_healthy)) => {
                Some(UkNpm { score: i8::try_from(score).ok()?, less_healthy })
            }
            _ => None,
        };
        let known = |number: Option<i16>| u16::try_from(number.unwrap_or(0)).ok();
        Some(Indices {
            kind: self.food_kind.map(|kind| FoodKind::from_number(kind).ok_or(())).transpose().ok()?,
            nutri_score,
            uk_npm,
            nova: self.nova_group.map(|group| Nova::from_number(group).ok_or(())).transpose().ok()?,
            claims: Claims {
                yes: self.claims_yes.unwrap_or(0) as u32,
                no: self.claims_no.unwrap_or(0) as u32,
            },
            healthy: match self.fda_healthy {
                None | Some(0) => Truth::Unknown,
                Some(1) => Truth::No,
                Some(2) => Truth::Yes,
                Some(_) => return None,
            },
            completeness_permille: known(self.completeness_permille)?,
            quality_permille: known(self.quality_permille)?,
        })
    }
}

/// The numbers of the codes that occur, each once, ascending.
pub(super) fn issue_codes(issues: &[QualityIssue]) -> Vec<i16> {
    let numbers: BTreeSet<i16> =
        issues.iter().filter_map(|issue| issue_rule(&issue.code)).map(|rule| rule.number).collect();
    numbers.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_an_older_program_has_no_indices() {
        let nothing = IndicesRecord {
            food_kind: None,
            nutri_score: None,
            nutri_grade: None,
            nutri_estimated: None,
            uk_npm_score: None,
            uk_npm_less_healthy: None,
            nova_group: None,
            claims_yes: None,
            claims_no: None,
            fda_healthy: None,
            completeness_permille: None,
            quality_permille: None,
        };
        assert_eq!(nothing.to_indices(), Some(Indices::default()));
        assert_eq!(IndicesRecord { nova_group: Some(7), ..nothing }.to_indices(), None);
    }

    #[test]
    fn what_is_stored_reads_back_equal() {
        let mut claims = Claims::default();
        claims.set(odyssey_matching::Claim::LowSodium, Truth::Yes);
        claims.set(odyssey_matching::Claim::HighVitaminD, Truth::No);
        let indices = Indices {
            kind: Some(FoodKind::Cheese),
            nutri_score: Some(NutriScore { score: -17, grade: Grade::B, estimated: true }),
            uk_npm: Some(UkNpm { score: 26, less_healthy: true }),
            nova: Some(Nova::Three),
            claims,
            healthy: Truth::No,
            completeness_permille: 730,
            quality_permille: 1,
        };
        assert_eq!(IndicesRecord::of(&indices).to_indices(), Some(indices));
    }
}
