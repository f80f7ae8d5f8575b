//! What an export is asked for with, and how it is shown.

use chrono::{DateTime, Utc};
use odyssey_domain::audit::AuditRange;
use odyssey_domain::catalog::ProductsToExport;
use odyssey_domain::customers::PeopleToExport;
use odyssey_domain::exports::{Export, ExportOf, FileFormat};
use odyssey_domain::matching::{BATCH_MATCHES_MAX, MATCHES_DEFAULT, MatchQuery};
use odyssey_types::{CustomerStatus, JobId, ProductStatus, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;

/// What a file is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum KindDto {
    /// The catalog; comes back by an import of products.
    Products,
    /// Who customers are, and their consent; comes back by an import of customers.
    Customers,
    /// Their health profiles, and their consent; comes back by an import of customers.
    Profiles,
    /// The products that suit each customer who consents.
    Matches,
    /// The audit trail.
    Audit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FormatDto {
    Csv,
    Ndjson,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ConsentDto {
    Missing,
    Granted,
    Withdrawn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum OutcomeDto {
    Allowed,
    Refused,
    Failed,
}

/// What to write, and how.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportRequest {
    kind: KindDto,
    format: FormatDto,
    /// Filters of that kind, joined by "and"; without any the file has everything.
    #[serde(default)]
    filters: FiltersDto,
}

/// Filters; one that is none of the kind's is refused.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FiltersDto {
    /// Of products and matches.
    brand: Option<String>,
    /// Of products and matches.
    category_id: Option<String>,
    /// Of products: `active`, `inactive`, `discontinued`; of customers and profiles: `active`, `inactive`.
    status: Option<String>,
    /// Of products, customers and profiles: written after this instant.
    updated_after: Option<DateTime<Utc>>,
    /// Of customers and profiles: consent to the use of health data.
    consent: Option<ConsentDto>,
    /// Of matches: products for each customer, 1 to 100; 20 when left out.
    k: Option<usize>,
    /// Of audit: from this instant on.
    from: Option<DateTime<Utc>>,
    /// Of audit: before this instant; never later than the export was asked for.
    until: Option<DateTime<Utc>>,
    /// Of audit: `product.upsert`, `session.sign_in`, …
    action: Option<String>,
    /// Of audit: what this user did.
    #[schema(value_type = Option<Uuid>)]
    actor_id: Option<UserId>,
    /// Of audit: how the act ended.
    outcome: Option<OutcomeDto>,
}

impl ExportRequest {
    pub fn into_domain(self) -> Result<(ExportOf, FileFormat), Problem> {
        let format = match self.format {
            FormatDto::Csv => FileFormat::Csv,
            FormatDto::Ndjson => FileFormat::Ndjson,
        };
        self.filters.check(self.kind)?;
        let filters = self.filters;
        let of = match self.kind {
            KindDto::Products => ExportOf::Products(filters.products()?),
            KindDto::Customers => ExportOf::Customers(filters.people()?),
            KindDto::Profiles => ExportOf::Profiles(filters.people()?),
            KindDto::Matches => ExportOf::Matches(filters.matches()?),
            KindDto::Audit => ExportOf::Audit(filters.audit()),
        };
        Ok((of, format))
    }
}

impl FiltersDto {
    /// Refuses a filter that the kind does not have, rather than leaving it out.
    fn check(&self, kind: KindDto) -> Result<(), Problem> {
        use KindDto as K;
        let given: [(&str, bool, &[K]); 11] = [
            ("brand", self.brand.is_some(), &[K::Products, K::Matches]),
            ("category_id", self.category_id.is_some(), &[K::Products, K::Matches]),
            ("status", self.status.is_some(), &[K::Products, K::Customers, K::Profiles]),
            ("updated_after", self.updated_after.is_some(), &[K::Products, K::Customers, K::Profiles]),
            ("consent", self.consent.is_some(), &[K::Customers, K::Profiles]),
            ("k", self.k.is_some(), &[K::Matches]),
            ("from", self.from.is_some(), &[K::Audit]),
            ("until", self.until.is_some(), &[K::Audit]),
            ("action", self.action.is_some(), &[K::Audit]),
            ("actor_id", self.actor_id.is_some(), &[K::Audit]),
            ("outcome", self.outcome.is_some(), &[K::Audit]),
        ];
        match given.into_iter().find(|(_, given, kinds)| *given && !kinds.contains(&kind)) {
            Some((name, ..)) => {
                Err(Problem::invalid(format!("#/filters/{name}"), "not_here", "this kind has no such filter"))
            }
            None => Ok(()),
        }
    }

    fn products(self) -> Result<ProductsToExport, Problem> {
        let status = self.status.as_deref().map(|word| ProductStatus::parse(word).ok_or_else(unknown_status));
        Ok(ProductsToExport {
            brand: self.brand,
            category_id: self.category_id,
            status: status.transpose()?,
            updated_after: self.updated_after,
        })
    }

    fn people(self) -> Result<PeopleToExport, Problem> {
        let status =
            self.status.as_deref().map(|word| CustomerStatus::parse(word).ok_or_else(unknown_status));
        let consent = self.consent.map(|consent| match consent {
            ConsentDto::Missing => "missing",
            ConsentDto::Granted => "granted",
            ConsentDto::Withdrawn => "withdrawn",
        });
        Ok(PeopleToExport {
            status: status.transpose()?,
            consent: consent.map(str::to_owned),
            updated_after: self.updated_after,
        })
    }

    fn matches(self) -> Result<MatchQuery, Problem> {
        let k = self.k.unwrap_or(MATCHES_DEFAULT);
        if !(1..=BATCH_MATCHES_MAX).contains(&k) {
            let why = format!("1 to {BATCH_MATCHES_MAX} products for each customer");
            return Err(Problem::invalid("#/filters/k", "out_of_range", why));
        }
        Ok(MatchQuery {
            k,
            brands: self.brand.into_iter().collect(),
            categories: self.category_id.into_iter().collect(),
            ..MatchQuery::default()
        })
    }

    fn audit(self) -> AuditRange {
        let outcome = self.outcome.map(|outcome| match outcome {
            OutcomeDto::Allowed => "allowed",
            OutcomeDto::Refused => "refused",
            OutcomeDto::Failed => "failed",
        });
        AuditRange {
            from: self.from,
            until: self.until,
            action: self.action,
            actor_id: self.actor_id,
            outcome: outcome.map(str::to_owned),
        }
    }
}

fn unknown_status() -> Problem {
    Problem::invalid("#/filters/status", "unknown_value", "this kind has no such status")
}

/// An export that is queued.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StartedExport {
    #[schema(value_type = Uuid)]
    pub export_id: JobId,
    /// The job that writes the file; the same id.
    #[schema(value_type = Uuid)]
    pub job_id: JobId,
    /// Where the export can be followed.
    pub status_url: String,
}

