//! Command line: one file per subcommand, named after the command.
//!
//! Commands call the domain and pass its report to `output`, the only writer of stdout. `error` maps an error to an
//! exit code. A new command needs a file with `Arguments` and `run`, and one line each in `Command` and `dispatch`.

mod backup;
mod boot_rights;
mod boot_status;
mod cleanup;
mod completions;
mod detailed_health;
mod error;
mod health;
mod health_text;
mod http_probe;
mod list_backups;
mod man;
mod migrate;
mod output;
mod progress;
mod restore;
mod rollback;
mod seed;
mod serve;
mod settings;
mod status;
mod usage_error;
mod verify_backup;

use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory as _, Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};

use crate::config::{Config, TerminalSettings};
use crate::printable::{self, Styles};
use crate::telemetry::{self, LogFormat};
pub use error::Error;
use output::{Output, OutputStream};
pub use usage_error::UsageError;

/// Time limit for remaining threads at the end of the program.
const LEAVING: Duration = Duration::from_millis(100);

const EXIT_CODES: &str = "\
Exit codes:
  0  done, up to date, healthy or degraded
  1  failed
  2  wrong usage or configuration
  3  negative result: unhealthy, pending work or drift with --check, invalid backup
  4  the database is newer than this program
  5  an applied migration was changed
  6  timed out waiting for a lock

Without a command, authsvc serves. Without DATABASE_URL, the database is the SQLite file authsvc.db
in the working directory.
Environment variables: see docs/CONFIGURATION.md.

Examples:
  authsvc                     serve
  authsvc help backup         describe a command, with examples
  authsvc status --json       print the result as JSON, as every command can";

/// An authentication service with its database layer compiled in.
#[derive(Parser)]
#[command(name = "authsvc", version = settings::VERSION, after_help = EXIT_CODES)]
pub struct Cli {
    /// Print one JSON document to stdout
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Subcommands of authsvc, each with the first line of its help.
#[derive(Subcommand)]
enum Command {
    /// Wait for the database, migrate it, and serve HTTP until SIGTERM or SIGINT
    Serve(serve::Arguments),
    /// Apply pending migrations
    Migrate(migrate::Arguments),
    /// Show every migration, and the drift of the schema
    Status(status::Arguments),
    /// Undo applied migrations, newest first
    Rollback(rollback::Arguments),
    /// Make one consistent, validated backup
    Backup(backup::Arguments),
    /// List the backups of BACKUP_DIR, newest first
    ListBackups(list_backups::Arguments),
    /// Compare a backup with its metadata
    VerifyBackup(verify_backup::Arguments),
    /// Replace the content of the database with a backup, completely or not at all
    Restore(restore::Arguments),
    /// Report whether the database is healthy, and why not
    Health(health::Arguments),
    /// Report health in detail, with a hint for each finding
    DetailedHealth(detailed_health::Arguments),
    /// Remove expired tokens, events and backups
    Cleanup(cleanup::Arguments),
    /// Add development data to the database; refused in staging and production
    Seed(seed::Arguments),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
    /// Write manual pages
    Man(man::Arguments),
}

/// Entry point: parses the command line, runs the command and reports its result.
pub fn main() -> ExitCode {
    let terminal = TerminalSettings::of_process();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(said) => return ExitCode::from(Output::new(false, terminal).usage(said)),
    };
    let output = Output::new(cli.json, terminal);
    let command = cli.command.unwrap_or(Command::Serve(serve::Arguments {}));
    match run(command, output) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            output.error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Runs a command and returns its exit code.
fn run(command: Command, output: Output) -> Result<u8, Error> {
    // these commands must work even if the configuration is broken
    match command {
        Command::Completions(arguments) => return completions::run(&arguments, Cli::command(), output),
        Command::Man(arguments) => return man::run(&arguments, Cli::command(), output),
        _ => {}
    }
    let config = Config::load()?;
    start_logging(&config, output);
    let runtime = runtime(&command)?;
    let answer = runtime.block_on(async {
        match dispatch(command, &config, output).await {
            Err(error) => Err(error.explained(&config).await),
            done => done,
        }
    });
    // only threads that wait for a hanging file system are left now
    runtime.shutdown_timeout(LEAVING);
    answer
}

async fn dispatch(command: Command, config: &Config, output: Output) -> Result<u8, Error> {
    match command {
        Command::Serve(arguments) => serve::run(&arguments, config, output).await,
        Command::Migrate(arguments) => migrate::run(&arguments, config, output).await,
        Command::Status(arguments) => status::run(&arguments, config, output).await,
        Command::Rollback(arguments) => rollback::run(&arguments, config, output).await,
        Command::Backup(arguments) => backup::run(&arguments, config, output).await,
        Command::ListBackups(arguments) => list_backups::run(&arguments, config, output),
        Command::VerifyBackup(arguments) => verify_backup::run(&arguments, config, output).await,
        Command::Restore(arguments) => restore::run(&arguments, config, output).await,
        Command::Health(arguments) => health::run(&arguments, config, output).await,
        Command::DetailedHealth(arguments) => detailed_health::run(&arguments, config, output).await,
        Command::Cleanup(arguments) => cleanup::run(&arguments, config, output).await,
        Command::Seed(arguments) => seed::run(&arguments, config, output).await,
        Command::Completions(arguments) => completions::run(&arguments, Cli::command(), output),
        Command::Man(arguments) => man::run(&arguments, Cli::command(), output),
    }
}

fn start_logging(config: &Config, output: Output) {
    let styles = output.styles(OutputStream::Stderr);
    let format = if config.log_json { LogFormat::Json } else { LogFormat::Text { colours: styles == Styles::Kept } };
    let clean = move |line: &str| match format {
        LogFormat::Json => printable::json(line),
        LogFormat::Text { .. } => printable::log_line(line, styles),
    };
    let warning = telemetry::start(config.log_filter.as_deref(), format, clean);
    for warning in config.warnings.iter().chain(&warning) {
        tracing::warn!("{warning}");
    }
}

/// Async runtime: multi-threaded for the server. Commands use a single thread, which starts faster.
fn runtime(command: &Command) -> Result<Runtime, Error> {
    let mut builder = match command {
        Command::Serve(_) => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    Ok(builder.enable_all().build()?)
}
