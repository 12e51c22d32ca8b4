// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Fixture} from "./Fixture.sol";
import {IDirectory} from "../src/interfaces/IDirectory.sol";

/// @notice Devices, key bundle, profile and home.
contract DirectoryKeysTest is Fixture {
    Person private administrator;
    Person private patient;
    Person private other;
    address private gone;

    function setUp() public {
        deploy();
        administrator = register("administrator", IDirectory.Kind.Administrator);
        patient = register("patient", IDirectory.Kind.Patient);
        other = register("other", IDirectory.Kind.Patient);
        gone = removedDevice(patient);
    }

    // ---- devices ----------------------------------------------------------------------------

    function test_root_adds_a_device() public {
        Actor memory device = makeActor("tablet");
        vm.warp(START + 60);
        vm.expectEmit(address(directory));
        emit IDirectory.DeviceAdded(patient.subject, device.addr);
        _add(patient, device, "");
        assertEq(directory.actor(device.addr), patient.subject);
        assertEq(directory.deviceOf(device.addr).addedAt, START + 60);
        assertEq(directory.rootSubject(device.addr), 0);
    }

    function test_removed_device_acts_no_more_and_keeps_its_times() public {
        vm.warp(START + 60);
        vm.expectEmit(address(directory));
        emit IDirectory.DeviceRemoved(patient.subject, patient.device.addr);
        vm.prank(patient.root.addr);
        directory.removeDevice(patient.device.addr);
        assertEq(directory.actor(patient.device.addr), 0);
        IDirectory.Device memory device = directory.deviceOf(patient.device.addr);
        assertEq(device.subject, patient.subject);
        assertEq(device.addedAt, START);
        assertEq(device.removedAt, START + 60);
        vm.expectRevert(
            abi.encodeWithSelector(IDirectory.NotRegistered.selector, patient.device.addr)
        );
        vm.prank(patient.device.addr);
        directory.setProfile("profile");
    }

    function test_refuses_a_removed_device_for_ever() public {
        Actor memory device = makeActor("patient removed device");
        assertEq(device.addr, gone);
        bytes memory refusal = abi.encodeWithSelector(IDirectory.AddressTaken.selector, device.addr);
        _add(patient, device, refusal);
        _add(other, device, refusal);
    }

    function test_refuses_a_device_that_is_in_use() public {
        _add(
            patient,
            other.device,
            abi.encodeWithSelector(IDirectory.AddressTaken.selector, other.device.addr)
        );
        _add(
            patient,
            other.root,
            abi.encodeWithSelector(IDirectory.AddressTaken.selector, other.root.addr)
        );
        _add(
            patient,
            patient.device,
            abi.encodeWithSelector(IDirectory.AddressTaken.selector, patient.device.addr)
        );
    }

    function test_refuses_a_device_that_consented_to_another_subject() public {
        Actor memory device = makeActor("tablet");
        bytes memory signed = signDevice(device.key, other.subject, device.addr);
        vm.expectRevert(
            abi.encodeWithSelector(IDirectory.DeviceSignatureWrong.selector, device.addr)
        );
        vm.prank(patient.root.addr);
        directory.addDevice(device.addr, signed);
    }

    function test_sixteen_live_devices_and_no_more() public {
        uint256 limit = directory.MAX_DEVICES();
        assertEq(limit, 16);
        for (uint256 i = 1; i < limit; ++i) {
            _add(patient, makeActor(string.concat("device ", string(abi.encodePacked(i)))), "");
        }
        Actor memory late = makeActor("late");
        _add(patient, late, abi.encodeWithSelector(IDirectory.TooManyDevices.selector, 16));
        vm.prank(patient.root.addr);
        directory.removeDevice(patient.device.addr);
        _add(patient, late, "");
        Actor memory later = makeActor("later");
        _add(patient, later, abi.encodeWithSelector(IDirectory.TooManyDevices.selector, 16));
    }

    function test_only_the_root_adds_and_removes_devices() public {
        Actor memory device = makeActor("tablet");
        bytes memory signed = signDevice(device.key, patient.subject, device.addr);
        address[5] memory senders = _notRoots();
        for (uint256 i; i < senders.length; ++i) {
            bytes memory refusal = abi.encodeWithSelector(IDirectory.NotRoot.selector, senders[i]);
            vm.expectRevert(refusal);
            vm.prank(senders[i]);
            directory.addDevice(device.addr, signed);
            vm.expectRevert(refusal);
            vm.prank(senders[i]);
            directory.removeDevice(patient.device.addr);
        }
    }

    function test_a_root_removes_no_other_subjects_device() public {
        address[4] memory devices =
            [patient.device.addr, other.root.addr, gone, makeAddr("unknown")];
        address[2] memory senders = [other.root.addr, administrator.root.addr];
        for (uint256 i; i < devices.length; ++i) {
            for (uint256 j; j < senders.length; ++j) {
                vm.expectRevert(
                    abi.encodeWithSelector(IDirectory.DeviceNotLive.selector, devices[i])
                );
                vm.prank(senders[j]);
                directory.removeDevice(devices[i]);
            }
        }
        vm.expectRevert(abi.encodeWithSelector(IDirectory.DeviceNotLive.selector, gone));
        vm.prank(patient.root.addr);
        directory.removeDevice(gone);
    }

    // ---- key bundle, profile, home ----------------------------------------------------------

    function test_root_changes_the_key_bundle() public {
        vm.expectEmit(address(directory));
        emit IDirectory.KeyBundleChanged(patient.subject, 2, 0, "second");
        vm.prank(patient.root.addr);
        directory.setKeyBundle("second", 0);
        vm.expectEmit(address(directory));
        emit IDirectory.KeyBundleChanged(patient.subject, 3, 1, "third");
        vm.prank(patient.root.addr);
        directory.setKeyBundle("third", 1);
        IDirectory.Subject memory subject = directory.subjectOf(patient.subject);
        assertEq(subject.keyVersion, 3);
        assertEq(subject.keyGeneration, 1);
        assertEq(subject.keyBundleHash, "third");
        assertEq(subject.root, patient.root.addr);
        assertStatus(patient, IDirectory.Status.Approved);
    }

    function testFuzz_key_generation_never_falls(uint16 first, uint16 second) public {
        vm.prank(patient.root.addr);
        directory.setKeyBundle("first", first);
        if (second < first) {
            vm.expectRevert(
                abi.encodeWithSelector(IDirectory.KeyGenerationFell.selector, first, second)
            );
        }
        vm.prank(patient.root.addr);
        directory.setKeyBundle("second", second);
        IDirectory.Subject memory subject = directory.subjectOf(patient.subject);
        assertEq(subject.keyGeneration, second < first ? first : second);
        assertEq(subject.keyVersion, second < first ? 2 : 3);
    }

    function test_refuses_an_empty_key_bundle() public {
        vm.expectRevert(IDirectory.KeyBundleMissing.selector);
        vm.prank(patient.root.addr);
        directory.setKeyBundle(0, 1);
    }

    function test_root_and_device_change_the_profile() public {
        vm.expectEmit(address(directory));
        emit IDirectory.ProfileChanged(patient.subject, "by device");
        vm.prank(patient.device.addr);
        directory.setProfile("by device");
        assertEq(directory.subjectOf(patient.subject).profileHash, "by device");
        vm.prank(patient.root.addr);
        directory.setProfile("by root");
        assertEq(directory.subjectOf(patient.subject).profileHash, "by root");
        assertNotEq(directory.subjectOf(other.subject).profileHash, "by root");
    }

    function test_root_changes_the_home() public {
        vm.expectEmit(address(directory));
        emit IDirectory.HomeChanged(patient.subject, "home");
        vm.prank(patient.root.addr);
        directory.setHome("home");
        assertEq(directory.subjectOf(patient.subject).homeHash, "home");
    }

    function test_only_the_root_changes_key_bundle_and_home() public {
        address[5] memory senders = _notRoots();
        for (uint256 i; i < senders.length; ++i) {
            bytes memory refusal = abi.encodeWithSelector(IDirectory.NotRoot.selector, senders[i]);
            vm.expectRevert(refusal);
            vm.prank(senders[i]);
            directory.setKeyBundle("bundle", 0);
            vm.expectRevert(refusal);
            vm.prank(senders[i]);
            directory.setHome("home");
        }
    }

    function test_strangers_and_removed_devices_change_no_profile() public {
        address[3] memory senders = [stranger, gone, operator.addr];
        for (uint256 i; i < senders.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IDirectory.NotRegistered.selector, senders[i]));
            vm.prank(senders[i]);
            directory.setProfile("profile");
        }
    }

    // ---- helpers ----------------------------------------------------------------------------

    function _notRoots() private view returns (address[5] memory) {
        return [stranger, gone, operator.addr, patient.device.addr, administrator.device.addr];
    }

    function _add(Person memory who, Actor memory device, bytes memory refusal) private {
        bytes memory signed = signDevice(device.key, who.subject, device.addr);
        if (refusal.length != 0) vm.expectRevert(refusal);
        vm.prank(who.root.addr);
        directory.addDevice(device.addr, signed);
    }
}
