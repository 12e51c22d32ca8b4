//! What can be typed: the commands, their options and their help.
//!
//! Values are checked here as far as that needs no node, so that a mistake ends with exit code 2 before anything is
//! sent. No option takes a password or recovery words: arguments are visible to every user of a machine.

mod consent;
mod people;
mod records;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use carechain_api::VoucherPolicy;
use clap::{Args, Parser, Subcommand};

pub(crate) use consent::{
    AccessArgs, Answer, AnswerArgs, CategoryOrAll, GrantArgs, ReceiptsArgs, RequestArgs,
    RequestsArgs, RevokeArgs, WatchArgs,
};
pub(crate) use people::{
    AdminCommand, ApplyArgs, DecisionArgs, DirectoryArgs, KeysCommand, ProfileArgs, ProfileFields,
    RegisterArgs,
};
pub(crate) use records::{AttachArgs, GetArgs, ImportArgs, RecordsArgs, VerifyArgs, ViewArgs};

const EXAMPLES: &str = "\
Examples:
  carechain node --demo --data ./data          a node with demo people, on http://localhost:8080
  carechain keys create                        make your keys; write down the 24 words
  carechain register patient                   become a patient of the node
  carechain import ~/Downloads/my-records      store FHIR files, encrypted on this machine
  carechain records --category laboratory      list what you have
  carechain directory --kind doctor            find a doctor
  carechain grant DOCTOR --read vitals --until 30d
  carechain receipts                           who read what, and when

The password of your keys is asked for; programs give it by --password-file or CARECHAIN_PASSWORD.
Exit code: 0 done, 1 refused or failed, 2 wrong use.";

/// Patient-controlled health records: a node, and the tools of the people who use it.
#[derive(Debug, Parser)]
#[command(name = "carechain", version, after_help = EXAMPLES, propagate_version = true)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Node to talk to
    #[arg(
        long,
        global = true,
        env = "CARECHAIN_NODE",
        value_name = "URL",
        hide_env_values = true
    )]
    #[arg(default_value = "http://localhost:8080")]
    pub(crate) node: String,
    /// File with your keys [default: ~/.config/carechain/keyset]
    #[arg(
        long,
        global = true,
        env = "CARECHAIN_KEYSET",
        value_name = "FILE",
        hide_env_values = true
    )]
    pub(crate) keyset: Option<PathBuf>,
    /// File whose first line is the password; otherwise CARECHAIN_PASSWORD, otherwise it is asked for
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Results as JSON, one object a line; everything else goes to stderr
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a node
    Node(NodeArgs),
    /// Make, restore or show your keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Register your keys at the node
    Register(RegisterArgs),
    /// Show a public profile, or change your own
    Profile(ProfileArgs),
    /// Apply for approval with your credentials (doctors, pharmacies, organisations)
    Apply(ApplyArgs),
    /// Approve, reject, suspend (administrators)
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Find doctors, pharmacies, organisations
    Directory(DirectoryArgs),
    /// Store FHIR files in a record
    Import(ImportArgs),
    /// Store any other file in a record
    Attach(AttachArgs),
    /// List a record, proven complete
    Records(RecordsArgs),
    /// Write the original bytes of an entry
    Get(GetArgs),
    /// Show an entry for reading
    View(ViewArgs),
    /// Check entries and lists against the chain
    Verify(VerifyArgs),
    /// Ask a patient for access
    Request(RequestArgs),
    /// List requests for access
    Requests(RequestsArgs),
    /// Accept or refuse a request
    Answer(AnswerArgs),
    /// Let somebody read or write parts of your record
    Grant(GrantArgs),
    /// End a grant and change the keys that it knew
    Revoke(RevokeArgs),
    /// List grants: who may see yours, or whose you may see
    Access(AccessArgs),
    /// List who read what of yours
    Receipts(ReceiptsArgs),
    /// Print notifications as they come
    Watch(WatchArgs),
    /// Finish what was interrupted, and make keys for what others wrote meanwhile
    ///
    /// Every command of yours does this first; this one does it alone.
    Tend,
    /// Makes the people of a demo node; `node --demo` runs it.
    #[command(hide = true)]
    DemoPeople(DemoPeopleArgs),
}

/// Options of `node`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  carechain node --data ./data
  carechain node --data ./data --listen 127.0.0.1:0 --chain-listen 127.0.0.1:8545 --json
  carechain node --data ./demo-data --demo

