//! `carechain node` as a process.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::harness::{Done, PASSWORD, carechain};

/// A node as a child process; killed when dropped.
pub(crate) struct NodeProcess {
    child: Option<Child>,
    stdout: BufReader<std::process::ChildStdout>,
}

impl NodeProcess {
    pub(crate) fn start(data: &Path, more: &[&str]) -> NodeProcess {
        let mut command = carechain();
        command
            .args(["node", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(more);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        NodeProcess {
            child: Some(child),
            stdout,
        }
    }

    /// The ready line of `--json`.
    pub(crate) fn ready(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut stderr = String::new();
            self.child
                .as_mut()
                .unwrap()
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut stderr)
                .unwrap();
            panic!("the node did not become ready: {stderr}");
        }
        serde_json::from_str(&line).unwrap()
    }

    pub(crate) fn stderr(&mut self) -> BufReader<std::process::ChildStderr> {
        BufReader::new(self.child.as_mut().unwrap().stderr.take().unwrap())
    }

    fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Sends the signal and waits; gives exit code and the rest of stderr.
    pub(crate) fn stop(mut self, signal: &str) -> (Option<i32>, String) {
        self.signal(signal);
        let mut child = self.child.take().unwrap();
        let mut stderr = String::new();
        if let Some(mut pipe) = child.stderr.take() {
            pipe.read_to_string(&mut stderr).unwrap();
        }
        (child.wait().unwrap().code(), stderr)
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

#[test]
fn it_says_where_it_is_and_stops_cleanly() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut node = NodeProcess::start(&data, &["--chain-listen", "127.0.0.1:0", "--json"]);
    let ready = node.ready();
    let mut fields: Vec<&String> = ready.as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(
        fields,
        ["chain_id", "chain_rpc", "contracts", "demo_password", "url"]
    );
    assert!(
        ready["url"]
            .as_str()
            .unwrap()
            .starts_with("http://localhost:")
    );
    assert!(
        ready["chain_rpc"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );
    for name in ["registry", "directory", "consent", "records"] {
        assert_eq!(
            ready["contracts"][name].as_str().unwrap().len(),
            42,
            "{name}"
        );
    }
    assert!(ready["demo_password"].is_null());

    let mut second = carechain();
    second
        .args(["node", "--json", "--listen", "127.0.0.1:0", "--data"])
        .arg(&data);
    Done::of(second.output().unwrap()).refused("in_use");

    let keyset = dir.path().join("keys");
    let mut keys = carechain();
    keys.args([
        "keys",
        "create",
        "--json",
        "--node",
        ready["url"].as_str().unwrap(),
        "--keyset",
    ]);
    keys.arg(&keyset).env("CARECHAIN_PASSWORD", PASSWORD);
    Done::of(keys.output().unwrap()).ok();
    let (code, stderr) = node.stop("-TERM");
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("Claim code: "), "{stderr}");

    let mut again = NodeProcess::start(&data, &["--json"]);
    let after = again.ready();
    assert_eq!(after["contracts"], ready["contracts"]);
    assert_eq!(after["chain_id"], ready["chain_id"]);
    assert!(after["chain_rpc"].is_null());
    assert_eq!(again.stop("-INT").0, Some(0));
}

#[test]
fn it_serves_this_machine_alone() {
    let dir = tempfile::tempdir().unwrap();
    for (data, more) in [("a", &[][..]), ("b", &["--demo"])] {
        let mut command = carechain();
        command
            .args(["node", "--json", "--listen", "0.0.0.0:0", "--data"])
            .arg(dir.path().join(data));
        let done = Done::of(command.args(more).output().unwrap()).refused("not_loopback");
        assert!(
            done.error()["message"]
                .as_str()
                .unwrap()
                .contains("0.0.0.0")
        );
        assert!(!dir.path().join(data).exists(), "nothing is made");
    }
}

#[test]
fn a_signal_while_it_starts_is_obeyed() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = NodeProcess::start(&dir.path().join("data"), &["--demo"]);
    let mut stderr = node.stderr().lines();
    // The first remark of a demo: the node serves, people are being made.
    assert!(
        stderr
            .next()
            .unwrap()
            .unwrap()
            .contains("making demo people")
    );
    assert_eq!(node.stop("-TERM").0, Some(0));
}
