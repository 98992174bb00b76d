//! Byte stream of a connection, with a time limit for each action of a client: send a head, send the next request, read
//! an answer.
//!
//! The time limit of the request covers slow bodies (`api/limits.rs`).

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::connection_slots::ConnectionPhase;

/// Time limits for the client of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct StreamTimeouts {
    /// Limit from the first byte of a head, or from the start of the connection, to the end of the head.
    pub(super) head: Duration,
    /// Limit from the end of an answer to the first byte of the next request. It exceeds the limit of load balancers,
    /// so that they close connections first.
    pub(super) idle: Duration,
    /// Limit for the next byte of an answer.
    pub(super) write: Duration,
}

/// Connection that fails with [`io::ErrorKind::TimedOut`] if its client is too slow.
pub(super) struct TimeoutStream {
    stream: TokioIo<TcpStream>,
    phase: Arc<ConnectionPhase>,
    limits: StreamTimeouts,
    is_in_head: bool,
    reading: Option<Pin<Box<Sleep>>>,
    writing: Option<Pin<Box<Sleep>>>,
}

impl TimeoutStream {
    pub(super) fn new(stream: TcpStream, phase: Arc<ConnectionPhase>, limits: StreamTimeouts) -> Self {
        Self { stream: TokioIo::new(stream), phase, limits, is_in_head: false, reading: None, writing: None }
    }

    /// Completes when the client exceeds the time limit of its current action. While a request is answered, there is no
    /// limit.
    fn poll_late_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.phase.is_answering() {
            (self.is_in_head, self.reading) = (false, None);
            return Poll::Pending;
        }
        let limit = if self.phase.is_fresh() || self.is_in_head { self.limits.head } else { self.limits.idle };
        let timer = self.reading.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        timer.as_mut().poll(cx)
    }

    /// Starts the time limit of a head at its first bytes.
    fn note_read(&mut self) {
        if self.phase.is_answering() || self.is_in_head {
            return;
        }
        self.is_in_head = true;
        if !self.phase.is_fresh() {
            self.reading = None;
        }
    }

    /// Returns the result of a write. While nothing can be written, the time limit runs.
    fn limit_write<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.writing = None;
            return written;
        }
        let limit = self.limits.write;
        let timer = self.writing.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(late("timed out writing an answer")))
    }
}

fn late(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl Read for TimeoutStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        if self.poll_late_read(cx).is_ready() {
            return Poll::Ready(Err(late("timed out waiting for a request")));
        }
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.note_read();
        Poll::Ready(Ok(()))
    }
}

impl Write for TimeoutStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.limit_write(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.limit_write(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.limit_write(cx, shut)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.limit_write(cx, written)
    }
}
