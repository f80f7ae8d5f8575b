//! The job: customers part by part, each part in a transaction of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use odyssey_jobs::{Job, JobContext, JobError, JobOutcome, StopReason};
use odyssey_matching::{Candidate, Derivation, Policy, ProductMeta, Query, Ranked, Tier, evaluate, rank};
use odyssey_types::{CustomerId, JobId, Phi, ProductId, VendorId};
use serde::{Deserialize, Serialize};

use super::line::{Answer, Item, KeptLine, Line, Status};
use super::store::{self, BatchRow};
use crate::audit::{self, AuditEvent};
use crate::catalog::{self, Product};
use crate::customers::{self, CustomerError, ForMatching, MatchAct};
use crate::db::{Database, DbError, VendorTx};
use crate::matching::judge::snapshot_within;
use crate::matching::query::filters_of;
use crate::matching::spread::spread;
use crate::matching::{MatchQuery, MatchingError, Snapshots, VendorSnapshot, compile_with, meta_of};
use crate::parts;
use crate::rules;
use crate::tenancy::{self, Actor, PAUSED_BY_SUSPENSION, Purpose, TenancyError};

/// The lane of batches: hours of work that keep no import and no short job waiting.
pub const BATCH_LANE: &str = "batches";
/// Customers of one part.
const CUSTOMERS_A_PART: usize = 100;

/// Answers a batch; everything about it is in its row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunMatchBatch {}

impl Job for RunMatchBatch {
    const KIND: &'static str = "run_match_batch";
    const LANE: &'static str = BATCH_LANE;
    const ATTEMPTS_MAX: i16 = 50;
    const TIMEOUT: Duration = Duration::from_hours(24);
}

/// Runs one attempt, from behind the last part of the one before.
pub async fn run_match_batch(
    database: &Database,
    snapshots: &Snapshots,
    context: &JobContext,
) -> Result<JobOutcome, JobError> {
    let run = Run { database, snapshots, context };
    loop {
        match context.stop_reason() {
            Some(StopReason::Cancel) => return Ok(JobOutcome::CANCELED),
            Some(_) => return Err(JobError::stopped()),
            None => {}
        }
        match run.part().await {
            Ok(true) => {}
            Ok(false) => return Ok(JobOutcome::COMPLETED),
            Err(MatchingError::Tenancy(TenancyError::VendorSuspended)) => {
                return Ok(JobOutcome::paused_for(PAUSED_BY_SUSPENSION));
            }
            Err(MatchingError::Tenancy(error @ TenancyError::VendorNotFound)) => {
                return Err(JobError::fail(error).code("vendor_not_found"));
            }
            Err(error) => return Err(JobError::retry(error)),
        }
    }
}

struct Run<'a> {
    database: &'a Database,
    snapshots: &'a Snapshots,
    context: &'a JobContext,
}

/// The winners of a part as they stand now, with what their labels say.
type Products = HashMap<ProductId, (Product, Arc<Derivation>, ProductMeta)>;

