//! Arguments about people: keys, registration, profiles, applications, decisions, the directory.

use std::path::PathBuf;

use carechain_domain::{Kind, Reason, Status, SubjectId};
use clap::{Args, Subcommand};

/// `keys …`
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make new keys and print their 24 words, once
    #[command(after_help = "\
The words are the only way back to your records when this machine is lost. They are printed once and stored nowhere.
Example:
  carechain keys create --keyset ~/my-keys")]
    Create {
        /// What the keys are for; `register` may still choose another
        #[arg(long, default_value = "patient")]
        kind: Kind,
        /// Another subject under words that you have already: the file that holds the words, or - for stdin
        #[arg(long, value_name = "FILE")]
        words_file: Option<PathBuf>,
        /// Number of the subject under the same words, from 0
        #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..1_000))]
        index: u32,
    },
    /// Bring keys back from their 24 words
    #[command(after_help = "\
Needs the words and the node, nothing else. The words are asked for, or read from stdin when it is not a terminal.
Examples:
  carechain keys restore
  carechain keys restore --words-file words.txt --keyset ~/my-keys")]
    Restore {
        /// File that holds the words, or - for stdin
        #[arg(long, value_name = "FILE")]
        words_file: Option<PathBuf>,
    },
    /// Show whose keys these are; needs neither password nor node
    Show,
    /// Change the password of the keyset file
    ///
    /// The old password is asked for as ever, the new one by --new-password-file or twice at the prompt.
    Password {
        /// File whose first line is the new password
        #[arg(long, value_name = "FILE")]
        new_password_file: Option<PathBuf>,
    },
}

/// What a public profile says.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Public profile")]
pub(crate) struct ProfileFields {
    /// Name
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Option<String>,
    /// Speciality, such as cardiology
    #[arg(long, value_name = "TEXT")]
    pub(crate) speciality: Option<String>,
    /// Language spoken (BCP 47, such as en or hi); may be repeated
    #[arg(long = "language", value_name = "TAG", value_parser = language)]
    pub(crate) languages: Vec<String>,
    /// Town or address of the practice
    #[arg(long, value_name = "TEXT")]
    pub(crate) place: Option<String>,
    /// A few words
    #[arg(long, value_name = "TEXT")]
    pub(crate) about: Option<String>,
}

/// `register KIND`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
A patient's profile stays empty unless you give one: nobody needs your name to keep your record.
Examples:
  carechain register patient
  carechain register doctor --name 'Dr Asha Rao' --speciality cardiology --language en --place Pune")]
pub(crate) struct RegisterArgs {
    /// patient, doctor, pharmacy, organisation or administrator
    pub(crate) kind: Kind,
    /// File with an invitation code, where the node asks for one; - for stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) invitation_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) profile: ProfileFields,
}

/// `profile`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  carechain profile                        your own
  carechain profile 0x…                    somebody's
  carechain profile --place 'Mumbai'       change your own")]
pub(crate) struct ProfileArgs {
    /// Whose; your own if not given
    #[arg(value_name = "SUBJECT")]
    pub(crate) subject: Option<SubjectId>,
    #[command(flatten)]
    pub(crate) change: ProfileFields,
}

/// `apply`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
The documents are encrypted for the administrators; the chain holds a commitment alone.
Example:
  carechain apply licence.pdf diploma.pdf")]
pub(crate) struct ApplyArgs {
    /// Documents that show who you are and what you may do
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

/// `admin …`
#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Become the first administrator with the claim code that the node printed
    #[command(after_help = "\
The code is asked for, or read from stdin when it is not a terminal, or taken from CARECHAIN_CLAIM_CODE.
Make keys first: carechain keys create --kind administrator")]
    Claim {
        /// The code; visible to other users of this machine, who cannot use it twice
        code: Option<String>,
        #[command(flatten)]
        profile: ProfileFields,
    },
    /// List subjects and where they stand
    List {
        /// Kind of subject
        #[arg(long)]
        kind: Option<Kind>,
        /// Where they stand
        #[arg(long, default_value = "pending")]
        status: Status,
    },
    /// Read the documents of an application
    Documents {
        /// The applicant
        #[arg(value_name = "SUBJECT")]
        subject: SubjectId,
        /// Folder to write them to
        #[arg(short, long, value_name = "DIR")]
        output: PathBuf,
    },
    /// Vote to approve
    Approve(DecisionArgs),
    /// Vote to reject an application
    Reject(DecisionArgs),
    /// Vote to suspend
    Suspend(DecisionArgs),
    /// Vote to reinstate
    Reinstate(DecisionArgs),
    /// Make an invitation code for one registration
    Invite {
        /// What it is for
        kind: Kind,
    },
    /// Vote on how many votes a decision needs
    Threshold {
        /// Votes
        #[arg(value_parser = clap::value_parser!(u8).range(1..))]
        votes: u8,
    },
}

/// On whom, and why.
#[derive(Clone, Debug, Args)]
pub(crate) struct DecisionArgs {
    /// On whom
    #[arg(value_name = "SUBJECT")]
    pub(crate) subject: SubjectId,
    /// incomplete, unverifiable, not-licensed, duplicate, complaint, licence-ended, misuse, withdrawn or other
    #[arg(long)]
    pub(crate) reason: Option<Reason>,
}

/// `directory`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Example:
  carechain directory --kind doctor --speciality cardiology --language hi")]
pub(crate) struct DirectoryArgs {
    /// doctor, pharmacy, organisation or administrator; patients are never listed
    #[arg(long, value_parser = listed_kind)]
    pub(crate) kind: Option<Kind>,
    /// Words in name, speciality or place
    #[arg(long, value_name = "WORDS")]
    pub(crate) text: Option<String>,
    /// Speciality, exactly
    #[arg(long, value_name = "TEXT")]
    pub(crate) speciality: Option<String>,
    /// Language (BCP 47), exactly
    #[arg(long, value_name = "TAG")]
    pub(crate) language: Option<String>,
}

fn listed_kind(text: &str) -> Result<Kind, String> {
    match text.parse() {
        Ok(Kind::Patient) => Err("patients are never listed".to_owned()),
        Ok(kind) => Ok(kind),
        Err(error) => Err(error.to_string()),
    }
}

/// Characters of a language tag.
const LANGUAGE_MAX_CHARS: usize = 35;

fn language(text: &str) -> Result<String, String> {
    let fits = (2..=LANGUAGE_MAX_CHARS).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fits {
        Ok(text.to_owned())
    } else {
        Err("expected a BCP 47 tag, such as en or pt-BR".to_owned())
    }
}
