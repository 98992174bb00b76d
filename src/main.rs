//! `authsvc`: see `authsvc help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    authsvc::cli::main()
}
