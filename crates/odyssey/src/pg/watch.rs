//! Watching the embedded server, and starting it again when it died under us.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::PgError;
use super::cluster::Cluster;
use super::turns::Turn;

/// How a server is watched.
#[derive(Debug, Clone, Copy)]
pub struct Watching {
    /// Between two looks: each reads two small files.
    pub look: Duration,
    /// Starts in a row, at most. One whose server lasted for [`Watching::steady`] ends the row.
    pub starts_max: u32,
    /// Before the second start of a row; each later pause is twice as long, up to [`Watching::pause_max`].
    pub pause_first: Duration,
    pub pause_max: Duration,
    pub steady: Duration,
}

impl Default for Watching {
    /// Gives up after two minutes of starts that fail at once: whatever supervises us has other means then.
    fn default() -> Self {
        Self {
            look: Duration::from_secs(1),
            starts_max: 7,
            pause_first: Duration::from_secs(2),
            pause_max: Duration::from_secs(30),
            steady: Duration::from_mins(10),
        }
    }
}

/// A server being watched, by a thread of its own. Ends when dropped.
#[derive(Debug)]
pub(super) struct Watch {
    /// Its end stops the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    lost: watch::Receiver<Option<String>>,
}

impl Watch {
    pub fn start(cluster: Cluster, port: u16, watching: Watching) -> Self {
        let (stop, stopped) = channel();
        let (tell, lost) = watch::channel(None);
        let thread = std::thread::spawn(move || {
            let mut watcher =
                Watcher { cluster, port, watching, stopped, starts: 0, up_since: Instant::now() };
            if let Some(why) = watcher.run() {
                tracing::error!("{why}");
                tell.send_replace(Some(why));
            }
        });
        Self { stop: Some(stop), thread: Some(thread), lost }
    }

    /// Why the server was given up; waits for ever while it is not.
    pub fn lost(&self) -> impl Future<Output = String> + Send + use<> {
        let mut lost = self.lost.clone();
        async move {
            let why = match lost.wait_for(Option::is_some).await {
                Ok(why) => why.clone(),
                // Nobody watches any more.
                Err(_) => None,
            };
            match why {
                Some(why) => why,
                None => std::future::pending().await,
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("The watcher of the embedded PostgreSQL panicked");
        }
    }
}

struct Watcher {
    cluster: Cluster,
    /// Where everybody in this process expects it.
    port: u16,
    watching: Watching,
    stopped: Receiver<()>,
    /// Of this row.
    starts: u32,
    up_since: Instant,
}

/// What became of a start.
enum Started {
    Here,
    /// Another process was first.
    Elsewhere,
    /// Somebody stopped it on purpose.
    Stopped,
}

impl Watcher {
    /// Until it is told to stop; or until it gives up, and why.
    fn run(&mut self) -> Option<String> {
        let mut told = false;
        while self.pause(self.watching.look) {
            if self.cluster.is_alive() {
                told = false;
                if self.up_since.elapsed() >= self.watching.steady {
                    self.starts = 0;
                }
                continue;
            }
            if self.cluster.is_stopped_on_purpose() {
                if !told {
                    tracing::warn!(
                        "Somebody stopped the embedded PostgreSQL: it stays down until somebody starts it"
                    );
                }
                told = true;
                continue;
            }
            if let Some(why) = self.start_again() {
                return Some(why);
            }
        }
        None
    }

    fn start_again(&mut self) -> Option<String> {
        let Watching { starts_max, .. } = self.watching;
        if self.starts >= starts_max {
            let why = format!("it died again within {} s of each start", self.watching.steady.as_secs());
            return Some(self.given_up(&why));
        }
        if self.starts > 0 && !self.pause(self.pause_before()) {
            return None;
        }
        self.starts += 1;
        tracing::warn!(start = self.starts, "The embedded PostgreSQL died; it is started again");
        match self.start() {
            Ok(Started::Here) => tracing::warn!(start = self.starts, "The embedded PostgreSQL is back"),
            Ok(Started::Elsewhere) => {
                tracing::warn!("Another process has started the embedded PostgreSQL again");
            }
            Ok(Started::Stopped) => self.starts -= 1,
            Err(error) => {
                tracing::error!(start = self.starts, starts_max, %error, "The embedded PostgreSQL did not start again");
                if self.starts >= starts_max {
                    return Some(self.given_up(&error.to_string()));
                }
            }
        }
        self.up_since = Instant::now();
        None
    }

    /// In turn with whatever else starts or stops it.
    fn start(&self) -> Result<Started, PgError> {
        let _turn = Turn::take(&self.cluster.state_dir)?;
        if self.cluster.is_stopped_on_purpose() {
            return Ok(Started::Stopped);
        }
        match self.cluster.find_running()? {
            Some(address) if address.port == self.port => Ok(Started::Elsewhere),
            Some(address) => Err(PgError::Moved { from: self.port, to: address.port }),
            None => self.cluster.start_on(self.port).map(|_| Started::Here),
        }
    }

    fn given_up(&self, why: &str) -> String {
        format!(
            "the embedded PostgreSQL died and was given up after {} starts: {why}. Look into {}, mend what keeps it down, \
             and start Odyssey again",
            self.starts,
            self.cluster.place.data_dir.join("log").display()
        )
    }

    fn pause_before(&self) -> Duration {
        let doubled = self.watching.pause_first.saturating_mul(1 << (self.starts.saturating_sub(1)).min(16));
        doubled.min(self.watching.pause_max)
    }

    /// Waits; false when nobody wants the server watched any more.
    fn pause(&self, time: Duration) -> bool {
        self.stopped.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
    }
}
