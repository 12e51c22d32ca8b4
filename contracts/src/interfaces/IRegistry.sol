// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Where the contracts are: versioned pointers that move only after a delay.
interface IRegistry {
    struct Pointer {
        address target;
        uint32 version;
        address proposed;
        /// When `activate` becomes possible; 0 while votes are missing.
        uint64 eta;
    }

    event PointerProposed(
        bytes32 indexed name, address indexed target, bytes32 indexed administrator, uint256 votes
    );
    event PointerScheduled(bytes32 indexed name, address indexed target, uint64 eta);
    event PointerCancelled(
        bytes32 indexed name, address indexed target, bytes32 indexed administrator
    );
    event PointerMoved(bytes32 indexed name, address indexed target, uint32 version);

    error NotAdministrator(address sender);
    /// The administrator has cast this very vote already.
    error AlreadyVoted(bytes32 administrator);
    error LengthsDiffer(uint256 names, uint256 targets);
    error TooManyNames(uint256 limit);
    error NameMissing();
    error NameTaken(bytes32 name);
    error TargetMissing(bytes32 name);
    /// No code at the address.
    error TargetNotContract(address target);
    error TargetUnchanged(bytes32 name);
    /// A move is scheduled: cancel or activate it first.
    error AlreadyScheduled(bytes32 name, address target);
    error NothingProposed(bytes32 name);
    error NotScheduled(bytes32 name);
    error TooEarly(uint64 eta);
    error UnknownName(bytes32 name);

    /// @notice Approved administrators propose by voting; at the Directory's threshold the move is scheduled.
    /// A later vote of the same administrator replaces its former one. Votes die with every change of the electorate.
    /// A name without a pointer may be proposed too.
    function propose(bytes32 name, address target) external;
    /// @notice Any approved administrator stops a proposal before it is active.
    function cancel(bytes32 name) external;
    /// @notice Anybody, once the delay has passed.
    function activate(bytes32 name) external;
    function pointerOf(bytes32 name) external view returns (Pointer memory);
    /// @notice The address that `name` points at; reverts for an unknown name.
    function addressOf(bytes32 name) external view returns (address);
}
