//! Command `authsvc man`: writes manual pages from the help texts.

use std::io;
use std::path::{Path, PathBuf};

use clap_mangen::Man;

use super::error::Error;
use super::output::Output;
use crate::disk;

#[derive(clap::Args)]
#[command(after_help = "\
Writes one page for the program and one for each command, with the text of `authsvc help`.

Examples:
  authsvc man | man -l -                              read the page of the program
  authsvc man /usr/local/share/man/man1               install all; then `man authsvc-backup`")]
pub(super) struct Arguments {
    /// Write all pages to this directory; without it, print authsvc.1 to stdout
    directory: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, program: clap::Command, output: Output) -> Result<u8, Error> {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    match &arguments.directory {
        Some(directory) => write_all(&program, directory)?,
        None => output.raw(&String::from_utf8_lossy(&page(&program)?))?,
    }
    Ok(0)
}

fn write_all(program: &clap::Command, directory: &Path) -> io::Result<()> {
    let named = |path: &Path, error: &io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    std::fs::create_dir_all(directory).map_err(|error| named(directory, &error))?;
    for command in std::iter::once(program).chain(program.get_subcommands()) {
        let name = command.get_display_name().unwrap_or("authsvc");
        let path = directory.join(format!("{name}.1"));
        if let Ok(found) = path.metadata() {
            disk::require_regular(&found).map_err(|error| named(&path, &error))?;
        }
        std::fs::write(&path, page(command)?).map_err(|error| named(&path, &error))?;
    }
    Ok(())
}

fn page(command: &clap::Command) -> io::Result<Vec<u8>> {
    let (man, mut page) = (Man::new(command.clone()), Vec::new());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(notes) = command.get_after_help() {
        page.extend_from_slice(notes_section(&notes.to_string()).as_bytes());
    }
    Ok(page)
}

/// Formats the text after the options as a section NOTES. Indented lines are kept unchanged, because they are examples
/// and tables.
fn notes_section(notes: &str) -> String {
    let (mut section, mut kept) = (".SH NOTES\n".to_owned(), false);
    for line in notes.lines() {
        if line.starts_with("  ") != kept {
            kept = !kept;
            section.push_str(if kept { ".nf\n" } else { ".fi\n" });
        }
        match line {
            "" => section.push_str(".PP\n"),
            line => section.push_str(&format!("\\&{}\n", line.replace('\\', "\\e").replace('-', "\\-"))),
        }
    }
    section
}
