//! One product against every customer: whom it suits, and who loses it when its label changes.
//!
//! [`audience`] gives counts, which need no right to read health data but whose small cells have to be
//! suppressed by whoever shows them; [`audience_of_label`] the same for a draft; [`audience_customers`] gives ids
//! and records the disclosure; [`who_regresses`] compares two states of one label for whoever has both at hand.
//! Each is an audit event of its own, and counts only customers who consent as of the transaction that asks.
//! Labels that were changed are judged in [`super::regressions`].

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;
use odyssey_matching::{Audience, AudienceCounts, AudienceProduct, Facts, Listed, Regressions, VerdictKind};
use odyssey_types::{CustomerId, ProductId};
use tokio::task::spawn_blocking;

use super::{Audiences, MatchingError, meta_of};
use crate::audit::{self, AuditEvent};
use crate::catalog::{self, Product};
use crate::customers::{self, ListKind};
use crate::db::VendorTx;
use crate::rules;
use crate::tenancy::{Actor, Purpose, VendorScope};

/// Customers who have a product on a list of their own, and on which.
pub(super) type Listers = Vec<(CustomerId, Listed)>;

/// Ids of one answer at most.
pub const AUDIENCE_IDS_MAX: usize = 10_000;

/// Whom a product suits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProductAudience {
    pub product_id: ProductId,
    /// Over all customers who consent at this moment. Small cells are whoever shows them to suppress.
    pub counts: AudienceCounts,
    /// The catalog version whose label was judged.
    pub catalog_version: i64,
}

/// Counts whom a product suits, on its live label. Builds the audience when it is not there, which takes
/// up to half a minute for a million customers and goes on when the caller gives up.
pub async fn audience(
    audiences: &Audiences,
    scope: VendorScope,
    actor: &Actor,
    product_id: ProductId,
) -> Result<ProductAudience, MatchingError> {
    let mut asked = Asked::begin(audiences, scope, actor, product_id).await?;
    let counts = asked.judge(|judged| judged.counts()).await?;
    let found = ProductAudience { product_id, counts, catalog_version: asked.catalog_version };
    let event = asked.event("audience.read", product_id).count(counts.total() as i64);
    asked.commit(event).await?;
    Ok(found)
}

/// The same for several products, on one state of customers and catalog; of those that are not there nothing is said.
/// One event, which says of how many.
pub async fn audiences_of(
    audiences: &Audiences,
    scope: VendorScope,
    actor: &Actor,
    ids: &[ProductId],
) -> Result<HashMap<ProductId, AudienceCounts>, MatchingError> {
    // Nobody holds a connection while customers are compiled.
    audiences.prepare(scope, actor).await?;
    let mut tx = VendorTx::begin(&audiences.database, scope, actor.clone()).await?;
    let products = catalog::find_products(&mut tx, ids).await?;
    let holds = catalog::holds_of_products(&mut tx, ids).await?;
    let tables = catalog::tables(&mut tx).await?;
    let oldest = rules::effective_rules(&mut tx).await?.label_oldest(tx.now().date_naive());
    let mut listed = listers(&mut tx, ids).await?;
    let (audience, opened) = audiences.at_present(&mut tx).await?;
    let count_all = move || -> HashMap<ProductId, AudienceCounts> {
        let count = |product: Product| {
            let held = holds.get(&product.id).map(Vec::as_slice).unwrap_or_default();
            let facts = catalog::derive_product_by(&tables, &product.fields, held).facts;
            let facts = facts_of_day(facts, product.fields.label_as_of, oldest);
            let listed = listed.remove(&product.id).unwrap_or_default();
            let active = meta_of(&tables, &product).active;
            let counts = audience.judge(&AudienceProduct { facts: &facts, active, listed: &listed }).counts();
            (product.id, counts)
        };
        products.into_iter().map(count).collect()
    };
    let counts = spawn_blocking(count_all).await;
    let counts = counts.map_err(|_| MatchingError::Unavailable("the engine stopped"))?;
    let event = AuditEvent::new("audience.read", "catalog", Purpose::Service)
        .count(counts.len() as i64)
        .detail("profiles_opened", opened);
    audit::record(&mut tx, event).await?;
    tx.commit().await?;
    Ok(counts)
}

/// The same for a label that need not be stored: a draft, or what a product said before.
pub async fn audience_of_label(
    audiences: &Audiences,
    scope: VendorScope,
    actor: &Actor,
    product_id: ProductId,
    facts: Facts,
    active: bool,
) -> Result<AudienceCounts, MatchingError> {
    audiences.prepare(scope, actor).await?;
    let mut tx = VendorTx::begin(&audiences.database, scope, actor.clone()).await?;
    let catalog_version = catalog::catalog_version(&mut tx).await?;
    let listed = listers_of_one(&mut tx, product_id).await?;
    let (audience, opened) = audiences.at_present(&mut tx).await?;
    let mut asked = Asked { tx, audience, opened, facts, active, listed, catalog_version };
    let counts = asked.judge(|judged| judged.counts()).await?;
    let event = asked.event("audience.read", product_id).count(counts.total() as i64);
    asked.commit(event).await?;
    Ok(counts)
}

