//! From a name to addresses, once for each connection, and all of them judged.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::names;
use crate::policy::Policy;

/// Addresses on their way.
pub type Answers = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Who knows the addresses of a name. What it answers is judged; it need not judge.
pub trait Lookup: fmt::Debug + Send + Sync + 'static {
    /// All addresses of a name.
    fn lookup(&self, host: &str) -> Answers;
}

/// The resolver of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: &str) -> Answers {
        // With the dot at its end a name is whole: no search list of this machine completes it. The names of this
        // machine itself, which only tests may ask for, stand in a file where they have none.
        let whole = host.trim_end_matches('.');
        let host = if names::is_this_machine(whole) { whole.to_owned() } else { format!("{whole}.") };
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((host, 0)).await?;
            Ok(addresses.map(|address| address.ip()).collect())
        })
    }
}

/// What stands between the client and any resolver. The client connects to the addresses given here and asks
/// nobody else.
pub(crate) struct GuardedLookup {
    pub policy: Arc<Policy>,
    pub lookup: Arc<dyn Lookup>,
}

/// Why a name leads nowhere. Told apart from other failures of a connection by its type.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupError {
    #[error("an address of the name is not public")]
    NotPublic,
    #[error("the name has no address")]
    Unknown(#[source] Option<io::Error>),
}

impl Resolve for GuardedLookup {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.policy);
        let answers = self.lookup.lookup(name.as_str());
        Box::pin(async move {
            let addresses = judge(&policy, answers.await)?;
            // Port 0 leaves the port to the URL.
            let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

/// One address that is not public refuses the name: whoever mixes them in is not to be trusted with the others.
fn judge(policy: &Policy, answers: io::Result<Vec<IpAddr>>) -> Result<Vec<IpAddr>, LookupError> {
    let addresses = answers.map_err(|error| LookupError::Unknown(Some(error)))?;
    if addresses.is_empty() {
        return Err(LookupError::Unknown(None));
    }
    if !addresses.iter().all(|address| policy.admits(*address)) {
        return Err(LookupError::NotPublic);
    }
    Ok(addresses)
}
