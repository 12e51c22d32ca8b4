// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IConsent} from "./interfaces/IConsent.sol";
import {IDirectory} from "./interfaces/IDirectory.sol";
import {IRecords} from "./interfaces/IRecords.sol";

/// @title One word per record version, and per lane a count and a rolling hash.
contract Records is IRecords {
    /// @notice Anchors in one call.
    uint256 public constant MAX_BATCH = 128;
    uint256 private constant LANES = 16;

    /// @dev What stays the same for all anchors of a call, and the lanes as far as they were folded.
    struct Batch {
        bytes32 subject;
        bytes32 author;
        /// The subject's epochs and the end of its key slots; 0 for no end.
        uint256 epochs;
        uint64 freshUntil;
        /// Lanes that the author may write, and lanes whose tips are loaded, as bit masks.
        uint16 writable;
        uint16 loaded;
        bytes32[LANES] rolling;
        uint64[LANES] count;
    }

    IDirectory public immutable DIRECTORY;
    IConsent public immutable CONSENT;

    mapping(bytes32 record => bytes32) private _words;
    mapping(bytes32 subject => mapping(uint8 lane => Lane)) private _lanes;

    constructor(IDirectory directory, IConsent consent) {
        DIRECTORY = directory;
        CONSENT = consent;
    }

    /// @inheritdoc IRecords
    function anchor(bytes32 subject, Anchor calldata item, uint64 deadline) external {
        Batch memory batch = _open(subject, deadline);
        _fold(batch, item);
        _close(batch);
    }

    /// @inheritdoc IRecords
    function anchorMany(bytes32 subject, Anchor[] calldata items, uint64 deadline) external {
        if (items.length == 0 || items.length > MAX_BATCH) {
            revert BatchSizeWrong(items.length, MAX_BATCH);
        }
        Batch memory batch = _open(subject, deadline);
        for (uint256 i; i < items.length; ++i) {
            _fold(batch, items[i]);
        }
        _close(batch);
    }

    /// @inheritdoc IRecords
    function recordId(bytes32 subject, bytes32 author, bytes32 tag) public pure returns (bytes32) {
        return keccak256(abi.encode(subject, author, tag));
    }

    /// @inheritdoc IRecords
    function wordOf(bytes32 record) external view returns (bytes32) {
        return _words[record];
    }

    /// @inheritdoc IRecords
    function laneOf(bytes32 subject, uint8 lane) external view returns (Lane memory) {
        return _lanes[subject][lane];
    }

    /// @dev Everything that is checked once a call: the author, its lanes, the subject's epochs.
    function _open(bytes32 subject, uint64 deadline) private view returns (Batch memory batch) {
        if (block.timestamp > deadline) revert DeadlinePassed(deadline);
        (bytes32 author,, IDirectory.Status status) = DIRECTORY.actorStatus(msg.sender);
        if (author == 0) revert NotRegistered(msg.sender);
        if (status != IDirectory.Status.Approved) revert AuthorNotApproved(author);
        batch.subject = subject;
        batch.author = author;
        (batch.writable, batch.epochs, batch.freshUntil) = CONSENT.writeState(subject, author);
    }

    function _fold(Batch memory batch, Anchor calldata item) private {
        _requireLane(batch, item);
        bytes32 record = recordId(batch.subject, batch.author, item.tag);
        _requireVersion(batch.author, record, item);
        bytes32 amended = _amended(batch.subject, item);

        bytes32 word = _word(item.version, batch.author, item.lane, item.commitment);
        _words[record] = word;
        uint8 lane = item.lane;
        batch.rolling[lane] = keccak256(abi.encode(batch.rolling[lane], record, word));
        ++batch.count[lane];
        emit Anchored(
            batch.subject,
            record,
            batch.author,
            lane,
            item.version,
            batch.count[lane],
            item.epoch,
            item.inboxOnly,
            item.commitment,
            amended
        );
    }

    /// @dev The lane may be written, and with a key slot only at its present epoch and while it is fresh.
    function _requireLane(Batch memory batch, Anchor calldata item) private view {
        uint8 lane = item.lane;
        if (lane >= LANES) revert LaneOutOfRange(lane);
        uint256 bit = 1 << lane;
        if (batch.writable & bit == 0) {
            revert LaneNotWritable(batch.subject, batch.author, lane);
        }
        if (!item.inboxOnly) {
            uint16 current = uint16(batch.epochs >> (16 * uint256(lane)));
            if (item.epoch != current) revert EpochWrong(lane, current);
            if (batch.freshUntil != 0 && block.timestamp >= batch.freshUntil) {
                revert NotFresh(batch.freshUntil);
            }
        }
        if (batch.loaded & bit == 0) {
            batch.loaded |= uint16(bit);
            Lane storage tip = _lanes[batch.subject][lane];
            batch.rolling[lane] = tip.rolling;
            batch.count[lane] = tip.count;
        }
    }

    /// @dev The word before is recomputed from what the author names, so that it keeps author, lane and order.
    function _requireVersion(bytes32 author, bytes32 record, Anchor calldata item) private view {
        if (item.commitment == 0) revert CommitmentMissing(item.tag);
        bytes32 current = _words[record];
        if (current == 0) {
            if (item.previous != 0 || item.previousVersion != 0) revert PreviousWrong(record);
            if (item.version == 0) revert VersionWrong(record, item.version);
            return;
        }
        if (_word(item.previousVersion, author, item.lane, item.previous) != current) {
            revert PreviousWrong(record);
        }
        if (item.version != uint256(item.previousVersion) + 1) {
            revert VersionWrong(record, item.version);
        }
    }

    function _amended(bytes32 subject, Anchor calldata item) private view returns (bytes32 record) {
        if (item.amendsAuthor == 0 && item.amendsTag == 0) return 0;
        record = recordId(subject, item.amendsAuthor, item.amendsTag);
        if (_words[record] == 0) revert AmendsUnknown(record);
    }

    /// @dev Two stores a lane, however many anchors it got.
    function _close(Batch memory batch) private {
        uint16 loaded = batch.loaded;
        for (uint8 lane; loaded >> lane != 0; ++lane) {
            if (loaded >> lane & 1 == 0) continue;
            Lane storage tip = _lanes[batch.subject][lane];
            tip.rolling = batch.rolling[lane];
            tip.count = batch.count[lane];
        }
    }

    function _word(uint32 version, bytes32 author, uint8 lane, bytes32 commitment)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(version, author, lane, commitment));
    }
}