impl Run<'_> {
    fn job_id(&self) -> JobId {
        JobId::from_uuid(self.context.job_id())
    }

    /// Answers the next customers; false when all are answered.
    async fn part(&self) -> Result<bool, MatchingError> {
        let vendor_id = VendorId::from_uuid(self.context.vendor_id());
        let scope = tenancy::scope_for_job(self.database, vendor_id).await?;
        let mut tx = VendorTx::begin(self.database, scope, Actor::job(self.job_id())).await?;
        let batch = store::find_batch(&mut tx, self.job_id()).await?;
        let batch = batch.ok_or_else(|| DbError::inconsistent("a batch without its row"))?;
        let ids = next_ids(&mut tx, &batch).await?;
        let Some(last) = ids.last().copied().filter(|_| !batch.finished) else {
            store::finish_batch(&mut tx, self.job_id()).await?;
            let event = AuditEvent::new("match_batch.finish", "job", Purpose::Service).entity(self.job_id());
            audit::record(&mut tx, event).await?;
            self.commit(tx, 1000, batch.customers_done).await?;
            return Ok(false);
        };
        let version = catalog::catalog_version(&mut tx).await?;
        let Some(snapshot) = snapshot_within(&tx, self.snapshots, version).await? else {
            tx.roll_back().await?;
            self.snapshots.at_least(scope, version).await?;
            return Ok(true);
        };
        let answered = answer_many(&mut tx, &batch.query, snapshot, version, &ids).await?;
        let lines = lines_of(&ids, answered)?;
        let sealed = seal(&tx, self.job_id(), batch.part_count, &lines)?;
        let done = batch.customers_done + ids.len() as i64;
        let total = match batch.customers_total {
            Some(total) => total,
            None => total_of(&mut tx, &batch).await?,
        };
        let part = store::Part { number: batch.part_count, last, lines_sealed: &sealed, done, total };
        store::insert_part(&mut tx, self.job_id(), part).await?;
        self.commit(tx, permille(done, total), done).await?;
        Ok(true)
    }

    /// Only the attempt that holds the job writes.
    async fn commit(&self, mut tx: VendorTx, permille: u16, customers: i64) -> Result<(), MatchingError> {
        let totals = serde_json::json!({ "customers": customers });
        let fenced = self.context.fence(tx.connection()).await;
        let fenced = match fenced {
            Ok(()) => self.context.progress_in(tx.connection(), permille, Some(&totals)).await,
            lost => lost,
        };
        fenced.map_err(|_| MatchingError::Unavailable("another worker has the batch"))?;
        Ok(tx.commit().await?)
    }
}

/// Somebody's answer, with the vendor's own name for them; `None` for who does not consent.
pub(super) type Answered = Option<(Phi<String>, Answer)>;

/// Answers those of the given customers who are there, as their own requests would be.
pub(super) async fn answer_many(
    tx: &mut VendorTx,
    query: &MatchQuery,
    snapshot: Arc<VendorSnapshot>,
    version: i64,
    ids: &[CustomerId],
) -> Result<HashMap<CustomerId, Answered>, MatchingError> {
    let people = customers::open_many_for_matching(tx, ids, MatchAct::Batch).await?;
    let rules = rules::effective_rules(tx).await?;
    let as_of = tx.now().date_naive();
    let consenting = people.iter().filter_map(|(id, person)| Some((*id, person.as_ref()?)));
    let policies: Vec<(CustomerId, Policy)> =
        consenting.map(|(id, person)| (id, compile_with(&person.opened, &rules, as_of))).collect();
    let wanted = Query {
        k: query.k,
        include_cannot_verify: query.include_cannot_verify,
        filters: filters_of(tx, query).await?,
    };
    let ranked = spread(policies, move |(id, policy)| {
        let ranked = rank(&snapshot.snapshot, &policy, &wanted);
        (id, (policy, ranked))
    });
    let mut ranked: HashMap<CustomerId, (Policy, Ranked)> = ranked.await?.into_iter().collect();
    let products = products_of(tx, ranked.values().map(|(_, ranked)| ranked)).await?;
    let mut answered = HashMap::with_capacity(people.len());
    for (id, person) in people {
        let answer = match (person, ranked.remove(&id)) {
            (Some(person), Some((policy, ranked))) => {
                let answer = answer_one(&person.opened, version, query, &policy, ranked, &products);
                Some((person.external_id, answer))
            }
            _ => None,
        };
        answered.insert(id, answer);
    }
    Ok(answered)
}

fn lines_of(
    ids: &[CustomerId],
    mut answered: HashMap<CustomerId, Answered>,
) -> Result<Vec<KeptLine>, DbError> {
    let line = |id: &CustomerId| match answered.remove(id) {
        Some(Some((external_id, answer))) => Line::answered(*id, external_id.expose(), answer).keep(),
        Some(None) => Line::without(*id, Status::ConsentMissing).keep(),
        None => Line::without(*id, Status::NotFound).keep(),
    };
    ids.iter().map(line).collect()
}

