//! `carechain node`: starts a node, makes demo people where asked, and stops it cleanly on SIGTERM or Ctrl-C.

use std::path::Path;
use std::time::Duration;

use carechain_node::{Node, NodeConfig, NodeError, Ready};
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;
use tracing_subscriber::EnvFilter;

use crate::args::NodeArgs;
use crate::demo;
use crate::error::CliError;
use crate::output::Output;

/// Environment variable that sets what is logged.
const LOG_VARIABLE: &str = "CARECHAIN_LOG";
/// What is logged unless told otherwise.
const LOG_DEFAULT: &str = "warn";
/// How long stopping may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// The line that says that the node serves.
#[derive(Debug, Serialize)]
struct ReadyLine<'a> {
    url: &'a str,
    chain_rpc: Option<&'a str>,
    chain_id: u64,
    contracts: &'a carechain_api::Contracts,
    demo_password: Option<&'a str>,
}

/// Runs a node until it is told to stop.
pub(crate) fn run(args: &NodeArgs, out: Output) -> Result<(), CliError> {
    if args.demo && !args.listen.ip().is_loopback() {
        return Err(NodeError::NotLoopback(args.listen).into());
    }
    log_to_stderr(out);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)?;
    runtime.block_on(serve(args, out))
}

fn log_to_stderr(out: Output) {
    let filter =
        EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new(LOG_DEFAULT));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if out.is_json() {
        builder.json().init()
    } else {
        builder.init()
    }
}

/// SIGTERM and Ctrl-C.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn listen() -> Result<Stop, CliError> {
        let of = |kind| signal(kind).map_err(CliError::Runtime);
        Ok(Stop {
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn serve(args: &NodeArgs, out: Output) -> Result<(), CliError> {
    let mut stop = Stop::listen()?;
    let config = NodeConfig {
        data: args.data.clone(),
        listen: args.listen,
        chain_listen: args.chain_listen,
        public_url: args.public_url.clone(),
        vouchers: args.vouchers,
        demo: args.demo,
    };
    let node = tokio::select! {
        node = Node::start(config) => node?,
        // What was begun is durable or will be made again at the next start.
        () = stop.wait() => return Ok(()),
    };
    let served = announce(args, &node, &mut stop, out).await;
    if let Ok(Announced::Yes) = served {
        stop.wait().await;
        out.remark("stopping");
    }
    match timeout(STOP_TIMEOUT, node.stop()).await {
        Ok(stopped) => stopped?,
        Err(_) => return Err(CliError::Runtime(std::io::ErrorKind::TimedOut.into())),
    }
    served.map(drop)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Announced {
    Yes,
    /// It was told to stop before everything was ready.
    Stopped,
}

/// Makes demo people where asked, then tells where the node is.
async fn announce(
    args: &NodeArgs,
    node: &Node,
    stop: &mut Stop,
    out: Output,
) -> Result<Announced, CliError> {
    let ready = node.ready();
    let demo = if args.demo {
        if !out.is_json() {
            out.remark(&format!("node at {}; making demo people", ready.url));
        }
        let url = loopback_url(ready);
        let claim_code = ready.claim_code.as_ref().map(|code| code.as_str());
        tokio::select! {
            demo = demo::ensure(&args.data, &url, claim_code) => Some(demo?),
            () = stop.wait() => return Ok(Announced::Stopped),
        }
    } else {
        None
    };
    if out.is_json() {
        out.object(&ReadyLine {
            url: &ready.url,
            chain_rpc: ready.chain_rpc.as_deref(),
            chain_id: ready.chain_id,
            contracts: &ready.contracts,
            demo_password: demo.as_ref().map(|demo| demo.password.as_str()),
        })?;
    }
    tell(ready, demo.is_some(), out);
    if let (Some(demo), false) = (&demo, out.is_json()) {
        tell_demo(ready, &args.data, demo, out);
    }
    Ok(Announced::Yes)
}

/// Where a client on this machine reaches the node, whatever its public URL is.
fn loopback_url(ready: &Ready) -> String {
    format!("http://{}", ready.local_addr)
}

fn tell(ready: &Ready, demo: bool, out: Output) {
    if let (Some(code), false) = (&ready.claim_code, demo) {
        out.remark(&format!(
            "nobody administers this node yet. Claim code: {}\n  carechain keys create --kind administrator, then \
             carechain admin claim",
            code.as_str()
        ));
    }
    if out.is_json() {
        return;
    }
    out.remark(&format!(
        "Carechain node at {} (chain {})",
        ready.url, ready.chain_id
    ));
    if let Some(rpc) = &ready.chain_rpc {
        out.remark(&format!("Ethereum JSON-RPC at {rpc}"));
    }
}

fn tell_demo(ready: &Ready, data: &Path, demo: &demo::Demo, out: Output) {
    let program = std::env::args_os()
        .next()
        .unwrap_or_else(|| "carechain".into());
    let program = shell_word(&program.to_string_lossy());
    let dir = data.join(demo::DIR);
    let file = |name: &str| shell_word(&dir.join(name).to_string_lossy());
    let node = loopback_url(ready);
    let node = if node == "http://127.0.0.1:8080" {
        String::new()
    } else {
        format!(" --node {node}")
    };
    let command = |who: &str, rest: &str| {
        let (keyset, password) = (file(&format!("{who}.keyset")), file(demo::PASSWORD_FILE));
        format!("  {program} {rest} --keyset {keyset} --password-file {password}{node}")
    };
    out.remark(&format!(
        "\nDemo people, their keys in {}, all with the password {}:\n  patient        {}\n  doctor         {}\n  \
         administrator  {}\n\nThree commands to try, in another terminal:\n\n{}\n\n{}\n\n{}\n\nCtrl-C stops the node.",
        dir.display(),
        demo.password.as_str(),
        demo.patient,
        demo.doctor,
        demo.administrator,
        command("patient", "records --category laboratory"),
        command("doctor", &format!("records --category vitals --patient {}", demo.patient_subject)),
        command("patient", "receipts"),
    ));
}

/// A word as a shell takes it.
fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(
            shell_word("target/release/carechain"),
            "target/release/carechain"
        );
        assert_eq!(shell_word("a b"), "'a b'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
    }
}
