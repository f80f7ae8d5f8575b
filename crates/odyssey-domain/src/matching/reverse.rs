//! Every customer of a vendor, compiled: what questions about one product are asked of (`audience`).
//!
//! Owns: no table; the audiences in memory. Promises: a customer counts only while consenting, as of the
//! transaction that asks; a withdrawal, an edit and a deletion are seen by the next call; no profile is
//! kept, only which rules judge it; an audience holds for one day, since ages change at midnight. Emits:
//! an audit event for each building, with what it is for and how many profiles it opens. Never: writes an
//! audience to disk, holds a database connection while others build one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use odyssey_matching::{Audience, Policy, PolicyInput};
use odyssey_types::{CustomerId, VendorId};
use odyssey_vault::VendorKeys;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, spawn_blocking};
use uuid::Uuid;

use super::MatchingError;
use crate::audit::{self, AuditEvent};
use crate::customers::{self, ForGates, SealedProfile};
use crate::db::{Database, ReadTx, VendorTx};
use crate::rules::{self, EffectiveRules};
use crate::tenancy::{Actor, Purpose, VendorScope};

/// Customers of one vendor whose policies are held in memory.
pub const AUDIENCE_CUSTOMERS_MAX: i64 = 2_000_000;
/// Sealed profiles read at a time: about eight megabytes.
const PAGE: i64 = 5_000;
/// Pages that are opened and compiled beside each other: one for each core, within reason.
const COMPILERS_MAX: usize = 4;
/// Audiences built at the same time: each takes every core there is.
const BUILDS_MAX: usize = 1;
/// A row bears the time at which its transaction began. No transaction lasts as long as this, so whoever
/// looks back so far misses none that was committed late.
const LOOK_BACK: TimeDelta = TimeDelta::minutes(2);

/// The audiences of this process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Audiences {
    pub(super) database: Database,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Bytes of audiences kept; the least recently used vendors go first.
    budget_bytes: usize,
    slots: Mutex<Slots>,
    builds: Semaphore,
}

#[derive(Debug, Default)]
struct Slots {
    by_vendor: HashMap<VendorId, Slot>,
    clock: u64,
}

#[derive(Debug, Default)]
struct Slot {
    state: Arc<tokio::sync::Mutex<Option<State>>>,
    bytes: usize,
    used: u64,
}

/// What is known of one vendor's customers.
#[derive(Debug)]
struct State {
    audience: Arc<Audience>,
    /// The day it holds for.
    day: NaiveDate,
    /// What the policies were compiled with.
    rules: Arc<EffectiveRules>,
    /// Changes up to here have been seen.
    seen: DateTime<Utc>,
    /// Versions of those that changed shortly before, so that looking back opens nobody twice.
    recent: HashMap<CustomerId, (i64, i64)>,
}

impl Audiences {
    pub fn new(database: Database, budget_bytes: usize) -> Self {
        let inner = Inner { budget_bytes, slots: Mutex::default(), builds: Semaphore::new(BUILDS_MAX) };
        Self { database, inner: Arc::new(inner) }
    }

    /// Builds the vendor's audience unless it is there. Runs in a task of its own: a caller that stops
    /// waiting leaves it to the next one. Holds a connection only while a page is read.
    pub async fn prepare(&self, scope: VendorScope, actor: &Actor) -> Result<(), MatchingError> {
        let (audiences, actor) = (self.clone(), actor.clone());
        let task = tokio::spawn(async move { audiences.build_if_absent(scope, &actor).await });
        task.await.map_err(|_| MatchingError::Unavailable("the customers could not be compiled"))?
    }

    /// Forgets a vendor: it was removed or suspended.
    pub fn forget(&self, vendor_id: VendorId) {
        self.slots().by_vendor.remove(&vendor_id);
    }

    /// Vendors in memory, and bytes of their audiences.
    pub fn usage(&self) -> (usize, usize) {
        let slots = self.slots();
        let held = slots.by_vendor.values().filter(|slot| slot.bytes > 0);
        held.fold((0, 0), |(count, bytes), slot| (count + 1, bytes + slot.bytes))
    }

