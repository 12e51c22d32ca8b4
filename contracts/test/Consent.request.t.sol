// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Fixture} from "./Fixture.sol";
import {IConsent} from "../src/interfaces/IConsent.sol";
import {IDirectory} from "../src/interfaces/IDirectory.sol";

/// @notice Requests: asked, refused, withdrawn, answered by a grant.
contract ConsentRequestTest is Fixture {
    uint64 private constant EXPIRY = START + 10 days;

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

    function test_request_is_kept() public {
        bytes32 id = _id(patient, doctor, "salt");
        vm.expectEmit(address(consent));
        emit IConsent.Requested(id, patient.subject, doctor.subject, 4, EXPIRY, "sealed");
        vm.prank(doctor.device.addr);
        assertEq(consent.request(patient.subject, "salt", 4, EXPIRY, "sealed"), id);
        IConsent.Request memory request = consent.requestOf(id);
        assertEq(request.subject, patient.subject);
        assertEq(request.requester, doctor.subject);
        assertEq(request.sealedHash, "sealed");
        assertEq(request.purpose, 4);
        assertEq(request.expiry, EXPIRY);
        _assertStatus(id, IConsent.RequestStatus.Open);
        assertFalse(consent.canRead(patient.subject, doctor.subject, 0, 0));
    }

    function test_pharmacy_and_organisation_ask_too() public {
        Person memory pharmacy =
            registerApproved("pharmacy", IDirectory.Kind.Pharmacy, administrator);
        Person memory clinic =
            registerApproved("clinic", IDirectory.Kind.Organisation, administrator);
        _request(patient, pharmacy, "salt");
        _request(patient, clinic, "salt");
    }

    function test_only_approved_professionals_ask() public {
        Person memory pending = register("pending", IDirectory.Kind.Doctor);
        Person memory rejected = register("rejected", IDirectory.Kind.Doctor);
        vote(administrator, rejected, IDirectory.Decision.Reject, 1);
        suspend(administrator, second);
        _refusedRequest(pending.device.addr, _notApproved(pending.subject));
        _refusedRequest(rejected.device.addr, _notApproved(rejected.subject));
        _refusedRequest(second.device.addr, _notApproved(second.subject));
        _refusedRequest(stranger, _notApproved(0));
        _refusedRequest(removedDevice(doctor), _notApproved(0));
        _refusedRequest(other.device.addr, _kind(other.subject));
        _refusedRequest(administrator.device.addr, _kind(administrator.subject));
    }

    function test_refused_terms() public {
        vm.expectRevert(abi.encodeWithSelector(IConsent.UnknownSubject.selector, bytes32("nobody")));
        vm.prank(doctor.device.addr);
        consent.request("nobody", "salt", 1, EXPIRY, "sealed");
        vm.expectRevert(abi.encodeWithSelector(IConsent.GrantToSelf.selector, doctor.subject));
        vm.prank(doctor.device.addr);
        consent.request(doctor.subject, "salt", 1, EXPIRY, "sealed");
        _request(patient, doctor, "salt");
        vm.expectRevert(
            abi.encodeWithSelector(IConsent.IdTaken.selector, _id(patient, doctor, "salt"))
        );
        vm.prank(doctor.device.addr);
        consent.request(patient.subject, "salt", 1, EXPIRY, "sealed");
    }

    function testFuzz_expiry(uint64 expiry) public {
        bool fine = expiry > START && expiry <= START + consent.MAX_REQUEST_SECS();
        if (!fine) {
            vm.expectRevert(abi.encodeWithSelector(IConsent.ExpiryOutOfRange.selector, expiry));
        }
        vm.prank(doctor.device.addr);
        consent.request(patient.subject, "salt", 1, expiry, "sealed");
    }

    function test_expiry_limits() public {
        testFuzz_expiry(START + 90 days);
        vm.warp(START - 1);
        vm.expectRevert(abi.encodeWithSelector(IConsent.ExpiryOutOfRange.selector, START + 90 days));
        vm.prank(doctor.device.addr);
        consent.request(patient.subject, "another", 1, START + 90 days, "sealed");
    }

    function test_four_open_requests_a_pair_and_no_more() public {
        bytes32 id = _request(patient, doctor, "1");
        _request(patient, doctor, "2");
        _request(patient, doctor, "3");
        bytes32 last = _request(patient, doctor, "4");
        bytes memory refusal =
            abi.encodeWithSelector(IConsent.TooManyOpenRequests.selector, uint256(4));
        _refusedRequest(doctor.device.addr, refusal);
        vm.warp(EXPIRY - 1 days);
        _request(other, doctor, "1");
        _request(patient, second, "1");
        vm.prank(patient.device.addr);
        consent.refuse(id);
        _request(patient, doctor, "5");
        _refusedRequest(doctor.device.addr, refusal);
        vm.prank(doctor.device.addr);
        consent.withdraw(last);
        _request(patient, doctor, "6");
        _refusedRequest(doctor.device.addr, refusal);
    }

    function test_subject_refuses() public {
        bytes32 id = _request(patient, doctor, "salt");
        suspend(administrator, patient);
        suspend(administrator, doctor);
        vm.warp(EXPIRY + 1);
        vm.expectEmit(address(consent));
        emit IConsent.Answered(id, patient.subject, doctor.subject, false, 0);
        vm.prank(patient.root.addr);
        consent.refuse(id);
        _assertStatus(id, IConsent.RequestStatus.Refused);
        _closed(id);
    }

    function test_requester_withdraws() public {
        bytes32 id = _request(patient, doctor, "salt");
        suspend(administrator, doctor);
        vm.warp(EXPIRY + 1);
        vm.expectEmit(address(consent));
        emit IConsent.Withdrawn(id, patient.subject, doctor.subject);
        vm.prank(doctor.root.addr);
        consent.withdraw(id);
        _assertStatus(id, IConsent.RequestStatus.Withdrawn);
        _closed(id);
    }

    function test_nobody_else_refuses_or_withdraws() public {
        bytes32 id = _request(patient, doctor, "salt");
        address[6] memory senders = [
            stranger,
            other.device.addr,
            second.device.addr,
            administrator.device.addr,
            removedDevice(patient),
            removedDevice(doctor)
        ];
        for (uint256 i; i < senders.length; ++i) {
            _refusedAnswer(senders[i], id);
            _refusedWithdrawal(senders[i], id);
        }
        _refusedAnswer(doctor.device.addr, id);
        _refusedWithdrawal(patient.device.addr, id);
        _assertStatus(id, IConsent.RequestStatus.Open);
    }

    function test_unknown_request() public {
        _closed("nothing");
    }

    // ---- answered by a grant ----------------------------------------------------------------

    function test_grant_answers() public {
        bytes32 id = _request(patient, doctor, "salt");
        IConsent.Terms memory terms = termsFor(patient, doctor, "grant", 1, 0);
        vm.expectEmit(address(consent));
        emit IConsent.Answered(id, patient.subject, doctor.subject, true, idOf(terms));
        vm.prank(patient.device.addr);
        consent.grant(terms, id, terms.notAfter);
        _assertStatus(id, IConsent.RequestStatus.Accepted);
        assertTrue(consent.canRead(patient.subject, doctor.subject, 0, 0));
        _closed(id);

        terms.salt = "another";
        vm.expectRevert(abi.encodeWithSelector(IConsent.RequestNotOpen.selector, id));
        vm.prank(patient.device.addr);
        consent.grant(terms, id, terms.notAfter);
    }

    function test_grant_answers_only_the_grantees_own_open_request() public {
        bytes32 id = _request(patient, doctor, "salt");
        bytes32 elsewhere = _request(other, doctor, "salt");
        IConsent.Terms memory terms = termsFor(patient, second, "grant", 1, 0);
        _refusedGrant(terms, id, abi.encodeWithSelector(IConsent.RequestMismatch.selector, id));
        terms = termsFor(patient, doctor, "grant", 1, 0);
        _refusedGrant(
            terms, elsewhere, abi.encodeWithSelector(IConsent.RequestMismatch.selector, elsewhere)
        );
        _refusedGrant(
            terms,
            "nothing",
            abi.encodeWithSelector(IConsent.RequestNotOpen.selector, bytes32("nothing"))
        );
        vm.warp(EXPIRY + 1);
        terms.notAfter = EXPIRY + 1 days;
        _refusedGrant(terms, id, abi.encodeWithSelector(IConsent.RequestExpired.selector, id));
        vm.warp(EXPIRY);
        vm.prank(patient.device.addr);
        consent.grant(terms, id, terms.notAfter);
        _assertStatus(id, IConsent.RequestStatus.Accepted);
    }

    // ---- helpers ----------------------------------------------------------------------------

    function _id(Person memory subject, Person memory requester, bytes32 requestSalt)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(subject.subject, requester.subject, requestSalt));
    }

    function _request(Person memory subject, Person memory requester, bytes32 requestSalt)
        private
        returns (bytes32)
    {
        vm.prank(requester.device.addr);
        return consent.request(subject.subject, requestSalt, 1, EXPIRY, "sealed");
    }

    function _refusedRequest(address sender, bytes memory refusal) private {
        vm.expectRevert(refusal);
        vm.prank(sender);
        consent.request(patient.subject, "refused", 1, EXPIRY, "sealed");
    }

    function _refusedAnswer(address sender, bytes32 id) private {
        vm.expectRevert(abi.encodeWithSelector(IConsent.NotSubject.selector, patient.subject));
        vm.prank(sender);
        consent.refuse(id);
    }

    function _refusedWithdrawal(address sender, bytes32 id) private {
        vm.expectRevert(abi.encodeWithSelector(IConsent.NotRequester.selector, doctor.subject));
        vm.prank(sender);
        consent.withdraw(id);
    }

    function _refusedGrant(IConsent.Terms memory terms, bytes32 id, bytes memory refusal) private {
        vm.expectRevert(refusal);
        vm.prank(patient.device.addr);
        consent.grant(terms, id, terms.notAfter);
    }

    /// @dev Neither side can answer or take back what is not open.
    function _closed(bytes32 id) private {
        bytes memory refusal = abi.encodeWithSelector(IConsent.RequestNotOpen.selector, id);
        vm.expectRevert(refusal);
        vm.prank(patient.device.addr);
        consent.refuse(id);
        vm.expectRevert(refusal);
        vm.prank(doctor.device.addr);
        consent.withdraw(id);
    }

    function _assertStatus(bytes32 id, IConsent.RequestStatus status) private view {
        assertEq(uint256(consent.requestOf(id).status), uint256(status));
    }

    function _notApproved(bytes32 subject) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IConsent.NotApproved.selector, subject);
    }

    function _kind(bytes32 subject) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IConsent.KindCannotReceive.selector, subject);
    }
}
