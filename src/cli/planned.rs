//! Commands of the contract that this version does not have: each says so instead of being unknown.

use clap::Subcommand;

use super::error::Error;

#[derive(Subcommand)]
pub(super) enum Command {
    #[command(hide = true)]
    Cleanup(Ignored),
}

#[derive(clap::Args)]
pub(super) struct Ignored {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _arguments: Vec<String>,
}

pub(super) fn error(command: &Command) -> Error {
    let command = match command {
        Command::Cleanup(_) => "cleanup",
    };
    Error::Planned { command }
}
