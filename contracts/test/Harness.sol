// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Vm
/// @notice The forge cheatcodes that our tests use. forge-std is not on npm, and this is all we need.
interface Vm {
    /// @notice A log entry recorded between `recordLogs` and `getRecordedLogs`.
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    // Callers
    function prank(address sender) external;
    function prank(address sender, address origin) external;
    function startPrank(address sender) external;
    function stopPrank() external;

    // Chain state
    function warp(uint256 timestamp) external;
    function roll(uint256 blockNumber) external;
    function chainId(uint256 id) external;
    function deal(address account, uint256 balance) external;
    function etch(address account, bytes calldata code) external;
    function load(address account, bytes32 slot) external view returns (bytes32);
    function store(address account, bytes32 slot, bytes32 value) external;
    function snapshotState() external returns (uint256 id);
    function revertToState(uint256 id) external returns (bool success);
    function getBlockTimestamp() external view returns (uint256);

    // Expectations
    function assume(bool condition) external pure;
    function expectRevert() external;
    function expectRevert(bytes4 selector) external;
    function expectRevert(bytes calldata data) external;
    function expectRevert(address reverter) external;
    function expectPartialRevert(bytes4 selector) external;
    function expectEmit() external;
    function expectEmit(address emitter) external;
    function expectEmit(bool topic1, bool topic2, bool topic3, bool data) external;
    function expectEmit(bool topic1, bool topic2, bool topic3, bool data, address emitter) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory logs);

    // Keys
    function addr(uint256 privateKey) external pure returns (address);
    function sign(uint256 privateKey, bytes32 digest)
        external
        pure
        returns (uint8 v, bytes32 r, bytes32 s);
    function label(address account, string calldata name) external;

    // Assertions
    function assertTrue(bool condition) external pure;
    function assertTrue(bool condition, string calldata reason) external pure;
    function assertFalse(bool condition) external pure;
    function assertFalse(bool condition, string calldata reason) external pure;
    function assertEq(bool a, bool b) external pure;
    function assertEq(bool a, bool b, string calldata reason) external pure;
    function assertEq(uint256 a, uint256 b) external pure;
    function assertEq(uint256 a, uint256 b, string calldata reason) external pure;
    function assertEq(int256 a, int256 b) external pure;
    function assertEq(address a, address b) external pure;
    function assertEq(address a, address b, string calldata reason) external pure;
    function assertEq(bytes32 a, bytes32 b) external pure;
    function assertEq(bytes32 a, bytes32 b, string calldata reason) external pure;
    function assertEq(string calldata a, string calldata b) external pure;
    function assertEq(bytes calldata a, bytes calldata b) external pure;
    function assertEq(bytes32[] calldata a, bytes32[] calldata b) external pure;
    function assertNotEq(uint256 a, uint256 b) external pure;
    function assertNotEq(address a, address b) external pure;
    function assertNotEq(bytes32 a, bytes32 b) external pure;
    function assertLt(uint256 a, uint256 b) external pure;
    function assertLt(uint256 a, uint256 b, string calldata reason) external pure;
    function assertLe(uint256 a, uint256 b) external pure;
    function assertLe(uint256 a, uint256 b, string calldata reason) external pure;
    function assertGt(uint256 a, uint256 b) external pure;
    function assertGt(uint256 a, uint256 b, string calldata reason) external pure;
    function assertGe(uint256 a, uint256 b) external pure;
    function assertGe(uint256 a, uint256 b, string calldata reason) external pure;
}

