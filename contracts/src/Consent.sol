// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IConsent} from "./interfaces/IConsent.sol";
import {IDirectory} from "./interfaces/IDirectory.sol";

/// @title Who may read and write which lanes of whom, until when.
/// @dev Live grants of a subject lie at positions 0 to 63, and a bit mask says which positions are taken. A position
/// does not change while its grant lives, so that ending one touches no other; what an ended grant leaves in its
/// position is overwritten by the next. contracts/README.md has the slots that clients prove.
contract Consent is IConsent {
    /// @dev One slot. The first two fields are the Freshness that clients prove.
    struct State {
        uint64 freshUntil;
        uint64 movedAt;
        /// Positions taken by live grants.
        uint64 taken;
        /// Lanes that a grant dropped by `grant` could read and that did not move since.
        uint16 staleLanes;
    }

    /// @dev A Grant and its position; three slots.
    struct Entry {
        bytes32 subject;
        bytes32 grantee;
        uint16 readLanes;
        uint16 writeLanes;
        uint16 purpose;
        uint64 grantedAt;
        uint64 notAfter;
        bool ended;
        uint8 position;
    }

    /// @dev One slot. Positions of the pair's live grants: a byte each, the first in the lowest.
    struct Pair {
        uint64 nonce;
        uint8 openRequests;
        uint8 count;
        uint32 positions;
    }

    /// @notice Live grants a subject.
    uint256 public constant MAX_LIVE = 64;
    /// @notice Live grants a subject and grantee.
    uint256 public constant MAX_PAIR = 4;
    /// @notice Open requests a subject and requester.
    uint256 public constant MAX_OPEN = 4;
    /// @notice Longest time that a request stays open.
    uint64 public constant MAX_REQUEST_SECS = 90 days;
    /// @notice Longest time that a grant lasts: ten years, leap days included.
    uint64 public constant MAX_GRANT_SECS = 3653 days;
    uint256 private constant LANES = 16;

    IDirectory public immutable DIRECTORY;

    mapping(bytes32 subject => uint256) private _epochs;
    mapping(bytes32 subject => State) private _states;
    mapping(bytes32 grant => Entry) private _grants;
    mapping(bytes32 subject => bytes32[MAX_LIVE]) private _live;
    mapping(bytes32 pair => Pair) private _pairs;
    mapping(bytes32 request => Request) private _requests;

    constructor(IDirectory directory) {
        DIRECTORY = directory;
    }

    // ---- requests ---------------------------------------------------------------------------

    /// @inheritdoc IConsent
    function request(
        bytes32 subject,
        bytes32 salt,
        uint16 purpose,
        uint64 expiry,
        bytes32 sealedHash
    ) external returns (bytes32 id) {
        (bytes32 requester, IDirectory.Kind kind, IDirectory.Status status) =
            DIRECTORY.actorStatus(msg.sender);
        _requireReceiver(requester, kind, status);
        if (requester == subject) revert GrantToSelf(subject);
        (IDirectory.Kind subjectKind,) = DIRECTORY.statusOf(subject);
        if (subjectKind == IDirectory.Kind.None) revert UnknownSubject(subject);
        if (expiry <= block.timestamp || expiry > block.timestamp + MAX_REQUEST_SECS) {
            revert ExpiryOutOfRange(expiry);
        }
        id = keccak256(abi.encode(subject, requester, salt));
        if (_requests[id].status != RequestStatus.None) revert IdTaken(id);
        Pair storage pair = _pairs[_pairKey(subject, requester)];
        if (pair.openRequests >= MAX_OPEN) revert TooManyOpenRequests(MAX_OPEN);

        ++pair.openRequests;
        _requests[id] = Request(subject, requester, sealedHash, purpose, expiry, RequestStatus.Open);
        emit Requested(id, subject, requester, purpose, expiry, sealedHash);
    }

    /// @inheritdoc IConsent
    function refuse(bytes32 requestId) external {
        Request storage entry = _openRequest(requestId);
        bytes32 subject = entry.subject;
        if (_actor() != subject) revert NotSubject(subject);
        _close(entry, RequestStatus.Refused);
        emit Answered(requestId, subject, entry.requester, false, 0);
    }

    /// @inheritdoc IConsent
    function withdraw(bytes32 requestId) external {
        Request storage entry = _openRequest(requestId);
        bytes32 requester = entry.requester;
        if (_actor() != requester) revert NotRequester(requester);
        _close(entry, RequestStatus.Withdrawn);
        emit Withdrawn(requestId, entry.subject, requester);
    }

    function _accept(bytes32 requestId, bytes32 subject, bytes32 grantee, bytes32 id) private {
        Request storage entry = _openRequest(requestId);
        if (entry.subject != subject || entry.requester != grantee) {
            revert RequestMismatch(requestId);
        }
        if (block.timestamp > entry.expiry) revert RequestExpired(requestId);
        _close(entry, RequestStatus.Accepted);
        emit Answered(requestId, subject, grantee, true, id);
    }

    function _openRequest(bytes32 requestId) private view returns (Request storage entry) {
        entry = _requests[requestId];
        if (entry.status != RequestStatus.Open) revert RequestNotOpen(requestId);
    }

    function _close(Request storage entry, RequestStatus status) private {
        entry.status = status;
        --_pairs[_pairKey(entry.subject, entry.requester)].openRequests;
    }

    // ---- grants -----------------------------------------------------------------------------

    /// @inheritdoc IConsent
    function grant(Terms calldata terms, bytes32 requestId, uint64 freshUntil)
        external
        returns (bytes32 id)
    {
        bytes32 subject = terms.subject;
        _requireParties(subject, terms.grantee);
        _requireTerms(terms);
        id = keccak256(abi.encode(subject, terms.grantee, terms.salt));
        if (_grants[id].grantedAt != 0) revert IdTaken(id);

        State memory state = _states[subject];
        uint8 position = _place(state, subject, terms.grantee);
        _lower(state, terms, freshUntil);
        _states[subject] = state;
        _live[subject][position] = id;
        _grants[id] = Entry({
            subject: subject,
            grantee: terms.grantee,
            readLanes: terms.readLanes,
            writeLanes: terms.writeLanes,
            purpose: terms.purpose,
            grantedAt: uint64(block.timestamp),
            notAfter: terms.notAfter,
            ended: false,
            position: position
        });
        emit Granted(
            id,
            subject,
            terms.grantee,
            terms.readLanes,
            terms.writeLanes,
            terms.purpose,
            terms.notAfter
        );
        if (requestId != 0) _accept(requestId, subject, terms.grantee, id);
    }

    /// @inheritdoc IConsent
    function revoke(bytes32 grantId, uint256 expectedEpochs, uint64 freshUntil) external {
        Entry storage entry = _liveEntry(grantId);
        bytes32 subject = entry.subject;
        if (_actor() != subject) revert NotSubject(subject);

        State memory state = _states[subject];
        uint16 lanes = entry.readLanes;
        Pair storage pair = _end(state, grantId, entry, true);
        ++pair.nonce;
        _move(state, subject, lanes, expectedEpochs, freshUntil);
    }

    /// @inheritdoc IConsent
    function moveEpochs(
        uint16 lanes,
        uint256 expectedEpochs,
        uint64 freshUntil,
        bytes32[] calldata expired
    ) external {
        bytes32 subject = _actor();
        if (subject == 0) revert NotSubject(subject);
        if (lanes == 0 && expired.length == 0) revert NothingToMove();

        State memory state = _states[subject];
        // At most MAX_LIVE rounds: an id that is not live, or comes twice, reverts.
        for (uint256 i; i < expired.length; ++i) {
            bytes32 id = expired[i];
            Entry storage entry = _liveEntry(id);
            if (entry.subject != subject) revert NotSubject(entry.subject);
            if (block.timestamp < entry.notAfter) revert GrantNotExpired(id);
            if (entry.readLanes & ~lanes != 0) revert LanesNotCovered(id, entry.readLanes);
            _end(state, id, entry, false);
        }
        _move(state, subject, lanes, expectedEpochs, freshUntil);
    }

    /// @dev The sender acts for an Approved subject, and the grantee is somebody who may receive grants.
    function _requireParties(bytes32 subject, bytes32 grantee) private view {
        (bytes32 sender,, IDirectory.Status status) = DIRECTORY.actorStatus(msg.sender);
        if (sender == 0 || sender != subject) revert NotSubject(subject);
        if (status != IDirectory.Status.Approved) revert NotApproved(subject);
        if (grantee == subject) revert GrantToSelf(subject);
        IDirectory.Kind kind;
        (kind, status) = DIRECTORY.statusOf(grantee);
        _requireReceiver(grantee, kind, status);
    }

    function _requireReceiver(bytes32 grantee, IDirectory.Kind kind, IDirectory.Status status)
        private
        pure
    {
        if (status != IDirectory.Status.Approved) revert NotApproved(grantee);
        if (
            kind != IDirectory.Kind.Doctor && kind != IDirectory.Kind.Pharmacy
                && kind != IDirectory.Kind.Organisation
        ) revert KindCannotReceive(grantee);
    }

    function _requireTerms(Terms calldata terms) private view {
        if (terms.readLanes | terms.writeLanes == 0) revert LanesMissing();
        uint64 notAfter = terms.notAfter;
        if (notAfter <= block.timestamp || notAfter > block.timestamp + MAX_GRANT_SECS) {
            revert NotAfterOutOfRange(notAfter);
        }
    }

    /// @dev Takes the lowest free position for a new grant of the pair, after dropping those that ended by date.
    function _place(State memory state, bytes32 subject, bytes32 grantee)
        private
        returns (uint8 position)
    {
        Pair storage pair = _pairs[_pairKey(subject, grantee)];
        for (uint256 i = pair.count; i > 0; --i) {
            bytes32 old = _live[subject][_positionAt(pair.positions, i - 1)];
            Entry storage entry = _grants[old];
            if (block.timestamp < entry.notAfter) continue;
            state.staleLanes |= entry.readLanes;
            _end(state, old, entry, false);
        }
        uint256 count = pair.count;
        if (count >= MAX_PAIR) revert TooManyPairGrants(MAX_PAIR);
        uint256 taken = state.taken;
        if (taken == type(uint64).max) revert TooManyLiveGrants(MAX_LIVE);
        position = uint8(Math.log2(~taken & (taken + 1)));
        state.taken = uint64(taken | (1 << position));
        pair.count = uint8(count + 1);
        pair.positions = _withPosition(pair.positions, count, position);
    }

    /// @dev Ends a live grant: out of the live set and of its pair, for ever.
    function _end(State memory state, bytes32 id, Entry storage entry, bool revoked)
        private
        returns (Pair storage pair)
    {
        bytes32 subject = entry.subject;
        bytes32 grantee = entry.grantee;
        uint8 position = entry.position;
        entry.ended = true;
        state.taken &= ~uint64(1 << position);
        pair = _pairs[_pairKey(subject, grantee)];
        uint32 positions = pair.positions;
        uint256 last = uint256(pair.count) - 1;
        uint256 at = 0;
        while (_positionAt(positions, at) != position) ++at;
        positions = _withPosition(positions, at, _positionAt(positions, last));
        pair.positions = positions;
        pair.count = uint8(last);
        emit Ended(id, subject, grantee, revoked);
    }

    function _liveEntry(bytes32 id) private view returns (Entry storage entry) {
        entry = _grants[id];
        if (entry.grantedAt == 0) revert UnknownGrant(id);
        if (entry.ended) revert GrantEnded(id);
    }

    // ---- epochs and freshness ---------------------------------------------------------------

    /// @dev A grant may only bring `freshUntil` down.
    function _lower(State memory state, Terms calldata terms, uint64 freshUntil) private {
        if (freshUntil == 0) revert FreshUntilMissing();
        uint64 limit = _endOf(state.freshUntil);
        if (terms.readLanes != 0 && terms.notAfter < limit) limit = terms.notAfter;
        if (freshUntil > limit) revert FreshUntilTooLate(freshUntil, limit);
        if (freshUntil != _endOf(state.freshUntil)) {
            emit FreshUntilLowered(terms.subject, freshUntil);
        }
        state.freshUntil = freshUntil;
    }

    /// @dev Moves the epochs of `lanes` by compare-and-set. `freshUntil` rises only above ended grants whose lanes have
    /// moved, and never beyond the end of a live grant that may read.
    function _move(
        State memory state,
        bytes32 subject,
        uint16 lanes,
        uint256 expectedEpochs,
        uint64 freshUntil
    ) private {
        uint256 epochs = _epochs[subject];
        if (epochs != expectedEpochs) revert EpochsChanged(epochs);
        if (freshUntil == 0) revert FreshUntilMissing();
        state.staleLanes &= ~lanes;
        if (freshUntil > _endOf(state.freshUntil)) {
            if (state.staleLanes != 0) revert LanesStale(state.staleLanes);
            _requireBeforeEnds(subject, state.taken, freshUntil);
        }
        state.freshUntil = freshUntil;
        if (lanes != 0) {
            epochs = _raised(epochs, lanes);
            _epochs[subject] = epochs;
            state.movedAt = uint64(block.timestamp);
        }
        _states[subject] = state;
        emit EpochsMoved(subject, lanes, epochs, freshUntil);
    }

    function _requireBeforeEnds(bytes32 subject, uint64 taken, uint64 freshUntil) private view {
        for (uint256 position; taken >> position != 0; ++position) {
            if (taken >> position & 1 == 0) continue;
            bytes32 id = _live[subject][position];
            Entry storage entry = _grants[id];
            uint64 notAfter = entry.notAfter;
            if (entry.readLanes != 0 && freshUntil > notAfter) {
                revert FreshUntilBeyondGrant(id, notAfter);
            }
        }
    }

    function _raised(uint256 epochs, uint16 lanes) private pure returns (uint256) {
        for (uint256 lane; lane < LANES; ++lane) {
            if (lanes >> lane & 1 == 0) continue;
            if (uint16(epochs >> (16 * lane)) == type(uint16).max) {
                revert EpochExhausted(uint8(lane));
            }
            epochs += 1 << (16 * lane);
        }
        return epochs;
    }

    /// @dev A `freshUntil` that was never set has no end.
    function _endOf(uint64 freshUntil) private pure returns (uint64) {
        return freshUntil == 0 ? type(uint64).max : freshUntil;
    }

    // ---- small parts ------------------------------------------------------------------------

    /// @dev 0 for a stranger. Status is not looked at: taking access back is never blocked.
    function _actor() private view returns (bytes32) {
        return DIRECTORY.actor(msg.sender);
    }

    function _pairKey(bytes32 subject, bytes32 grantee) private pure returns (bytes32) {
        return keccak256(abi.encode(subject, grantee));
    }

    function _positionAt(uint32 positions, uint256 index) private pure returns (uint8) {
        return uint8(positions >> (8 * index));
    }

    function _withPosition(uint32 positions, uint256 index, uint8 position)
        private
        pure
        returns (uint32)
    {
        uint256 shift = 8 * index;
        return uint32((positions & ~(uint256(0xff) << shift)) | (uint256(position) << shift));
    }

    // ---- views ------------------------------------------------------------------------------

    /// @inheritdoc IConsent
    function canRead(bytes32 subject, bytes32 grantee, uint8 lane, uint64 at)
        external
        view
        returns (bool)
    {
        (uint16 readLanes,) = lanesOf(subject, grantee, at);
        return uint256(readLanes) >> lane & 1 == 1;
    }

    /// @inheritdoc IConsent
    function canWrite(bytes32 subject, bytes32 grantee, uint8 lane, uint64 at)
        external
        view
        returns (bool)
    {
        (, uint16 writeLanes) = lanesOf(subject, grantee, at);
        return uint256(writeLanes) >> lane & 1 == 1;
    }

    /// @inheritdoc IConsent
    function lanesOf(bytes32 subject, bytes32 grantee, uint64 at)
        public
        view
        returns (uint16 readLanes, uint16 writeLanes)
    {
        (IDirectory.Kind kind, IDirectory.Status status) = DIRECTORY.statusOf(grantee);
        if (subject == grantee) {
            return kind == IDirectory.Kind.None ? (0, 0) : (type(uint16).max, type(uint16).max);
        }
        if (status != IDirectory.Status.Approved) return (0, 0);
        if (at < block.timestamp) at = uint64(block.timestamp);
        Pair memory pair = _pairs[_pairKey(subject, grantee)];
        for (uint256 i; i < pair.count; ++i) {
            Entry storage entry = _grants[_live[subject][_positionAt(pair.positions, i)]];
            if (at >= entry.notAfter) continue;
            readLanes |= entry.readLanes;
            writeLanes |= entry.writeLanes;
        }
    }

    /// @inheritdoc IConsent
    function writeState(bytes32 subject, bytes32 author)
        external
        view
        returns (uint16 writeLanes, uint256 epochs, uint64 freshUntil)
    {
        (, writeLanes) = lanesOf(subject, author, uint64(block.timestamp));
        return (writeLanes, _epochs[subject], _states[subject].freshUntil);
    }

    /// @inheritdoc IConsent
    function grantOf(bytes32 id) external view returns (Grant memory) {
        Entry storage entry = _grants[id];
        return Grant({
            subject: entry.subject,
            grantee: entry.grantee,
            readLanes: entry.readLanes,
            writeLanes: entry.writeLanes,
            purpose: entry.purpose,
            grantedAt: entry.grantedAt,
            notAfter: entry.notAfter,
            ended: entry.ended
        });
    }

    /// @inheritdoc IConsent
    function requestOf(bytes32 id) external view returns (Request memory) {
        return _requests[id];
    }

    /// @inheritdoc IConsent
    function epochsOf(bytes32 subject) external view returns (uint256) {
        return _epochs[subject];
    }

    /// @inheritdoc IConsent
    function freshnessOf(bytes32 subject) external view returns (Freshness memory) {
        State storage state = _states[subject];
        return Freshness({freshUntil: state.freshUntil, movedAt: state.movedAt});
    }

    /// @inheritdoc IConsent
    function liveGrants(bytes32 subject) external view returns (bytes32[] memory ids) {
        uint64 taken = _states[subject].taken;
        uint256 count;
        ids = new bytes32[](MAX_LIVE);
        for (uint256 position; taken >> position != 0; ++position) {
            if (taken >> position & 1 == 1) ids[count++] = _live[subject][position];
        }
        assembly ("memory-safe") {
            mstore(ids, count)
        }
    }

    /// @inheritdoc IConsent
    function pairGrants(bytes32 subject, bytes32 grantee)
        external
        view
        returns (bytes32[] memory ids)
    {
        Pair memory pair = _pairs[_pairKey(subject, grantee)];
        ids = new bytes32[](pair.count);
        for (uint256 i; i < pair.count; ++i) {
            ids[i] = _live[subject][_positionAt(pair.positions, i)];
        }
    }

    /// @inheritdoc IConsent
    function pairNonce(bytes32 subject, bytes32 grantee) external view returns (uint64) {
        return _pairs[_pairKey(subject, grantee)].nonce;
    }
}
