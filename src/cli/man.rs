//! `authsvc man`

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_mangen::Man;

use super::Cli;
use super::error::Error;
use super::output::Output;

#[derive(clap::Args)]
#[command(after_help = "\
One page for the program and one for each command, as `authsvc help` tells it.

Examples:
  authsvc man | man -l -                              read the page of the program
  authsvc man /usr/local/share/man/man1               install all; then `man authsvc-backup`")]
pub(super) struct Arguments {
    /// Write authsvc.1 and a page for each command into this directory; without it the program's page goes to stdout
    directory: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, output: Output) -> Result<u8, Error> {
    let mut program = Cli::command();
    program.build();
    match &arguments.directory {
        Some(directory) => write_all(&program, directory)?,
        None => output.raw(&String::from_utf8_lossy(&page(&program)?))?,
    }
    Ok(0)
}

fn write_all(program: &clap::Command, directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    let commands = program.get_subcommands().filter(|command| command.get_name() != "help");
    for command in std::iter::once(program).chain(commands) {
        let name = command.get_display_name().unwrap_or("authsvc");
        File::create(directory.join(format!("{name}.1")))?.write_all(&page(command)?)?;
    }
    Ok(())
}

fn page(command: &clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}
