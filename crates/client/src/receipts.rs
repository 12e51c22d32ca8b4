//! Receipts: who read what, each signed by the reader's device, forming a chain.
//!
//! A reader and a server that collude leave no trace, and until receipts are anchored a server that drops the newest
//! ones is not noticed; one that drops or changes an earlier one is.

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256};
use carechain_api::Receipt;
use carechain_crypto::{Signature, receipt_hash, recover, release_root};
use carechain_domain::{LaneSet, RecordId, SubjectId};

use crate::chart::release_of;
use crate::device::Device;
use crate::error::{ClientError, Lie};
use crate::facts::{Ask, Facts};
use crate::platform::Platform;

/// Pages that are read at once.
const MAX_PAGES: usize = 10_000;

/// A receipt that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptView {
    /// Number, from 1.
    pub number: u64,
    /// Who read.
    pub reader: SubjectId,
    /// By which device.
    pub device: Address,
    /// What for, as the chain's number.
    pub purpose: u16,
    /// Lanes listed; empty where records were released.
    pub lanes: LaneSet,
    /// Records that were listed or released.
    pub records: Vec<(RecordId, u32)>,
    /// When, as the node says.
    pub at: u64,
}

impl<P: Platform> Device<P> {
    /// Every receipt of one's own record, oldest first: the chain recomputed, each signature and device checked.
    pub async fn receipts(&self) -> Result<Vec<ReceiptView>, ClientError> {
        let subject = self.subject();
        let mut views = Vec::new();
        let mut previous = B256::ZERO;
        let mut last = 0;
        for _ in 0..MAX_PAGES {
            let page = self
                .authed(async || self.http.receipts(subject, last).await)
                .await?;
            if page.receipts.is_empty() {
                break;
            }
            let devices: BTreeSet<Address> = page.receipts.iter().map(|r| r.device).collect();
            let ask = devices
                .iter()
                .fold(Ask::default(), |ask, device| ask.device(*device));
            let facts = self.prove(ask).await?;
            for receipt in page.receipts {
                last += 1;
                previous = self.check_receipt(&receipt, last, &previous, &facts)?;
                views.push(view(receipt));
            }
        }
        Ok(views)
    }

    /// Checks one receipt against the one before; gives its hash.
    fn check_receipt(
        &self,
        receipt: &Receipt,
        expected: u64,
        previous: &B256,
        facts: &Facts,
    ) -> Result<B256, Lie> {
        let number = receipt.number;
        let forged = |what| Lie::ForgedReceipt { number, what };
        if number != expected {
            return Err(Lie::BrokenReceipts { number });
        }
        let statement = &receipt.statement;
        if statement.subject != self.subject() {
            return Err(forged("it is of another person's record"));
        }
        let digest = release_of(statement).digest(self.pins().id, self.pins().contracts.records);
        let signature: Signature = receipt
            .signature
            .as_ref()
            .try_into()
            .map_err(|_| forged("its signature is cut"))?;
        let hash = receipt_hash(previous, &digest, &signature, receipt.at);
        if hash != receipt.hash {
            return Err(Lie::BrokenReceipts { number });
        }
        let signer =
            recover(&digest, &signature).map_err(|_| forged("its signature cannot be read"))?;
        if signer != receipt.device {
            return Err(forged("another device signed it"));
        }
        let device = facts.device(receipt.device);
        if device.subject != statement.reader || device.added_at > receipt.at + 300 {
            return Err(forged("the device is not the reader's"));
        }
        if statement.lanes.is_empty() {
            let pairs: Vec<(B256, u32)> = receipt.records.iter().map(|(r, v)| (r.0, *v)).collect();
            if release_root(&pairs) != statement.root || pairs.len() != statement.count as usize {
                return Err(forged(
                    "its records are not those that the reader signed for",
                ));
            }
        }
        Ok(hash)
    }
}

fn view(receipt: Receipt) -> ReceiptView {
    ReceiptView {
        number: receipt.number,
        reader: receipt.statement.reader,
        device: receipt.device,
        purpose: receipt.statement.purpose,
        lanes: receipt.statement.lanes,
        records: receipt.records,
        at: receipt.at,
    }
}