/// An export.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExportDto {
    #[schema(value_type = Uuid)]
    id: JobId,
    /// `products`, `customers`, `profiles`, `matches` or `audit`.
    kind: String,
    /// `csv` or `ndjson`.
    format: &'static str,
    /// As of its job: `queued`, `running`, `completed`, `failed`, …; `expired` once the file is not given out any more.
    state: String,
    /// Rows written so far, without the line of headers.
    row_count: i64,
    /// Bytes of the file as it was written. People who are gone since are not in it any more.
    byte_count: i64,
    #[schema(value_type = Option<Uuid>)]
    created_by: Option<UserId>,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    /// A day after the end.
    expires_at: Option<DateTime<Utc>>,
    /// Where the file is, for those who may read what is in it; null before the end and after `expires_at`.
    download_url: Option<String>,
}

impl ExportDto {
    pub fn new(export: Export, now: DateTime<Utc>) -> Self {
        let expired = export.expires_at.is_some_and(|end| end <= now);
        let there = export.finished_at.is_some() && !expired;
        let state = match export.state {
            _ if expired => "expired".to_owned(),
            Some(state) => state,
            None if there => "completed".to_owned(),
            None => "canceled".to_owned(),
        };
        Self {
            id: export.id,
            kind: export.kind,
            format: match export.format {
                FileFormat::Csv => "csv",
                FileFormat::Ndjson => "ndjson",
            },
            state,
            row_count: export.row_count,
            byte_count: export.byte_count,
            created_by: export.created_by,
            created_at: export.created_at,
            finished_at: export.finished_at,
            expires_at: export.expires_at,
            download_url: there.then(|| format!("/api/v1/exports/{}/file", export.id)),
        }
    }
}
