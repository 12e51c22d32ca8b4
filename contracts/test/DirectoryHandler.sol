// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Fixture} from "./Fixture.sol";
import {IDirectory} from "../src/interfaces/IDirectory.sol";

/// @title DirectoryHandler
/// @notice Guided votes, applications, devices and vouchers, with an account of our own of what must hold.
/// @dev `broken` names the first rule that a call broke: a revert in here would only be discarded.
contract DirectoryHandler is Fixture {
    struct Ghost {
        IDirectory.Status status;
        bool administrator;
        bytes32 credentials;
        uint8 devices;
    }

    uint8 public constant ADMINISTRATORS = 4;
    uint8 public constant PEOPLE = 7;
    uint8 private constant SPARE_DEVICES = 18;

    /// Four administrators, a doctor, a pharmacy, a patient.
    Person[] private _people;
    Ghost[] private _ghosts;
    /// Votes that count, by subject and administrator.
    mapping(uint8 subject => mapping(uint8 administrator => IDirectory.Decision)) private _votes;
    mapping(uint8 administrator => uint8) private _thresholdVotes;
    uint8 private _threshold = 1;

    /// 0 unused, 1 live, 2 removed.
    mapping(uint8 device => uint8) private _deviceState;
    mapping(uint8 device => uint8) private _deviceOwner;
    IDirectory.Voucher[] private _vouchers;

    string public broken;
    mapping(bytes32 call => uint256) public done;

    constructor() {
        deploy();
        _add("first", IDirectory.Kind.Administrator, IDirectory.Status.Approved);
        _add("second", IDirectory.Kind.Administrator, IDirectory.Status.Pending);
        _add("third", IDirectory.Kind.Administrator, IDirectory.Status.Pending);
        _add("fourth", IDirectory.Kind.Administrator, IDirectory.Status.Pending);
        _add("doctor", IDirectory.Kind.Doctor, IDirectory.Status.Pending);
        _add("pharmacy", IDirectory.Kind.Pharmacy, IDirectory.Status.Pending);
        _add("patient", IDirectory.Kind.Patient, IDirectory.Status.Approved);
    }

    // ---- calls ------------------------------------------------------------------------------

    /// @dev One call in eight names credentials that the subject does not have.
    function decide(uint256 from, uint256 about, uint256 choice, uint16 reason) external {
        uint8 voter = uint8(from % PEOPLE);
        uint8 subject = uint8(about % PEOPLE);
        IDirectory.Decision decision = _likely(subject, choice);
        bool stale = uint256(keccak256(abi.encode(from, about, choice))) % 8 == 0;
        bool may = _mayVote(voter) && voter != subject && _possible(subject, decision, reason)
            && _votes[subject][voter] != decision && !stale;
        bytes32 judged = _ghosts[subject].credentials;
        if (stale) judged = keccak256(abi.encode(judged));
        vm.prank(_people[voter].device.addr);
        try directory.vote(_people[subject].subject, decision, reason, judged) {
            if (!may) broken = "vote that must be refused";
            _votes[subject][voter] = decision;
            uint256 votes;
            for (uint8 i; i < ADMINISTRATORS; ++i) {
                if (_votes[subject][i] == decision) ++votes;
            }
            if (votes >= _threshold) _decided(subject, decision);
            ++done["decide"];
        } catch {
            if (may) broken = "good vote refused";
        }
    }

    function changeThreshold(uint256 from, uint256 choice) external {
        uint8 voter = uint8(from % PEOPLE);
        uint8 threshold = uint8(choice % 6);
        bool may = _mayVote(voter) && threshold > 0 && threshold <= administrators()
            && threshold != _threshold && _thresholdVotes[voter] != threshold;
        vm.prank(_people[voter].root.addr);
        try directory.voteThreshold(threshold) {
            if (!may) broken = "threshold vote that must be refused";
            _thresholdVotes[voter] = threshold;
            uint256 votes;
            for (uint8 i; i < ADMINISTRATORS; ++i) {
                if (_thresholdVotes[i] == threshold) ++votes;
            }
            if (votes >= _threshold) {
                _threshold = threshold;
                _newElectorate();
                ++done["threshold"];
            }
        } catch {
            if (may) broken = "good threshold vote refused";
        }
    }

    function apply_(uint256 from, bytes32 credentialHash) external {
        uint8 who = uint8(from % PEOPLE);
        IDirectory.Status status = _ghosts[who].status;
        bool may = who != 6 && credentialHash != 0 && status != IDirectory.Status.Approved;
        vm.prank(_people[who].device.addr);
        try directory.submitApplication(credentialHash) {
            if (!may) broken = "application that must be refused";
            _ghosts[who].credentials = credentialHash;
            if (status == IDirectory.Status.Rejected) {
                _ghosts[who].status = IDirectory.Status.Pending;
            }
            _newRound(who);
            ++done["apply"];
        } catch {
            if (may) broken = "good application refused";
        }
    }

    function addDevice(uint256 from, uint256 which) external {
        uint8 who = uint8(from % 2 == 0 ? 6 : from % PEOPLE);
        uint8 device = uint8(which % SPARE_DEVICES);
        Actor memory key = _spare(device);
        bytes memory signed = signDevice(key.key, _people[who].subject, key.addr);
        bool may = _deviceState[device] == 0 && _ghosts[who].devices < 16;
        vm.prank(_people[who].root.addr);
        try directory.addDevice(key.addr, signed) {
            if (!may) broken = "device that must be refused";
            _deviceState[device] = 1;
            _deviceOwner[device] = who;
            ++_ghosts[who].devices;
            ++done["addDevice"];
        } catch {
            if (may) broken = "good device refused";
        }
    }

    function removeDevice(uint256 from, uint256 which) external {
        uint8 device = uint8(which % SPARE_DEVICES);
        uint8 who = from % 4 != 0 ? _deviceOwner[device] : uint8((from >> 8) % PEOPLE);
        bool may = _deviceState[device] == 1 && _deviceOwner[device] == who;
        address account = _spare(device).addr;
        vm.prank(_people[who].root.addr);
        try directory.removeDevice(account) {
            if (!may) broken = "removal that must be refused";
            _deviceState[device] = 2;
            --_ghosts[who].devices;
            ++done["removeDevice"];
        } catch {
            if (may) broken = "good removal refused";
        }
    }

    /// @dev A spent voucher, a known root or device: each is refused for ever.
    function registerAgain(uint256 from, uint256 which, bool fresh) external {
        Person memory who = _people[from % PEOPLE];
        IDirectory.Voucher memory voucher = fresh
            ? voucherFor(IDirectory.Kind.Administrator, who.root.addr)
            : _vouchers[which % _vouchers.length];
        bytes memory signed = signVoucher(operator.key, voucher);
        IDirectory.Registration memory registration = registrationOf(who);
        Actor memory device = makeActor(string.concat(who.name, " new device"));
        registration.device = device.addr;
        registration.deviceSignature = signDevice(device.key, who.subject, device.addr);
        vm.prank(fresh ? who.root.addr : voucher.root);
        try directory.register(registration, voucher, signed) {
            broken = "registered again";
        } catch {
            ++done["registerAgain"];
        }
    }

    // ---- what invariants read ---------------------------------------------------------------

    function check() external view {
        assertEq(directory.threshold(), _threshold, "threshold");
        assertEq(directory.administrators(), administrators(), "administrators");
        assertGe(directory.administrators(), _threshold, "fewer administrators than votes needed");
        for (uint8 i; i < PEOPLE; ++i) {
            assertStatus(_people[i], _ghosts[i].status);
            assertEq(directory.actor(_people[i].root.addr), _people[i].subject);
            assertLe(_ghosts[i].devices, 16);
        }
        for (uint8 i; i < SPARE_DEVICES; ++i) {
            address account = vm.addr(_spareKey(i));
            bytes32 owner = _deviceState[i] == 0 ? bytes32(0) : _people[_deviceOwner[i]].subject;
            assertEq(directory.actor(account), _deviceState[i] == 1 ? owner : bytes32(0));
            assertEq(directory.deviceOf(account).subject, owner);
        }
        for (uint256 i; i < _vouchers.length; ++i) {
            assertTrue(directory.voucherSpent(0, _vouchers[i].nonce));
        }
    }

    function administrators() public view returns (uint256 count) {
        for (uint8 i; i < ADMINISTRATORS; ++i) {
            if (_ghosts[i].status == IDirectory.Status.Approved) ++count;
        }
    }

    // ---- our own account --------------------------------------------------------------------

    function _add(string memory name, IDirectory.Kind kind, IDirectory.Status status) private {
        Person memory who = person(name);
        IDirectory.Voucher memory voucher = voucherFor(kind, who.root.addr);
        bytes memory signed = signVoucher(operator.key, voucher);
        IDirectory.Registration memory registration = registrationOf(who);
        vm.prank(who.root.addr);
        directory.register(registration, voucher, signed);
        _vouchers.push(voucher);
        _people.push(who);
        _ghosts.push(Ghost(status, kind == IDirectory.Kind.Administrator, 0, 1));
    }

    function _mayVote(uint8 voter) private view returns (bool) {
        return _ghosts[voter].administrator && _ghosts[voter].status == IDirectory.Status.Approved;
    }

    function _possible(uint8 subject, IDirectory.Decision decision, uint16 reason)
        private
        view
        returns (bool)
    {
        Ghost storage ghost = _ghosts[subject];
        if (decision == IDirectory.Decision.Approve) {
            return ghost.status == IDirectory.Status.Pending
                && (ghost.administrator || ghost.credentials != 0);
        }
        if (decision == IDirectory.Decision.Reject) {
            return ghost.status == IDirectory.Status.Pending && reason != 0;
        }
        if (decision == IDirectory.Decision.Reinstate) {
            return ghost.status == IDirectory.Status.Suspended;
        }
        if (decision == IDirectory.Decision.None) return false;
        return ghost.status == IDirectory.Status.Approved && reason != 0
            && !(ghost.administrator && administrators() <= _threshold);
    }

    function _decided(uint8 subject, IDirectory.Decision decision) private {
        Ghost storage ghost = _ghosts[subject];
        if (decision == IDirectory.Decision.Reject) {
            ghost.status = IDirectory.Status.Rejected;
        } else if (decision == IDirectory.Decision.Suspend) {
            ghost.status = IDirectory.Status.Suspended;
        } else {
            ghost.status = IDirectory.Status.Approved;
        }
        _newRound(subject);
        if (ghost.administrator && decision != IDirectory.Decision.Reject) _newElectorate();
        ++done["decided"];
    }

    function _newRound(uint8 subject) private {
        for (uint8 i; i < ADMINISTRATORS; ++i) {
            delete _votes[subject][i];
        }
    }

    function _newElectorate() private {
        for (uint8 subject; subject < PEOPLE; ++subject) {
            _newRound(subject);
        }
        for (uint8 i; i < ADMINISTRATORS; ++i) {
            delete _thresholdVotes[i];
        }
    }

    /// @dev Mostly a decision that the status allows.
    function _likely(uint8 subject, uint256 choice) private view returns (IDirectory.Decision) {
        if (choice % 4 == 0) return IDirectory.Decision((choice >> 8) % 5);
        IDirectory.Status status = _ghosts[subject].status;
        if (status == IDirectory.Status.Approved) return IDirectory.Decision.Suspend;
        if (status == IDirectory.Status.Suspended) return IDirectory.Decision.Reinstate;
        return choice % 4 == 1 ? IDirectory.Decision.Reject : IDirectory.Decision.Approve;
    }

    function _spareKey(uint8 device) private pure returns (uint256) {
        return uint256(keccak256(abi.encode("spare device", device))) >> 8;
    }

    function _spare(uint8 device) private pure returns (Actor memory) {
        return Actor({addr: vm.addr(_spareKey(device)), key: _spareKey(device)});
    }
}