The first start prints a claim code: whoever enters it with `carechain admin claim` is the first administrator.
Without TLS a node listens on this machine alone; put a TLS proxy before it and tell its origin by --public-url.
SIGTERM or Ctrl-C stops it cleanly. CARECHAIN_LOG sets what is logged, such as info or carechain_gateway=debug.")]
pub(crate) struct NodeArgs {
    /// Folder that holds everything the node keeps; made if absent
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Where people are served; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080", value_parser = listen_address)]
    pub(crate) listen: SocketAddr,
    /// Where Ethereum tools reach the chain; none unless given
    #[arg(long, value_name = "HOST:PORT", value_parser = listen_address)]
    pub(crate) chain_listen: Option<SocketAddr>,
    /// Origin that people type; rules sign-in and cookies [default: http://localhost:PORT]
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) public_url: Option<String>,
    /// Who may register
    #[arg(long, value_name = "POLICY", default_value = "open", value_parser = voucher_policy)]
    pub(crate) vouchers: VoucherPolicy,
    /// Make a demo patient, doctor and administrator with generated records
    #[arg(long)]
    pub(crate) demo: bool,
}

/// Options of `demo-people`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DemoPeopleArgs {
    /// Folder for their keysets.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
}

fn listen_address(text: &str) -> Result<SocketAddr, String> {
    if let Some(port) = text.strip_prefix("localhost:") {
        let port = port.parse().map_err(|_| format!("{port:?} is no port"))?;
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    text.parse()
        .map_err(|_| "expected an IP address and a port, such as 127.0.0.1:8080".to_owned())
}

fn voucher_policy(text: &str) -> Result<VoucherPolicy, String> {
    match text {
        "open" => Ok(VoucherPolicy::Open),
        "invitation" => Ok(VoucherPolicy::Invitation),
        _ => Err("one of open, invitation".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_help_and_no_option_takes_a_secret() {
        fn walk(command: &clap::Command) {
            assert!(
                command.get_about().is_some(),
                "{} has no help",
                command.get_name()
            );
            for arg in command.get_arguments() {
                let id = arg.get_id().as_str();
                assert!(
                    !["password", "words", "mnemonic"].contains(&id),
                    "{id} takes a secret"
                );
                assert!(
                    arg.get_help().is_some(),
                    "{} {id} has no help",
                    command.get_name()
                );
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&Cli::command());
    }

    #[test]
    fn examples_of_the_help_parse() {
        for line in EXAMPLES
            .lines()
            .filter_map(|l| l.strip_prefix("  carechain "))
        {
            let line = line.split("   ").next().unwrap();
            let subject = format!("0x{}", "ab".repeat(32));
            let line = format!("carechain {}", line.replace("DOCTOR", &subject));
            parse(&line).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
    }

    #[test]
    fn global_options_stand_before_or_after_the_command() {
        for line in [
            "carechain --json keys show",
            "carechain keys show --json",
            "carechain keys --json show",
        ] {
            assert!(parse(line).unwrap().global.json, "{line}");
        }
        let cli = parse("carechain records --node http://127.0.0.1:9 --keyset k").unwrap();
        assert_eq!(cli.global.node, "http://127.0.0.1:9");
        assert_eq!(cli.global.keyset.unwrap(), PathBuf::from("k"));
    }

    #[test]
    fn listeners_are_addresses_with_a_port() {
        let Command::Node(node) = parse("carechain node --data d --listen localhost:0")
            .unwrap()
            .command
        else {
            panic!("not the node")
        };
        assert_eq!(node.listen, "127.0.0.1:0".parse().unwrap());
        assert_eq!(node.chain_listen, None);
        for bad in [
            "8080",
            "localhost",
            "localhost:x",
            "example.org:80",
            "127.0.0.1",
        ] {
            let error = parse(&format!("carechain node --data d --listen {bad}")).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{bad}");
            assert!(error.to_string().contains("--listen"), "{bad}: {error}");
        }
    }

    #[test]
    fn wrong_use_is_exit_code_2_and_names_the_argument() {
        let cases = [
            ("carechain", ""),
            ("carechain fly", "fly"),
            ("carechain node", "--data"),
            ("carechain register surgeon", "surgeon"),
            ("carechain import", "PATH"),
            ("carechain records --category vital", "--category"),
            ("carechain grant 0x12 --read vitals --until 30d", "GRANTEE"),
            ("carechain directory --kind patient", "--kind"),
        ];
        for (line, names) in cases {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(names), "{line}: {error}");
        }
    }
}