    async fn build_if_absent(&self, scope: VendorScope, actor: &Actor) -> Result<(), MatchingError> {
        let slot = self.slot(scope.vendor_id());
        let mut state = slot.lock().await;
        let today = self.database.clock().now().date_naive();
        let rules = self.rules_now(scope, actor).await?;
        if state.as_ref().is_some_and(|state| state.day == today && state.rules.version == rules.version) {
            return Ok(());
        }
        // Yesterday's goes first: two of a million would not have to fit.
        *state = None;
        let permit = self.inner.builds.acquire().await;
        let _permit = permit.map_err(|_| MatchingError::Unavailable("audiences are not built any more"))?;
        let built = self.build(scope, actor, rules).await?;
        self.note_bytes(scope.vendor_id(), built.audience.memory_bytes());
        *state = Some(built);
        Ok(())
    }

    async fn rules_now(
        &self,
        scope: VendorScope,
        actor: &Actor,
    ) -> Result<Arc<EffectiveRules>, MatchingError> {
        let mut read = ReadTx::begin(&self.database, scope, actor.clone()).await?;
        let rules = rules::effective_rules(read.tx()).await?;
        read.finish().await?;
        Ok(rules)
    }

    /// Reads, opens, compiles and drops every consenting customer's profile, page by page. That it is done
    /// is recorded before the first is opened.
    async fn build(
        &self,
        scope: VendorScope,
        actor: &Actor,
        rules: Arc<EffectiveRules>,
    ) -> Result<State, MatchingError> {
        let mut tx = VendorTx::begin(&self.database, scope, actor.clone()).await?;
        let (keys, now) = (tx.keys().map_err(customers::CustomerError::from)?, tx.now());
        let count = customers::count_consenting(&mut tx).await?;
        if count > AUDIENCE_CUSTOMERS_MAX {
            return Err(MatchingError::Unavailable("there are more customers than an audience may hold"));
        }
        let event = AuditEvent::new("audience.build", "health_profile", Purpose::Service).count(count);
        audit::record(&mut tx, event).await?;
        tx.commit().await?;

        let stopped = |_| MatchingError::Unavailable("the customers could not be compiled");
        let compilers = std::thread::available_parallelism().map_or(1, usize::from).min(COMPILERS_MAX);
        let mut idle: Vec<Audience> = (0..compilers).map(|_| Audience::new()).collect();
        let mut busy: JoinSet<Result<Audience, MatchingError>> = JoinSet::new();
        let (mut after, mut recent) = (None, HashMap::new());
        loop {
            let mut tx = VendorTx::begin(&self.database, scope, actor.clone()).await?;
            let page = customers::page_of_sealed_profiles(&mut tx, after, PAGE).await?;
            // Nothing was written; the building as a whole is on record.
            tx.roll_back().await?;
            after = page.last().map(SealedProfile::customer_id);
            let done = (page.len() as i64) < PAGE;
            let late = page.iter().filter(|row| row.changed().0 > now - LOOK_BACK);
            recent.extend(late.map(|row| (row.customer_id(), row.versions())));
            let mut audience = match idle.pop() {
                Some(audience) => audience,
                None => busy.join_next().await.unwrap_or(Ok(Ok(Audience::new()))).map_err(stopped)??,
            };
            let (keys, vendor_id, rules) = (Arc::clone(&keys), scope.vendor_id(), Arc::clone(&rules));
            busy.spawn_blocking(move || {
                compile_all(&mut audience, &page, &keys, vendor_id, now, &rules)?;
                Ok(audience)
            });
            if done {
                break;
            }
        }
        while let Some(compiled) = busy.join_next().await {
            idle.push(compiled.map_err(stopped)??);
        }
        let join = move || {
            let mut parts = idle.into_iter();
            let mut whole = parts.next().unwrap_or_default();
            parts.for_each(|part| whole.absorb(part));
            whole
        };
        let audience = Arc::new(spawn_blocking(join).await.map_err(stopped)?);
        Ok(State { audience, day: now.date_naive(), rules, seen: now, recent })
    }

    /// The audience as of this transaction, and how many profiles were opened anew for it.
    pub(super) async fn at_present(
        &self,
        tx: &mut VendorTx,
    ) -> Result<(Arc<Audience>, usize), MatchingError> {
        let vendor_id = tx.vendor_id();
        let slot = self.slot(vendor_id);
        let mut held = slot.lock().await;
        let version = rules::policy_version(tx).await?;
        let holds = |state: &&mut State| state.day == tx.now().date_naive() && state.rules.version == version;
        let Some(state) = held.as_mut().filter(holds) else {
            return Err(MatchingError::Unavailable("the audience is being built"));
        };
        let opened = catch_up(tx, state).await?;
        let audience = Arc::clone(&state.audience);
        drop(held);
        self.note_bytes(vendor_id, audience.memory_bytes());
        Ok((audience, opened))
    }

