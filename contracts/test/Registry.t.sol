// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Fixture} from "./Fixture.sol";
import {Registry} from "../src/Registry.sol";
import {IDirectory} from "../src/interfaces/IDirectory.sol";
import {IRegistry} from "../src/interfaces/IRegistry.sol";

/// @notice Pointers: proposed by votes, scheduled, cancelled, moved after the delay.
contract RegistryTest is Fixture {
    uint64 private constant ETA = START + 2 days;

    Person private first;
    Person private second;
    Person private third;

    function setUp() public {
        deploy();
        first = register("first", IDirectory.Kind.Administrator);
        second = register("second", IDirectory.Kind.Administrator);
        third = register("third", IDirectory.Kind.Administrator);
        vote(first, second, IDirectory.Decision.Approve, 0);
        vote(first, third, IDirectory.Decision.Approve, 0);
    }

    // ---- constructor ------------------------------------------------------------------------

    function test_first_pointers_are_active() public view {
        IRegistry.Pointer memory pointer = registry.pointerOf(DIRECTORY_NAME);
        assertEq(pointer.target, address(directory));
        assertEq(pointer.version, 1);
        assertEq(pointer.proposed, address(0));
        assertEq(pointer.eta, 0);
        assertEq(registry.addressOf(DIRECTORY_NAME), address(directory));
    }

    function test_unknown_name() public {
        vm.expectRevert(abi.encodeWithSelector(IRegistry.UnknownName.selector, bytes32("nothing")));
        registry.addressOf("nothing");
    }

    function test_constructor_refuses() public {
        bytes32[] memory names = new bytes32[](2);
        address[] memory targets = new address[](1);
        vm.expectRevert(
            abi.encodeWithSelector(IRegistry.LengthsDiffer.selector, uint256(2), uint256(1))
        );
        new Registry(directory, names, targets);
        targets = new address[](2);
        vm.expectRevert(IRegistry.NameMissing.selector);
        new Registry(directory, names, targets);
        names[0] = "a";
        vm.expectRevert(abi.encodeWithSelector(IRegistry.TargetMissing.selector, names[0]));
        new Registry(directory, names, targets);
        names[1] = "a";
        targets[0] = targets[1] = address(consent);
        vm.expectRevert(abi.encodeWithSelector(IRegistry.NameTaken.selector, names[0]));
        new Registry(directory, names, targets);
        names = new bytes32[](33);
        targets = new address[](33);
        vm.expectRevert(abi.encodeWithSelector(IRegistry.TooManyNames.selector, uint256(32)));
        new Registry(directory, names, targets);
    }

    // ---- the way of a proposal --------------------------------------------------------------

    function test_a_pointer_moves_after_the_delay() public {
        vm.expectEmit(address(registry));
        emit IRegistry.PointerProposed(DIRECTORY_NAME, address(consent), first.subject, 1);
        vm.expectEmit(address(registry));
        emit IRegistry.PointerScheduled(DIRECTORY_NAME, address(consent), ETA);
        _propose(first, address(consent));
        assertEq(registry.addressOf(DIRECTORY_NAME), address(directory));
        assertEq(registry.pointerOf(DIRECTORY_NAME).eta, ETA);

        vm.warp(ETA - 1);
        vm.expectRevert(abi.encodeWithSelector(IRegistry.TooEarly.selector, ETA));
        registry.activate(DIRECTORY_NAME);
        vm.warp(ETA);
        vm.expectEmit(address(registry));
        emit IRegistry.PointerMoved(DIRECTORY_NAME, address(consent), 2);
        vm.prank(stranger);
        registry.activate(DIRECTORY_NAME);
        assertEq(registry.addressOf(DIRECTORY_NAME), address(consent));
        assertEq(registry.pointerOf(DIRECTORY_NAME).version, 2);
        assertEq(registry.pointerOf(DIRECTORY_NAME).proposed, address(0));
        vm.expectRevert(abi.encodeWithSelector(IRegistry.NotScheduled.selector, DIRECTORY_NAME));
        registry.activate(DIRECTORY_NAME);
    }

    function test_a_new_name_starts_at_version_one() public {
        vm.prank(first.root.addr);
        registry.propose("new", address(consent));
        vm.expectRevert(abi.encodeWithSelector(IRegistry.UnknownName.selector, bytes32("new")));
        registry.addressOf("new");
        vm.warp(ETA);
        registry.activate("new");
        assertEq(registry.addressOf("new"), address(consent));
        assertEq(registry.pointerOf("new").version, 1);
    }

    function test_threshold_of_two_needs_two_for_the_same_target() public {
        _threshold(2);
        _propose(first, address(consent));
        _propose(second, address(records));
        _notScheduled();
        _refusedProposal(
            first.root.addr,
            address(consent),
            abi.encodeWithSelector(IRegistry.AlreadyVoted.selector, first.subject)
        );
        _propose(first, address(records));
        assertEq(registry.pointerOf(DIRECTORY_NAME).proposed, address(records));
        assertEq(registry.pointerOf(DIRECTORY_NAME).eta, ETA);
    }

    function test_a_later_vote_replaces_the_former() public {
        _threshold(2);
        _propose(first, address(consent));
        _propose(first, address(records));
        _propose(second, address(consent));
        _notScheduled();
    }

    function test_votes_die_with_the_electorate() public {
        _threshold(2);
        _propose(third, address(consent));
        suspend(first, third);
        suspend(second, third);
        _propose(first, address(consent));
        _notScheduled();
        _propose(second, address(consent));
        assertEq(registry.pointerOf(DIRECTORY_NAME).eta, ETA);
    }

    function test_votes_die_with_a_cancel() public {
        _threshold(2);
        _propose(first, address(consent));
        vm.expectEmit(address(registry));
        emit IRegistry.PointerCancelled(DIRECTORY_NAME, address(consent), third.subject);
        vm.prank(third.device.addr);
        registry.cancel(DIRECTORY_NAME);
        _propose(second, address(consent));
        _notScheduled();
    }

    function test_any_administrator_cancels_what_is_scheduled() public {
        _propose(first, address(consent));
        vm.warp(ETA + 1);
        vm.prank(third.device.addr);
        registry.cancel(DIRECTORY_NAME);
        vm.expectRevert(abi.encodeWithSelector(IRegistry.NotScheduled.selector, DIRECTORY_NAME));
        registry.activate(DIRECTORY_NAME);
        vm.expectRevert(abi.encodeWithSelector(IRegistry.NothingProposed.selector, DIRECTORY_NAME));
        vm.prank(third.device.addr);
        registry.cancel(DIRECTORY_NAME);
        assertEq(registry.pointerOf(DIRECTORY_NAME).version, 1);
    }

    /// @dev The votes of the first decision must not count for the next proposal of the same target.
    function test_votes_die_with_each_decision() public {
        _threshold(2);
        _propose(first, address(consent));
        _propose(second, address(consent));
        vm.warp(ETA);
        registry.activate(DIRECTORY_NAME);
        _propose(first, address(directory));
        _propose(third, address(directory));
        vm.warp(ETA + 2 days);
        registry.activate(DIRECTORY_NAME);
        _propose(first, address(consent));
        _notScheduled();
    }

    // ---- refused ----------------------------------------------------------------------------

    function test_only_approved_administrators_propose_and_cancel() public {
        Person memory doctor = registerApproved("doctor", IDirectory.Kind.Doctor, first);
        Person memory patient = register("patient", IDirectory.Kind.Patient);
        Person memory waiting = register("waiting", IDirectory.Kind.Administrator);
        address gone = removedDevice(first);
        suspend(first, third);
        _propose(first, address(consent));
        address[7] memory senders = [
            stranger,
            operator.addr,
            gone,
            doctor.device.addr,
            patient.root.addr,
            waiting.device.addr,
            third.device.addr
        ];
        for (uint256 i; i < senders.length; ++i) {
            bytes memory refusal =
                abi.encodeWithSelector(IRegistry.NotAdministrator.selector, senders[i]);
            _refusedProposal(senders[i], address(records), refusal);
            vm.expectRevert(refusal);
            vm.prank(senders[i]);
            registry.cancel(DIRECTORY_NAME);
        }
    }

    function test_refused_proposals() public {
        address sender = first.device.addr;
        _refusedProposal(
            sender,
            address(0),
            abi.encodeWithSelector(IRegistry.TargetMissing.selector, DIRECTORY_NAME)
        );
        _refusedProposal(
            sender, stranger, abi.encodeWithSelector(IRegistry.TargetNotContract.selector, stranger)
        );
        _refusedProposal(
            sender,
            address(directory),
            abi.encodeWithSelector(IRegistry.TargetUnchanged.selector, DIRECTORY_NAME)
        );
        vm.expectRevert(IRegistry.NameMissing.selector);
        vm.prank(sender);
        registry.propose(0, address(consent));
        _propose(first, address(consent));
        _refusedProposal(
            second.device.addr,
            address(records),
            abi.encodeWithSelector(
                IRegistry.AlreadyScheduled.selector, DIRECTORY_NAME, address(consent)
            )
        );
    }

    // ---- helpers ----------------------------------------------------------------------------

    function _propose(Person memory administrator, address target) private {
        vm.prank(administrator.device.addr);
        registry.propose(DIRECTORY_NAME, target);
    }

    function _refusedProposal(address sender, address target, bytes memory refusal) private {
        vm.expectRevert(refusal);
        vm.prank(sender);
        registry.propose(DIRECTORY_NAME, target);
    }

    function _notScheduled() private {
        assertEq(registry.pointerOf(DIRECTORY_NAME).eta, 0);
        vm.expectRevert(abi.encodeWithSelector(IRegistry.NotScheduled.selector, DIRECTORY_NAME));
        registry.activate(DIRECTORY_NAME);
    }

    function _threshold(uint8 threshold) private {
        vm.prank(first.device.addr);
        directory.voteThreshold(threshold);
        assertEq(directory.threshold(), threshold);
    }
}
