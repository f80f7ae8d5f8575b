//! A way to the test cluster that can be made long, closed or silent: the network between a server and a
//! managed database, and the database's own moods.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What becomes of connections from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Road {
    /// They reach the server.
    Open,
    /// They are taken at once and reach the server after this time: it was asleep.
    Waking(Duration),
    /// They are taken and dropped, open ones too: a front whose server is not up.
    Dropping,
    /// Nobody listens; open ones are dropped.
    Away,
    /// They are taken and nothing passes, in open ones neither and for ever.
    Silent,
}

/// Listens on a port of its own; ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    road: watch::Sender<Road>,
    task: JoinHandle<()>,
    /// One clone is with each connection that is carried.
    carried: Arc<()>,
}

impl Proxy {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let (road, seen) = watch::channel(Road::Open);
        let carried = Arc::new(());
        let task = tokio::spawn(run(listener, address, seen, Arc::clone(&carried)));
        Self { address, road, task, carried }
    }

    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Changes the road; returns once it is so for new connections and the old ones have heard of it.
    pub async fn set(&self, road: Road) {
        self.road.send_replace(road);
        loop {
            let listens = TcpStream::connect(self.address).await.is_ok();
            // Two hold it always: this value and the task that accepts.
            let dropped = Arc::strong_count(&self.carried) == 2;
            if listens == (road != Road::Away) && (dropped || !matches!(road, Road::Away | Road::Dropping)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(first: TcpListener, address: SocketAddr, mut road: watch::Receiver<Road>, count: Arc<()>) {
    let mut carried = JoinSet::new();
    let mut listener = Some(first);
    loop {
        let now = *road.borrow_and_update();
        if now == Road::Away {
            listener = None;
        } else if listener.is_none() {
            listener = TcpListener::bind(address).await.ok();
        }
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await.ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = road.changed() => if changed.is_err() { return },
            client = accepted => if let Some((client, _)) = client {
                let (road, counted) = (road.clone(), Arc::clone(&count));
                carried.spawn(async move {
                    carry(client, road).await;
                    drop(counted);
                });
            },
        }
        while carried.try_join_next().is_some() {}
    }
}

async fn carry(mut client: TcpStream, mut road: watch::Receiver<Road>) {
    let now = *road.borrow_and_update();
    match now {
        Road::Open => {}
        Road::Waking(pause) => tokio::time::sleep(pause).await,
        Road::Dropping | Road::Away => return,
        Road::Silent => std::future::pending().await,
    }
    let options = crate::admin_options();
    let Ok(mut server) = TcpStream::connect((options.get_host(), options.get_port())).await else { return };
    let carry = copy_bidirectional(&mut client, &mut server);
    tokio::pin!(carry);
    loop {
        tokio::select! {
            _ = &mut carry => return,
            changed = road.changed() => if changed.is_err() { return },
        }
        let now = *road.borrow_and_update();
        match now {
            Road::Open | Road::Waking(_) => {}
            Road::Dropping | Road::Away => return,
            Road::Silent => std::future::pending().await,
        }
    }
}
