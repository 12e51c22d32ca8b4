// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Fixture} from "./Fixture.sol";
import {IDirectory} from "../src/interfaces/IDirectory.sol";
import {IConsent} from "../src/interfaces/IConsent.sol";
import {IRecords} from "../src/interfaces/IRecords.sol";

/// @notice Anchors: first and later versions, amendments, lanes, epochs, batches.
contract RecordsTest is Fixture {
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
        grant(patient, termsFor(patient, doctor, "doctor", 1, 3));
        grant(patient, termsFor(patient, second, "second", 1, 1));
    }

    // ---- first and later versions -----------------------------------------------------------

    function test_patient_anchors_in_every_lane() public {
        for (uint8 lane; lane < 16; ++lane) {
            IRecords.Anchor memory item = anchorOf(patient, bytes32(uint256(lane) + 1), lane);
            bytes32 record = _record(patient, item);
            vm.expectEmit(address(records));
            emit IRecords.Anchored(
                patient.subject, record, patient.subject, lane, 1, 1, 0, false, item.commitment, 0
            );
            anchor(patient, patient, item);
            assertEq(records.wordOf(record), wordFor(patient, item));
            _assertLane(lane, 1, _folded(0, record, wordFor(patient, item)));
        }
    }

    function test_doctor_writes_in_the_patients_absence() public {
        IRecords.Anchor memory item = anchorOf(patient, "note", 1);
        anchor(doctor, patient, item);
        bytes32 record = _record(doctor, item);
        assertEq(records.wordOf(record), wordFor(doctor, item));
        assertEq(records.wordOf(_record(patient, item)), 0);
        _assertLane(1, 1, _folded(0, record, wordFor(doctor, item)));
        assertEq(records.laneOf(other.subject, 1).count, 0);
    }

    function test_next_version_replaces_the_word() public {
        IRecords.Anchor memory item = anchorOf(patient, "note", 0);
        IRecords.Anchor memory next = nextOf(item);
        anchor(doctor, patient, item);
        bytes32 record = _record(doctor, item);
        bytes32 rolling = _folded(0, record, wordFor(doctor, item));
        vm.expectEmit(address(records));
        emit IRecords.Anchored(
            patient.subject, record, doctor.subject, 0, 2, 2, 0, false, next.commitment, 0
        );
        anchor(doctor, patient, next);
        assertEq(records.wordOf(record), wordFor(doctor, next));
        _assertLane(0, 2, _folded(rolling, record, wordFor(doctor, next)));
    }

    function testFuzz_a_first_anchor_carries_any_version(uint32 version) public {
        IRecords.Anchor memory item = anchorOf(patient, "moved", 0);
        item.version = version;
        if (version == 0) {
            _refused(doctor, item, _versionWrong(doctor, item));
        } else {
            anchor(doctor, patient, item);
            if (version == type(uint32).max) return;
            anchor(doctor, patient, nextOf(item));
        }
    }

    function test_a_version_never_wraps() public {
        testFuzz_a_first_anchor_carries_any_version(0);
        IRecords.Anchor memory item = anchorOf(patient, "moved", 0);
        item.version = type(uint32).max;
        anchor(doctor, patient, item);
        item.previousVersion = type(uint32).max;
        item.previous = item.commitment;
        item.version = 0;
        _refused(doctor, item, _versionWrong(doctor, item));
    }

    function test_next_version_names_the_one_before() public {
        IRecords.Anchor memory item = anchorOf(patient, "note", 0);
        anchor(doctor, patient, item);
        bytes memory refusal =
            abi.encodeWithSelector(IRecords.PreviousWrong.selector, _record(doctor, item));
        _refused(doctor, item, refusal);
        IRecords.Anchor memory next = nextOf(item);
        next.previous = "another";
        _refused(doctor, next, refusal);
        next = nextOf(item);
        next.previousVersion = 2;
        next.version = 3;
        _refused(doctor, next, refusal);
        next = nextOf(item);
        next.lane = 1;
        _refused(doctor, next, refusal);
        next = nextOf(item);
        next.version = 3;
        _refused(doctor, next, _versionWrong(doctor, next));
        next.version = 1;
        _refused(doctor, next, _versionWrong(doctor, next));
        assertEq(records.wordOf(_record(doctor, item)), wordFor(doctor, item));
        _assertCount(0, 1);
    }

    function test_a_first_anchor_names_none_before() public {
        IRecords.Anchor memory item = anchorOf(patient, "note", 0);
        bytes memory refusal =
            abi.encodeWithSelector(IRecords.PreviousWrong.selector, _record(doctor, item));
        _refused(doctor, nextOf(item), refusal);
        item.previous = "another";
        _refused(doctor, item, refusal);
        item.previous = 0;
        item.previousVersion = 1;
        item.version = 2;
        _refused(doctor, item, refusal);
    }

    /// @dev Whatever the second doctor names, the record of the first keeps its word.
    function test_nobody_replaces_another_authors_record() public {
        IRecords.Anchor memory item = anchorOf(patient, "note", 0);
        anchor(doctor, patient, item);
        bytes32 record = _record(doctor, item);
        IRecords.Anchor memory next = nextOf(item);
        bytes memory refusal =
            abi.encodeWithSelector(IRecords.PreviousWrong.selector, _record(second, item));
        _refused(second, next, refusal);
        anchor(second, patient, item);
        anchor(second, patient, next);
        assertEq(records.wordOf(record), wordFor(doctor, item));
        assertNotEq(record, _record(second, item));
    }

    function test_refuses_no_commitment() public {
        IRecords.Anchor memory item = anchorOf(patient, "note", 0);
        item.commitment = 0;
        _refused(
            doctor,
            item,
            abi.encodeWithSelector(IRecords.CommitmentMissing.selector, bytes32("note"))
        );
    }

    // ---- amendments -------------------------------------------------------------------------

    function test_others_amend() public {
        IRecords.Anchor memory item = anchorOf(patient, "note", 0);
        anchor(doctor, patient, item);
        IRecords.Anchor memory amendment = anchorOf(patient, "remark", 0);
        amendment.amendsAuthor = doctor.subject;
        amendment.amendsTag = "note";
        bytes32 record = _record(second, amendment);
        vm.expectEmit(address(records));
        emit IRecords.Anchored(
            patient.subject,
            record,
            second.subject,
            0,
            1,
            2,
            0,
            false,
            amendment.commitment,
            _record(doctor, item)
        );
        anchor(second, patient, amendment);
        assertEq(records.wordOf(_record(doctor, item)), wordFor(doctor, item));
    }

    function test_amends_only_what_exists_under_the_subject() public {
        anchor(other, other, anchorOf(other, "note", 0));
        IRecords.Anchor memory item = anchorOf(patient, "remark", 0);
        item.amendsAuthor = other.subject;
        item.amendsTag = "note";
        _refusedAmendment(item);
        item.amendsAuthor = doctor.subject;
        item.amendsTag = "remark";
        _refusedAmendment(item);
        item.amendsAuthor = 0;
        _refusedAmendment(item);
        item.amendsAuthor = doctor.subject;
        item.amendsTag = 0;
        _refusedAmendment(item);
    }

    // ---- who may write ----------------------------------------------------------------------

    function test_only_holders_of_a_live_grant_write() public {
        Person memory pending = register("pending", IDirectory.Kind.Doctor);
        Person memory third = registerApproved("third", IDirectory.Kind.Doctor, administrator);
        IRecords.Anchor memory item = anchorOf(patient, "note", 0);
        _refused(third, item, _lane(third, 0));
        _refused(other, item, _lane(other, 0));
        _refused(administrator, item, _lane(administrator, 0));
        _refused(pending, item, _notApproved(pending));
        address[3] memory senders = [stranger, removedDevice(doctor), removedDevice(patient)];
        for (uint256 i; i < senders.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IRecords.NotRegistered.selector, senders[i]));
            vm.prank(senders[i]);
            records.anchor(patient.subject, item, NO_END);
        }
        item.lane = 2;
        _refused(doctor, item, _lane(doctor, 2));
        item.lane = 1;
        _refused(second, item, _lane(second, 1));
    }

    function test_a_grant_to_read_does_not_write() public {
        Person memory third = registerApproved("third", IDirectory.Kind.Doctor, administrator);
        grant(patient, termsFor(patient, third, "third", 0xffff, 0));
        _refused(third, anchorOf(patient, "note", 0), _lane(third, 0));
    }

    function test_suspended_author_is_refused_at_once() public {
        suspend(administrator, doctor);
        _refused(doctor, anchorOf(patient, "note", 0), _notApproved(doctor));
        vote(administrator, doctor, IDirectory.Decision.Reinstate, 0);
        anchor(doctor, patient, anchorOf(patient, "note", 0));
        suspend(administrator, patient);
        _refused(patient, anchorOf(patient, "own", 0), _notApproved(patient));
    }

    function test_revoked_doctor_is_refused_at_once() public {
        bytes32 id = keccak256(abi.encode(patient.subject, doctor.subject, bytes32("doctor")));
        revoke(patient, id, START + 1 days);
        _refused(doctor, anchorOf(patient, "note", 1), _lane(doctor, 1));
    }

    function test_grant_that_ends_is_refused_at_its_second() public {
        vm.warp(START + 1 days - 1);
        anchor(doctor, patient, anchorOf(patient, "note", 0));
        vm.warp(START + 1 days);
        IRecords.Anchor memory item = anchorOf(patient, "late", 0);
        item.inboxOnly = true;
        _refused(doctor, item, _lane(doctor, 0));
    }

    function testFuzz_lane_out_of_range(uint8 lane) public {
        IRecords.Anchor memory item = anchorOf(patient, "note", 0);
        item.lane = uint8(bound(lane, 16, 255));
        _refused(patient, item, abi.encodeWithSelector(IRecords.LaneOutOfRange.selector, item.lane));
    }

    // ---- epochs, freshness, deadline --------------------------------------------------------

    function test_key_slots_need_the_present_epoch() public {
        vm.prank(patient.device.addr);
        consent.moveEpochs(2, 0, START + 1 days, new bytes32[](0));
        IRecords.Anchor memory item = anchorOf(patient, "note", 1);
        assertEq(item.epoch, 1);
        item.epoch = 0;
        bytes memory refusal = abi.encodeWithSelector(IRecords.EpochWrong.selector, 1, 1);
        _refused(doctor, item, refusal);
        item.epoch = 2;
        _refused(doctor, item, refusal);
        item.inboxOnly = true;
        anchor(doctor, patient, item);
        item.tag = "another";
        item.inboxOnly = false;
        item.epoch = 1;
        anchor(doctor, patient, item);
        item.tag = "lane 0";
        item.lane = 0;
        _refused(doctor, item, abi.encodeWithSelector(IRecords.EpochWrong.selector, 0, 0));
    }

    function test_key_slots_need_a_fresh_lane() public {
        IConsent.Terms memory terms = termsFor(patient, second, "short", 1, 1);
        terms.notAfter = START + 60;
        grant(patient, terms);
        vm.warp(START + 59);
        IRecords.Anchor memory item = anchorOf(patient, "note", 1);
        anchor(doctor, patient, item);
        vm.warp(START + 60);
        item.tag = "late";
        bytes memory refusal = abi.encodeWithSelector(IRecords.NotFresh.selector, START + 60);
        _refused(doctor, item, refusal);
        _refused(patient, item, refusal);
        item.inboxOnly = true;
        anchor(doctor, patient, item);
    }

    function test_a_subject_without_grants_is_fresh() public {
        vm.warp(START + 1000 days);
        anchor(other, other, anchorOf(other, "note", 3));
        assertEq(records.laneOf(other.subject, 3).count, 1);
    }

    function test_deadline() public {
        IRecords.Anchor memory item = anchorOf(patient, "note", 0);
        IRecords.Anchor[] memory items = new IRecords.Anchor[](1);
        items[0] = item;
        bytes memory refusal = abi.encodeWithSelector(IRecords.DeadlinePassed.selector, START - 1);
        vm.expectRevert(refusal);
        vm.prank(doctor.device.addr);
        records.anchor(patient.subject, item, START - 1);
        vm.expectRevert(refusal);
        vm.prank(doctor.device.addr);
        records.anchorMany(patient.subject, items, START - 1);
        vm.prank(doctor.device.addr);
        records.anchor(patient.subject, item, START);
    }

    // ---- batches ----------------------------------------------------------------------------

    function testFuzz_a_batch_equals_single_anchors(uint256 seed, uint8 size) public {
        uint256 count = bound(size, 1, 24);
        IRecords.Anchor[] memory items = new IRecords.Anchor[](count);
        for (uint256 i; i < count; ++i) {
            uint256 dice = uint256(keccak256(abi.encode(seed, i)));
            items[i] = i > 0 && dice % 3 == 0
                ? nextOf(items[i - 1])
                : anchorOf(patient, bytes32(i + 1), uint8(dice % 16));
        }
        uint256 state = vm.snapshotState();
        for (uint256 i; i < count; ++i) {
            anchor(patient, patient, items[i]);
        }
        bytes32 expected = _digest(items);
        vm.revertToState(state);
        assertNotEq(_digest(items), expected);
        vm.prank(patient.device.addr);
        records.anchorMany(patient.subject, items, NO_END);
        assertEq(_digest(items), expected);
    }

    function test_a_batch_amends_and_continues_within_itself() public {
        IRecords.Anchor[] memory items = new IRecords.Anchor[](3);
        items[0] = anchorOf(patient, "note", 1);
        items[1] = nextOf(items[0]);
        items[2] = anchorOf(patient, "remark", 0);
        items[2].amendsAuthor = doctor.subject;
        items[2].amendsTag = "note";
        vm.prank(doctor.device.addr);
        records.anchorMany(patient.subject, items, NO_END);
        assertEq(records.wordOf(_record(doctor, items[0])), wordFor(doctor, items[1]));
        _assertCount(1, 2);
        _assertCount(0, 1);
    }

    function test_one_fault_refuses_the_whole_batch() public {
        IRecords.Anchor[] memory items = new IRecords.Anchor[](3);
        items[0] = anchorOf(patient, "1", 0);
        items[1] = anchorOf(patient, "2", 1);
        items[2] = anchorOf(patient, "3", 2);
        _refusedMany(doctor.device.addr, items, _lane(doctor, 2));
        assertEq(records.wordOf(_record(doctor, items[0])), 0);
        _assertCount(0, 0);
        items[2] = items[0];
        _refusedMany(
            doctor.device.addr,
            items,
            abi.encodeWithSelector(IRecords.PreviousWrong.selector, _record(doctor, items[0]))
        );
    }

    function test_batch_size() public {
        _refusedBatch(0);
        _refusedBatch(129);
        IRecords.Anchor[] memory items = new IRecords.Anchor[](128);
        for (uint256 i; i < items.length; ++i) {
            items[i] = anchorOf(patient, bytes32(i + 1), 0);
        }
        vm.prank(doctor.device.addr);
        records.anchorMany(patient.subject, items, NO_END);
        _assertCount(0, 128);
    }

    function test_only_holders_of_a_live_grant_write_batches() public {
        IRecords.Anchor[] memory items = new IRecords.Anchor[](1);
        items[0] = anchorOf(patient, "note", 0);
        suspend(administrator, second);
        _refusedMany(
            stranger, items, abi.encodeWithSelector(IRecords.NotRegistered.selector, stranger)
        );
        _refusedMany(other.device.addr, items, _lane(other, 0));
        _refusedMany(administrator.device.addr, items, _lane(administrator, 0));
        _refusedMany(second.device.addr, items, _notApproved(second));
    }

    // ---- helpers ----------------------------------------------------------------------------

    /// @dev All that anchors change: the words and the lanes.
    function _digest(IRecords.Anchor[] memory items) private view returns (bytes32 digest) {
        for (uint256 i; i < items.length; ++i) {
            digest = _folded(digest, "word", records.wordOf(_record(patient, items[i])));
        }
        for (uint8 lane; lane < 16; ++lane) {
            IRecords.Lane memory tip = records.laneOf(patient.subject, lane);
            digest = _folded(digest, bytes32(uint256(tip.count)), tip.rolling);
        }
    }

    function _record(Person memory author, IRecords.Anchor memory item)
        private
        view
        returns (bytes32)
    {
        return keccak256(abi.encode(patient.subject, author.subject, item.tag));
    }

    function _folded(bytes32 rolling, bytes32 record, bytes32 word) private pure returns (bytes32) {
        return keccak256(abi.encode(rolling, record, word));
    }

    function _assertLane(uint8 lane, uint64 count, bytes32 rolling) private view {
        _assertCount(lane, count);
        assertEq(records.laneOf(patient.subject, lane).rolling, rolling);
    }

    function _assertCount(uint8 lane, uint64 count) private view {
        assertEq(records.laneOf(patient.subject, lane).count, count);
    }

    function _refused(Person memory author, IRecords.Anchor memory item, bytes memory refusal)
        private
    {
        vm.expectRevert(refusal);
        vm.prank(author.device.addr);
        records.anchor(patient.subject, item, NO_END);
    }

    function _refusedMany(address sender, IRecords.Anchor[] memory items, bytes memory refusal)
        private
    {
        vm.expectRevert(refusal);
        vm.prank(sender);
        records.anchorMany(patient.subject, items, NO_END);
    }

    function _refusedAmendment(IRecords.Anchor memory item) private {
        bytes32 target = keccak256(abi.encode(patient.subject, item.amendsAuthor, item.amendsTag));
        _refused(doctor, item, abi.encodeWithSelector(IRecords.AmendsUnknown.selector, target));
    }

    function _refusedBatch(uint256 size) private {
        IRecords.Anchor[] memory items = new IRecords.Anchor[](size);
        for (uint256 i; i < size; ++i) {
            items[i] = anchorOf(patient, bytes32(i + 1), 0);
        }
        _refusedMany(
            doctor.device.addr,
            items,
            abi.encodeWithSelector(IRecords.BatchSizeWrong.selector, size, uint256(128))
        );
    }

    function _lane(Person memory author, uint8 lane) private view returns (bytes memory) {
        return abi.encodeWithSelector(
            IRecords.LaneNotWritable.selector, patient.subject, author.subject, lane
        );
    }

    function _notApproved(Person memory author) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IRecords.AuthorNotApproved.selector, author.subject);
    }

    function _versionWrong(Person memory author, IRecords.Anchor memory item)
        private
        view
        returns (bytes memory)
    {
        return abi.encodeWithSelector(
            IRecords.VersionWrong.selector, _record(author, item), item.version
        );
    }
}