/// The customers to whom a product is `verdict`, ascending after `after`, `limit` (at most
/// [`AUDIENCE_IDS_MAX`]) at a time. Names people by what their health allows: the caller must have the right to read
/// health data, and each of them is recorded as disclosed.
pub async fn audience_customers(
    audiences: &Audiences,
    scope: VendorScope,
    actor: &Actor,
    product_id: ProductId,
    verdict: VerdictKind,
    after: Option<CustomerId>,
    limit: usize,
) -> Result<Vec<CustomerId>, MatchingError> {
    let limit = limit.min(AUDIENCE_IDS_MAX);
    let mut asked = Asked::begin(audiences, scope, actor, product_id).await?;
    let mut ids = asked
        .judge(move |judged| {
            let later = |id: &CustomerId| after.is_none_or(|after| *id > after);
            let mut ids: Vec<CustomerId> = judged.customers(verdict).filter(later).collect();
            ids.sort_unstable();
            ids.truncate(limit);
            ids
        })
        .await?;
    // Consent is asked of the rows once more, since this answer names people.
    let consenting = customers::still_consenting(&mut asked.tx, &ids).await?;
    ids.retain(|id| consenting.contains(id));
    let event =
        asked.event("audience.list", product_id).count(ids.len() as i64).discloses_all(ids.iter().copied());
    asked.commit(event).await?;
    Ok(ids)
}

/// Who loses a product by a change of its label from `before` to `after`, both active. Of people, only
/// their number is recorded here.
pub async fn who_regresses(
    audiences: &Audiences,
    scope: VendorScope,
    actor: &Actor,
    product_id: ProductId,
    before: Facts,
    after: Facts,
) -> Result<Regressions, MatchingError> {
    audiences.prepare(scope, actor).await?;
    let mut tx = VendorTx::begin(&audiences.database, scope, actor.clone()).await?;
    let (audience, opened) = audiences.at_present(&mut tx).await?;
    let listed = listers_of_one(&mut tx, product_id).await?;
    let compare = move || {
        let product = |facts| AudienceProduct { facts, active: true, listed: &listed };
        audience.who_regresses(&product(&before), &product(&after))
    };
    let lost = spawn_blocking(compare).await;
    let lost = lost.map_err(|_| MatchingError::Unavailable("the engine stopped"))?;
    let event = AuditEvent::new("audience.regressions", "product", Purpose::Service)
        .entity(product_id)
        .count((lost.to_conflict.len() + lost.to_cannot_verify.len()) as i64)
        .detail("profiles_opened", opened);
    audit::record(&mut tx, event).await?;
    tx.commit().await?;
    Ok(lost)
}

/// A label that is to change, before and after; both are offered.
#[derive(Debug, Clone)]
pub struct LabelDraft {
    pub product_id: ProductId,
    pub before: Facts,
    pub before_as_of: Option<NaiveDate>,
    pub after: Facts,
    pub after_as_of: Option<NaiveDate>,
}

/// Who would lose products by changes of their labels that are not written, in the order of the drafts. Of people, only
/// their number is recorded; whoever shows counts suppresses small ones.
pub async fn who_would_regress(
    audiences: &Audiences,
    scope: VendorScope,
    actor: &Actor,
    drafts: Vec<LabelDraft>,
) -> Result<Vec<Regressions>, MatchingError> {
    audiences.prepare(scope, actor).await?;
    let mut tx = VendorTx::begin(&audiences.database, scope, actor.clone()).await?;
    let (audience, opened) = audiences.at_present(&mut tx).await?;
    let ids: Vec<ProductId> = drafts.iter().map(|draft| draft.product_id).collect();
    let mut listed = listers(&mut tx, &ids).await?;
    let oldest = rules::effective_rules(&mut tx).await?.label_oldest(tx.now().date_naive());
    let judge = move || -> Vec<Regressions> {
        let judged = |draft: LabelDraft| {
            let listed = listed.remove(&draft.product_id).unwrap_or_default();
            let before = facts_of_day(draft.before, draft.before_as_of, oldest);
            let after = facts_of_day(draft.after, draft.after_as_of, oldest);
            let product = |facts| AudienceProduct { facts, active: true, listed: &listed };
            audience.who_regresses(&product(&before), &product(&after))
        };
        drafts.into_iter().map(judged).collect()
    };
    let lost = spawn_blocking(judge).await;
    let lost = lost.map_err(|_| MatchingError::Unavailable("the engine stopped"))?;
    let event = AuditEvent::new("audience.rehearse", "catalog", Purpose::Operations)
        .count(lost.iter().map(|lost| lost.to_conflict.len() + lost.to_cannot_verify.len()).sum::<usize>()
            as i64)
        .detail("products", lost.len())
        .detail("profiles_opened", opened);
    audit::record(&mut tx, event).await?;
    tx.commit().await?;
    Ok(lost)
}

