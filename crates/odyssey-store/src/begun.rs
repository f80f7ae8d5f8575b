//! An upload in several requests, from the moment on when the store may know of it.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::error::StoreError;

/// Whoever drives the upload may be dropped at any await: what is to be cleared up is found here.
#[derive(Debug)]
pub(crate) enum Begun<U, E> {
    Not,
    /// The request is on its way. It is not taken back: the store may have it already.
    Asked(JoinHandle<Result<U, E>>),
    Known(U),
}

impl<U, E> Begun<U, E>
where
    U: Send + 'static,
    E: Send + 'static,
{
    /// Begins an upload; `None` where the process is shutting down.
    pub async fn ask<F>(&mut self, request: F) -> Option<Result<&mut U, E>>
    where
        F: Future<Output = Result<U, E>> + Send + 'static,
    {
        *self = Self::Asked(tokio::spawn(request));
        let Self::Asked(task) = self else { return None };
        match task.await {
            Ok(Ok(upload)) => {
                *self = Self::Known(upload);
                self.known().map(Ok)
            }
            Ok(Err(error)) => {
                *self = Self::Not;
                Some(Err(error))
            }
            Err(_) => {
                *self = Self::Not;
                None
            }
        }
    }

    pub const fn known(&mut self) -> Option<&mut U> {
        match self {
            Self::Known(upload) => Some(upload),
            Self::Not | Self::Asked(_) => None,
        }
    }

    /// Ends what was begun. For the answer to a request on its way it waits so long; then this goes on by itself.
    pub async fn end<C, Fut>(self, wait: Duration, end: C) -> Result<(), StoreError>
    where
        C: FnOnce(U) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        match self {
            Self::Not => Ok(()),
            Self::Known(upload) => end(upload).await,
            Self::Asked(asked) => {
                let ending = tokio::spawn(async move {
                    match asked.await {
                        Ok(Ok(upload)) => end(upload).await,
                        _ => Ok(()),
                    }
                });
                match tokio::time::timeout(wait, ending).await {
                    Ok(Ok(result)) => result,
                    _ => Ok(()),
                }
            }
        }
    }
}
