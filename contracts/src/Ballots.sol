// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Counted votes, one a voter and ballot.
/// @notice A ballot is a hash that its owner derives from all that must void it: once an input changes, the votes cast
/// before are out of reach. A voter may change its choice while the ballot stands.
library Ballots {
    struct Box {
        mapping(bytes32 ballot => mapping(bytes32 voter => bytes32)) choice;
        mapping(bytes32 ballot => mapping(bytes32 choice => uint256)) votes;
    }

    /// @notice Casts the vote of `voter` for `choice` (not 0) and returns the votes that `choice` has now; 0, and
    /// nothing changed, when that is the voter's choice already.
    function cast(Box storage box, bytes32 ballot, bytes32 voter, bytes32 choice)
        internal
        returns (uint256 votes)
    {
        bytes32 former = box.choice[ballot][voter];
        if (former == choice) return 0;
        if (former != 0) --box.votes[ballot][former];
        box.choice[ballot][voter] = choice;
        votes = ++box.votes[ballot][choice];
    }
}
