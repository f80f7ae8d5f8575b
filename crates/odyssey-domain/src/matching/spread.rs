//! The same work on many things, on all cores.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::MatchingError;

/// Threads of one call, at most; other requests compute meanwhile.
const THREADS_MAX: usize = 8;

/// Does `work` on each item, on blocking threads; what comes out is in no order. Items are dealt out in turns, so that
/// neighbours that take long fall to different threads.
pub(super) async fn spread<Item, Done>(
    items: Vec<Item>,
    work: impl Fn(Item) -> Done + Send + Sync + 'static,
) -> Result<Vec<Done>, MatchingError>
where
    Item: Send + 'static,
    Done: Send + 'static,
{
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let mut hands: Vec<Vec<Item>> = (0..threads).map(|_| Vec::new()).collect();
    for (at, item) in items.into_iter().enumerate() {
        hands[at % threads].push(item);
    }
    let work = Arc::new(work);
    let mut busy: JoinSet<Vec<Done>> = JoinSet::new();
    for hand in hands {
        let work = Arc::clone(&work);
        busy.spawn_blocking(move || hand.into_iter().map(|item| work(item)).collect());
    }
    let mut all = Vec::new();
    while let Some(done) = busy.join_next().await {
        all.extend(done.map_err(|_| MatchingError::Unavailable("the engine stopped"))?);
    }
    Ok(all)
}
