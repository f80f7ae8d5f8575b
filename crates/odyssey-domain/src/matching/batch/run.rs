//! The job: customers part by part, each part in a transaction of its own.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use odyssey_jobs::{Job, JobContext, JobError, JobOutcome, StopReason};
use odyssey_matching::{Candidate, Derivation, Policy, Query, Ranked, Tier, evaluate, rank};
use odyssey_types::{CustomerId, JobId, Phi, ProductId, VendorId};
use odyssey_vault::Aad;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::line::{Answer, Item, Line, Status};
use super::store::{self, BatchRow};
use crate::audit::{self, AuditEvent};
use crate::catalog::{self, Product};
use crate::customers::{self, CustomerError, ForMatching, MatchAct, OneOfMany};
use crate::db::{Database, DbError, VendorTx};
use crate::matching::judge::snapshot_within;
use crate::matching::query::filters_of;
use crate::matching::{MatchQuery, MatchingError, Snapshots, VendorSnapshot, compile_with, meta_of};
use crate::rules;
use crate::tenancy::{self, Actor, PAUSED_BY_SUSPENSION, Purpose, TenancyError};

/// The lane of batches: hours of work that keep no import and no short job waiting.
pub const BATCH_LANE: &str = "batches";
/// Customers of one part.
const CUSTOMERS_A_PART: usize = 100;
/// Ranks are found by so many threads at most.
const THREADS_MAX: usize = 8;
const COMPRESSION_LEVEL: i32 = 3;

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
    let mut run = Run { database, snapshots, context, derived: HashMap::new() };
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
    /// Of the winners of the part.
    derived: HashMap<ProductId, Arc<Derivation>>,
}

