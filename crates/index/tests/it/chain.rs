//! A chain of blocks whose events are encoded by the bindings, with sequences that the contracts would give.

use std::collections::HashMap;

use alloy_primitives::{Address, B256, Log, LogData, U256, keccak256};
use alloy_sol_types::SolEvent;
use carechain_bindings::{consent, directory, records, registry};
use carechain_domain::{Kind, Status};
use carechain_index::{BlockLog, BlockLogs};

use super::{CONTRACTS, GENESIS, address, grant, id, record, request, subject};

/// Makes blocks. Events gather until `seal`.
#[derive(Default)]
pub(crate) struct Chain {
    pub(crate) blocks: Vec<BlockLogs>,
    logs: Vec<BlockLog>,
    sequences: HashMap<(u64, u8), u64>,
}

/// Time of block `number`.
pub(crate) fn time(number: u64) -> u64 {
    1_000 + number * 10
}

impl Chain {
    pub(crate) fn emit(&mut self, address: Address, data: LogData) -> &mut Self {
        let index = u32::try_from(self.logs.len()).unwrap();
        self.logs.push(BlockLog {
            index,
            log: Log { address, data },
        });
        self
    }

    pub(crate) fn seal(&mut self) -> BlockLogs {
        let number = self.blocks.len() as u64 + 1;
        let parent_hash = self.blocks.last().map_or(GENESIS, |block| block.hash);
        let logs = std::mem::take(&mut self.logs);
        let mut preimage = [parent_hash.as_slice(), &number.to_be_bytes()].concat();
        for log in &logs {
            preimage.extend(keccak256(&log.log.data.data).as_slice());
        }
        let hash = keccak256(preimage);
        let block = BlockLogs {
            number,
            hash,
            parent_hash,
            time: time(number),
            logs,
        };
        self.blocks.push(block.clone());
        block
    }

    /// Registration with its first device, as the Directory emits it.
    pub(crate) fn register(&mut self, n: u64, kind: Kind, status: Status) -> &mut Self {
        let subject = subject(n).0;
        let to = CONTRACTS.directory;
        let registered = directory::Registered {
            subject,
            kind: kind.number(),
            root: address(n),
            organisation: B256::ZERO,
        };
        self.emit(to, registered.encode_log_data());
        self.key_bundle(n, 1);
        self.emit(
            to,
            directory::ProfileChanged {
                subject,
                profileHash: id(n + 8),
            }
            .encode_log_data(),
        );
        self.status(n, status, 0);
        self.device(n, n + 500)
    }

    pub(crate) fn key_bundle(&mut self, n: u64, version: u16) -> &mut Self {
        let event = directory::KeyBundleChanged {
            subject: subject(n).0,
            keyVersion: version,
            keyGeneration: 0,
            keyBundleHash: id(n * 100 + u64::from(version)),
        };
        self.emit(CONTRACTS.directory, event.encode_log_data())
    }

    pub(crate) fn status(&mut self, n: u64, status: Status, reason: u16) -> &mut Self {
        let (subject, status) = (subject(n).0, status.number());
        let event = directory::StatusChanged {
            subject,
            status,
            reason,
        };
        self.emit(CONTRACTS.directory, event.encode_log_data())
    }

    pub(crate) fn device(&mut self, n: u64, device: u64) -> &mut Self {
        let event = directory::DeviceAdded {
            subject: subject(n).0,
            device: address(device),
        };
        self.emit(CONTRACTS.directory, event.encode_log_data())
    }

    pub(crate) fn remove_device(&mut self, n: u64, device: u64) -> &mut Self {
        let event = directory::DeviceRemoved {
            subject: subject(n).0,
            device: address(device),
        };
        self.emit(CONTRACTS.directory, event.encode_log_data())
    }

    pub(crate) fn vote(&mut self, n: u64, administrator: u64, decision: u8) -> &mut Self {
        let event = directory::Voted {
            subject: subject(n).0,
            administrator: subject(administrator).0,
            decision,
            reason: 0,
            votes: U256::from(1),
        };
        self.emit(CONTRACTS.directory, event.encode_log_data())
    }

    pub(crate) fn request(&mut self, n: u64, of: u64, by: u64) -> &mut Self {
        let event = consent::Requested {
            request: request(n).0,
            subject: subject(of).0,
            requester: subject(by).0,
            purpose: 1,
            expiry: 9_000,
            sealedHash: id(n),
        };
        self.emit(CONTRACTS.consent, event.encode_log_data())
    }

    pub(crate) fn answer(&mut self, n: u64, of: u64, by: u64, by_grant: Option<u64>) -> &mut Self {
        let event = consent::Answered {
            request: request(n).0,
            subject: subject(of).0,
            requester: subject(by).0,
            accepted: by_grant.is_some(),
            grant: by_grant.map_or(B256::ZERO, |n| grant(n).0),
        };
        self.emit(CONTRACTS.consent, event.encode_log_data())
    }

    pub(crate) fn withdraw(&mut self, n: u64, of: u64, by: u64) -> &mut Self {
        let event = consent::Withdrawn {
            request: request(n).0,
            subject: subject(of).0,
            requester: subject(by).0,
        };
        self.emit(CONTRACTS.consent, event.encode_log_data())
    }

    pub(crate) fn grant(&mut self, n: u64, of: u64, to: u64, read: u16, until: u64) -> &mut Self {
        let event = consent::Granted {
            grant: grant(n).0,
            subject: subject(of).0,
            grantee: subject(to).0,
            readLanes: read,
            writeLanes: 1,
            purpose: 1,
            notAfter: until,
        };
        self.emit(CONTRACTS.consent, event.encode_log_data())
    }

    pub(crate) fn end(&mut self, n: u64, of: u64, to: u64, revoked: bool) -> &mut Self {
        let event = consent::Ended {
            grant: grant(n).0,
            subject: subject(of).0,
            grantee: subject(to).0,
            revoked,
        };
        self.emit(CONTRACTS.consent, event.encode_log_data())
    }

    pub(crate) fn epochs(&mut self, n: u64, lanes: u16, epochs: U256, fresh: u64) -> &mut Self {
        let event = consent::EpochsMoved {
            subject: subject(n).0,
            lanes,
            epochs,
            freshUntil: fresh,
        };
        self.emit(CONTRACTS.consent, event.encode_log_data())
    }

    pub(crate) fn lower(&mut self, n: u64, fresh: u64) -> &mut Self {
        let event = consent::FreshUntilLowered {
            subject: subject(n).0,
            freshUntil: fresh,
        };
        self.emit(CONTRACTS.consent, event.encode_log_data())
    }

    /// An anchor of version `version`, amending record `amends`.
    pub(crate) fn anchor(
        &mut self,
        (of, by): (u64, u64),
        (n, version): (u64, u32),
        lane: u8,
        amends: Option<u64>,
    ) -> &mut Self {
        let sequence = self.sequences.entry((of, lane)).or_default();
        *sequence += 1;
        let event = records::Anchored {
            subject: subject(of).0,
            record: record(n).0,
            author: subject(by).0,
            lane,
            version,
            sequence: *sequence,
            epoch: 2,
            inboxOnly: n % 2 == 1,
            commitment: id(n * 1_000 + u64::from(version)),
            amends: amends.map_or(B256::ZERO, |n| record(n).0),
        };
        self.emit(CONTRACTS.records, event.encode_log_data())
    }

    pub(crate) fn pointer(&mut self, n: u64, version: u32) -> &mut Self {
        let event = registry::PointerMoved {
            name: id(n),
            target: address(n),
            version,
        };
        self.emit(CONTRACTS.registry, event.encode_log_data())
    }
}
