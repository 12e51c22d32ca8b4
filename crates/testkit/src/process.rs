//! A node as a process of its own, for tests and measurements in which processes die or are looked into.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use carechain_api::Contracts;
use serde::Deserialize;

/// What a node prints when it serves.
#[derive(Clone, Debug, Deserialize)]
pub struct ReadyLine {
    /// Origin.
    pub url: String,
    /// The chain listener.
    pub chain_rpc: Option<String>,
    /// Chain id.
    pub chain_id: u64,
    /// The contracts.
    pub contracts: Contracts,
}

/// A running `carechain node`. Dropping it kills it.
pub struct NodeProcess {
    child: Child,
    ready: ReadyLine,
}

impl NodeProcess {
    /// Starts `program node` on a data folder with further arguments, its stderr in `log`; returns when it serves.
    pub fn start(program: &Path, data: &Path, arguments: &[&str], log: &Path) -> NodeProcess {
        let mut command = Command::new(program);
        command
            .args(["--json", "node", "--data"])
            .arg(data)
            .args(arguments);
        Self::run(&mut command, log)
    }

    /// Runs a command that ends in a node; returns when it serves.
    pub fn run(command: &mut Command, log: &Path) -> NodeProcess {
        let log_file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("the log can be written");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .spawn()
            .expect("the program can be run");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("the ready line can be read");
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            panic!("the node did not say that it serves ({error}): {said}")
        });
        NodeProcess { child, ready }
    }

    /// What it said.
    pub fn ready(&self) -> &ReadyLine {
        &self.ready
    }

    /// Where this machine reaches it, whatever its public origin is.
    pub fn url(&self) -> &str {
        &self.ready.url
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is our child");
        self.child.wait().expect("it is our child");
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        // It may be dead already; there is nobody left to tell.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// The one-time claim code in a node's data folder.
pub fn claim_code(data: &Path) -> String {
    let text =
        std::fs::read_to_string(data.join("claim-code")).expect("nobody has claimed the node");
    text.trim().to_owned()
}