/// @title Test
/// @notice Base of every test contract: cheatcodes, assertions, actors, and the targets of invariants.
abstract contract Test {
    /// @notice The functions of one handler that an invariant run may call.
    /// @dev forge reads the struct by its ABI shape; the names are free.
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// @notice A person with a key, made by `makeActor`.
    struct Actor {
        address addr;
        uint256 key;
    }

    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @dev Order of the secp256k1 group: private keys lie in [1, ORDER - 1].
    uint256 private constant ORDER =
        0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    address[] private _targets;
    address[] private _excluded;
    address[] private _senders;
    FuzzSelector[] private _selectors;

    // ---- actors -----------------------------------------------------------------------------

    /// @notice A person with a private key derived from `name`, labelled in traces.
    function makeActor(string memory name) internal returns (Actor memory actor) {
        actor.key = bound(uint256(keccak256(bytes(name))), 1, ORDER - 1);
        actor.addr = vm.addr(actor.key);
        vm.label(actor.addr, name);
    }

    /// @notice The address of `makeActor(name)`.
    function makeAddr(string memory name) internal returns (address) {
        return makeActor(name).addr;
    }

    /// @notice A 65-byte signature (r, s, v) of `digest` by `privateKey`.
    function signature(uint256 privateKey, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(privateKey, digest);
        return abi.encodePacked(r, s, v);
    }

    // ---- fuzzing ----------------------------------------------------------------------------

    /// @notice Folds `x` into [low, high]; values already inside stay as they are.
    function bound(uint256 x, uint256 low, uint256 high) internal pure returns (uint256) {
        require(low <= high, "bound: low is above high");
        if (x >= low && x <= high) return x;
        uint256 size = high - low;
        if (size == type(uint256).max) return x;
        return low + (x % (size + 1));
    }

    /// @notice Invariant runs call the public functions of `target`.
    function targetContract(address target) internal {
        _targets.push(target);
    }

    /// @notice Invariant runs leave `target` alone.
    function excludeContract(address target) internal {
        _excluded.push(target);
    }

    /// @notice Invariant runs call as `sender`.
    function targetSender(address sender) internal {
        _senders.push(sender);
    }

    /// @notice Invariant runs call only these functions of `selector.addr`.
    function targetSelector(FuzzSelector memory selector) internal {
        _selectors.push(selector);
    }

    /// @dev Read by forge.
    function targetContracts() public view returns (address[] memory) {
        return _targets;
    }

    /// @dev Read by forge.
    function excludeContracts() public view returns (address[] memory) {
        return _excluded;
    }

    /// @dev Read by forge.
    function targetSenders() public view returns (address[] memory) {
        return _senders;
    }

    /// @dev Read by forge.
    function targetSelectors() public view returns (FuzzSelector[] memory) {
        return _selectors;
    }

    // ---- assertions -------------------------------------------------------------------------

    function assertTrue(bool condition) internal pure {
        vm.assertTrue(condition);
    }

    function assertTrue(bool condition, string memory reason) internal pure {
        vm.assertTrue(condition, reason);
    }

    function assertFalse(bool condition) internal pure {
        vm.assertFalse(condition);
    }

    function assertFalse(bool condition, string memory reason) internal pure {
        vm.assertFalse(condition, reason);
    }

    function assertEq(bool a, bool b) internal pure {
        vm.assertEq(a, b);
    }

    function assertEq(bool a, bool b, string memory reason) internal pure {
        vm.assertEq(a, b, reason);
    }

    function assertEq(uint256 a, uint256 b) internal pure {
        vm.assertEq(a, b);
    }

    function assertEq(uint256 a, uint256 b, string memory reason) internal pure {
        vm.assertEq(a, b, reason);
    }

    function assertEq(int256 a, int256 b) internal pure {
        vm.assertEq(a, b);
    }

    function assertEq(address a, address b) internal pure {
        vm.assertEq(a, b);
    }

    function assertEq(address a, address b, string memory reason) internal pure {
        vm.assertEq(a, b, reason);
    }

    function assertEq(bytes32 a, bytes32 b) internal pure {
        vm.assertEq(a, b);
    }

    function assertEq(bytes32 a, bytes32 b, string memory reason) internal pure {
        vm.assertEq(a, b, reason);
    }

    function assertEq(string memory a, string memory b) internal pure {
        vm.assertEq(a, b);
    }

    function assertEq(bytes memory a, bytes memory b) internal pure {
        vm.assertEq(a, b);
    }

    function assertEq(bytes32[] memory a, bytes32[] memory b) internal pure {
        vm.assertEq(a, b);
    }

    function assertNotEq(uint256 a, uint256 b) internal pure {
        vm.assertNotEq(a, b);
    }

    function assertNotEq(address a, address b) internal pure {
        vm.assertNotEq(a, b);
    }

    function assertNotEq(bytes32 a, bytes32 b) internal pure {
        vm.assertNotEq(a, b);
    }

    function assertLt(uint256 a, uint256 b) internal pure {
        vm.assertLt(a, b);
    }

    function assertLt(uint256 a, uint256 b, string memory reason) internal pure {
        vm.assertLt(a, b, reason);
    }

    function assertLe(uint256 a, uint256 b) internal pure {
        vm.assertLe(a, b);
    }

    function assertLe(uint256 a, uint256 b, string memory reason) internal pure {
        vm.assertLe(a, b, reason);
    }

    function assertGt(uint256 a, uint256 b) internal pure {
        vm.assertGt(a, b);
    }

    function assertGt(uint256 a, uint256 b, string memory reason) internal pure {
        vm.assertGt(a, b, reason);
    }

    function assertGe(uint256 a, uint256 b) internal pure {
        vm.assertGe(a, b);
    }

    function assertGe(uint256 a, uint256 b, string memory reason) internal pure {
        vm.assertGe(a, b, reason);
    }
}
