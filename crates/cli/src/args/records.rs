//! Arguments about records: import, attach, list, get, view, verify.

use std::path::PathBuf;

use carechain_domain::{Category, SubjectId};
use clap::Args;

use crate::ids::IdPrefix;

/// `import`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
PATH is a file (.json, .ndjson, each also .gz) or a folder, read with its sub-folders. Each resource of a Bundle is
stored as exactly the bytes it has in the file. Importing twice changes nothing. The last line printed says how many
resources were read, stored, unchanged and rejected.
Examples:
  carechain import ~/Downloads/my-records
  carechain import --lenient export.ndjson.gz
  carechain import --patient 0x… note.json      write into a patient's record under a grant")]
pub(crate) struct ImportArgs {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Into whose record; your own if not given
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) patient: Option<SubjectId>,
    /// Store faulty resources too, each with an OperationOutcome that says what is wrong
    #[arg(long)]
    pub(crate) lenient: bool,
    /// Store a Bundle although it seems to be about another person
    #[arg(long)]
    pub(crate) other_person: bool,
    /// Where the files come from, such as the hospital's base address: ids of two sources are kept apart
    #[arg(long, value_name = "TEXT")]
    pub(crate) source: Option<String>,
}

/// `attach`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
The file is kept as it is. One that holds a FHIR resource is checked, and shared under the category that it belongs to.
Examples:
  carechain attach xray.png --category imaging --title 'Left hand'
  carechain attach correction.json --amends 0x12ab34cd56ef     add to what somebody else wrote")]
pub(crate) struct AttachArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Under which category it is shared; needed unless it is a FHIR resource
    #[arg(long)]
    pub(crate) category: Option<Category>,
    /// Title; the file's name if not given
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
    /// Media type; by the file's ending if not given
    #[arg(long, value_name = "TYPE", value_parser = media_type)]
    pub(crate) media_type: Option<String>,
    /// Somebody else's entry that this corrects or adds to
    #[arg(long, value_name = "RECORD")]
    pub(crate) amends: Option<IdPrefix>,
    /// Into whose record; your own if not given
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) patient: Option<SubjectId>,
}

/// Characters of a media type.
const MEDIA_TYPE_MAX_CHARS: usize = 127;

fn media_type(text: &str) -> Result<String, String> {
    let part = |p: &str| {
        !p.is_empty()
            && p.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b))
    };
    let fits = text.len() <= MEDIA_TYPE_MAX_CHARS
        && text
            .split_once('/')
            .is_some_and(|(a, b)| part(a) && part(b));
    if fits {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("expected a media type, such as image/png".to_owned())
    }
}

/// `records`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  carechain records --category laboratory
  carechain records --type Observation --json
  carechain records --patient 0x…")]
pub(crate) struct RecordsArgs {
    /// Whose record; your own if not given
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) patient: Option<SubjectId>,
    /// Category; may be repeated, or separated by commas
    #[arg(long = "category", value_name = "CATEGORY", value_delimiter = ',')]
    pub(crate) categories: Vec<Category>,
    /// FHIR type, such as Observation, or media type
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// Every version, not the newest alone
    #[arg(long)]
    pub(crate) all_versions: bool,
}

/// `get`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
RECORD is an id as `carechain records` prints it; its first characters are enough while they name one record.
Examples:
  carechain get 0x12ab34cd56ef
  carechain get 0x12ab34cd56ef -o scan.pdf")]
pub(crate) struct GetArgs {
    /// Which entry
    #[arg(value_name = "RECORD")]
    pub(crate) record: IdPrefix,
    /// File to write to; stdout if not given
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Whose record; your own if not given
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) patient: Option<SubjectId>,
}

/// `view`
#[derive(Clone, Debug, Args)]
pub(crate) struct ViewArgs {
    /// Which entry
    #[arg(value_name = "RECORD")]
    pub(crate) record: IdPrefix,
    /// Whose record; your own if not given
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) patient: Option<SubjectId>,
}

/// `verify`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Checks content, keys, authors' signatures and commitments against the chain, and that the lists are complete. Each
fault is printed by name; the exit code is 1 if there is any.
Examples:
  carechain verify --all
  carechain verify 0x12ab34cd56ef")]
pub(crate) struct VerifyArgs {
    /// One entry
    #[arg(
        value_name = "RECORD",
        conflicts_with = "all",
        required_unless_present = "all"
    )]
    pub(crate) record: Option<IdPrefix>,
    /// Everything
    #[arg(long)]
    pub(crate) all: bool,
    /// Whose record; your own if not given
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) patient: Option<SubjectId>,
}
