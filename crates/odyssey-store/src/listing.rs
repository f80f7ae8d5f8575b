//! What lies in a folder, page by page.

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use crate::error::{Attempt, StoreError};
use crate::path::StorePath;

/// Files of one page, at most.
pub(crate) const PAGE_FILES_MAX: usize = 1_000;

/// A file as a listing tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    pub path: StorePath,
    pub byte_count: u64,
    /// When it was stored, by the clock of the store.
    pub modified_at: DateTime<Utc>,
}

/// The files of a folder and of all folders in it, in no particular order. No snapshot: of files that come and go
/// meanwhile, some are missed. What lies there under a name that is none of ours is passed over.
#[derive(Debug)]
pub struct Listing {
    pages: mpsc::Receiver<Result<Page, StoreError>>,
    ended: bool,
}

#[derive(Debug)]
pub(crate) enum Page {
    Files(Vec<StoredFile>),
    End,
}

/// Where a backend sends its pages.
#[derive(Debug, Clone)]
pub(crate) struct Pages(mpsc::Sender<Result<Page, StoreError>>);

impl Listing {
    /// One page is read ahead.
    pub(crate) fn new() -> (Pages, Self) {
        let (sender, pages) = mpsc::channel(1);
        (Pages(sender), Self { pages, ended: false })
    }

    /// The next files; `None` at the end.
    pub async fn next_page(&mut self) -> Result<Option<Vec<StoredFile>>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        let page = self.pages.recv().await;
        self.ended = !matches!(page, Some(Ok(Page::Files(_))));
        match page {
            Some(Ok(Page::Files(files))) => Ok(Some(files)),
            Some(Ok(Page::End)) => Ok(None),
            Some(Err(error)) => Err(error),
            None => Err(StoreError::unreachable(
                &Attempt::within("list", None),
                "the listing was given up before its end",
            )),
        }
    }

    /// Everything at once, for folders that are known to be small.
    pub async fn all(mut self) -> Result<Vec<StoredFile>, StoreError> {
        let mut files = Vec::new();
        while let Some(page) = self.next_page().await? {
            files.extend(page);
        }
        Ok(files)
    }
}

impl Pages {
    /// Sends a page on; `false` when nobody waits for it any more.
    pub async fn send(&self, files: Vec<StoredFile>) -> bool {
        files.is_empty() || self.0.send(Ok(Page::Files(files))).await.is_ok()
    }

    /// As [`Pages::send`], from a thread that may block.
    pub fn blocking_send(&self, files: Vec<StoredFile>) -> bool {
        files.is_empty() || self.0.blocking_send(Ok(Page::Files(files))).is_ok()
    }

    /// How it ended. Whoever listens may have left.
    pub async fn end(&self, result: Result<(), StoreError>) {
        let told = self.0.send(result.map(|()| Page::End)).await;
        tracing::trace!(heard = told.is_ok(), "A listing has ended");
    }

    /// As [`Pages::end`], from a thread that may block.
    pub fn blocking_end(&self, result: Result<(), StoreError>) {
        let told = self.0.blocking_send(result.map(|()| Page::End));
        tracing::trace!(heard = told.is_ok(), "A listing has ended");
    }
}
