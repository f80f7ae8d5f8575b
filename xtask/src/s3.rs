//! A real S3 server for the tests of the store: moto, installed by pip into a folder of its own below the target folder.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::repo;

const PACKAGE: &str = "moto[server]==5.2.5";
const BUCKET: &str = "odyssey-test";
/// Looks at whether the server is up, 100 ms apart.
const LOOKS_MAX: u32 = 300;

pub fn run() -> Result<()> {
    let server = Server::start(&installed()?)?;
    let endpoint = format!("http://127.0.0.1:{}", server.port);
    repo::run(
        "cargo",
        &[
            "nextest",
            "run",
            "--package",
            "odyssey-store",
            "--locked",
            "--no-fail-fast",
            "--no-capture",
            "-E",
            "test(server_tests)",
        ],
        &[("ODYSSEY_S3_TEST_ENDPOINT", &endpoint), ("ODYSSEY_S3_TEST_BUCKET", BUCKET)],
    )
}

/// The program, installed if it is not yet.
fn installed() -> Result<PathBuf> {
    let home = repo::target_dir().join("moto");
    let program = home.join("bin/moto_server");
    if !program.is_file() {
        ensure!(repo::answers("python3", &["--version"]), "python3 is not installed, and moto needs it");
        let path = home.to_string_lossy().into_owned();
        repo::run("python3", &["-m", "venv", &path], &[])?;
        let pip = home.join("bin/pip").to_string_lossy().into_owned();
        repo::run(&pip, &["install", "--quiet", PACKAGE], &[])?;
    }
    Ok(program)
}

/// Ends with this value.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(program: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start moto")?;
        let mut server = Self { child, port };
        for _ in 0..LOOKS_MAX {
            if let Some(status) = server.child.try_wait()? {
                bail!("moto has ended by itself ({status})");
            }
            if make_bucket(port).is_ok() {
                return Ok(server);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("moto does not answer")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("warning: moto goes on: {error}");
        }
    }
}

fn make_bucket(port: u16) -> Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(
        stream,
        "PUT /{BUCKET} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "no bucket: {answer}");
    Ok(())
}
