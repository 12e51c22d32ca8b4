// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Fixture} from "./Fixture.sol";
import {IConsent} from "../src/interfaces/IConsent.sol";
import {IDirectory} from "../src/interfaces/IDirectory.sol";

/// @notice Revoking, and moving epochs without a revoke.
contract ConsentRevokeTest is Fixture {
    Person private administrator;
    Person private patient;
    Person private other;
    Person private doctor;
    Person private second;

    function setUp() public {
        deploy();
        administrator = register("administrator", IDirectory.Kind.Administrator);
        patient = register("patient", IDirectory.Kind.Patient);
        other = register("other", IDirectory.Kind.Patient);
        doctor = registerApproved("doctor", IDirectory.Kind.Doctor, administrator);
        second = registerApproved("second", IDirectory.Kind.Doctor, administrator);
    }

    // ---- revoke -----------------------------------------------------------------------------

    function test_revoke_ends_at_once_and_moves_what_could_be_read() public {
        bytes32 id = grant(patient, termsFor(patient, doctor, "salt", 0x8002, 0x0004));
        vm.warp(START + 60);
        uint256 epochs = (1 << 16) | (1 << 240);
        vm.expectEmit(address(consent));
        emit IConsent.Ended(id, patient.subject, doctor.subject, true);
        vm.expectEmit(address(consent));
        emit IConsent.EpochsMoved(patient.subject, 0x8002, epochs, NO_END);
        vm.prank(patient.device.addr);
        consent.revoke(id, 0, NO_END);
        assertEq(consent.epochsOf(patient.subject), epochs);
        assertEq(consent.freshnessOf(patient.subject).freshUntil, NO_END);
        assertEq(consent.freshnessOf(patient.subject).movedAt, START + 60);
        assertEq(consent.pairNonce(patient.subject, doctor.subject), 1);
        assertEq(consent.pairNonce(patient.subject, second.subject), 0);
        assertEq(consent.liveGrants(patient.subject).length, 0);
        assertEq(consent.pairGrants(patient.subject, doctor.subject).length, 0);
        assertTrue(consent.grantOf(id).ended);
        assertEq(consent.grantOf(id).grantee, doctor.subject);
        (uint16 read, uint16 write) = consent.lanesOf(patient.subject, doctor.subject, 0);
        assertEq(read | write, 0);
    }

    function test_revoke_leaves_the_pairs_other_grants() public {
        bytes32[] memory ids = new bytes32[](4);
        for (uint256 i; i < 4; ++i) {
            ids[i] = grant(patient, termsFor(patient, doctor, bytes32(i + 1), uint16(1 << i), 0));
        }
        revoke(patient, ids[1], START + 1 days);
        _assertPair(ids[0], ids[3], ids[2]);
        (uint16 read,) = consent.lanesOf(patient.subject, doctor.subject, 0);
        assertEq(read, 0x000d);
        revoke(patient, ids[2], START + 1 days);
        revoke(patient, ids[0], START + 1 days);
        (read,) = consent.lanesOf(patient.subject, doctor.subject, 0);
        assertEq(read, 0x0008);
        assertEq(consent.pairNonce(patient.subject, doctor.subject), 3);
        assertEq(consent.liveGrants(patient.subject)[0], ids[3]);
    }

    function test_revoke_of_a_grant_to_write_moves_nothing() public {
        bytes32 id = grant(patient, termsFor(patient, doctor, "salt", 0, 1));
        vm.warp(START + 60);
        revoke(patient, id, NO_END);
        assertEq(consent.epochsOf(patient.subject), 0);
        assertEq(consent.freshnessOf(patient.subject).movedAt, 0);
        assertFalse(consent.canWrite(patient.subject, doctor.subject, 0, 0));
    }

    function test_no_status_blocks_a_revoke() public {
        bytes32 first = grant(patient, termsFor(patient, doctor, "1", 1, 1));
        bytes32 next = grant(patient, termsFor(patient, second, "2", 1, 1));
        suspend(administrator, doctor);
        revoke(patient, first, START + 1 days);
        suspend(administrator, patient);
        vm.warp(START + 2 days);
        revoke(patient, next, NO_END);
        assertEq(consent.liveGrants(patient.subject).length, 0);
        assertEq(consent.epochsOf(patient.subject), 2);
    }

    function test_revoke_needs_the_present_epochs() public {
        bytes32 first = grant(patient, termsFor(patient, doctor, "1", 1, 1));
        bytes32 next = grant(patient, termsFor(patient, second, "2", 2, 1));
        revoke(patient, first, START + 1 days);
        vm.expectRevert(abi.encodeWithSelector(IConsent.EpochsChanged.selector, uint256(1)));
        vm.prank(patient.device.addr);
        consent.revoke(next, 0, START + 1 days);
        assertFalse(consent.grantOf(next).ended);
        vm.prank(patient.device.addr);
        consent.revoke(next, 1, START + 1 days);
    }

    function test_a_revoked_grant_stays_revoked() public {
        bytes32 id = grant(patient, termsFor(patient, doctor, "1", 1, 1));
        revoke(patient, id, NO_END);
        vm.expectRevert(abi.encodeWithSelector(IConsent.GrantEnded.selector, id));
        vm.prank(patient.device.addr);
        consent.revoke(id, 1, NO_END);
        vm.expectRevert(abi.encodeWithSelector(IConsent.UnknownGrant.selector, bytes32("nothing")));
        vm.prank(patient.device.addr);
        consent.revoke("nothing", 1, NO_END);
    }

    function test_only_the_subject_revokes() public {
        bytes32 id = grant(patient, termsFor(patient, doctor, "1", 1, 1));
        address[6] memory senders = [
            stranger,
            other.device.addr,
            doctor.device.addr,
            second.root.addr,
            administrator.device.addr,
            removedDevice(patient)
        ];
        for (uint256 i; i < senders.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IConsent.NotSubject.selector, patient.subject));
            vm.prank(senders[i]);
            consent.revoke(id, 0, NO_END);
        }
        assertTrue(consent.canRead(patient.subject, doctor.subject, 0, 0));
    }

    // ---- freshUntil -------------------------------------------------------------------------

    function test_fresh_until_stays_before_the_other_grants_ends() public {
        bytes32 first = grant(patient, termsFor(patient, doctor, "1", 1, 0));
        IConsent.Terms memory terms = termsFor(patient, second, "2", 2, 0);
        terms.notAfter = START + 3 days;
        bytes32 next = grant(patient, terms);
        terms = termsFor(patient, second, "3", 0, 1);
        terms.notAfter = START + 60;
        grant(patient, terms);
        bytes memory refusal =
            abi.encodeWithSelector(IConsent.FreshUntilBeyondGrant.selector, next, START + 3 days);
        vm.expectRevert(refusal);
        vm.prank(patient.device.addr);
        consent.revoke(first, 0, START + 3 days + 1);
        vm.expectRevert(IConsent.FreshUntilMissing.selector);
        vm.prank(patient.device.addr);
        consent.revoke(first, 0, 0);
        revoke(patient, first, START + 3 days);
        assertEq(consent.freshnessOf(patient.subject).freshUntil, START + 3 days);
    }

    function test_fresh_until_may_fall_at_a_revoke() public {
        bytes32 first = grant(patient, termsFor(patient, doctor, "1", 1, 0));
        revoke(patient, first, START + 1);
        assertEq(consent.freshnessOf(patient.subject).freshUntil, START + 1);
    }

    /// @dev A grant that has ended by date keeps its hold on freshUntil until it is dropped and its lanes have moved.
    function test_an_ended_grant_holds_fresh_until() public {
        bytes32 ended = grant(patient, termsFor(patient, doctor, "1", 1, 0));
        IConsent.Terms memory terms = termsFor(patient, second, "2", 2, 0);
        terms.notAfter = START + 9 days;
        bytes32 next = grant(patient, terms);
        vm.warp(START + 2 days);
        vm.expectRevert(
            abi.encodeWithSelector(IConsent.FreshUntilBeyondGrant.selector, ended, START + 1 days)
        );
        vm.prank(patient.device.addr);
        consent.revoke(next, 0, NO_END);
        revoke(patient, next, START + 1 days);
        vm.prank(patient.device.addr);
        consent.moveEpochs(1, 1 << 16, NO_END, _one(ended));
        assertEq(consent.freshnessOf(patient.subject).freshUntil, NO_END);
        assertEq(consent.epochsOf(patient.subject), (1 << 16) | 1);
    }

    function test_lanes_of_a_dropped_grant_must_move_first() public {
        grant(patient, termsFor(patient, doctor, "1", 0x0005, 0));
        vm.warp(START + 2 days);
        bytes32 id = grant(patient, termsFor(patient, doctor, "2", 2, 0));
        _refusedMove(2, 0, NO_END, abi.encodeWithSelector(IConsent.LanesStale.selector, 0x0005));
        vm.expectRevert(abi.encodeWithSelector(IConsent.LanesStale.selector, 0x0005));
        vm.prank(patient.device.addr);
        consent.revoke(id, 0, NO_END);
        revoke(patient, id, START + 1 days);
        vm.prank(patient.device.addr);
        consent.moveEpochs(1, 1 << 16, START + 1 days, new bytes32[](0));
        _refusedMove(
            1, (1 << 16) | 1, NO_END, abi.encodeWithSelector(IConsent.LanesStale.selector, 0x0004)
        );
        vm.prank(patient.device.addr);
        consent.moveEpochs(4, (1 << 16) | 1, NO_END, new bytes32[](0));
        assertEq(consent.freshnessOf(patient.subject).freshUntil, NO_END);
    }

    // ---- moveEpochs -------------------------------------------------------------------------

    function test_move_epochs() public {
        vm.warp(START + 60);
        uint256 epochs = 1 | (1 << 240);
        vm.expectEmit(address(consent));
        emit IConsent.EpochsMoved(patient.subject, 0x8001, epochs, NO_END);
        vm.prank(patient.root.addr);
        consent.moveEpochs(0x8001, 0, NO_END, new bytes32[](0));
        assertEq(consent.epochsOf(patient.subject), epochs);
        assertEq(consent.freshnessOf(patient.subject).movedAt, START + 60);
        assertEq(consent.epochsOf(other.subject), 0);
    }

    function testFuzz_moves_exactly_the_lanes(uint16 first, uint16 second_) public {
        first = first == 0 ? 1 : first;
        second_ = second_ == 0 ? 1 : second_;
        vm.prank(patient.device.addr);
        consent.moveEpochs(first, 0, NO_END, new bytes32[](0));
        uint256 epochs = consent.epochsOf(patient.subject);
        vm.prank(patient.device.addr);
        consent.moveEpochs(second_, epochs, NO_END, new bytes32[](0));
        for (uint8 lane; lane < 16; ++lane) {
            uint256 expected = (uint256(first) >> lane & 1) + (uint256(second_) >> lane & 1);
            assertEq(epochAt(patient.subject, lane), expected);
        }
    }

    function test_move_drops_ended_grants() public {
        bytes32 reading = grant(patient, termsFor(patient, doctor, "1", 3, 0));
        bytes32 writing = grant(patient, termsFor(patient, second, "2", 0, 4));
        vm.warp(START + 1 days);
        bytes32[] memory expired = new bytes32[](2);
        (expired[0], expired[1]) = (reading, writing);
        _refusedMove(
            2, expired, abi.encodeWithSelector(IConsent.LanesNotCovered.selector, reading, 3)
        );
        vm.expectEmit(address(consent));
        emit IConsent.Ended(reading, patient.subject, doctor.subject, false);
        vm.prank(patient.device.addr);
        consent.moveEpochs(3, 0, NO_END, expired);
        assertEq(consent.liveGrants(patient.subject).length, 0);
        assertEq(consent.pairNonce(patient.subject, doctor.subject), 0);
        assertEq(consent.freshnessOf(patient.subject).freshUntil, NO_END);
    }

    function test_move_of_no_lanes_drops_grants_that_only_wrote() public {
        bytes32 writing = grant(patient, termsFor(patient, second, "2", 0, 4));
        vm.warp(START + 1 days);
        vm.prank(patient.device.addr);
        consent.moveEpochs(0, 0, NO_END, _one(writing));
        assertEq(consent.liveGrants(patient.subject).length, 0);
        assertEq(consent.freshnessOf(patient.subject).movedAt, 0);
        _refusedMove(0, 0, NO_END, abi.encodePacked(IConsent.NothingToMove.selector));
    }

    function test_move_refuses_what_has_not_ended_or_is_not_its_own() public {
        bytes32 live = grant(patient, termsFor(patient, doctor, "1", 1, 0));
        bytes32 foreign = grant(other, termsFor(other, doctor, "1", 1, 0));
        vm.warp(START + 1 days - 1);
        _refusedMove(1, _one(live), abi.encodeWithSelector(IConsent.GrantNotExpired.selector, live));
        vm.warp(START + 1 days);
        _refusedMove(
            1, _one(foreign), abi.encodeWithSelector(IConsent.NotSubject.selector, other.subject)
        );
        _refusedMove(
            1,
            _one("nothing"),
            abi.encodeWithSelector(IConsent.UnknownGrant.selector, bytes32("nothing"))
        );
        bytes32[] memory twice = new bytes32[](2);
        (twice[0], twice[1]) = (live, live);
        _refusedMove(1, twice, abi.encodeWithSelector(IConsent.GrantEnded.selector, live));
        _refusedMove(
            1, 9, NO_END, abi.encodeWithSelector(IConsent.EpochsChanged.selector, uint256(0))
        );
        _refusedMove(1, 0, 0, abi.encodePacked(IConsent.FreshUntilMissing.selector));
    }

    function test_only_a_subject_moves_and_only_its_own() public {
        address[3] memory senders = [stranger, removedDevice(patient), operator.addr];
        for (uint256 i; i < senders.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IConsent.NotSubject.selector, bytes32(0)));
            vm.prank(senders[i]);
            consent.moveEpochs(1, 0, NO_END, new bytes32[](0));
        }
        vm.prank(doctor.device.addr);
        consent.moveEpochs(1, 0, NO_END, new bytes32[](0));
        assertEq(consent.epochsOf(patient.subject), 0);
        assertEq(consent.epochsOf(doctor.subject), 1);
        suspend(administrator, patient);
        vm.prank(patient.device.addr);
        consent.moveEpochs(1, 0, NO_END, new bytes32[](0));
        assertEq(consent.epochsOf(patient.subject), 1);
    }

    function test_an_epoch_never_runs_over_into_the_next_lane() public {
        bytes32 slot = keccak256(abi.encode(patient.subject, uint256(0)));
        uint256 epochs = uint256(type(uint16).max) << 32;
        vm.store(address(consent), slot, bytes32(epochs));
        _refusedMove(6, epochs, NO_END, abi.encodeWithSelector(IConsent.EpochExhausted.selector, 2));
        vm.prank(patient.device.addr);
        consent.moveEpochs(0xfffb, epochs, NO_END, new bytes32[](0));
        assertEq(epochAt(patient.subject, 2), type(uint16).max);
        assertEq(epochAt(patient.subject, 3), 1);
    }

    // ---- helpers ----------------------------------------------------------------------------

    function _one(bytes32 id) private pure returns (bytes32[] memory ids) {
        ids = new bytes32[](1);
        ids[0] = id;
    }

    function _assertPair(bytes32 a, bytes32 b, bytes32 c) private view {
        bytes32[] memory ids = consent.pairGrants(patient.subject, doctor.subject);
        assertEq(ids.length, 3);
        assertEq(ids[0], a);
        assertEq(ids[1], b);
        assertEq(ids[2], c);
    }

    function _refusedMove(uint16 lanes, bytes32[] memory expired, bytes memory refusal) private {
        vm.expectRevert(refusal);
        vm.prank(patient.device.addr);
        consent.moveEpochs(lanes, 0, NO_END, expired);
    }

    function _refusedMove(
        uint16 lanes,
        uint256 expectedEpochs,
        uint64 freshUntil,
        bytes memory refusal
    ) private {
        vm.expectRevert(refusal);
        vm.prank(patient.device.addr);
        consent.moveEpochs(lanes, expectedEpochs, freshUntil, new bytes32[](0));
    }
}
