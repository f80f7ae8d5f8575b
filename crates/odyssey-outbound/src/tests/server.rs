//! Servers on this machine that behave badly to the letter.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// One thing that a server does with a connection.
pub enum Step {
    Send(Vec<u8>),
    Wait(Duration),
    /// Sends the same again and again, until nobody listens.
    Endless(Vec<u8>),
}

/// A server that answers one request on each connection.
pub struct Server {
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    bytes_sent: Arc<AtomicU64>,
}

impl Server {
    pub async fn start(answer: impl Fn(&str) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::listen(None, answer).await
    }

    pub async fn start_tls(
        acceptor: TlsAcceptor,
        answer: impl Fn(&str) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Some(acceptor), answer).await
    }

    async fn listen(
        acceptor: Option<TlsAcceptor>,
        answer: impl Fn(&str) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("known");
        let (heads, bytes_sent) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicU64>::default());
        let server = Self { address, heads: Arc::clone(&heads), bytes_sent: Arc::clone(&bytes_sent) };
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, heads, sent) =
                    (Arc::clone(&answer), Arc::clone(&heads), Arc::clone(&bytes_sent));
                tokio::spawn(connection(stream, acceptor.clone(), heads, sent, move |head: &str| {
                    answer(head)
                }));
            }
        });
        server
    }

    pub fn url(&self, path: &str) -> String {
        self.url_at("127.0.0.1", path)
    }

    pub fn url_at(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.address.port())
    }

    /// The heads of all requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("held").clone()
    }

    pub fn bytes_sent(&self) -> u64 {
        self.bytes_sent.load(Ordering::SeqCst)
    }
}

async fn connection(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    heads: Arc<Mutex<Vec<String>>>,
    sent: Arc<AtomicU64>,
    answer: impl Fn(&str) -> Vec<Step>,
) {
    match acceptor {
        None => converse(stream, heads, sent, answer).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                converse(stream, heads, sent, answer).await;
            }
        }
    }
}

async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    heads: Arc<Mutex<Vec<String>>>,
    sent: Arc<AtomicU64>,
    answer: impl Fn(&str) -> Vec<Step>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).expect("text");
    let steps = answer(&head);
    heads.lock().expect("held").push(head);
    for step in steps {
        match step {
            Step::Wait(time) => tokio::time::sleep(time).await,
            Step::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
                sent.fetch_add(bytes.len() as u64, Ordering::SeqCst);
            }
            Step::Endless(bytes) => {
                while stream.write_all(&bytes).await.is_ok() {
                    sent.fetch_add(bytes.len() as u64, Ordering::SeqCst);
                }
                return;
            }
        }
    }
    drop(stream.shutdown().await);
}

pub fn text(text: &str) -> Step {
    Step::Send(text.as_bytes().to_vec())
}

pub fn ok(body: &[u8]) -> Vec<Step> {
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    vec![text(&head), Step::Send(body.to_vec())]
}

pub fn redirect(location: &str) -> Vec<Step> {
    let head = format!(
        "HTTP/1.1 302 Found\r\nconnection: close\r\nset-cookie: a=b\r\ncontent-length: 0\r\nlocation: {location}\r\n\r\n"
    );
    vec![text(&head)]
}
