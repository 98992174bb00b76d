//! Logging to stderr, as text or JSON lines.

use std::io::{self, Write};
use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Log filter that applies if AUTHSVC_LOG is not set.
pub const DEFAULT_FILTER: &str = "warn,authsvc=info";

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of text for people per event.
    Text {
        /// True to colour the lines.
        colours: bool,
    },
    /// One line with a JSON object per event.
    Json,
}

/// Logs a panic in one line, with its place in the code. The text is logged only if it is a literal, because a
/// formatted text may contain data of a request.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let text = panic
        .payload()
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("its text is omitted because it may contain data");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "internal error: the program panicked: {text}");
}

/// Writer to stderr that cleans each line first.
struct LogLines<F>(F);

impl<F: Fn(&str) -> String> Write for LogLines<F> {
    /// Writes one line. The subscriber passes each line in a single call.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().write_all((self.0)(&String::from_utf8_lossy(line)).as_bytes()).map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Starts logging. `clean` escapes each line. If the filter cannot be parsed, the default applies and a warning is
/// returned.
pub fn start(
    filter: Option<&str>,
    format: LogFormat,
    clean: impl Fn(&str) -> String + Copy + Send + Sync + 'static,
) -> Option<String> {
    let (parsed, warning) = match filter.map(EnvFilter::try_new) {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new(DEFAULT_FILTER), Some(format!("AUTHSVC_LOG is not valid: {error}"))),
        None => (EnvFilter::new(DEFAULT_FILTER), None),
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(move || LogLines(clean));
    let registry = tracing_subscriber::registry().with(parsed);
    let started = match format {
        LogFormat::Text { colours } => registry.with(layer.with_ansi(colours).with_target(false)).try_init(),
        LogFormat::Json => registry.with(layer.json()).try_init(),
    };
    std::panic::set_hook(Box::new(log_panic));
    if started.is_err() {
        tracing::debug!("logging was started already");
    }
    warning
}
