// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Fixture} from "./Fixture.sol";
import {IConsent} from "../src/interfaces/IConsent.sol";
import {IDirectory} from "../src/interfaces/IDirectory.sol";
import {IRecords} from "../src/interfaces/IRecords.sol";
import {IRegistry} from "../src/interfaces/IRegistry.sol";

/// @notice The slots that clients prove, read raw by the formulas of contracts/README.md and compared with the getters.
contract LayoutTest is Fixture {
    Person private administrator;
    Person private patient;
    Person private doctor;

    function setUp() public {
        deploy();
        administrator = register("administrator", IDirectory.Kind.Administrator);
        patient = register("patient", IDirectory.Kind.Patient);
        doctor = registerApproved("doctor", IDirectory.Kind.Doctor, administrator);
    }

    function test_subject() public {
        vm.prank(doctor.root.addr);
        directory.setKeyBundle("new bundle", 5);
        IDirectory.Subject memory subject = directory.subjectOf(doctor.subject);
        uint256 base = _slot(doctor.subject, 2);
        uint256 word = _load(address(directory), base);
        assertEq(_bits(word, 0, 8), uint256(subject.kind));
        assertEq(_bits(word, 0, 8), uint256(IDirectory.Kind.Doctor));
        assertEq(_bits(word, 8, 8), uint256(IDirectory.Status.Approved));
        assertEq(_bits(word, 16, 16), 2, "keyVersion");
        assertEq(_bits(word, 32, 16), 5, "keyGeneration");
        assertEq(_bits(word, 48, 160), uint160(doctor.root.addr));
        assertEq(word >> 208, 0);
        assertEq(_load(address(directory), base + 1), uint256(subject.keyBundleHash));
        assertEq(_load(address(directory), base + 2), uint256(subject.profileHash));
        assertEq(_load(address(directory), base + 3), uint256(subject.homeHash));
        assertEq(_load(address(directory), base + 4), uint256(subject.credentialHash));
        assertEq(subject.keyBundleHash, "new bundle");
        assertEq(subject.credentialHash, salt("doctor"));
        assertNotEq(subject.profileHash, subject.homeHash);
    }

    function test_devices() public {
        vm.warp(START + 60);
        uint256 base = _slot(_word(doctor.device.addr), 3);
        uint256 live = _slot(_word(doctor.device.addr), 7);
        assertEq(_load(address(directory), base), uint256(doctor.subject));
        assertEq(_load(address(directory), base + 1), START);
        assertEq(_load(address(directory), live), uint256(doctor.subject));
        uint256 root = _slot(_word(doctor.root.addr), 4);
        assertEq(_load(address(directory), root), uint256(doctor.subject));

        vm.prank(doctor.root.addr);
        directory.removeDevice(doctor.device.addr);
        uint256 times = _load(address(directory), base + 1);
        assertEq(_load(address(directory), base), uint256(doctor.subject));
        assertEq(_bits(times, 0, 64), START);
        assertEq(_bits(times, 64, 64), START + 60);
        assertEq(_load(address(directory), live), 0);
    }

    function test_electorate_and_voucher() public {
        register("second", IDirectory.Kind.Patient);
        uint256 word = _load(address(directory), 6);
        assertEq(_bits(word, 0, 8), directory.threshold());
        assertEq(_bits(word, 8, 32), directory.administrators());
        assertEq(_bits(word, 40, 64), directory.electorate());
        assertEq(word, 1 | (1 << 8) | (1 << 40));
        uint256 outer = _slot(0, 5);
        assertEq(_load(address(directory), _slot(bytes32(uint256(4)), outer)), 1);
        assertEq(_load(address(directory), _slot(bytes32(uint256(5)), outer)), 0);
    }

    function test_consent() public {
        bytes32 first = grant(patient, termsFor(patient, doctor, "first", 3, 1));
        IConsent.Terms memory terms = termsFor(patient, doctor, "second", 0x8001, 0x4002);
        terms.purpose = 0x1234;
        bytes32 id = grant(patient, terms);
        vm.warp(START + 60);
        revoke(patient, first, START + 1 hours);

        assertEq(_load(address(consent), _slot(patient.subject, 0)), 0x10001);
        assertEq(consent.epochsOf(patient.subject), 0x10001);
        uint256 state = _load(address(consent), _slot(patient.subject, 1));
        IConsent.Freshness memory freshness = consent.freshnessOf(patient.subject);
        assertEq(_bits(state, 0, 64), freshness.freshUntil);
        assertEq(freshness.freshUntil, START + 1 hours);
        assertEq(_bits(state, 64, 64), freshness.movedAt);
        assertEq(freshness.movedAt, START + 60);
        assertEq(_bits(state, 128, 64), 2, "position 1 alone");
        assertEq(state >> 192, 0);

        uint256 base = _slot(id, 2);
        assertEq(_load(address(consent), base), uint256(patient.subject));
        assertEq(_load(address(consent), base + 1), uint256(doctor.subject));
        uint256 word = _load(address(consent), base + 2);
        assertEq(_bits(word, 0, 16), 0x8001);
        assertEq(_bits(word, 16, 16), 0x4002);
        assertEq(_bits(word, 32, 16), 0x1234);
        assertEq(_bits(word, 48, 64), START);
        assertEq(_bits(word, 112, 64), terms.notAfter);
        assertEq(_bits(word, 176, 8), 0);
        assertEq(_bits(word, 184, 8), 1);
        assertEq(_bits(_load(address(consent), _slot(first, 2) + 2), 176, 8), 1, "ended");
        assertEq(_load(address(consent), _slot(patient.subject, 3) + 1), uint256(id));
        _checkPair();
    }

    function _checkPair() private {
        vm.prank(doctor.device.addr);
        consent.request(patient.subject, "salt", 9, START + 1 days, "sealed");
        bytes32 key = keccak256(abi.encode(patient.subject, doctor.subject));
        uint256 pair = _load(address(consent), _slot(key, 4));
        assertEq(_bits(pair, 0, 64), consent.pairNonce(patient.subject, doctor.subject));
        assertEq(_bits(pair, 0, 64), 1);
        assertEq(_bits(pair, 64, 8), 1, "open requests");
        assertEq(_bits(pair, 72, 8), 1, "count");
        assertEq(_bits(pair, 80, 8), 1, "position");

        bytes32 id = keccak256(abi.encode(patient.subject, doctor.subject, bytes32("salt")));
        uint256 base = _slot(id, 5);
        assertEq(_load(address(consent), base), uint256(patient.subject));
        assertEq(_load(address(consent), base + 1), uint256(doctor.subject));
        assertEq(_load(address(consent), base + 2), uint256(bytes32("sealed")));
        assertEq(_load(address(consent), base + 3), 9 | ((START + 1 days) << 16) | (1 << 80));
    }

    /// @dev A grant dropped by another leaves its readable lanes stale.
    function test_stale_lanes() public {
        grant(patient, termsFor(patient, doctor, "first", 0x8001, 1));
        vm.warp(START + 2 days);
        grant(patient, termsFor(patient, doctor, "second", 2, 1));
        uint256 state = _load(address(consent), _slot(patient.subject, 1));
        assertEq(_bits(state, 192, 16), 0x8001);
    }

    function test_records() public {
        IRecords.Anchor memory item = anchorOf(patient, "tag", 5);
        anchor(patient, patient, item);
        anchor(patient, patient, nextOf(item));
        bytes32 record = records.recordId(patient.subject, patient.subject, "tag");
        assertEq(record, keccak256(abi.encode(patient.subject, patient.subject, bytes32("tag"))));
        uint256 word = _load(address(records), _slot(record, 0));
        assertEq(word, uint256(records.wordOf(record)));
        assertEq(word, uint256(wordFor(patient, nextOf(item))));
        uint256 base = _slot(bytes32(uint256(5)), _slot(patient.subject, 1));
        IRecords.Lane memory lane = records.laneOf(patient.subject, 5);
        assertEq(_load(address(records), base), uint256(lane.rolling));
        assertEq(_load(address(records), base + 1), lane.count);
        assertEq(lane.count, 2);
    }

    function test_pointer() public {
        vm.prank(administrator.device.addr);
        registry.propose(DIRECTORY_NAME, address(consent));
        uint256 base = _slot(DIRECTORY_NAME, 0);
        IRegistry.Pointer memory pointer = registry.pointerOf(DIRECTORY_NAME);
        uint256 word = _load(address(registry), base);
        assertEq(word, uint256(uint160(pointer.target)) | (uint256(pointer.version) << 160));
        assertEq(word, uint256(uint160(address(directory))) | (1 << 160));
        word = _load(address(registry), base + 1);
        assertEq(word, uint256(uint160(pointer.proposed)) | (uint256(pointer.eta) << 160));
        assertEq(_bits(word, 160, 64), START + 2 days);
    }

    function _slot(bytes32 key, uint256 base) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(key, base)));
    }

    function _load(address target, uint256 slot) private view returns (uint256) {
        return uint256(vm.load(target, bytes32(slot)));
    }

    function _word(address account) private pure returns (bytes32) {
        return bytes32(uint256(uint160(account)));
    }

    function _bits(uint256 word, uint256 offset, uint256 width) private pure returns (uint256) {
        return (word >> offset) & ((1 << width) - 1);
    }
}
