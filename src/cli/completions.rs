//! Command `authsvc completions`: prints a completion script for a shell.

use clap_complete::{Shell, generate};

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

pub(super) fn run(arguments: &Arguments, mut program: clap::Command, output: Output) -> Result<u8, Error> {
    let mut script = Vec::new();
    generate(arguments.shell, &mut program, "authsvc", &mut script);
    output.raw(&String::from_utf8_lossy(&script))?;
    Ok(0)
}
