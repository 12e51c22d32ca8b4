// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Fixture} from "./Fixture.sol";
import {IConsent} from "../src/interfaces/IConsent.sol";
import {IDirectory} from "../src/interfaces/IDirectory.sol";

/// @notice Grants, what they allow and until when.
contract ConsentGrantTest is Fixture {
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

    function test_grant_is_kept() public {
        IConsent.Terms memory terms = termsFor(patient, doctor, "salt", 0x8003, 0x0004);
        bytes32 id = idOf(terms);
        vm.expectEmit(address(consent));
        emit IConsent.FreshUntilLowered(patient.subject, terms.notAfter);
        vm.expectEmit(address(consent));
        emit IConsent.Granted(
            id, patient.subject, doctor.subject, 0x8003, 0x0004, 1, terms.notAfter
        );
        vm.prank(patient.root.addr);
        assertEq(consent.grant(terms, 0, terms.notAfter), id);
        IConsent.Grant memory entry = consent.grantOf(id);
        assertEq(entry.subject, patient.subject);
        assertEq(entry.grantee, doctor.subject);
        assertEq(entry.readLanes, 0x8003);
        assertEq(entry.writeLanes, 0x0004);
        assertEq(entry.purpose, 1);
        assertEq(entry.grantedAt, START);
        assertEq(entry.notAfter, terms.notAfter);
        assertFalse(entry.ended);
        assertEq(consent.freshnessOf(patient.subject).freshUntil, terms.notAfter);
        assertEq(consent.freshnessOf(patient.subject).movedAt, 0);
        assertEq(consent.epochsOf(patient.subject), 0);
        bytes32[] memory ids = consent.liveGrants(patient.subject);
        assertEq(ids.length, 1);
        assertEq(ids[0], id);
        ids = consent.pairGrants(patient.subject, doctor.subject);
        assertEq(ids.length, 1);
        assertEq(ids[0], id);
        assertEq(consent.pairGrants(patient.subject, second.subject).length, 0);
    }

    function test_grant_opens_its_lanes_and_no_others() public {
        grant(patient, termsFor(patient, doctor, "salt", 0x8003, 0x0004));
        for (uint8 lane; lane < 20; ++lane) {
            bool read = lane == 0 || lane == 1 || lane == 15;
            assertEq(consent.canRead(patient.subject, doctor.subject, lane, 0), read);
            assertEq(consent.canWrite(patient.subject, doctor.subject, lane, 0), lane == 2);
            assertFalse(consent.canRead(patient.subject, second.subject, lane, 0));
            assertFalse(consent.canWrite(patient.subject, second.subject, lane, 0));
            assertFalse(consent.canRead(other.subject, doctor.subject, lane, 0));
            assertFalse(consent.canRead(doctor.subject, patient.subject, lane, 0));
        }
        (uint16 writable, uint256 epochs, uint64 freshUntil) =
            consent.writeState(patient.subject, doctor.subject);
        assertEq(writable, 0x0004);
        assertEq(epochs, 0);
        assertEq(freshUntil, START + 1 days);
    }

    function test_grants_of_a_pair_add_up() public {
        grant(patient, termsFor(patient, doctor, "1", 0x0001, 0x0010));
        IConsent.Terms memory terms = termsFor(patient, doctor, "2", 0x0002, 0x0020);
        terms.notAfter = START + 60;
        grant(patient, terms);
        (uint16 read, uint16 write) = consent.lanesOf(patient.subject, doctor.subject, START);
        assertEq(read, 0x0003);
        assertEq(write, 0x0030);
        (read, write) = consent.lanesOf(patient.subject, doctor.subject, START + 60);
        assertEq(read, 0x0001);
        assertEq(write, 0x0010);
    }

    function test_grant_ends_at_its_second_without_a_transaction() public {
        IConsent.Terms memory terms = termsFor(patient, doctor, "salt", 1, 1);
        terms.notAfter = START + 2;
        grant(patient, terms);
        assertTrue(consent.canRead(patient.subject, doctor.subject, 0, START + 1));
        assertFalse(consent.canRead(patient.subject, doctor.subject, 0, START + 2));
        assertFalse(consent.canWrite(patient.subject, doctor.subject, 0, START + 2));
        vm.warp(START + 1);
        assertTrue(consent.canRead(patient.subject, doctor.subject, 0, 0));
        vm.warp(START + 2);
        assertFalse(consent.canRead(patient.subject, doctor.subject, 0, 0));
        assertFalse(consent.canRead(patient.subject, doctor.subject, 0, START), "the past");
    }

    function test_status_of_the_grantee_counts() public {
        grant(patient, termsFor(patient, doctor, "salt", 1, 1));
        suspend(administrator, doctor);
        assertFalse(consent.canRead(patient.subject, doctor.subject, 0, 0));
        assertFalse(consent.canWrite(patient.subject, doctor.subject, 0, 0));
        vote(administrator, doctor, IDirectory.Decision.Reinstate, 0);
        assertTrue(consent.canRead(patient.subject, doctor.subject, 0, 0));
    }

    function test_subject_reads_and_writes_all() public view {
        for (uint8 lane; lane < 16; ++lane) {
            assertTrue(consent.canRead(patient.subject, patient.subject, lane, 0));
            assertTrue(consent.canWrite(patient.subject, patient.subject, lane, 0));
        }
        assertFalse(consent.canRead(patient.subject, patient.subject, 16, 0));
        assertFalse(consent.canRead(patient.subject, patient.subject, 255, 0));
        assertFalse(consent.canRead("nobody", "nobody", 0, 0));
        assertFalse(consent.canRead(0, 0, 0, 0));
    }

    // ---- refused ----------------------------------------------------------------------------

    function test_only_the_subject_grants() public {
        IConsent.Terms memory terms = termsFor(patient, doctor, "salt", 1, 1);
        Person memory pending = register("pending", IDirectory.Kind.Doctor);
        address[7] memory senders = [
            stranger,
            other.device.addr,
            doctor.device.addr,
            pending.device.addr,
            administrator.device.addr,
            operator.addr,
            removedDevice(patient)
        ];
        bytes memory refusal = abi.encodeWithSelector(IConsent.NotSubject.selector, patient.subject);
        for (uint256 i; i < senders.length; ++i) {
            _refused(senders[i], terms, terms.notAfter, refusal);
        }
        terms.subject = 0;
        _refused(
            stranger,
            terms,
            terms.notAfter,
            abi.encodeWithSelector(IConsent.NotSubject.selector, bytes32(0))
        );
    }

    function test_suspended_patient_does_not_grant() public {
        suspend(administrator, patient);
        IConsent.Terms memory terms = termsFor(patient, doctor, "salt", 1, 1);
        _refused(patient.device.addr, terms, terms.notAfter, _notApproved(patient.subject));
    }

    function test_grantee_is_an_approved_professional() public {
        Person memory pending = register("pending", IDirectory.Kind.Doctor);
        suspend(administrator, second);
        _refusedGrantee(pending.subject, _notApproved(pending.subject));
        _refusedGrantee(second.subject, _notApproved(second.subject));
        _refusedGrantee("nobody", _notApproved("nobody"));
        _refusedGrantee(
            other.subject,
            abi.encodeWithSelector(IConsent.KindCannotReceive.selector, other.subject)
        );
        _refusedGrantee(
            administrator.subject,
            abi.encodeWithSelector(IConsent.KindCannotReceive.selector, administrator.subject)
        );
        _refusedGrantee(
            patient.subject, abi.encodeWithSelector(IConsent.GrantToSelf.selector, patient.subject)
        );
    }

    function test_refuses_no_lanes() public {
        IConsent.Terms memory terms = termsFor(patient, doctor, "salt", 0, 0);
        _refused(
            patient.device.addr,
            terms,
            terms.notAfter,
            abi.encodePacked(IConsent.LanesMissing.selector)
        );
    }

    function testFuzz_not_after(uint64 notAfter) public {
        IConsent.Terms memory terms = termsFor(patient, doctor, "salt", 1, 1);
        terms.notAfter = notAfter;
        if (notAfter <= START || notAfter > START + consent.MAX_GRANT_SECS()) {
            _refused(
                patient.device.addr,
                terms,
                notAfter,
                abi.encodeWithSelector(IConsent.NotAfterOutOfRange.selector, notAfter)
            );
        } else {
            grant(patient, terms);
        }
    }

    function test_not_after_limits() public {
        testFuzz_not_after(START);
        testFuzz_not_after(START + 3653 days);
        testFuzz_not_after(START + 3653 days + 1);
    }

    function test_refuses_an_id_twice_for_ever() public {
        IConsent.Terms memory terms = termsFor(patient, doctor, "salt", 1, 1);
        bytes32 id = grant(patient, terms);
        bytes memory refusal = abi.encodeWithSelector(IConsent.IdTaken.selector, id);
        _refused(patient.device.addr, terms, terms.notAfter, refusal);
        revoke(patient, id, NO_END);
        _refused(patient.device.addr, terms, terms.notAfter, refusal);
        vm.warp(START + 2 days);
        terms.notAfter = START + 3 days;
        _refused(patient.device.addr, terms, terms.notAfter, refusal);
    }

    // ---- bounds -----------------------------------------------------------------------------

    function test_four_grants_a_pair_and_no_more() public {
        grant(patient, termsFor(patient, doctor, "1", 1, 1));
        IConsent.Terms memory terms = termsFor(patient, doctor, "2", 2, 1);
        terms.notAfter = START + 60;
        bytes32 short = grant(patient, terms);
        grant(patient, termsFor(patient, doctor, "3", 4, 1));
        terms = termsFor(patient, doctor, "4", 0, 8);
        terms.notAfter = START + 60;
        bytes32 writing = grant(patient, terms);
        terms = termsFor(patient, doctor, "5", 1, 1);
        _refused(
            patient.device.addr,
            terms,
            START + 60,
            abi.encodeWithSelector(IConsent.TooManyPairGrants.selector, uint256(4))
        );
        vm.warp(START + 60);
        vm.expectEmit(address(consent));
        emit IConsent.Ended(writing, patient.subject, doctor.subject, false);
        vm.expectEmit(address(consent));
        emit IConsent.Ended(short, patient.subject, doctor.subject, false);
        bytes32 id = grant(patient, terms);
        bytes32[] memory ids = consent.pairGrants(patient.subject, doctor.subject);
        assertEq(ids.length, 3);
        assertEq(ids[2], id);
        assertEq(consent.liveGrants(patient.subject).length, 3);
        assertTrue(consent.grantOf(short).ended);
        assertTrue(consent.grantOf(writing).ended);
    }

    function test_sixty_four_grants_a_subject_and_no_more() public {
        bytes32 first;
        Person memory grantee;
        for (uint256 i; i < 64; ++i) {
            if (i % 4 == 0) grantee = _doctor(i);
            bytes32 id = grant(patient, termsFor(patient, grantee, bytes32(i + 1), 1, 1));
            if (i == 0) first = id;
        }
        assertEq(consent.liveGrants(patient.subject).length, 64);
        IConsent.Terms memory terms = termsFor(patient, doctor, "late", 1, 1);
        _refused(
            patient.device.addr,
            terms,
            terms.notAfter,
            abi.encodeWithSelector(IConsent.TooManyLiveGrants.selector, uint256(64))
        );
        revoke(patient, first, START + 1 days);
        bytes32 late = grant(patient, terms);
        bytes32[] memory ids = consent.liveGrants(patient.subject);
        assertEq(ids.length, 64);
        assertEq(ids[0], late, "takes the free position");
        vm.warp(START + 2 days);
        vm.prank(patient.device.addr);
        consent.moveEpochs(1, 1, NO_END, ids);
        assertEq(consent.liveGrants(patient.subject).length, 0);
    }

    // ---- freshUntil -------------------------------------------------------------------------

    function test_a_grant_only_lowers_fresh_until() public {
        IConsent.Terms memory terms = termsFor(patient, doctor, "1", 1, 0);
        _refusedFresh(terms, terms.notAfter + 1, terms.notAfter);
        grant(patient, terms);
        terms = termsFor(patient, second, "2", 1, 0);
        terms.notAfter = START + 2 days;
        _refusedFresh(terms, START + 1 days + 1, START + 1 days);
        vm.recordLogs();
        vm.prank(patient.device.addr);
        consent.grant(terms, 0, START + 1 days);
        assertEq(vm.getRecordedLogs().length, 1, "nothing lowered");
        terms.salt = "3";
        vm.prank(patient.device.addr);
        consent.grant(terms, 0, START + 60);
        assertEq(consent.freshnessOf(patient.subject).freshUntil, START + 60);
    }

    function test_a_grant_to_write_alone_needs_no_end() public {
        IConsent.Terms memory terms = termsFor(patient, doctor, "1", 0, 1);
        vm.expectRevert(IConsent.FreshUntilMissing.selector);
        vm.prank(patient.device.addr);
        consent.grant(terms, 0, 0);
        vm.prank(patient.device.addr);
        consent.grant(terms, 0, NO_END);
        assertEq(consent.freshnessOf(patient.subject).freshUntil, NO_END);
        terms = termsFor(patient, doctor, "2", 1, 0);
        grant(patient, terms);
        terms = termsFor(patient, doctor, "3", 0, 1);
        _refusedFresh(terms, NO_END, START + 1 days);
    }

    function test_a_grant_does_not_heal_what_has_passed() public {
        grant(patient, termsFor(patient, doctor, "1", 1, 0));
        vm.warp(START + 2 days);
        IConsent.Terms memory terms = termsFor(patient, second, "2", 1, 0);
        _refusedFresh(terms, START + 3 days, START + 1 days);
        terms = termsFor(patient, doctor, "3", 1, 0);
        _refusedFresh(terms, START + 3 days, START + 1 days);
        grant(patient, terms);
        assertEq(consent.freshnessOf(patient.subject).freshUntil, START + 1 days);
    }

    function testFuzz_fresh_until(uint64 freshUntil, uint64 notAfter, uint16 readLanes) public {
        grant(patient, termsFor(patient, doctor, "1", 1, 0));
        IConsent.Terms memory terms = termsFor(patient, second, "2", readLanes, 1);
        terms.notAfter = uint64(bound(notAfter, START + 1, START + 3 days));
        freshUntil = uint64(bound(freshUntil, 1, START + 4 days));
        uint64 limit = latestFresh(terms);
        if (freshUntil > limit) {
            _refusedFresh(terms, freshUntil, limit);
        } else {
            vm.prank(patient.device.addr);
            consent.grant(terms, 0, freshUntil);
            assertEq(consent.freshnessOf(patient.subject).freshUntil, freshUntil);
        }
    }

    // ---- helpers ----------------------------------------------------------------------------

    function _doctor(uint256 number) private returns (Person memory) {
        string memory name = string.concat("doctor ", string(abi.encodePacked(bytes32(number))));
        return registerApproved(name, IDirectory.Kind.Doctor, administrator);
    }

    function _refused(
        address sender,
        IConsent.Terms memory terms,
        uint64 freshUntil,
        bytes memory refusal
    ) private {
        vm.expectRevert(refusal);
        vm.prank(sender);
        consent.grant(terms, 0, freshUntil);
    }

    function _refusedGrantee(bytes32 grantee, bytes memory refusal) private {
        IConsent.Terms memory terms = termsFor(patient, doctor, "salt", 1, 1);
        terms.grantee = grantee;
        _refused(patient.device.addr, terms, terms.notAfter, refusal);
    }

    function _refusedFresh(IConsent.Terms memory terms, uint64 freshUntil, uint64 limit) private {
        _refused(
            patient.device.addr,
            terms,
            freshUntil,
            abi.encodeWithSelector(IConsent.FreshUntilTooLate.selector, freshUntil, limit)
        );
    }

    function _notApproved(bytes32 subject) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IConsent.NotApproved.selector, subject);
    }
}