/// A question about one product, with everything it is answered from.
struct Asked {
    tx: VendorTx,
    audience: Arc<Audience>,
    opened: usize,
    facts: Facts,
    active: bool,
    listed: Listers,
    catalog_version: i64,
}

impl Asked {
    async fn begin(
        audiences: &Audiences,
        scope: VendorScope,
        actor: &Actor,
        product_id: ProductId,
    ) -> Result<Self, MatchingError> {
        // No profile is opened for a product that is not there.
        let mut tx = VendorTx::begin(&audiences.database, scope, actor.clone()).await?;
        let known = catalog::get_product(&mut tx, product_id).await;
        tx.roll_back().await?;
        known?;
        // Nobody holds a connection while customers are compiled.
        audiences.prepare(scope, actor).await?;
        let mut tx = VendorTx::begin(&audiences.database, scope, actor.clone()).await?;
        let catalog_version = catalog::catalog_version(&mut tx).await?;
        let product = catalog::get_product(&mut tx, product_id).await?;
        let holds = catalog::holds_of_products(&mut tx, &[product_id]).await?;
        let held = holds.get(&product_id).map(Vec::as_slice).unwrap_or_default();
        let tables = catalog::tables(&mut tx).await?;
        let facts = catalog::derive_product_by(&tables, &product.fields, held).facts;
        let rules = rules::effective_rules(&mut tx).await?;
        let facts =
            facts_of_day(facts, product.fields.label_as_of, rules.label_oldest(tx.now().date_naive()));
        let active = meta_of(&tables, &product).active;
        let listed = listers_of_one(&mut tx, product_id).await?;
        let (audience, opened) = audiences.at_present(&mut tx).await?;
        Ok(Self { tx, audience, opened, facts, active, listed, catalog_version })
    }

    /// Milliseconds of pure computation: they leave the threads that serve requests alone.
    async fn judge<T: Send + 'static>(
        &mut self,
        answer: impl FnOnce(&odyssey_matching::Judged<'_>) -> T + Send + 'static,
    ) -> Result<T, MatchingError> {
        let (audience, facts, active) = (Arc::clone(&self.audience), self.facts.clone(), self.active);
        let listed = self.listed.clone();
        let judge =
            move || answer(&audience.judge(&AudienceProduct { facts: &facts, active, listed: &listed }));
        spawn_blocking(judge).await.map_err(|_| MatchingError::Unavailable("the engine stopped"))
    }

    fn event(&self, action: &'static str, product_id: ProductId) -> AuditEvent {
        AuditEvent::new(action, "product", Purpose::Service)
            .entity(product_id)
            .detail("profiles_opened", self.opened)
    }

    async fn commit(mut self, event: AuditEvent) -> Result<(), MatchingError> {
        audit::record(&mut self.tx, event).await?;
        Ok(self.tx.commit().await?)
    }
}

/// The facts as the vendor's limit on the age of labels leaves them. It is the same for all customers, and so no part
/// of their rules.
pub(super) fn facts_of_day(facts: Facts, label_as_of: Option<NaiveDate>, oldest: Option<NaiveDate>) -> Facts {
    let is_stale = oldest.is_some_and(|oldest| label_as_of.is_none_or(|day| day < oldest));
    if is_stale { facts.as_stale() } else { facts }
}

/// Who has which of the products on a list of their own.
pub(super) async fn listers(
    tx: &mut VendorTx,
    ids: &[ProductId],
) -> Result<HashMap<ProductId, Listers>, MatchingError> {
    let listed = |(id, list)| match list {
        ListKind::AlwaysAllow => (id, Listed::AlwaysAllow),
        ListKind::NeverShow => (id, Listed::NeverShow),
    };
    let found = customers::listers_of_products(tx, ids).await?;
    Ok(found.into_iter().map(|(id, of)| (id, of.into_iter().map(listed).collect())).collect())
}

async fn listers_of_one(tx: &mut VendorTx, id: ProductId) -> Result<Listers, MatchingError> {
    Ok(listers(tx, &[id]).await?.remove(&id).unwrap_or_default())
}
