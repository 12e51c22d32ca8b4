//! `receipts`: who read what of one's own record.

use std::collections::BTreeMap;

use carechain_client::ReceiptView;
use carechain_domain::{Category, RecordId, SubjectId};
use serde::Serialize;

use crate::args::ReceiptsArgs;
use crate::commands::consent::{names, purpose_name};
use crate::context::Context;
use crate::error::CliError;
use crate::ids::short;
use crate::moment::utc;
use crate::output::{Table, plain};

/// A receipt.
#[derive(Debug, Serialize)]
struct ReceiptOut {
    number: u64,
    at: String,
    reader: SubjectId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    device: alloy_primitives::Address,
    purpose: String,
    /// Categories that were listed; empty where single records were opened.
    categories: Vec<Category>,
    records: Vec<ReceiptRecord>,
}

#[derive(Debug, Serialize)]
struct ReceiptRecord {
    record: RecordId,
    version: u32,
}

pub(super) async fn receipts(ctx: &Context, args: &ReceiptsArgs) -> Result<(), CliError> {
    let opened = ctx.device().await?;
    let receipts = opened.device.receipts().await?;
    let receipts: Vec<&ReceiptView> = receipts.iter().filter(|r| r.number > args.after).collect();
    let mut names_of: BTreeMap<SubjectId, Option<String>> = BTreeMap::new();
    for receipt in &receipts {
        if let std::collections::btree_map::Entry::Vacant(vacant) = names_of.entry(receipt.reader) {
            let person = opened.device.person(receipt.reader).await?;
            let profile = person.profile.unwrap_or_default();
            vacant.insert(crate::profile::Profile::read(profile.as_bytes()).name);
        }
    }
    let rows: Vec<ReceiptOut> = receipts
        .iter()
        .map(|receipt| ReceiptOut {
            number: receipt.number,
            at: utc(receipt.at),
            reader: receipt.reader,
            name: names_of.get(&receipt.reader).cloned().flatten(),
            device: receipt.device,
            purpose: purpose_name(receipt.purpose),
            categories: opened.device.own_categories(receipt.lanes),
            records: receipt
                .records
                .iter()
                .map(|(record, version)| ReceiptRecord {
                    record: *record,
                    version: *version,
                })
                .collect(),
        })
        .collect();
    ctx.out
        .rows(&rows, receipts_table, "nobody but you has read anything")
}

fn receipts_table(rows: &[ReceiptOut]) -> Table {
    rows.iter().fold(
        Table::new(["number", "at", "reader", "for", "what"]),
        |table, row| {
            let what = match (row.categories.is_empty(), row.records.as_slice()) {
                (false, records) => {
                    format!("{} entries of {}", records.len(), names(&row.categories))
                }
                (true, [one]) => format!("entry {} version {}", short(one.record.0), one.version),
                (true, records) => format!("{} entries", records.len()),
            };
            table.row([
                row.number.to_string(),
                row.at.clone(),
                row.name
                    .as_deref()
                    .map_or_else(|| short(row.reader.0), plain),
                row.purpose.clone(),
                what,
            ])
        },
    )
}
