// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Fixture} from "./Fixture.sol";
import {IConsent} from "../src/interfaces/IConsent.sol";
import {IDirectory} from "../src/interfaces/IDirectory.sol";
import {IRecords} from "../src/interfaces/IRecords.sol";

/// @title CareHandler
/// @notice Guided calls of Consent and Records by fixed people, with an account of our own of what must hold.
/// @dev `broken` names the first rule that a call broke: a revert in here would only be discarded.
contract CareHandler is Fixture {
    struct GhostGrant {
        bytes32 id;
        uint8 subject;
        uint8 grantee;
        uint16 readLanes;
        uint16 writeLanes;
        uint64 notAfter;
        bool ended;
        /// Lanes whose keys the grantee still holds though the grant has ended.
        uint16 unmoved;
    }

    struct GhostRecord {
        bytes32 id;
        uint8 subject;
        uint8 author;
        IRecords.Anchor item;
    }

    struct GhostRequest {
        bytes32 id;
        uint8 subject;
        uint8 requester;
        bool open;
    }

    uint8 public constant SUBJECTS = 2;
    uint8 public constant PEOPLE = 7;

    /// Two patients, three doctors, a pending doctor, an administrator; after them the senders without any right.
    Person[] private _people;
    address[] private _outsiders;

    GhostGrant[] private _grants;
    GhostRecord[] private _records;
    GhostRequest[] private _requests;
    mapping(uint8 subject => uint16[16]) private _epochs;
    mapping(uint8 subject => uint64) private _fresh;
    mapping(uint8 subject => mapping(uint8 lane => bytes32)) private _rolling;
    mapping(uint8 subject => mapping(uint8 lane => uint64)) private _count;
    mapping(uint8 subject => mapping(uint8 grantee => uint64)) private _nonce;
    uint256 private _salt;

    string public broken;
    mapping(bytes32 call => uint256) public done;

    constructor() {
        deploy();
        Person memory administrator = register("administrator", IDirectory.Kind.Administrator);
        _people.push(register("patient", IDirectory.Kind.Patient));
        _people.push(register("other", IDirectory.Kind.Patient));
        _people.push(registerApproved("doctor", IDirectory.Kind.Doctor, administrator));
        _people.push(registerApproved("pharmacy", IDirectory.Kind.Pharmacy, administrator));
        _people.push(registerApproved("clinic", IDirectory.Kind.Organisation, administrator));
        _people.push(register("pending", IDirectory.Kind.Doctor));
        _people.push(administrator);
        _outsiders = [stranger, operator.addr, removedDevice(_people[0]), removedDevice(_people[2])];
    }

    // ---- calls ------------------------------------------------------------------------------

    function pass(uint256 secs) external {
        vm.warp(vm.getBlockTimestamp() + bound(secs, 1, 6 hours));
    }

    function turnStatus(uint256 seed) external {
        Person memory who = _people[bound(seed, 2, 4)];
        bool live = statusOf(who) == IDirectory.Status.Approved;
        vote(_people[6], who, live ? IDirectory.Decision.Suspend : IDirectory.Decision.Reinstate, 1);
        ++done["turnStatus"];
    }

    function ask(uint256 from, uint256 subject) external {
        uint8 requester = uint8(bound(from, 0, PEOPLE - 1));
        uint8 of_ = uint8(subject % SUBJECTS);
        bool may = _receives(requester);
        bool full = openRequests(of_, requester) >= 4;
        bytes32 salt_ = bytes32(++_salt);
        uint64 expiry = uint64(vm.getBlockTimestamp() + 1 days);
        vm.prank(_people[requester].device.addr);
        try consent.request(_people[of_].subject, salt_, 1, expiry, "sealed") returns (bytes32 id) {
            if (!may) broken = "request by somebody who may not";
            if (full) broken = "more open requests than the limit";
            _requests.push(GhostRequest(id, of_, requester, true));
            ++done["ask"];
        } catch {
            if (may && !full) broken = "good request refused";
        }
    }

    function answer(uint256 sender, uint256 which, bool withdrawn) external {
        if (_requests.length == 0) return;
        GhostRequest storage entry = _requests[which % _requests.length];
        (address from, uint8 actor) = _sender(sender, withdrawn ? entry.requester : entry.subject);
        bool may = entry.open && actor == (withdrawn ? entry.requester : entry.subject);
        vm.prank(from);
        (bool success,) = address(consent)
            .call(
                withdrawn
                    ? abi.encodeCall(IConsent.withdraw, (entry.id))
                    : abi.encodeCall(IConsent.refuse, (entry.id))
            );
        if (success != may) broken = "answer and right differ";
        if (success) {
            entry.open = false;
            ++done["answer"];
        }
    }

    function give(uint256 sender, uint256 to, uint256 subject, uint32 lanes, uint256 fresh)
        external
    {
        uint8 grantee = uint8(bound(to, 0, PEOPLE - 1));
        uint8 of_ = uint8(subject % SUBJECTS);
        (address from, uint8 actor) = _sender(sender, of_);
        IConsent.Terms memory terms = termsFor(
            _people[of_], _people[grantee], bytes32(++_salt), uint16(lanes), uint16(lanes >> 16)
        );
        terms.notAfter = uint64(vm.getBlockTimestamp() + bound(fresh >> 64, 1, 1 days));
        uint64 freshUntil = _freshFor(fresh, latestFresh(terms));
        uint64 limit = latestFresh(terms);
        vm.prank(from);
        try consent.grant(terms, 0, freshUntil) returns (bytes32 id) {
            if (actor != of_) broken = "grant by somebody else";
            if (!_receives(grantee) || lanes == 0) broken = "grant that must be refused";
            if (freshUntil > limit) broken = "grant raised freshUntil";
            _dropExpired(of_, grantee);
            if (pairCount(of_, grantee) >= 4) broken = "more grants of a pair than the limit";
            _fresh[of_] = freshUntil;
            _grants.push(
                GhostGrant(
                    id,
                    of_,
                    grantee,
                    terms.readLanes,
                    terms.writeLanes,
                    terms.notAfter,
                    false,
                    terms.readLanes
                )
            );
            ++done["give"];
        } catch {}
    }

    function takeBack(uint256 sender, uint256 which, uint256 fresh, bool late) external {
        if (_grants.length == 0) return;
        GhostGrant storage entry = _grants[which % _grants.length];
        uint8 of_ = entry.subject;
        (address from, uint8 actor) = _sender(sender, of_);
        uint256 epochs = epochsOf(of_);
        uint64 present = _fresh[of_] == 0 ? NO_END : _fresh[of_];
        uint64 freshUntil = _freshFor(fresh, present);
        vm.prank(from);
        try consent.revoke(entry.id, late ? epochs + 1 : epochs, freshUntil) {
            if (late) broken = "revoke of other epochs";
            if (actor != of_) broken = "revoke by somebody else";
            if (entry.ended) broken = "revoke of an ended grant";
            entry.ended = true;
            ++_nonce[of_][entry.grantee];
            _moved(of_, entry.readLanes, entry.id);
            _fresh[of_] = freshUntil;
            ++done["takeBack"];
        } catch {
            bool good = actor == of_ && !late && !entry.ended;
            if (good && freshUntil <= present) broken = "good revoke refused";
        }
    }

    function move(uint256 sender, uint256 subject, uint16 lanes, uint256 fresh, bool drop)
        external
    {
        uint8 of_ = uint8(subject % SUBJECTS);
        (address from, uint8 actor) = _sender(sender, of_);
        bytes32[] memory expired = drop ? _expired(of_, lanes) : new bytes32[](0);
        uint256 epochs = epochsOf(of_);
        uint64 present = _fresh[of_] == 0 ? NO_END : _fresh[of_];
        uint64 freshUntil = _freshFor(fresh, present);
        vm.prank(from);
        try consent.moveEpochs(lanes, epochs, freshUntil, expired) {
            if (actor >= SUBJECTS) {
                // A professional moved its own epochs; `epochs` was equal by chance.
                return;
            }
            for (uint256 i; i < expired.length; ++i) {
                _end(expired[i]);
            }
            if (actor != of_) return _movedOther(actor, lanes, freshUntil, expired.length);
            _moved(of_, lanes, 0);
            _fresh[of_] = freshUntil;
            ++done["move"];
        } catch {
            bool good = actor == of_ && (lanes != 0 || expired.length != 0);
            if (good && freshUntil <= present) broken = "good move refused";
        }
    }

    function write(uint256 sender, uint256 subject, uint256 dice, bool inboxOnly) external {
        uint8 of_ = uint8(subject % SUBJECTS);
        uint8 author = uint8(bound(sender, 0, PEOPLE - 1));
        IRecords.Anchor memory item =
            anchorOf(_people[of_], bytes32(dice % 8 + 1), uint8((dice >> 8) % 17));
        item.inboxOnly = inboxOnly;
        item.commitment = keccak256(abi.encode(++_salt));
        bytes32 id = records.recordId(_people[of_].subject, _people[author].subject, item.tag);
        uint256 known = _recordIndex(id);
        if (known < _records.length && dice >> 16 & 1 == 1) {
            IRecords.Anchor memory former = _records[known].item;
            (item.lane, item.previous) = (former.lane, former.commitment);
            (item.previousVersion, item.version) = (former.version, former.version + 1);
            item.epoch = epochAt(_people[of_].subject, item.lane);
        }
        if (dice >> 17 & 7 == 0) ++item.epoch;
        vm.prank(_people[author].device.addr);
        try records.anchor(_people[of_].subject, item, NO_END) {
            _checkWrite(of_, author, item, known);
            _fold(of_, author, item, known, id);
            ++done[author == of_ ? bytes32("write") : bytes32("write for another")];
        } catch {}
    }

    /// @dev Nobody without a subject gets anything done.
    function intrude(uint256 sender, uint256 which, uint256 subject) external {
        address from = _outsiders[sender % _outsiders.length];
        uint8 of_ = uint8(subject % SUBJECTS);
        bytes memory data;
        address target = address(consent);
        if (which % 4 == 0) {
            IConsent.Terms memory terms = termsFor(_people[of_], _people[2], bytes32(++_salt), 1, 1);
            data = abi.encodeCall(IConsent.grant, (terms, 0, 1));
        } else if (which % 4 == 1 && _grants.length != 0) {
            GhostGrant storage entry = _grants[subject % _grants.length];
            data = abi.encodeCall(IConsent.revoke, (entry.id, epochsOf(entry.subject), 1));
        } else if (which % 4 == 2) {
            data = abi.encodeCall(IConsent.moveEpochs, (1, epochsOf(of_), 1, new bytes32[](0)));
        } else {
            target = address(records);
            IRecords.Anchor memory item = anchorOf(_people[of_], bytes32(++_salt), 0);
            item.inboxOnly = true;
            data = abi.encodeCall(IRecords.anchor, (_people[of_].subject, item, NO_END));
        }
        vm.prank(from);
        (bool success,) = target.call(data);
        if (success) broken = "an outsider got something done";
        ++done["intrude"];
    }

    // ---- what invariants read ---------------------------------------------------------------

    /// @dev Every rule of consent that can be read at any time, for all subjects and people.
    function checkConsent() external view {
        for (uint8 subject; subject < SUBJECTS; ++subject) {
            bytes32 id = _people[subject].subject;
            assertEq(consent.epochsOf(id), epochsOf(subject), "epochs");
            assertEq(consent.freshnessOf(id).freshUntil, _fresh[subject], "freshUntil");
            uint256 live;
            for (uint8 who; who < PEOPLE; ++who) {
                _checkPair(subject, who);
                live += pairCount(subject, who);
            }
            bytes32[] memory ids = consent.liveGrants(id);
            assertEq(ids.length, live, "live set");
            assertLe(live, 64);
            for (uint256 i; i < ids.length; ++i) {
                for (uint256 j; j < i; ++j) {
                    assertNotEq(ids[i], ids[j]);
                }
            }
        }
    }

    function checkGrants() external view {
        for (uint256 i; i < _grants.length; ++i) {
            GhostGrant storage entry = _grants[i];
            IConsent.Grant memory stored = consent.grantOf(entry.id);
            assertEq(stored.ended, entry.ended, "ended");
            assertEq(stored.readLanes, entry.readLanes);
            assertEq(stored.writeLanes, entry.writeLanes);
            assertEq(stored.notAfter, entry.notAfter);
            assertEq(stored.grantee, _people[entry.grantee].subject);
            bytes32[] memory ids = consent.pairGrants(stored.subject, stored.grantee);
            assertEq(_contains(ids, entry.id), !entry.ended, "pair list");
            assertEq(
                _contains(consent.liveGrants(stored.subject), entry.id), !entry.ended, "live list"
            );
            if (entry.unmoved != 0) {
                assertLe(_fresh[entry.subject], entry.notAfter, "freshUntil beyond a reader's end");
            }
        }
    }

    function checkRecords() external view {
        for (uint8 subject; subject < SUBJECTS; ++subject) {
            for (uint8 lane; lane < 16; ++lane) {
                IRecords.Lane memory tip = records.laneOf(_people[subject].subject, lane);
                assertEq(tip.count, _count[subject][lane], "count");
                assertEq(tip.rolling, _rolling[subject][lane], "rolling");
            }
        }
        for (uint256 i; i < _records.length; ++i) {
            GhostRecord storage entry = _records[i];
            assertEq(records.wordOf(entry.id), wordFor(_people[entry.author], entry.item), "word");
        }
    }

    function checkRequests() external view {
        for (uint256 i; i < _requests.length; ++i) {
            IConsent.RequestStatus status = consent.requestOf(_requests[i].id).status;
            assertEq(status == IConsent.RequestStatus.Open, _requests[i].open, "request");
        }
        for (uint8 subject; subject < SUBJECTS; ++subject) {
            for (uint8 who; who < PEOPLE; ++who) {
                bytes32 key = keccak256(abi.encode(_people[subject].subject, _people[who].subject));
                bytes32 slot = keccak256(abi.encode(key, uint256(4)));
                uint256 stored = uint256(vm.load(address(consent), slot)) >> 64 & 0xff;
                assertEq(stored, openRequests(subject, who), "open requests");
            }
        }
    }

    function epochsOf(uint8 subject) public view returns (uint256 word) {
        for (uint256 lane; lane < 16; ++lane) {
            word |= uint256(_epochs[subject][lane]) << (16 * lane);
        }
    }

    function pairCount(uint8 subject, uint8 grantee) public view returns (uint256 count) {
        for (uint256 i; i < _grants.length; ++i) {
            GhostGrant storage entry = _grants[i];
            if (!entry.ended && entry.subject == subject && entry.grantee == grantee) ++count;
        }
    }

    function openRequests(uint8 subject, uint8 requester) public view returns (uint256 count) {
        for (uint256 i; i < _requests.length; ++i) {
            GhostRequest storage entry = _requests[i];
            if (entry.open && entry.subject == subject && entry.requester == requester) ++count;
        }
    }

    // ---- our own account --------------------------------------------------------------------

    function _checkPair(uint8 subject, uint8 who) private view {
        (bytes32 id, bytes32 other) = (_people[subject].subject, _people[who].subject);
        (uint16 read, uint16 write_) = consent.lanesOf(id, other, 0);
        (uint16 mayRead, uint16 mayWrite) = _lanes(subject, who);
        assertEq(read, mayRead, "lanes to read");
        assertEq(write_, mayWrite, "lanes to write");
        assertEq(consent.canRead(id, other, 3, 0), mayRead >> 3 & 1 == 1);
        assertEq(consent.canWrite(id, other, 3, 0), mayWrite >> 3 & 1 == 1);
        assertEq(consent.pairNonce(id, other), _nonce[subject][who], "nonce");
        uint256 count = consent.pairGrants(id, other).length;
        assertEq(count, pairCount(subject, who), "pair list");
        assertLe(count, 4);
    }

    function _lanes(uint8 subject, uint8 who) private view returns (uint16 read, uint16 write_) {
        if (subject == who) return (type(uint16).max, type(uint16).max);
        if (statusOf(_people[who]) != IDirectory.Status.Approved) return (0, 0);
        for (uint256 i; i < _grants.length; ++i) {
            GhostGrant storage entry = _grants[i];
            if (entry.ended || entry.subject != subject || entry.grantee != who) continue;
            if (vm.getBlockTimestamp() >= entry.notAfter) continue;
            read |= entry.readLanes;
            write_ |= entry.writeLanes;
        }
    }

    function _checkWrite(uint8 of_, uint8 author, IRecords.Anchor memory item, uint256 known)
        private
    {
        (, uint16 mayWrite) = _lanes(of_, author);
        if (item.lane > 15 || mayWrite >> item.lane & 1 == 0) broken = "write without a right";
        if (statusOf(_people[author]) != IDirectory.Status.Approved) {
            broken = "write by an author who is not approved";
        }
        if (known < _records.length && item.previous != _records[known].item.commitment) {
            broken = "version without its predecessor";
        }
        if (item.inboxOnly) return;
        if (item.epoch != _epochs[of_][item.lane]) broken = "key slot of another epoch";
        for (uint256 i; i < _grants.length; ++i) {
            GhostGrant storage entry = _grants[i];
            bool over = entry.ended || vm.getBlockTimestamp() >= entry.notAfter;
            if (entry.subject == of_ && over && entry.unmoved >> item.lane & 1 == 1) {
                broken = "key slot that an ended grant opens";
            }
        }
    }

    function _fold(uint8 of_, uint8 author, IRecords.Anchor memory item, uint256 known, bytes32 id)
        private
    {
        if (known == _records.length) {
            _records.push();
            _records[known].id = id;
            _records[known].subject = of_;
            _records[known].author = author;
        }
        _records[known].item = item;
        bytes32 word = wordFor(_people[author], item);
        _rolling[of_][item.lane] = keccak256(abi.encode(_rolling[of_][item.lane], id, word));
        ++_count[of_][item.lane];
    }

    /// @dev Old keys of `lanes` are worth nothing now to those whose grants are over; `revoked` is just over.
    function _moved(uint8 of_, uint16 lanes, bytes32 revoked) private {
        for (uint8 lane; lane < 16; ++lane) {
            if (lanes >> lane & 1 == 1) ++_epochs[of_][lane];
        }
        for (uint256 i; i < _grants.length; ++i) {
            GhostGrant storage entry = _grants[i];
            bool over = vm.getBlockTimestamp() >= entry.notAfter || entry.id == revoked;
            if (entry.subject == of_ && over) entry.unmoved &= ~lanes;
        }
    }

    /// @dev The other patient moved its own epochs, which were equal by chance; it cannot drop foreign grants.
    function _movedOther(uint8 actor, uint16 lanes, uint64 freshUntil, uint256 dropped) private {
        if (dropped != 0) broken = "foreign grants dropped";
        _moved(actor, lanes, 0);
        _fresh[actor] = freshUntil;
    }

    function _dropExpired(uint8 of_, uint8 grantee) private {
        for (uint256 i; i < _grants.length; ++i) {
            GhostGrant storage entry = _grants[i];
            if (entry.subject != of_ || entry.grantee != grantee) continue;
            if (vm.getBlockTimestamp() >= entry.notAfter) entry.ended = true;
        }
    }

    function _end(bytes32 id) private {
        for (uint256 i; i < _grants.length; ++i) {
            if (_grants[i].id != id) continue;
            if (vm.getBlockTimestamp() < _grants[i].notAfter) broken = "live grant dropped";
            _grants[i].ended = true;
        }
    }

    /// @dev Grants over by date whose lanes are covered.
    function _expired(uint8 of_, uint16 lanes) private view returns (bytes32[] memory ids) {
        uint256 count;
        ids = new bytes32[](_grants.length);
        for (uint256 i; i < _grants.length; ++i) {
            GhostGrant storage entry = _grants[i];
            if (entry.ended || entry.subject != of_) continue;
            if (vm.getBlockTimestamp() < entry.notAfter) continue;
            if (entry.readLanes & ~lanes == 0) ids[count++] = entry.id;
        }
        assembly ("memory-safe") {
            mstore(ids, count)
        }
    }

    function _receives(uint8 who) private view returns (bool) {
        return who >= 2 && who <= 4 && statusOf(_people[who]) == IDirectory.Status.Approved;
    }

    /// @dev Mostly the one who may, else anybody.
    function _sender(uint256 seed, uint8 rightful) private view returns (address, uint8 actor) {
        actor = seed % 4 != 0 ? rightful : uint8((seed >> 8) % PEOPLE);
        return (seed >> 16 & 1 == 0 ? _people[actor].device.addr : _people[actor].root.addr, actor);
    }

    /// @dev Mostly within the limit, else anything.
    function _freshFor(uint256 seed, uint64 limit) private view returns (uint64) {
        if (seed % 4 == 0) return uint64(bound(seed >> 8, 1, NO_END));
        if (seed % 4 == 1) {
            uint256 time = vm.getBlockTimestamp();
            return uint64(bound(seed >> 8, time, time + 2 days));
        }
        return limit;
    }

    function _recordIndex(bytes32 id) private view returns (uint256 i) {
        while (i < _records.length && _records[i].id != id) ++i;
    }

    function _contains(bytes32[] memory ids, bytes32 id) private pure returns (bool) {
        for (uint256 i; i < ids.length; ++i) {
            if (ids[i] == id) return true;
        }
        return false;
    }
}
