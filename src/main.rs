//! Entry point of the `authsvc` command. `authsvc help` lists its subcommands.

use std::process::ExitCode;

fn main() -> ExitCode {
    authsvc::cli::main()
}