impl Run<'_> {
    fn job_id(&self) -> JobId {
        JobId::from_uuid(self.context.job_id())
    }

    /// Answers the next customers; false when all are answered.
    async fn part(&mut self) -> Result<bool, MatchingError> {
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
            self.commit(tx, 1000, batch.part_count).await?;
            return Ok(false);
        };
        let version = catalog::catalog_version(&mut tx).await?;
        let Some(snapshot) = snapshot_within(&tx, self.snapshots, version).await? else {
            tx.roll_back().await?;
            self.snapshots.at_least(scope, version).await?;
            return Ok(true);
        };
        let lines = self.answer(&mut tx, &batch.query, snapshot, version, &ids).await?;
        let sealed = seal(&tx, self.job_id(), batch.part_count, &lines)?;
        store::insert_part(&mut tx, self.job_id(), batch.part_count, last, &sealed).await?;
        let permille = batch.customers.as_ref().map_or(0, |all| {
            let done = all.partition_point(|id| *id <= last);
            (done * 999 / all.len().max(1)) as u16
        });
        self.commit(tx, permille, batch.part_count + 1).await?;
        Ok(true)
    }

    /// Only the attempt that holds the job writes.
    async fn commit(&self, mut tx: VendorTx, permille: u16, parts: i32) -> Result<(), MatchingError> {
        let totals = serde_json::json!({ "parts": parts });
        let fenced = self.context.fence(tx.connection()).await;
        let fenced = match fenced {
            Ok(()) => self.context.progress_in(tx.connection(), permille, Some(&totals)).await,
            lost => lost,
        };
        fenced.map_err(|_| MatchingError::Unavailable("another worker has the batch"))?;
        Ok(tx.commit().await?)
    }

    async fn answer(
        &mut self,
        tx: &mut VendorTx,
        query: &MatchQuery,
        snapshot: Arc<VendorSnapshot>,
        version: i64,
        ids: &[CustomerId],
    ) -> Result<Vec<(CustomerId, String)>, MatchingError> {
        let mut people: BTreeMap<CustomerId, OneOfMany> =
            customers::open_many_for_matching(tx, ids, MatchAct::Batch)
                .await?
                .into_iter()
                .map(|person| (person.id, person))
                .collect();
        let rules = rules::effective_rules(tx).await?;
        let as_of = tx.now().date_naive();
        let compiled = |(id, person): (&CustomerId, &OneOfMany)| {
            Some((*id, Arc::new(compile_with(person.opened.as_ref()?, &rules, as_of))))
        };
        let policies: Vec<(CustomerId, Arc<Policy>)> = people.iter().filter_map(compiled).collect();
        let wanted = Query {
            k: query.k,
            include_cannot_verify: query.include_cannot_verify,
            filters: filters_of(tx, query).await?,
        };
        let ranked = rank_all(snapshot, policies, wanted).await?;
        let products = self.products_of(tx, &ranked).await?;
        let mut answers: HashMap<CustomerId, Answer> = HashMap::new();
        for (id, policy, ranked) in ranked {
            let Some(opened) = people.get(&id).and_then(|person| person.opened.as_ref()) else { continue };
            answers.insert(id, self.answer_one(opened, version, query, &policy, ranked, &products));
        }
        let mut lines = Vec::with_capacity(ids.len());
        for id in ids {
            let person = people.remove(id);
            let answer = answers.remove(id);
            let status = match (&person, &answer) {
                (None, _) => Status::NotFound,
                (Some(_), None) => Status::ConsentMissing,
                (Some(_), Some(answer)) => answer.status(),
            };
            let external_id = person.as_ref().map(|person| person.external_id.expose().as_str());
            let line = Line { customer_id: *id, external_id, status, answer };
            let text = serde_json::to_string(&line)
                .map_err(|error| DbError::inconsistent(format!("a line cannot be written: {error}")))?;
            lines.push((*id, text));
        }
        Ok(lines)
    }

    /// The winners judged again on their live rows; what stands worse than the columns had it is left out.
    fn answer_one(
        &self,
        opened: &ForMatching,
        version: i64,
        query: &MatchQuery,
        policy: &Policy,
        mut ranked: Ranked,
        products: &HashMap<ProductId, Product>,
    ) -> Answer {
        let judged = |list: Vec<Candidate>| -> Vec<Item> {
            let again = |candidate: Candidate| {
                let product = products.get(&candidate.id)?;
                let derivation = self.derived.get(&candidate.id)?;
                let verdict = evaluate(policy, derivation, &meta_of(product));
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

    /// The live rows of all winners of a part, with their derivations in `derived`.
    async fn products_of(
        &mut self,
        tx: &mut VendorTx,
        ranked: &[(CustomerId, Arc<Policy>, Ranked)],
    ) -> Result<HashMap<ProductId, Product>, MatchingError> {
        let mut ids: Vec<ProductId> = ranked
            .iter()
            .flat_map(|(.., ranked)| ranked.fits.iter().chain(&ranked.cannot_verify))
            .map(|candidate| candidate.id)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let products = catalog::find_products(tx, &ids).await?;
        let tables = catalog::tables(tx).await?;
        let holds = catalog::holds_of_products(tx, &ids).await?;
        let vendor_id = tx.vendor_id();
        self.derived.clear();
        for product in &products {
            let held = holds.get(&product.id).map(Vec::as_slice).unwrap_or_default();
            let derivation = catalog::derivation_of(vendor_id, &tables, product, held);
            self.derived.insert(product.id, derivation);
        }
        Ok(products.into_iter().map(|product| (product.id, product)).collect())
    }
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

type RankedAll = Vec<(CustomerId, Arc<Policy>, Ranked)>;

/// Ranks for everybody, on as many threads as there are cores.
async fn rank_all(
    snapshot: Arc<VendorSnapshot>,
    policies: Vec<(CustomerId, Arc<Policy>)>,
    query: Query,
) -> Result<RankedAll, MatchingError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let share = policies.len().div_ceil(threads).max(1);
    let mut busy: JoinSet<RankedAll> = JoinSet::new();
    for part in policies.chunks(share) {
        let (part, snapshot, query) = (part.to_vec(), Arc::clone(&snapshot), query.clone());
        busy.spawn_blocking(move || {
            part.into_iter()
                .map(|(id, policy)| {
                    let ranked = rank(&snapshot.snapshot, &policy, &query);
                    (id, policy, ranked)
                })
                .collect()
        });
    }
    let mut all = Vec::with_capacity(policies.len());
    while let Some(part) = busy.join_next().await {
        all.extend(part.map_err(|_| MatchingError::Unavailable("the engine stopped"))?);
    }
    Ok(all)
}

/// The place of a part, for the seal.
pub(super) fn aad(tx: &VendorTx, job_id: JobId, part: i32) -> Aad {
    // A job has far fewer parts than its id has numbers behind it.
    let row = uuid::Uuid::from_u128(job_id.as_uuid().as_u128().wrapping_add(part.unsigned_abs().into()));
    Aad { vendor: tx.vendor_id(), row, column: "match_batch_parts.lines" }
}

fn seal(
    tx: &VendorTx,
    job_id: JobId,
    part: i32,
    lines: &Vec<(CustomerId, String)>,
) -> Result<Vec<u8>, MatchingError> {
    let text = serde_json::to_vec(lines)
        .map_err(|error| DbError::inconsistent(format!("a part cannot be written: {error}")))?;
    let packed = zstd::bulk::compress(&text, COMPRESSION_LEVEL)
        .map_err(|_| MatchingError::Unavailable("a part could not be packed"))?;
    let keys = tx.keys().map_err(CustomerError::from)?;
    Ok(keys.seal_vendor(&aad(tx, job_id, part), &packed).map_err(CustomerError::from)?)
}

/// Opens what [`seal`] sealed.
pub(super) fn open(
    tx: &VendorTx,
    job_id: JobId,
    part: i32,
    sealed: &[u8],
) -> Result<Phi<Vec<(CustomerId, String)>>, MatchingError> {
    /// A part of 100 customers with 200 products each has far less.
    const UNPACKED_BYTES_MAX: usize = 256 * 1024 * 1024;
    let keys = tx.keys().map_err(CustomerError::from)?;
    let packed = keys.open_vendor(&aad(tx, job_id, part), sealed).map_err(CustomerError::from)?;
    let broken = || DbError::inconsistent(format!("part {part} of batch {job_id} cannot be read"));
    let text = zstd::bulk::decompress(&packed, UNPACKED_BYTES_MAX).map_err(|_| broken())?;
    Ok(Phi::new(serde_json::from_slice(&text).map_err(|_| broken())?))
}
