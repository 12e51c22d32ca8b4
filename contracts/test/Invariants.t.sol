// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {CareHandler} from "./CareHandler.sol";
import {DirectoryHandler} from "./DirectoryHandler.sol";
import {Test} from "./Harness.sol";

/// @notice Consent and Records: the invariants of contracts/README.md after every guided call.
contract CareInvariants is Test {
    CareHandler private handler;

    function setUp() public {
        handler = new CareHandler();
        bytes4[] memory calls = new bytes4[](13);
        calls[0] = CareHandler.pass.selector;
        calls[1] = CareHandler.turnStatus.selector;
        calls[2] = CareHandler.ask.selector;
        calls[3] = CareHandler.answer.selector;
        // Named more than once: what the others build upon.
        calls[4] = calls[5] = calls[6] = CareHandler.give.selector;
        calls[7] = CareHandler.takeBack.selector;
        calls[8] = CareHandler.move.selector;
        calls[9] = calls[10] = calls[11] = CareHandler.write.selector;
        calls[12] = CareHandler.intrude.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector({addr: address(handler), selectors: calls}));
    }

    /// forge-config: default.invariant.runs = 48
    /// forge-config: default.invariant.depth = 128
    function invariant_care() public view {
        assertEq(handler.broken(), "");
        handler.checkConsent();
        handler.checkGrants();
        handler.checkRecords();
        handler.checkRequests();
    }

    /// @dev Without calls that get something done, an invariant says nothing.
    function test_handler_reaches_every_call() public {
        for (uint256 i; i < 600; ++i) {
            uint256 dice = uint256(keccak256(abi.encode(i)));
            uint256 next = uint256(keccak256(abi.encode(dice)));
            uint256 call = dice % 12;
            dice >>= 8;
            if (call == 0) handler.pass(dice);
            if (call == 1 && dice % 4 == 0) handler.turnStatus(dice);
            if (call == 2) handler.ask(dice, next);
            if (call == 3) handler.answer(dice, next, dice >> 128 & 1 == 1);
            if (call > 3 && call < 7) {
                handler.give(dice, next, dice >> 9, uint32(next), dice >> 32);
            }
            if (call == 7) handler.takeBack(dice, next, dice >> 32, false);
            if (call == 8) handler.move(dice, next, uint16(next >> 99), dice >> 32, true);
            if (call > 8 && call < 11) handler.write(dice, next, dice >> 32, next >> 77 & 1 == 1);
            if (call == 11) handler.intrude(dice, next, dice);
        }
        invariant_care();
        bytes32[9] memory calls = [
            bytes32("turnStatus"),
            "ask",
            "answer",
            "give",
            "takeBack",
            "move",
            "write",
            "write for another",
            "intrude"
        ];
        for (uint256 i; i < calls.length; ++i) {
            vm.assertGt(handler.done(calls[i]), 2);
        }
    }
}

/// @notice The Directory: votes, devices and vouchers after every guided call.
contract DirectoryInvariants is Test {
    DirectoryHandler private handler;

    function setUp() public {
        handler = new DirectoryHandler();
        bytes4[] memory calls = new bytes4[](9);
        calls[0] = calls[1] = calls[2] = DirectoryHandler.decide.selector;
        calls[3] = DirectoryHandler.changeThreshold.selector;
        calls[4] = DirectoryHandler.apply_.selector;
        calls[5] = calls[6] = DirectoryHandler.addDevice.selector;
        calls[7] = DirectoryHandler.removeDevice.selector;
        calls[8] = DirectoryHandler.registerAgain.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector({addr: address(handler), selectors: calls}));
    }

    /// forge-config: default.invariant.runs = 48
    /// forge-config: default.invariant.depth = 128
    function invariant_directory() public view {
        assertEq(handler.broken(), "");
        handler.check();
    }

    /// @dev Without calls that get something done, an invariant says nothing.
    function test_handler_reaches_every_call() public {
        for (uint256 i; i < 600; ++i) {
            uint256 dice = uint256(keccak256(abi.encode(i)));
            uint256 next = uint256(keccak256(abi.encode(dice)));
            uint256 call = dice % 8;
            dice >>= 8;
            if (call < 3) handler.decide(dice, next, dice >> 64, uint16(next >> 32));
            if (call == 3) handler.changeThreshold(dice, next);
            if (call == 4) handler.apply_(dice, bytes32(next));
            if (call == 5) handler.addDevice(dice, next);
            if (call == 6 && dice % 4 == 0) handler.removeDevice(dice, next);
            if (call == 7) handler.registerAgain(dice, next, dice >> 64 & 1 == 1);
        }
        invariant_directory();
        bytes32[7] memory calls = [
            bytes32("decide"),
            "decided",
            "threshold",
            "apply",
            "addDevice",
            "removeDevice",
            "registerAgain"
        ];
        for (uint256 i; i < calls.length; ++i) {
            vm.assertGt(handler.done(calls[i]), 1);
        }
    }
}
