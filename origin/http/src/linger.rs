//! Lingering close of a connection whose client may still be sending.
//!
//! A socket that is closed while bytes wait in it is reset, and a reset may take the answer away
//! from a client that has not read it yet. So a connection that the server ends is read out first:
//! for a moment, up to a number of bytes, and for a bounded number of connections at a time. The
//! client finds its answer, then the end.

use crate::place::Place;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

/// How long a connection that the server has ended is read out.
pub const LINGER: Duration = Duration::from_secs(1);
/// Most bytes that are read and dropped then: a client that goes on after these is cut off.
const DROPPED_MAX: usize = 4 * 1024 * 1024;
/// Connections that may be read out at the same time; more are just closed.
pub const LINGERING_MAX: usize = 256;

/// A stream that is read out when it is dropped before its other end has closed.
#[derive(Debug)]
pub struct Lingering<S: LingeringStream> {
    /// Gone once it is read out.
    stream: Option<S>,
    /// Whether the other end has closed, or the connection is broken.
    over: bool,
    /// How many are being read out.
    lingering: Arc<AtomicUsize>,
}

/// What can be read out in a task of its own.
pub trait LingeringStream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> LingeringStream for S {}

impl<S: LingeringStream> Lingering<S> {
    /// `stream`; those that are being read out are counted in `lingering`.
    #[must_use]
    pub const fn new(stream: S, lingering: Arc<AtomicUsize>) -> Self {
        Self { stream: Some(stream), over: false, lingering }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut S>> {
        let stream = self.stream.as_mut();
        let stream = stream.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))?;
        Ok(Pin::new(stream))
    }
}

impl<S: LingeringStream> Drop for Lingering<S> {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take().filter(|_| !self.over) else {
            return;
        };
        let place = Place::take(&self.lingering, LINGERING_MAX);
        if let (Some(place), Ok(runtime)) = (place, tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                let _place = place;
                // Whoever does not end in time is cut off.
                let _ = tokio::time::timeout(LINGER, read_out(stream)).await;
            });
        }
    }
}

/// Ends the own side and reads until the other one does.
///
/// # Errors
/// The connection is broken.
pub async fn read_out(mut stream: impl LingeringStream) -> io::Result<()> {
    stream.shutdown().await?;
    let (mut unread, mut dropped) = ([0; 16 * 1_024], 0);
    while dropped < DROPPED_MAX {
        match stream.read(&mut unread).await? {
            0 => break,
            read => dropped += read,
        }
    }
    Ok(())
}

impl<S: LingeringStream> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.remaining();
        let read = ready!(self.stream()?.poll_read(cx, buf));
        // Nothing where there was room for something is the end.
        self.over = read.is_err() || (before > 0 && buf.remaining() == before);
        Poll::Ready(read)
    }
}

impl<S: LingeringStream> AsyncWrite for Lingering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(self.stream()?.poll_write(cx, buf));
        self.over |= written.is_err();
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        let stream = self.stream.as_ref();
        stream.is_some_and(AsyncWrite::is_write_vectored)
    }
}
