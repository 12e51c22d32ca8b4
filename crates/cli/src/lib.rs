//! The `carechain` program: a node, and the tools of the people who use it.
//!
//! It parses arguments, asks for passwords, and prints; what a person's device does is in carechain-client, what a
//! node does in carechain-node. Commands of people run on one thread; the node on all.
//!
//! It refuses to take a secret from its arguments, to talk to another machine without TLS, to overwrite a keyset
//! file, and to print the control characters of others.

#![forbid(unsafe_code)]

mod args;
mod commands;
mod context;
mod demo;
mod error;
mod files;
mod ids;
mod moment;
mod node;
mod output;
mod platform;
mod profile;
mod secrets;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, error_object, to_stderr};

/// Exit code of wrong use.
const WRONG_USE: u8 = 2;

/// Runs the program with its arguments, the first being its name.
pub fn run<A: Into<OsString> + Clone>(args: impl IntoIterator<Item = A>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return wrong_use(&args, &error),
    };
    let out = Output::new(cli.global.json);
    match dispatch(cli, out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_broken_pipe() => ExitCode::from(error.exit_code()),
        Err(error) => {
            out.error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Help and version go to stdout; mistakes to stderr, as JSON too where that was asked for.
fn wrong_use(args: &[OsString], error: &clap::Error) -> ExitCode {
    if error.use_stderr() && args.iter().any(|a| a == "--json") {
        let text = error.to_string();
        let message = text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ");
        to_stderr(&error_object("usage", message, None).to_string());
        return ExitCode::from(WRONG_USE);
    }
    match error.print() {
        Ok(()) => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(WRONG_USE)),
        // Nobody reads what was printed.
        Err(_) => ExitCode::from(WRONG_USE),
    }
}

fn dispatch(cli: Cli, out: Output) -> Result<(), CliError> {
    if let Command::Node(args) = &cli.command {
        return node::run(args, out);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)?;
    runtime.block_on(commands::run(Context::new(cli.global, out), cli.command))
}
