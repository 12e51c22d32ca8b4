// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Who may read and write which lanes of whom, until when.
/// @notice Lanes are numbers 0 to 15; what a lane means is known to the patient and the grantees alone.
interface IConsent {
    /// `id` = keccak256(abi.encode(subject, grantee, salt)); the salt is random, so that the id is known before sending.
    struct Terms {
        bytes32 subject;
        bytes32 grantee;
        bytes32 salt;
        uint16 readLanes;
        uint16 writeLanes;
        uint16 purpose;
        uint64 notAfter;
    }

    /// @dev All fields but the two ids share one slot.
    struct Grant {
        bytes32 subject;
        bytes32 grantee;
        uint16 readLanes;
        uint16 writeLanes;
        uint16 purpose;
        uint64 grantedAt;
        uint64 notAfter;
        bool ended;
    }

    enum RequestStatus {
        None,
        Open,
        Accepted,
        Refused,
        Withdrawn
    }

    struct Request {
        bytes32 subject;
        bytes32 requester;
        bytes32 sealedHash;
        uint16 purpose;
        uint64 expiry;
        RequestStatus status;
    }

    /// @dev One slot beside the epochs' word (clients prove both).
    struct Freshness {
        /// Not later than the end of any live grant that may read; authors use key slots only before it.
        /// 0 (never set) and max both mean without end.
        uint64 freshUntil;
        uint64 movedAt;
    }

    event Requested(
        bytes32 indexed request,
        bytes32 indexed subject,
        bytes32 indexed requester,
        uint16 purpose,
        uint64 expiry,
        bytes32 sealedHash
    );
    event Answered(
        bytes32 indexed request,
        bytes32 indexed subject,
        bytes32 indexed requester,
        bool accepted,
        bytes32 grant
    );
    event Withdrawn(bytes32 indexed request, bytes32 indexed subject, bytes32 indexed requester);
    event Granted(
        bytes32 indexed grant,
        bytes32 indexed subject,
        bytes32 indexed grantee,
        uint16 readLanes,
        uint16 writeLanes,
        uint16 purpose,
        uint64 notAfter
    );
    event Ended(
        bytes32 indexed grant, bytes32 indexed subject, bytes32 indexed grantee, bool revoked
    );
    event EpochsMoved(bytes32 indexed subject, uint16 lanes, uint256 epochs, uint64 freshUntil);
    /// A grant brought `freshUntil` down.
    event FreshUntilLowered(bytes32 indexed subject, uint64 freshUntil);

    /// The sender does not act for this subject.
    error NotSubject(bytes32 subject);
    /// The sender does not act for this requester.
    error NotRequester(bytes32 requester);
    /// The subject exists not or is not Approved.
    error NotApproved(bytes32 subject);
    error UnknownSubject(bytes32 subject);
    /// Only doctors, pharmacies and organisations ask for and receive grants.
    error KindCannotReceive(bytes32 grantee);
    /// Subject and grantee are the same.
    error GrantToSelf(bytes32 subject);
    error IdTaken(bytes32 id);
    error ExpiryOutOfRange(uint64 expiry);
    error TooManyOpenRequests(uint256 limit);
    /// Unknown, answered or withdrawn.
    error RequestNotOpen(bytes32 request);
    error RequestExpired(bytes32 request);
    /// The request was made by or to somebody else.
    error RequestMismatch(bytes32 request);
    error LanesMissing();
    error NotAfterOutOfRange(uint64 notAfter);
    error TooManyLiveGrants(uint256 limit);
    error TooManyPairGrants(uint256 limit);
    error UnknownGrant(bytes32 grant);
    error GrantEnded(bytes32 grant);
    error GrantNotExpired(bytes32 grant);
    /// An expired grant could read lanes that are not being moved.
    error LanesNotCovered(bytes32 grant, uint16 lanes);
    error NothingToMove();
    /// The compare-and-set was lost: the epochs are `current`.
    error EpochsChanged(uint256 current);
    error EpochExhausted(uint8 lane);
    /// `freshUntil` is 0, which stands for never set.
    error FreshUntilMissing();
    /// `freshUntil` must not exceed `limit`.
    error FreshUntilTooLate(uint64 given, uint64 limit);
    /// A live grant that may read ends before `freshUntil`.
    error FreshUntilBeyondGrant(bytes32 grant, uint64 notAfter);
    /// Lanes of pruned grants must move before `freshUntil` may rise.
    error LanesStale(uint16 lanes);

