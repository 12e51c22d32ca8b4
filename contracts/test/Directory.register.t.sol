// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Fixture} from "./Fixture.sol";
import {Directory} from "../src/Directory.sol";
import {IDirectory} from "../src/interfaces/IDirectory.sol";

contract DirectoryRegisterTest is Fixture {
    uint256 private constant ORDER =
        0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    function setUp() public {
        deploy();
    }

    function test_constructor_gives_rights_to_the_operator_alone() public view {
        assertEq(directory.operatorOf(0), operator.addr);
        assertEq(directory.operatorOf("another"), address(0));
        assertEq(directory.threshold(), 1);
        assertEq(directory.administrators(), 0);
        assertEq(directory.electorate(), 0);
        assertEq(directory.actor(address(this)), 0);
        assertEq(directory.actor(operator.addr), 0);
    }

    function test_patient_is_approved_at_once() public {
        Person memory who = person("patient");
        IDirectory.Voucher memory voucher = voucherFor(IDirectory.Kind.Patient, who.root.addr);
        IDirectory.Registration memory registration = registrationOf(who);
        bytes memory signed = signVoucher(operator.key, voucher);
        vm.expectEmit(address(directory));
        emit IDirectory.Registered(who.subject, IDirectory.Kind.Patient, who.root.addr, 0);
        vm.expectEmit(address(directory));
        emit IDirectory.KeyBundleChanged(who.subject, 1, 0, registration.keyBundleHash);
        vm.expectEmit(address(directory));
        emit IDirectory.ProfileChanged(who.subject, registration.profileHash);
        vm.expectEmit(address(directory));
        emit IDirectory.HomeChanged(who.subject, registration.homeHash);
        vm.expectEmit(address(directory));
        emit IDirectory.StatusChanged(who.subject, IDirectory.Status.Approved, 0);
        vm.expectEmit(address(directory));
        emit IDirectory.DeviceAdded(who.subject, who.device.addr);
        vm.prank(who.root.addr);
        directory.register(registration, voucher, signed);

        IDirectory.Subject memory subject = directory.subjectOf(who.subject);
        assertEq(uint256(subject.kind), uint256(IDirectory.Kind.Patient));
        assertEq(uint256(subject.status), uint256(IDirectory.Status.Approved));
        assertEq(subject.keyVersion, 1);
        assertEq(subject.keyGeneration, 0);
        assertEq(subject.root, who.root.addr);
        assertEq(subject.keyBundleHash, registration.keyBundleHash);
        assertEq(subject.profileHash, registration.profileHash);
        assertEq(subject.homeHash, registration.homeHash);
        assertEq(subject.credentialHash, 0);
        assertEq(directory.rootSubject(who.root.addr), who.subject);
        assertEq(directory.actor(who.root.addr), who.subject);
        assertEq(directory.actor(who.device.addr), who.subject);
        assertTrue(directory.isApproved(who.subject, IDirectory.Kind.Patient));
        assertFalse(directory.isApproved(who.subject, IDirectory.Kind.Doctor));
        assertTrue(directory.voucherSpent(0, voucher.nonce));
        IDirectory.Device memory device = directory.deviceOf(who.device.addr);
        assertEq(device.subject, who.subject);
        assertEq(device.addedAt, START);
        assertEq(device.removedAt, 0);
    }

    function test_actor_status() public {
        Person memory doctor = register("doctor", IDirectory.Kind.Doctor);
        (bytes32 subject, IDirectory.Kind kind, IDirectory.Status status) =
            directory.actorStatus(doctor.device.addr);
        assertEq(subject, doctor.subject);
        assertEq(uint256(kind), uint256(IDirectory.Kind.Doctor));
        assertEq(uint256(status), uint256(IDirectory.Status.Pending));
        (subject, kind, status) = directory.actorStatus(stranger);
        assertEq(subject, 0);
        assertEq(uint256(kind), uint256(IDirectory.Kind.None));
        assertEq(uint256(status), uint256(IDirectory.Status.None));
    }

    function test_professionals_are_pending() public {
        assertStatus(register("a", IDirectory.Kind.Doctor), IDirectory.Status.Pending);
        assertStatus(register("b", IDirectory.Kind.Pharmacy), IDirectory.Status.Pending);
        assertStatus(register("c", IDirectory.Kind.Organisation), IDirectory.Status.Pending);
        assertEq(directory.electorate(), 0);
    }

    function test_first_administrator_is_approved_and_later_ones_are_pending() public {
        assertStatus(register("first", IDirectory.Kind.Administrator), IDirectory.Status.Approved);
        assertEq(directory.administrators(), 1);
        assertEq(directory.electorate(), 1);
        assertStatus(register("second", IDirectory.Kind.Administrator), IDirectory.Status.Pending);
        assertEq(directory.administrators(), 1);
        assertEq(directory.electorate(), 1);
    }

    function test_profile_and_home_may_be_missing() public {
        Person memory who = person("patient");
        IDirectory.Registration memory registration = registrationOf(who);
        registration.profileHash = 0;
        registration.homeHash = 0;
        _register(who, registration, IDirectory.Kind.Patient, "");
        assertEq(directory.subjectOf(who.subject).profileHash, 0);
    }

    function test_voucher_works_in_its_last_second_and_not_after() public {
        Person memory who = person("patient");
        IDirectory.Voucher memory voucher = voucherFor(IDirectory.Kind.Patient, who.root.addr);
        vm.warp(uint256(voucher.expiry) + 1);
        _registerWith(
            who,
            voucher,
            operator.key,
            abi.encodeWithSelector(IDirectory.VoucherExpired.selector, voucher.expiry)
        );
        vm.warp(voucher.expiry);
        _registerWith(who, voucher, operator.key, "");
    }

    // ---- refused ----------------------------------------------------------------------------

    function test_refuses_a_voucher_of_another_root() public {
        Person memory who = person("thief");
        Person memory victim = person("victim");
        IDirectory.Voucher memory voucher =
            voucherFor(IDirectory.Kind.Administrator, victim.root.addr);
        _registerWith(
            who,
            voucher,
            operator.key,
            abi.encodeWithSelector(IDirectory.VoucherForAnother.selector, victim.root.addr)
        );
    }

    function test_refuses_a_voucher_of_another_signer() public {
        Person memory who = person("thief");
        Person memory administrator = register("admin", IDirectory.Kind.Administrator);
        IDirectory.Voucher memory voucher = voucherFor(IDirectory.Kind.Patient, who.root.addr);
        bytes memory refusal =
            abi.encodeWithSelector(IDirectory.VoucherSignatureWrong.selector, bytes32(0));
        _registerWith(who, voucher, who.root.key, refusal);
        _registerWith(who, voucher, administrator.root.key, refusal);
    }

    function test_refuses_an_organisation_without_operator() public {
        Person memory who = person("patient");
        IDirectory.Voucher memory voucher = voucherFor(IDirectory.Kind.Patient, who.root.addr);
        voucher.organisation = "another";
        _registerWith(
            who,
            voucher,
            operator.key,
            abi.encodeWithSelector(IDirectory.VoucherSignatureWrong.selector, bytes32("another"))
        );
    }

    /// @dev Without an operator even a signature that recovers to nobody must fail.
    function test_refuses_everything_when_the_operator_is_nobody() public {
        directory = new Directory(address(0));
        Person memory who = person("patient");
        IDirectory.Voucher memory voucher = voucherFor(IDirectory.Kind.Patient, who.root.addr);
        IDirectory.Registration memory registration = registrationOf(who);
        vm.expectRevert(
            abi.encodeWithSelector(IDirectory.VoucherSignatureWrong.selector, bytes32(0))
        );
        vm.prank(who.root.addr);
        directory.register(registration, voucher, new bytes(65));
    }

    function test_refuses_a_changed_voucher() public {
        Person memory who = person("patient");
        IDirectory.Voucher memory voucher = voucherFor(IDirectory.Kind.Patient, who.root.addr);
        bytes memory signed = signVoucher(operator.key, voucher);
        IDirectory.Registration memory registration = registrationOf(who);
        bytes memory refusal =
            abi.encodeWithSelector(IDirectory.VoucherSignatureWrong.selector, bytes32(0));

        voucher.kind = IDirectory.Kind.Administrator;
        vm.expectRevert(refusal);
        vm.prank(who.root.addr);
        directory.register(registration, voucher, signed);
        voucher.kind = IDirectory.Kind.Patient;

        voucher.expiry += 1;
        vm.expectRevert(refusal);
        vm.prank(who.root.addr);
        directory.register(registration, voucher, signed);
        voucher.expiry -= 1;

        voucher.nonce += 1;
        vm.expectRevert(refusal);
        vm.prank(who.root.addr);
        directory.register(registration, voucher, signed);
        voucher.nonce -= 1;

        vm.prank(who.root.addr);
        directory.register(registration, voucher, signed);
    }

    function test_refuses_a_voucher_of_another_chain_or_contract() public {
        Person memory who = person("patient");
        IDirectory.Voucher memory voucher = voucherFor(IDirectory.Kind.Patient, who.root.addr);
        IDirectory.Registration memory registration = registrationOf(who);
        bytes memory signed = signVoucher(operator.key, voucher);
        bytes memory refusal =
            abi.encodeWithSelector(IDirectory.VoucherSignatureWrong.selector, bytes32(0));
        uint256 here = block.chainid;
        vm.chainId(here + 1);
        vm.expectRevert(refusal);
        vm.prank(who.root.addr);
        directory.register(registration, voucher, signed);
        vm.chainId(here);

        Directory other = new Directory(operator.addr);
        vm.expectRevert(refusal);
        vm.prank(who.root.addr);
        other.register(registration, voucher, signed);
    }

    function test_refuses_the_twin_of_a_signature() public {
        Person memory who = person("patient");
        IDirectory.Voucher memory voucher = voucherFor(IDirectory.Kind.Patient, who.root.addr);
        IDirectory.Registration memory registration = registrationOf(who);
        bytes memory signed = signVoucher(operator.key, voucher);
        (bytes32 r, bytes32 s, uint8 v) = _split(signed);
        bytes memory twin = abi.encodePacked(r, bytes32(ORDER - uint256(s)), v == 27 ? 28 : 27);
        vm.expectRevert(
            abi.encodeWithSelector(IDirectory.VoucherSignatureWrong.selector, bytes32(0))
        );
        vm.prank(who.root.addr);
        directory.register(registration, voucher, twin);
    }

    function test_refuses_a_spent_voucher() public {
        Person memory who = person("patient");
        IDirectory.Voucher memory voucher = voucherFor(IDirectory.Kind.Patient, who.root.addr);
        _registerWith(who, voucher, operator.key, "");
        bytes memory refusal =
            abi.encodeWithSelector(IDirectory.VoucherUsed.selector, bytes32(0), voucher.nonce);
        _registerWith(who, voucher, operator.key, refusal);
        Person memory other = person("other");
        voucher.root = other.root.addr;
        voucher.kind = IDirectory.Kind.Doctor;
        _registerWith(other, voucher, operator.key, refusal);
    }

    function test_refuses_kind_none() public {
        Person memory who = person("nobody");
        IDirectory.Voucher memory voucher = voucherFor(IDirectory.Kind.None, who.root.addr);
        _registerWith(who, voucher, operator.key, abi.encodePacked(IDirectory.KindMissing.selector));
    }

    function test_refuses_a_missing_key_bundle() public {
        Person memory who = person("patient");
        IDirectory.Registration memory registration = registrationOf(who);
        registration.keyBundleHash = 0;
        _register(
            who,
            registration,
            IDirectory.Kind.Patient,
            abi.encodePacked(IDirectory.KeyBundleMissing.selector)
        );
    }

    function test_refuses_a_root_twice() public {
        Person memory who = register("patient", IDirectory.Kind.Patient);
        Person memory again = person("another");
        again.root = who.root;
        again.subject = keccak256(abi.encode(who.root.addr, salt("another")));
        _register(again, registrationOf(again), IDirectory.Kind.Patient, _taken(who.root.addr));
    }

    function test_refuses_a_device_as_root_and_a_root_as_device() public {
        Person memory who = register("patient", IDirectory.Kind.Patient);
        Person memory other = person("another");
        Actor memory fresh = other.root;
        other.root = who.device;
        other.subject = keccak256(abi.encode(who.device.addr, salt("another")));
        _register(other, registrationOf(other), IDirectory.Kind.Patient, _taken(who.device.addr));

        other.root = fresh;
        other.subject = keccak256(abi.encode(fresh.addr, salt("another")));
        other.device = who.root;
        _register(other, registrationOf(other), IDirectory.Kind.Patient, _taken(who.root.addr));
        other.device = fresh;
        _register(other, registrationOf(other), IDirectory.Kind.Patient, _taken(fresh.addr));
    }

    function test_refuses_a_removed_device_as_root() public {
        Person memory who = register("patient", IDirectory.Kind.Patient);
        vm.prank(who.root.addr);
        directory.removeDevice(who.device.addr);
        Person memory other = person("another");
        other.root = who.device;
        other.subject = keccak256(abi.encode(who.device.addr, salt("another")));
        _register(other, registrationOf(other), IDirectory.Kind.Patient, _taken(who.device.addr));
    }

    function test_refuses_a_device_that_did_not_sign() public {
        Person memory who = person("patient");
        bytes memory refusal =
            abi.encodeWithSelector(IDirectory.DeviceSignatureWrong.selector, who.device.addr);
        IDirectory.Registration memory registration = registrationOf(who);
        registration.deviceSignature = signDevice(who.root.key, who.subject, who.device.addr);
        _register(who, registration, IDirectory.Kind.Patient, refusal);
        registration.deviceSignature = signDevice(who.device.key, "another", who.device.addr);
        _register(who, registration, IDirectory.Kind.Patient, refusal);
        registration.deviceSignature = "";
        _register(who, registration, IDirectory.Kind.Patient, refusal);
        registration.device = address(0);
        registration.deviceSignature = new bytes(65);
        _register(
            who,
            registration,
            IDirectory.Kind.Patient,
            abi.encodeWithSelector(IDirectory.DeviceSignatureWrong.selector, address(0))
        );
    }

    function testFuzz_refuses_random_signatures(bytes memory signed, uint256 nonce) public {
        Person memory who = person("patient");
        IDirectory.Voucher memory voucher = voucherFor(IDirectory.Kind.Patient, who.root.addr);
        voucher.nonce = nonce;
        IDirectory.Registration memory registration = registrationOf(who);
        vm.expectRevert(
            abi.encodeWithSelector(IDirectory.VoucherSignatureWrong.selector, bytes32(0))
        );
        vm.prank(who.root.addr);
        directory.register(registration, voucher, signed);
        assertFalse(directory.voucherSpent(0, nonce));
    }

    function testFuzz_registers_with_any_nonce_once(uint256 nonce, uint64 expiry) public {
        Person memory who = person("patient");
        IDirectory.Voucher memory voucher = voucherFor(IDirectory.Kind.Patient, who.root.addr);
        voucher.nonce = nonce;
        voucher.expiry = uint64(bound(expiry, START, type(uint64).max));
        _registerWith(who, voucher, operator.key, "");
        assertTrue(directory.voucherSpent(0, nonce));
        assertFalse(directory.voucherSpent("another", nonce));
    }

    // ---- helpers ----------------------------------------------------------------------------

    function _register(
        Person memory who,
        IDirectory.Registration memory registration,
        IDirectory.Kind kind,
        bytes memory refusal
    ) private {
        IDirectory.Voucher memory voucher = voucherFor(kind, who.root.addr);
        bytes memory signed = signVoucher(operator.key, voucher);
        if (refusal.length != 0) vm.expectRevert(refusal);
        vm.prank(who.root.addr);
        directory.register(registration, voucher, signed);
    }

    function _registerWith(
        Person memory who,
        IDirectory.Voucher memory voucher,
        uint256 key,
        bytes memory refusal
    ) private {
        IDirectory.Registration memory registration = registrationOf(who);
        bytes memory signed = signVoucher(key, voucher);
        if (refusal.length != 0) vm.expectRevert(refusal);
        vm.prank(who.root.addr);
        directory.register(registration, voucher, signed);
    }

    function _taken(address account) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IDirectory.AddressTaken.selector, account);
    }

    function _split(bytes memory signed) private pure returns (bytes32 r, bytes32 s, uint8 v) {
        assembly ("memory-safe") {
            r := mload(add(signed, 32))
            s := mload(add(signed, 64))
            v := byte(0, mload(add(signed, 96)))
        }
    }
}
