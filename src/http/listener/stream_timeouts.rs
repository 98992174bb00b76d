//! A connection's bytes, with a time limit for each thing that a client can be slow at: to send a head, to ask again, to read an answer.
//! Slow bodies are bounded by the request's time (`api/limits.rs`).

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

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct StreamTimeouts {
    /// From a head's first byte, or from the connection, to the head's end.
    pub(super) head: Duration,
    /// From the end of an answer to the first byte of the next request. Longer than load balancers keep a connection, so that they end it.
    pub(super) idle: Duration,
    /// For the next byte of an answer.
    pub(super) write: Duration,
}

/// A connection that fails with [`io::ErrorKind::TimedOut`] where its client is too slow.
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

    /// Whether the time for what is awaited from the client is over. While a request is answered there is no limit here.
    fn poll_late_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.phase.is_answering() {
            (self.is_in_head, self.reading) = (false, None);
            return Poll::Pending;
        }
        let limit = if self.phase.is_fresh() || self.is_in_head { self.limits.head } else { self.limits.idle };
        let timer = self.reading.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        timer.as_mut().poll(cx)
    }

    /// The first bytes of a head: from now on it has to be completed.
    fn note_read(&mut self) {
        if self.phase.is_answering() || self.is_in_head {
            return;
        }
        self.is_in_head = true;
        if !self.phase.is_fresh() {
            self.reading = None;
        }
    }

    /// What came of writing; while nothing can be written, its time runs.
    fn limit_write<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.writing = None;
            return written;
        }
        let limit = self.limits.write;
        let timer = self.writing.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(late("an answer was not read in time")))
    }
}

fn late(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl Read for TimeoutStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        if self.poll_late_read(cx).is_ready() {
            return Poll::Ready(Err(late("a request did not come in time")));
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
