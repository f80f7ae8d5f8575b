//! The ways in which the double of an S3 store fails.

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum S3Fault {
    /// So many requests are answered with this.
    Answer { status: u16, code: &'static str, times: u64 },
    /// So many requests to complete an upload are answered well, with an error inside.
    CompleteInError { times: u64 },
    /// An upload is completed, and the connection ends instead of an answer.
    LoseComplete,
    /// A put is carried out, and the connection ends instead of an answer.
    LosePut,
    /// The store forgets the upload before this part comes.
    ForgetUpload { part: usize },
    /// A completed upload has lost its last byte.
    LoseByte,
    /// So many downloads end after so many bytes, with the connection.
    BreakRead { after_bytes: usize, times: u64 },
    /// A download ends after so many bytes, and another file is there when it is asked for again.
    ReplaceInRead { after_bytes: usize },
    /// A download of more than so many bytes falls silent behind them.
    HoldRead { after_bytes: usize },
    /// So many requests to remove a file are refused.
    KeepFile { times: u64 },
    /// A request to remove a file is carried out or not, and never answered.
    HoldRemoval { carried_out: bool },
}

/// How a download does not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    Ends,
    Replaced,
    Held,
}

/// Counts one occurrence; says whether it was the last.
pub(super) const fn spend(times: &mut u64) -> bool {
    *times = times.saturating_sub(1);
    *times == 0
}