/// The winners judged again on their live rows; what stands worse than the columns had it is left out.
fn answer_one(
    opened: &ForMatching,
    version: i64,
    query: &MatchQuery,
    policy: &Policy,
    mut ranked: Ranked,
    products: &Products,
) -> Answer {
    let judged = |list: Vec<Candidate>| -> Vec<Item> {
        let again = |candidate: Candidate| {
            let (product, derivation, meta) = products.get(&candidate.id)?;
            let verdict = evaluate(policy, derivation, meta);
            let stands = match candidate.tier {
                Tier::One | Tier::Two => verdict.tier <= Tier::Two,
                tier => verdict.tier == tier,
            };
            stands.then_some((product, verdict))
        };
        let numbered = list.into_iter().filter_map(again).enumerate();
        numbered
            .map(|(at, (product, verdict))| {
                Item::new(at + 1, &product.external_id, product.fields.name.as_deref(), verdict)
            })
            .collect()
    };
    let items = judged(std::mem::take(&mut ranked.fits));
    let unverified = std::mem::take(&mut ranked.cannot_verify);
    let cannot_verify = query.include_cannot_verify.then(|| judged(unverified));
    Answer::new(opened.answer_id, version, policy, ranked, items, cannot_verify)
}

/// The live rows of all winners of a part, and what their labels say.
async fn products_of(
    tx: &mut VendorTx,
    ranked: impl Iterator<Item = &Ranked>,
) -> Result<Products, MatchingError> {
    let mut ids: Vec<ProductId> = ranked
        .flat_map(|ranked| ranked.fits.iter().chain(&ranked.cannot_verify))
        .map(|candidate| candidate.id)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let products = catalog::find_products(tx, &ids).await?;
    let tables = catalog::tables(tx).await?;
    let holds = catalog::holds_of_products(tx, &ids).await?;
    let vendor_id = tx.vendor_id();
    let derived = |product: Product| {
        let held = holds.get(&product.id).map(Vec::as_slice).unwrap_or_default();
        let derivation = catalog::derivation_of(vendor_id, &tables, &product, held);
        let meta = meta_of(&tables, &product);
        (product.id, (product, derivation, meta))
    };
    Ok(products.into_iter().map(derived).collect())
}

/// How many the batch is about, as counted when its first part is written.
async fn total_of(tx: &mut VendorTx, batch: &BatchRow) -> Result<i64, MatchingError> {
    match &batch.customers {
        Some(named) => Ok(named.len() as i64),
        None => Ok(customers::count_with_profile(tx).await?.cast_signed()),
    }
}

/// Of everybody; short of all of it until the batch has ended, since people come and go meanwhile.
fn permille(done: i64, total: i64) -> u16 {
    (done * 1000 / total.max(1)).clamp(0, 999) as u16
}

async fn next_ids(tx: &mut VendorTx, batch: &BatchRow) -> Result<Vec<CustomerId>, CustomerError> {
    match &batch.customers {
        None => customers::page_of_consenting(tx, batch.last_customer, CUSTOMERS_A_PART as i64).await,
        Some(all) => {
            let from = batch.last_customer.map_or(0, |last| all.partition_point(|id| *id <= last));
            Ok(all[from..].iter().copied().take(CUSTOMERS_A_PART).collect())
        }
    }
}

const COLUMN: &str = "match_batch_parts.lines";

fn seal(tx: &VendorTx, job_id: JobId, part: i32, lines: &[KeptLine]) -> Result<Vec<u8>, MatchingError> {
    let keys = tx.keys().map_err(CustomerError::from)?;
    let aad = parts::aad(tx.vendor_id(), job_id, part, COLUMN);
    Ok(keys.seal_vendor(&aad, &parts::pack(lines)?).map_err(CustomerError::from)?)
}

/// Opens what [`seal`] sealed.
pub(super) fn open(
    tx: &VendorTx,
    job_id: JobId,
    part: i32,
    sealed: &[u8],
) -> Result<Phi<Vec<KeptLine>>, MatchingError> {
    let keys = tx.keys().map_err(CustomerError::from)?;
    let aad = parts::aad(tx.vendor_id(), job_id, part, COLUMN);
    let packed = keys.open_vendor(&aad, sealed).map_err(CustomerError::from)?;
    Ok(Phi::new(parts::unpack(&packed)?))
}
