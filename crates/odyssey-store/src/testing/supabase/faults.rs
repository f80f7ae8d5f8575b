//! The ways in which the double fails. PATCH requests are counted from 1, those that failed too.

use axum::response::{IntoResponse as _, Response};

use super::answers;

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends in the middle of this PATCH, once so many bytes of it are kept.
    BreakPatch { number: u64, kept_bytes: u64 },
    /// This PATCH is carried out, and the connection ends instead of an answer.
    LoseAnswer { number: u64 },
    /// From this PATCH on, so many of them are answered with this status in plain text, and nothing of them is kept:
    /// 409 and 423 for a lock that another request holds, 503 for one that was waited for in vain.
    Conflict { number: u64, status: u16, times: u64 },
    /// The time of the upload is over when this PATCH comes.
    Expire { number: u64 },
    /// This PATCH, and each one after it, is answered well and nothing of it is kept.
    KeepNothing { number: u64 },
    /// The last chunk is taken and answered well, and the file is never recorded.
    LoseFile,
    /// So many requests of any kind are refused with this status, true and in the body: 429, 500, 544.
    Busy { status: u16, times: u64 },
    /// No key is good any more.
    RefuseKey,
    /// So many downloads end after so many bytes, with the connection.
    BreakRead { after_bytes: usize, times: u64 },
    /// A download ends after so many bytes, and another file is there when it is asked for again.
    ReplaceInRead { after_bytes: usize },
    /// A download of a range gives the whole file.
    IgnoreRange,
    /// Files have at most so many bytes.
    Limit { bytes_max: u64 },
    /// Files that are to be removed in one request with others are not.
    RemoveNothing,
}

/// What happens to a request before anybody looks at it.
pub(super) fn of_any_request(faults: &mut Vec<Fault>) -> Option<Response> {
    let status = take(faults, |fault| match fault {
        Fault::Busy { status, times } => Some((*status, spend(times))),
        Fault::RefuseKey => Some((403, false)),
        _ => None,
    })?;
    if status == 403 {
        return Some(answers::refused("403", "Unauthorized", "InvalidJWT", "jwt expired").into_response());
    }
    let code = match status {
        429 => "SlowDown",
        544 => "DatabaseTimeout",
        _ => "InternalError",
    };
    let (_, body) = answers::refused(&status.to_string(), code, code, "no");
    let status = axum::http::StatusCode::from_u16(status).unwrap_or_default();
    Some((status, body).into_response())
}

/// Counts one occurrence; says whether it was the last.
pub(super) const fn spend(times: &mut u64) -> bool {
    *times = times.saturating_sub(1);
    *times == 0
}

/// Looks for a fault that `matches`, which says as well whether it is over with that.
pub(super) fn take<T>(
    faults: &mut Vec<Fault>,
    mut matches: impl FnMut(&mut Fault) -> Option<(T, bool)>,
) -> Option<T> {
    for index in 0..faults.len() {
        if let Some((found, over)) = matches(&mut faults[index]) {
            if over {
                faults.remove(index);
            }
            return Some(found);
        }
    }
    None
}
