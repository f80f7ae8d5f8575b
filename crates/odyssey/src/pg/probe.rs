//! Whether a server really answers: a connection, not a file.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Longest wait for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// `cannot_connect_now`: the server is starting, recovering or stopping.
const CANNOT_CONNECT_NOW: &[u8] = b"57P03";
/// Version 3.0 of the protocol.
const PROTOCOL: u32 = 196_608;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Asks for our password: it is up.
    Ready,
    /// Answers that it cannot be used yet, or no more.
    NotNow,
    Silent,
}

/// Asks through the socket, and where that is gone (a cleaner of /tmp) through the loopback port.
pub fn probe(socket_dir: &Path, port: u16, user: &str) -> Answer {
    let socket = socket_dir.join(format!(".s.PGSQL.{port}"));
    let answer = UnixStream::connect(socket).and_then(|mut stream| {
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        ask(&mut stream, user)
    });
    if let Ok(answer) = answer {
        return answer;
    }
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, ANSWER_TIMEOUT)
        .and_then(|mut stream| {
            stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
            ask(&mut stream, user)
        })
        .unwrap_or(Answer::Silent)
}

/// Sends a start-up message and reads what kind of message comes back.
fn ask(stream: &mut (impl Read + Write), user: &str) -> io::Result<Answer> {
    let body = format!("user\0{user}\0database\0postgres\0\0");
    let mut message = ((body.len() + 8) as u32).to_be_bytes().to_vec();
    message.extend(PROTOCOL.to_be_bytes());
    message.extend(body.as_bytes());
    stream.write_all(&message)?;
    let mut head = [0_u8; 5];
    stream.read_exact(&mut head)?;
    if head[0] != b'E' {
        return Ok(if head[0] == b'R' { Answer::Ready } else { Answer::Silent });
    }
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    let mut fields = Vec::new();
    stream.take(u64::from(length.saturating_sub(4)).min(4_096)).read_to_end(&mut fields)?;
    let now = !fields.windows(CANNOT_CONNECT_NOW.len()).any(|window| window == CANNOT_CONNECT_NOW);
    // Any other refusal (too many connections) is the answer of a server that is up.
    Ok(if now { Answer::Ready } else { Answer::NotNow })
}
