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
        /// Earliest end of a live grant that may read; authors use key slots only before it. Max when there is none.
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

    /// @notice An approved doctor, pharmacy or organisation asks `subject`; what is asked is sealed to the patient off chain.
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
    /// lanes may be read, nor the present freshUntil. At most MAX_PAIR live grants a pair and MAX_LIVE a subject.
    function grant(Terms calldata terms, bytes32 requestId, uint64 freshUntil)
        external
        returns (bytes32 id);

    /// @notice The subject ends a grant at once and moves the epochs of the lanes it could read, if the subject's epochs
    /// still are `expectedEpochs` (compare-and-set). Also raises the pair's nonce.
    function revoke(bytes32 grantId, uint256 expectedEpochs, uint64 freshUntil) external;

    /// @notice The subject moves epochs of `lanes` without a revoke, and drops grants that have ended by date from the
    /// live set (`expired`, each must have ended).
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
    function grantOf(bytes32 id) external view returns (Grant memory);
    function requestOf(bytes32 id) external view returns (Request memory);
    /// @notice Sixteen u16 epochs: lane n in bits 16n to 16n+15.
    function epochsOf(bytes32 subject) external view returns (uint256);
    function freshnessOf(bytes32 subject) external view returns (Freshness memory);
    function liveGrants(bytes32 subject) external view returns (bytes32[] memory);
    function pairGrants(bytes32 subject, bytes32 grantee) external view returns (bytes32[] memory);
    function pairNonce(bytes32 subject, bytes32 grantee) external view returns (uint64);
}
