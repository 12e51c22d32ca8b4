// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Ballots} from "./Ballots.sol";
import {IDirectory} from "./interfaces/IDirectory.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";

/// @title Where the contracts are: versioned pointers that move only after a delay.
contract Registry is IRegistry {
    using Ballots for Ballots.Box;

    /// @notice Time between the deciding vote and the move.
    uint64 public constant DELAY_SECS = 2 days;
    /// @notice Pointers that the constructor may set.
    uint256 public constant MAX_NAMES = 32;

    IDirectory public immutable DIRECTORY;

    mapping(bytes32 name => Pointer) private _pointers;
    /// @dev Raised when a proposal is scheduled or cancelled, so that votes cast before are void.
    mapping(bytes32 name => uint256) private _rounds;
    Ballots.Box private _votes;

    /// @param names Of the first pointers; their targets are active at once, as version 1.
    constructor(IDirectory directory, bytes32[] memory names, address[] memory targets) {
        if (names.length != targets.length) revert LengthsDiffer(names.length, targets.length);
        if (names.length > MAX_NAMES) revert TooManyNames(MAX_NAMES);
        DIRECTORY = directory;
        for (uint256 i; i < names.length; ++i) {
            if (names[i] == 0) revert NameMissing();
            if (targets[i] == address(0)) revert TargetMissing(names[i]);
            Pointer storage pointer = _pointers[names[i]];
            if (pointer.version != 0) revert NameTaken(names[i]);
            pointer.target = targets[i];
            pointer.version = 1;
            emit PointerMoved(names[i], targets[i], 1);
        }
    }

    /// @inheritdoc IRegistry
    function propose(bytes32 name, address target) external {
        bytes32 administrator = _administrator();
        if (name == 0) revert NameMissing();
        if (target == address(0)) revert TargetMissing(name);
        if (target.code.length == 0) revert TargetNotContract(target);
        Pointer storage pointer = _pointers[name];
        if (pointer.eta != 0) revert AlreadyScheduled(name, pointer.proposed);
        if (pointer.target == target) revert TargetUnchanged(name);

        bytes32 ballot = keccak256(abi.encode(name, _rounds[name], DIRECTORY.electorate()));
        uint256 votes = _votes.cast(ballot, administrator, bytes32(uint256(uint160(target))));
        if (votes == 0) revert AlreadyVoted(administrator);
        pointer.proposed = target;
        emit PointerProposed(name, target, administrator, votes);
        if (votes >= DIRECTORY.threshold()) {
            uint64 eta = uint64(block.timestamp) + DELAY_SECS;
            pointer.eta = eta;
            ++_rounds[name];
            emit PointerScheduled(name, target, eta);
        }
    }

    /// @inheritdoc IRegistry
    function cancel(bytes32 name) external {
        bytes32 administrator = _administrator();
        Pointer storage pointer = _pointers[name];
        address proposed = pointer.proposed;
        if (proposed == address(0)) revert NothingProposed(name);
        pointer.proposed = address(0);
        pointer.eta = 0;
        ++_rounds[name];
        emit PointerCancelled(name, proposed, administrator);
    }

    /// @inheritdoc IRegistry
    function activate(bytes32 name) external {
        Pointer storage pointer = _pointers[name];
        uint64 eta = pointer.eta;
        if (eta == 0) revert NotScheduled(name);
        if (block.timestamp < eta) revert TooEarly(eta);
        address target = pointer.proposed;
        uint32 version = pointer.version + 1;
        pointer.target = target;
        pointer.version = version;
        pointer.proposed = address(0);
        pointer.eta = 0;
        emit PointerMoved(name, target, version);
    }

    /// @inheritdoc IRegistry
    function pointerOf(bytes32 name) external view returns (Pointer memory) {
        return _pointers[name];
    }

    /// @inheritdoc IRegistry
    function addressOf(bytes32 name) external view returns (address target) {
        target = _pointers[name].target;
        if (target == address(0)) revert UnknownName(name);
    }

    function _administrator() private view returns (bytes32 subject) {
        IDirectory.Kind kind;
        IDirectory.Status status;
        (subject, kind, status) = DIRECTORY.actorStatus(msg.sender);
        if (kind != IDirectory.Kind.Administrator || status != IDirectory.Status.Approved) {
            revert NotAdministrator(msg.sender);
        }
    }
}