    /// @notice An approved doctor, pharmacy or organisation asks `subject`; what is asked is sealed to the patient off chain.
    /// id = keccak256(abi.encode(subject, requester, salt)). At most MAX_OPEN open requests a pair, expired ones
    /// included until withdrawn or refused; `expiry` at most MAX_REQUEST_SECS ahead.
    function request(
        bytes32 subject,
        bytes32 salt,
        uint16 purpose,
        uint64 expiry,
        bytes32 sealedHash
    ) external returns (bytes32 id);
    /// @notice The subject refuses; accepting is `grant` with the request's id.
    function refuse(bytes32 requestId) external;
    /// @notice The requester takes an open request back.
    function withdraw(bytes32 requestId) external;

    /// @notice The subject grants. `requestId` 0 for an unasked grant. `freshUntil` must not exceed `notAfter` when
    /// lanes may be read, nor the present freshUntil: a grant only ever lowers it, also when it has passed.
    /// At most MAX_PAIR live grants a pair and MAX_LIVE a subject; grants of the pair that have ended by date are
    /// dropped first. A grant ends at the second `notAfter`.
    function grant(Terms calldata terms, bytes32 requestId, uint64 freshUntil)
        external
        returns (bytes32 id);

    /// @notice The subject ends a grant at once and moves the epochs of the lanes it could read, if the subject's epochs
    /// still are `expectedEpochs` (compare-and-set). Also raises the pair's nonce. `freshUntil` may rise, at most to the
    /// earliest end of the remaining grants that may read. Neither the subject's nor the grantee's status blocks it.
    function revoke(bytes32 grantId, uint256 expectedEpochs, uint64 freshUntil) external;

    /// @notice The subject moves epochs of `lanes` without a revoke, and drops grants that have ended by date from the
    /// live set (`expired`, each must have ended, and what it could read must be within `lanes`).
    function moveEpochs(
        uint16 lanes,
        uint256 expectedEpochs,
        uint64 freshUntil,
        bytes32[] calldata expired
    ) external;

    /// @notice `at` earlier than the block's time counts as the block's time. The subject may always read and write.
    /// A grantee that is not Approved may not.
    function canRead(bytes32 subject, bytes32 grantee, uint8 lane, uint64 at)
        external
        view
        returns (bool);
    function canWrite(bytes32 subject, bytes32 grantee, uint8 lane, uint64 at)
        external
        view
        returns (bool);
    /// @notice Lanes that the grantee may read and write at `at`, as bit masks.
    function lanesOf(bytes32 subject, bytes32 grantee, uint64 at)
        external
        view
        returns (uint16 readLanes, uint16 writeLanes);
    /// @notice What an author must know before it writes, in one call: its lanes at the block's time, the subject's
    /// epochs and `freshUntil` as stored.
    function writeState(bytes32 subject, bytes32 author)
        external
        view
        returns (uint16 writeLanes, uint256 epochs, uint64 freshUntil);
    function grantOf(bytes32 id) external view returns (Grant memory);
    function requestOf(bytes32 id) external view returns (Request memory);
    /// @notice Sixteen u16 epochs: lane n in bits 16n to 16n+15.
    function epochsOf(bytes32 subject) external view returns (uint256);
    function freshnessOf(bytes32 subject) external view returns (Freshness memory);
    function liveGrants(bytes32 subject) external view returns (bytes32[] memory);
    function pairGrants(bytes32 subject, bytes32 grantee) external view returns (bytes32[] memory);
    function pairNonce(bytes32 subject, bytes32 grantee) external view returns (uint64);
}
