//! Command `authsvc completions`: prints a completion script for a shell.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use super::Cli;
use super::error::Error;
use super::output::Output;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  authsvc completions bash > /etc/bash_completion.d/authsvc
  authsvc completions zsh > ~/.zfunc/_authsvc
  authsvc completions fish > ~/.config/fish/completions/authsvc.fish")]
pub(super) struct Arguments {
    /// Shell to complete for
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments, output: Output) -> Result<u8, Error> {
    let mut script = Vec::new();
    generate(arguments.shell, &mut Cli::command(), "authsvc", &mut script);
    output.raw(&String::from_utf8_lossy(&script))?;
    Ok(0)
}
