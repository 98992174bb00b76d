//! Shutdown on SIGTERM or SIGINT: the first signal ends the work in order, the second ends the process at once.
//!
//! A separate thread receives the signals, because a hanging file system can block the thread that works. Until
//! [`requested`] is called, the first signal ends the process.

use std::io;
use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;

/// Time within which two signals count as one. A supervisor can send a signal to the process and to its group.
const ONE_SIGNAL: Duration = Duration::from_millis(1);

/// Signal that requests a shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    Terminate,
    Interrupt,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        }
    }

    /// Exit code that a shell reports for a process that this signal ended.
    fn exit_code(self) -> i32 {
        match self {
            Self::Terminate => 143,
            Self::Interrupt => 130,
        }
    }
}

/// Starts to listen for signals at the call. The returned future resolves to the name of the first SIGTERM or SIGINT.
///
/// Signals count from the first call of this function in the process. After the first signal, a second one ends the
/// process at once.
///
/// # Errors
/// Returns an error if the signal handlers or their thread cannot be installed.
pub fn requested() -> impl Future<Output = io::Result<&'static str>> {
    static FIRST: OnceLock<io::Result<watch::Receiver<Option<Signal>>>> = OnceLock::new();
    let first = match FIRST.get_or_init(listen) {
        Ok(first) => Ok(first.clone()),
        Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
    };
    async move {
        let mut first = first?;
        let signal = first.wait_for(Option::is_some).await.ok().and_then(|signal| *signal);
        Ok(signal.map_or("a signal", Signal::name))
    }
}

/// Starts the thread that receives signals. Returns when the signal handlers are installed.
fn listen() -> io::Result<watch::Receiver<Option<Signal>>> {
    let (publish, first) = watch::channel(None);
    let (ready, listening) = mpsc::sync_channel(1);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let work = move || runtime.block_on(exit_at_the_second(&publish, &ready));
    std::thread::Builder::new().name("signals".to_owned()).spawn(work)?;
    listening
        .recv()
        .unwrap_or_else(|_| Err(io::Error::other("the thread that listens to signals ended unexpectedly")))?;
    Ok(first)
}

#[expect(clippy::exit, reason = "a hanging file system can block the thread that works")]
async fn exit_at_the_second(publish: &watch::Sender<Option<Signal>>, ready: &mpsc::SyncSender<io::Result<()>>) {
    let streams = signal(SignalKind::terminate()).and_then(|one| Ok((one, signal(SignalKind::interrupt())?)));
    let (mut terminate, mut interrupt) = match streams {
        Ok(streams) => streams,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let _ = ready.send(Ok(()));
    let mut since: Option<Instant> = None;
    loop {
        let received = tokio::select! {
            received = terminate.recv() => received.map(|()| Signal::Terminate),
            received = interrupt.recv() => received.map(|()| Signal::Interrupt),
        };
        let Some(received) = received else { return };
        match since {
            None => {
                since = Some(Instant::now());
                publish.send_replace(Some(received));
            }
            Some(since) if since.elapsed() > ONE_SIGNAL => std::process::exit(received.exit_code()),
            Some(_) => {}
        }
    }
}