    fn slot(&self, vendor_id: VendorId) -> Arc<tokio::sync::Mutex<Option<State>>> {
        let mut slots = self.slots();
        slots.clock += 1;
        let now = slots.clock;
        let slot = slots.by_vendor.entry(vendor_id).or_default();
        slot.used = now;
        Arc::clone(&slot.state)
    }

    /// Remembers the size of an audience, and lets the least recently used go while all are too large.
    fn note_bytes(&self, vendor_id: VendorId, bytes: usize) {
        let mut slots = self.slots();
        if let Some(slot) = slots.by_vendor.get_mut(&vendor_id) {
            slot.bytes = bytes;
        }
        while slots.by_vendor.values().map(|slot| slot.bytes).sum::<usize>() > self.inner.budget_bytes {
            let others = slots.by_vendor.iter().filter(|(id, slot)| **id != vendor_id && slot.bytes > 0);
            let Some(oldest) = others.min_by_key(|(_, slot)| slot.used).map(|(id, _)| *id) else { break };
            slots.by_vendor.remove(&oldest);
        }
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes in who changed since, and forgets who withdrew or was deleted.
async fn catch_up(tx: &mut VendorTx, state: &mut State) -> Result<usize, MatchingError> {
    let (keys, vendor_id, now) =
        (tx.keys().map_err(customers::CustomerError::from)?, tx.vendor_id(), tx.now());
    let mut after = (state.seen - LOOK_BACK, Uuid::nil());
    let (mut recent, mut opened) = (HashMap::new(), 0);
    loop {
        let page = customers::page_of_changed_profiles(tx, after, PAGE).await?;
        after = page.last().map_or(after, SealedProfile::changed);
        let done = (page.len() as i64) < PAGE;
        let late = page.iter().filter(|row| row.changed().0 > now - LOOK_BACK);
        recent.extend(late.map(|row| (row.customer_id(), row.versions())));
        let is_known = |row: &SealedProfile| state.recent.get(&row.customer_id()) == Some(&row.versions());
        let (counting, gone): (Vec<_>, Vec<_>) = page.into_iter().partition(SealedProfile::counts);
        let changed: Vec<SealedProfile> = counting.into_iter().filter(|row| !is_known(row)).collect();
        let gone: Vec<CustomerId> =
            gone.iter().map(SealedProfile::customer_id).filter(|id| state.audience.contains(*id)).collect();
        if !(changed.is_empty() && gone.is_empty()) {
            opened += changed.len();
            let (mut audience, keys) = (Arc::clone(&state.audience), Arc::clone(&keys));
            let rules = Arc::clone(&state.rules);
            let apply = move || {
                let whole = Arc::make_mut(&mut audience);
                gone.into_iter().for_each(|id| whole.remove(id));
                compile_all(whole, &changed, &keys, vendor_id, now, &rules)?;
                Ok::<_, MatchingError>(audience)
            };
            let applied = spawn_blocking(apply).await;
            state.audience =
                applied.map_err(|_| MatchingError::Unavailable("the customers could not be compiled"))??;
        }
        if done {
            break;
        }
    }
    state.recent = recent;
    state.seen = now;
    Ok(opened)
}

/// Opens each profile, compiles its gates and lets go of it.
fn compile_all(
    audience: &mut Audience,
    page: &[SealedProfile],
    keys: &VendorKeys,
    vendor_id: VendorId,
    now: DateTime<Utc>,
    rules: &EffectiveRules,
) -> Result<(), MatchingError> {
    for sealed in page {
        let ForGates { customer_id, profile, age_years } = sealed.open(keys, vendor_id, now)?;
        let input = PolicyInput {
            profile: profile.expose(),
            age_years: *age_years.expose(),
            as_of: now.date_naive(),
            // A customer's own lists are read with each question.
            never_list: &[],
            allow_list: &[],
            vendor_policy: rules.weights,
            // Of the product, and asked with each: see `AudienceProduct`.
            label_oldest: None,
        };
        audience.put(customer_id, &Policy::compile_gates(&input, &rules.pack));
    }
    Ok(())
}
