// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title One word per record version, and per lane a count and a rolling hash, so that a list can be proven complete.
interface IRecords {
    /// record = keccak256(abi.encode(subject, author, tag)): nobody can take another author's record id.
    struct Anchor {
        /// Blinded uid: keccak256 of uid and subject, see docs/records.md.
        bytes32 tag;
        bytes32 commitment;
        /// The commitment of version - 1 by the same author; 0 for a first anchor (which may carry any version from 1).
        bytes32 previous;
        uint32 version;
        uint32 previousVersion;
        uint8 lane;
        /// The lane's epoch that the key slot was made for; must be current unless `inboxOnly`.
        uint16 epoch;
        /// No key slot was made: the patient's inbox alone can open it.
        bool inboxOnly;
        /// The record that this one amends: its author and tag under the same subject; 0 and 0 for none.
        bytes32 amendsAuthor;
        bytes32 amendsTag;
    }

    /// @dev Two slots (clients prove both).
    struct Lane {
        bytes32 rolling;
        uint64 count;
    }

    event Anchored(
        bytes32 indexed subject,
        bytes32 indexed record,
        bytes32 indexed author,
        uint8 lane,
        uint32 version,
        uint64 sequence,
        uint16 epoch,
        bool inboxOnly,
        bytes32 commitment,
        bytes32 amends
    );

    /// The sender is neither a root nor a live device.
    error NotRegistered(address sender);
    error AuthorNotApproved(bytes32 author);
    /// The author holds no live grant to write this lane.
    error LaneNotWritable(bytes32 subject, bytes32 author, uint8 lane);
    error LaneOutOfRange(uint8 lane);
    error DeadlinePassed(uint64 deadline);
    error BatchSizeWrong(uint256 given, uint256 limit);
    error CommitmentMissing(bytes32 tag);
    /// A first version is 1 or more; a later one is one more than `previousVersion`.
    error VersionWrong(bytes32 record, uint32 version);
    /// A record of this id exists already: its version, commitment and lane before must be named.
    error PreviousWrong(bytes32 record);
    /// The lane's epoch is `current`.
    error EpochWrong(uint8 lane, uint16 current);
    /// Key slots are not to be made after `freshUntil`: seal to the inbox only.
    error NotFresh(uint64 freshUntil);
    /// No record of that author and tag under the subject.
    error AmendsUnknown(bytes32 record);

    /// @notice The sender's subject is the author; it must be `subject` or hold a live write grant for the lane.
    /// word = keccak256(abi.encode(version, author, lane, commitment)); rolling = keccak256(abi.encode(rolling, record, word)).
    /// A lane's sequence starts at 1. A new version keeps the record's lane. Fails after `deadline`.
    function anchor(bytes32 subject, Anchor calldata item, uint64 deadline) external;
    /// @notice Up to MAX_BATCH anchors in one transaction, all or nothing.
    function anchorMany(bytes32 subject, Anchor[] calldata items, uint64 deadline) external;

    function recordId(bytes32 subject, bytes32 author, bytes32 tag) external pure returns (bytes32);
    function wordOf(bytes32 record) external view returns (bytes32);
    function laneOf(bytes32 subject, uint8 lane) external view returns (Lane memory);
}
