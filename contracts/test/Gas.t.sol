// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Fixture} from "./Fixture.sol";
import {IConsent} from "../src/interfaces/IConsent.sol";
import {IDirectory} from "../src/interfaces/IDirectory.sol";
import {IRecords} from "../src/interfaces/IRecords.sol";

interface GasVm {
    function snapshotGasLastCall(string calldata group, string calldata name)
        external
        returns (uint256 gasUsed);
    function cool(address target) external;
}

/// @notice Gas of each call by itself, from cold storage, without the 21,000 and the calldata of a transaction.
/// The figures go to snapshots/Gas.json; the limits fail the test.
contract GasTest is Fixture {
    Person private administrator;
    Person private patient;
    Person private doctor;
    Person private second;
    Person private newcomer;

    function setUp() public {
        deploy();
        administrator = register("administrator", IDirectory.Kind.Administrator);
        patient = register("patient", IDirectory.Kind.Patient);
        newcomer = register("newcomer", IDirectory.Kind.Patient);
        doctor = registerApproved("doctor", IDirectory.Kind.Doctor, administrator);
        second = registerApproved("second", IDirectory.Kind.Doctor, administrator);
        grant(patient, termsFor(patient, doctor, "first", 3, 3));
        anchor(doctor, patient, anchorOf(patient, "first", 0));
    }

    function test_gas_register() public {
        Person memory who = person("somebody");
        IDirectory.Voucher memory voucher = voucherFor(IDirectory.Kind.Patient, who.root.addr);
        IDirectory.Registration memory registration = registrationOf(who);
        bytes memory signed = signVoucher(operator.key, voucher);
        _cold();
        vm.prank(who.root.addr);
        directory.register(registration, voucher, signed);
        _measured("register", 300_000);
    }

    function test_gas_grant_first_of_subject() public {
        IConsent.Terms memory terms = termsFor(newcomer, doctor, "grant", 3, 1);
        _cold();
        vm.prank(newcomer.device.addr);
        consent.grant(terms, 0, terms.notAfter);
        _measured("grant, first of a subject", 160_000);
    }

    function test_gas_grant_to_new_grantee() public {
        IConsent.Terms memory terms = termsFor(patient, second, "grant", 3, 1);
        _cold();
        vm.prank(patient.device.addr);
        consent.grant(terms, 0, terms.notAfter);
        _measured("grant, new grantee", 140_000);
    }

    function test_gas_grant_to_new_grantee_at_used_position() public {
        revoke(patient, grant(patient, termsFor(patient, doctor, "old", 3, 1)), START + 1 days);
        IConsent.Terms memory terms = termsFor(patient, second, "grant", 3, 1);
        _cold();
        vm.prank(patient.device.addr);
        consent.grant(terms, 0, terms.notAfter);
        _measured("grant, new grantee at a used position", 130_000);
    }

    function test_gas_grant_to_known_grantee() public {
        IConsent.Terms memory terms = termsFor(patient, doctor, "grant", 3, 1);
        _cold();
        vm.prank(patient.device.addr);
        consent.grant(terms, 0, terms.notAfter);
        _measured("grant, known grantee", 130_000);
    }

    function test_gas_revoke() public {
        bytes32 id = grant(patient, termsFor(patient, second, "grant", 3, 1));
        _cold();
        vm.prank(patient.device.addr);
        consent.revoke(id, 0, uint64(START + 1 days));
        _measured("revoke, first move of epochs", 70_000);
    }

    function test_gas_revoke_raising() public {
        revoke(patient, grant(patient, termsFor(patient, second, "moved", 3, 1)), START + 1 hours);
        bytes32 id = grant(patient, termsFor(patient, second, "grant", 3, 1));
        uint256 epochs = consent.epochsOf(patient.subject);
        _cold();
        vm.prank(patient.device.addr);
        consent.revoke(id, epochs, uint64(START + 1 days));
        _measured("revoke, raising freshUntil", 70_000);
    }

    function test_gas_move_epochs() public {
        _cold();
        vm.prank(patient.device.addr);
        consent.moveEpochs(type(uint16).max, 0, START + 1 days, new bytes32[](0));
        _measured("moveEpochs, sixteen lanes", 60_000);
    }

    function test_gas_request() public {
        _cold();
        vm.prank(second.device.addr);
        consent.request(patient.subject, "salt", 1, START + 1 days, "sealed");
        _measured("request", 140_000);
    }

    function test_gas_anchor_first_of_lane() public {
        IRecords.Anchor memory item = anchorOf(patient, "record", 1);
        _cold();
        vm.prank(doctor.device.addr);
        records.anchor(patient.subject, item, NO_END);
        _measured("anchor, first of a lane", 110_000);
    }

    function test_gas_anchor() public {
        IRecords.Anchor memory item = anchorOf(patient, "record", 0);
        _cold();
        vm.prank(doctor.device.addr);
        records.anchor(patient.subject, item, NO_END);
        _measured("anchor", 70_000);
    }

    function test_gas_anchor_next_version() public {
        IRecords.Anchor memory item = nextOf(anchorOf(patient, "first", 0));
        _cold();
        vm.prank(doctor.device.addr);
        records.anchor(patient.subject, item, NO_END);
        _measured("anchor, next version", 55_000);
    }

    function test_gas_anchor_many() public {
        IRecords.Anchor[] memory items = new IRecords.Anchor[](100);
        for (uint256 i; i < items.length; ++i) {
            items[i] = anchorOf(patient, bytes32(i + 1), uint8(i % 2));
        }
        _cold();
        vm.prank(doctor.device.addr);
        records.anchorMany(patient.subject, items, NO_END);
        _measured("anchorMany, 100", 3_500_000);
    }

    function test_gas_can_read() public {
        _cold();
        consent.canRead(patient.subject, doctor.subject, 0, START);
        _measured("canRead", 20_000);
    }

    /// @dev EIP-170, which the compiler's warning is silenced for.
    function test_shipped_contracts_fit_a_chain() public view {
        assertLt(address(directory).code.length, 24_576);
        assertLt(address(consent).code.length, 24_576);
        assertLt(address(records).code.length, 24_576);
        assertLt(address(registry).code.length, 24_576);
    }

    function _cold() private {
        GasVm(address(vm)).cool(address(directory));
        GasVm(address(vm)).cool(address(consent));
        GasVm(address(vm)).cool(address(records));
    }

    function _measured(string memory name, uint256 limit) private {
        uint256 used = GasVm(address(vm)).snapshotGasLastCall("Gas", name);
        assertLt(used, limit, name);
    }
}
