//! The `carechain` program; everything is in the library, where tests reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    carechain_cli::run(std::env::args_os())
}
