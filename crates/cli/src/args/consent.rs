//! Arguments about consent: request, answer, grant, revoke, access, receipts, watch.

use carechain_domain::{Category, Purpose, SubjectId};
use clap::{Args, ValueEnum};

use crate::ids::IdPrefix;
use crate::moment::When;

/// `request`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
What is asked is encrypted for the patient; the chain shows that something was asked, not what.
Example:
  carechain request 0x… --read vitals,laboratory --write notes --until 90d --text 'For your check-up'")]
pub(crate) struct RequestArgs {
    /// Whose record
    #[arg(value_name = "PATIENT")]
    pub(crate) patient: SubjectId,
    /// Categories to read, separated by commas, or all
    #[arg(long, value_name = "CATEGORIES", value_delimiter = ',', value_parser = category_or_all)]
    pub(crate) read: Vec<CategoryOrAll>,
    /// Categories to write, separated by commas, or all
    #[arg(long, value_name = "CATEGORIES", value_delimiter = ',', value_parser = category_or_all)]
    pub(crate) write: Vec<CategoryOrAll>,
    /// What for: treatment, second-opinion, emergency, payment, research or personal
    #[arg(long, default_value = "treatment")]
    pub(crate) purpose: Purpose,
    /// How long access is wanted: 30d, 12h, a date (to its end, UTC) or a moment
    #[arg(long, value_name = "WHEN", default_value = "30d")]
    pub(crate) until: When,
    /// How long the request can be answered
    #[arg(long, value_name = "WHEN", default_value = "7d")]
    pub(crate) expires: When,
    /// A few words to the patient
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: Option<String>,
}

/// `requests`
#[derive(Clone, Debug, Args)]
pub(crate) struct RequestsArgs {
    /// Also those that were answered, withdrawn or have expired
    #[arg(long)]
    pub(crate) all: bool,
}

/// What to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Answer {
    /// Grant what was asked, or what --read and --write say
    Accept,
    /// Refuse
    Refuse,
    /// Take a request of your own back
    Withdraw,
}

/// `answer`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  carechain requests
  carechain answer 0x12ab34cd56ef accept
  carechain answer 0x12ab34cd56ef accept --read vitals --until 7d     less than was asked
  carechain answer 0x12ab34cd56ef refuse")]
pub(crate) struct AnswerArgs {
    /// Which request
    #[arg(value_name = "REQUEST")]
    pub(crate) request: IdPrefix,
    /// What to answer
    #[arg(value_name = "ANSWER")]
    pub(crate) answer: Answer,
    /// Categories to read instead of those asked for
    #[arg(long, value_name = "CATEGORIES", value_delimiter = ',', value_parser = category_or_all)]
    pub(crate) read: Vec<CategoryOrAll>,
    /// Categories to write instead of those asked for
    #[arg(long, value_name = "CATEGORIES", value_delimiter = ',', value_parser = category_or_all)]
    pub(crate) write: Vec<CategoryOrAll>,
    /// End instead of the one asked for
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<When>,
    /// Your name, told to the requester alone
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// `grant`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Categories: emergency-summary, demographics, vitals, medications, allergies, conditions, immunizations, laboratory,
imaging, visits, notes, mental-health, sexual-health, genetics, billing, other; or all.
Examples:
  carechain grant 0x… --read vitals,laboratory --write notes --until 30d
  carechain grant 0x… --read all --until 2027-01-31 --purpose second-opinion")]
pub(crate) struct GrantArgs {
    /// To whom: an approved doctor, pharmacy or organisation
    #[arg(value_name = "GRANTEE")]
    pub(crate) grantee: SubjectId,
    /// Categories to read, separated by commas, or all
    #[arg(
        long,
        visible_alias = "category",
        value_name = "CATEGORIES",
        value_delimiter = ','
    )]
    #[arg(value_parser = category_or_all, required_unless_present = "write")]
    pub(crate) read: Vec<CategoryOrAll>,
    /// Categories to write, separated by commas, or all
    #[arg(long, value_name = "CATEGORIES", value_delimiter = ',', value_parser = category_or_all)]
    pub(crate) write: Vec<CategoryOrAll>,
    /// What for: treatment, second-opinion, emergency, payment, research or personal
    #[arg(long, default_value = "treatment")]
    pub(crate) purpose: Purpose,
    /// When it ends: 30d, 12h, 2s, a date (at its end, UTC) or a moment such as 2027-01-31T12:00:00Z
    #[arg(long, value_name = "WHEN", default_value = "30d")]
    pub(crate) until: When,
    /// Your name, told to the grantee alone
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// `revoke`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Once this is confirmed the node serves the reader nothing more, and what is written afterwards is under new keys. What
was read before cannot be taken back.
Examples:
  carechain access
  carechain revoke 0x12ab34cd56ef")]
pub(crate) struct RevokeArgs {
    /// Which grant; or a grantee, to end every grant to them
    #[arg(value_name = "GRANT")]
    pub(crate) grant: IdPrefix,
}

/// `access`
#[derive(Clone, Debug, Args)]
pub(crate) struct AccessArgs {
    /// Grants to you instead of grants by you
    #[arg(long)]
    pub(crate) to_me: bool,
    /// Also grants that have ended
    #[arg(long)]
    pub(crate) all: bool,
}

/// `receipts`
#[derive(Clone, Debug, Args)]
pub(crate) struct ReceiptsArgs {
    /// Those after this number alone
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) after: u64,
}

/// `watch`
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Notifications say that something happened, never what is in a record. Ctrl-C ends it.
Example:
  carechain watch --json | while read -r line; do …; done")]
pub(crate) struct WatchArgs {
    /// End after this many
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// Print those that are there and end
    #[arg(long)]
    pub(crate) now: bool,
    /// Those after this number alone
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) after: u64,
    /// Mark what was printed as read
    #[arg(long)]
    pub(crate) mark_read: bool,
}

/// A category, or every one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CategoryOrAll {
    /// One.
    One(Category),
    /// Every one.
    All,
}

impl CategoryOrAll {
    /// The categories of a list, each once, in their order.
    pub(crate) fn flatten(list: &[CategoryOrAll]) -> Vec<Category> {
        Category::ALL
            .into_iter()
            .filter(|c| {
                list.iter().any(|item| {
                    matches!(item, CategoryOrAll::All) || *item == CategoryOrAll::One(*c)
                })
            })
            .collect()
    }
}

fn category_or_all(text: &str) -> Result<CategoryOrAll, String> {
    match text {
        "all" => Ok(CategoryOrAll::All),
        name => name
            .parse()
            .map(CategoryOrAll::One)
            .map_err(|e: carechain_domain::UnknownCategory| format!("{e}, or all")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_flattened_in_order_without_doubles() {
        let list = [
            CategoryOrAll::One(Category::Notes),
            CategoryOrAll::One(Category::Vitals),
            CategoryOrAll::One(Category::Notes),
        ];
        assert_eq!(
            CategoryOrAll::flatten(&list),
            [Category::Vitals, Category::Notes]
        );
        assert_eq!(CategoryOrAll::flatten(&[CategoryOrAll::All]), Category::ALL);
        assert!(CategoryOrAll::flatten(&[]).is_empty());
    }

    #[test]
    fn an_unknown_category_lists_the_known_ones() {
        let error = category_or_all("vital").unwrap_err();
        assert!(
            error.contains("vitals") && error.contains("or all"),
            "{error}"
        );
    }
}
