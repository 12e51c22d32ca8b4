// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "./Harness.sol";
import {Consent} from "../src/Consent.sol";
import {Directory} from "../src/Directory.sol";
import {Records} from "../src/Records.sol";
import {Registry} from "../src/Registry.sol";
import {IConsent} from "../src/interfaces/IConsent.sol";
import {IDirectory} from "../src/interfaces/IDirectory.sol";
import {IRecords} from "../src/interfaces/IRecords.sol";

/// @title Fixture
/// @notice A node as it stands after deployment, and the people that tests need, each with a root and a device.
abstract contract Fixture is Test {
    struct Person {
        string name;
        Actor root;
        Actor device;
        bytes32 subject;
    }

    uint64 internal constant NO_END = type(uint64).max;
    uint64 internal constant START = 1_800_000_000;
    bytes32 internal constant DIRECTORY_NAME = "directory";

    Directory internal directory;
    Consent internal consent;
    Records internal records;
    Registry internal registry;
    Actor internal operator;
    address internal stranger;

    uint256 private _nonce;

    /// @dev Deploys from an address that gets no right by it.
    function deploy() internal {
        vm.warp(START);
        operator = makeActor("operator");
        stranger = makeAddr("stranger");
        directory = new Directory(operator.addr);
        consent = new Consent(directory);
        records = new Records(directory, consent);
        bytes32[] memory names = new bytes32[](1);
        address[] memory targets = new address[](1);
        names[0] = DIRECTORY_NAME;
        targets[0] = address(directory);
        registry = new Registry(directory, names, targets);
    }

    // ---- people -----------------------------------------------------------------------------

    /// @dev Keys and the id of a person, not registered.
    function person(string memory name) internal returns (Person memory who) {
        who.name = name;
        who.root = makeActor(string.concat(name, " root"));
        who.device = makeActor(string.concat(name, " device"));
        who.subject = keccak256(abi.encode(who.root.addr, salt(name)));
    }

    function register(string memory name, IDirectory.Kind kind)
        internal
        returns (Person memory who)
    {
        who = person(name);
        IDirectory.Voucher memory voucher = voucherFor(kind, who.root.addr);
        IDirectory.Registration memory registration = registrationOf(who);
        bytes memory signed = signVoucher(operator.key, voucher);
        vm.prank(who.root.addr);
        bytes32 subject = directory.register(registration, voucher, signed);
        assertEq(subject, who.subject);
    }

    /// @dev Registered, with credentials, approved by `administrator` at threshold 1.
    function registerApproved(string memory name, IDirectory.Kind kind, Person memory administrator)
        internal
        returns (Person memory who)
    {
        who = register(name, kind);
        submitApplication(who, salt(name));
        vote(administrator, who, IDirectory.Decision.Approve, 0);
    }

    function submitApplication(Person memory who, bytes32 credentialHash) internal {
        vm.prank(who.device.addr);
        directory.submitApplication(credentialHash);
    }

    function vote(
        Person memory administrator,
        Person memory who,
        IDirectory.Decision decision,
        uint16 reason
    ) internal {
        bytes32 judged = credentialOf(who.subject);
        vm.prank(administrator.device.addr);
        directory.vote(who.subject, decision, reason, judged);
    }

    function credentialOf(bytes32 subject) internal view returns (bytes32) {
        return directory.subjectOf(subject).credentialHash;
    }

    function suspend(Person memory administrator, Person memory who) internal {
        vote(administrator, who, IDirectory.Decision.Suspend, 7);
    }

    /// @dev A live device removed again: known to the contract, without rights.
    function removedDevice(Person memory who) internal returns (address) {
        Actor memory device = makeActor(string.concat(who.name, " removed device"));
        bytes memory signed = signDevice(device.key, who.subject, device.addr);
        vm.prank(who.root.addr);
        directory.addDevice(device.addr, signed);
        vm.prank(who.root.addr);
        directory.removeDevice(device.addr);
        return device.addr;
    }

    function statusOf(Person memory who) internal view returns (IDirectory.Status status) {
        (, status) = directory.statusOf(who.subject);
    }

    function assertStatus(Person memory who, IDirectory.Status expected) internal view {
        assertEq(uint256(statusOf(who)), uint256(expected), who.name);
    }

    // ---- signed things ----------------------------------------------------------------------

    function salt(string memory name) internal pure returns (bytes32) {
        return keccak256(bytes(name));
    }

    function voucherFor(IDirectory.Kind kind, address root)
        internal
        returns (IDirectory.Voucher memory)
    {
        return IDirectory.Voucher({
            kind: kind,
            root: root,
            organisation: 0,
            nonce: ++_nonce,
            expiry: uint64(vm.getBlockTimestamp() + 1 hours)
        });
    }

    function registrationOf(Person memory who)
        internal
        view
        returns (IDirectory.Registration memory)
    {
        return IDirectory.Registration({
            salt: salt(who.name),
            keyBundleHash: keccak256(abi.encode("bundle", who.name)),
            profileHash: keccak256(abi.encode("profile", who.name)),
            homeHash: keccak256(abi.encode("home", who.name)),
            device: who.device.addr,
            deviceSignature: signDevice(who.device.key, who.subject, who.device.addr)
        });
    }

    function signVoucher(uint256 key, IDirectory.Voucher memory voucher)
        internal
        view
        returns (bytes memory)
    {
        bytes32 typeHash = keccak256(
            "Voucher(uint8 kind,address root,bytes32 organisation,uint256 nonce,uint64 expiry)"
        );
        return signature(key, typedDigest(keccak256(abi.encode(typeHash, voucher))));
    }

    function signDevice(uint256 key, bytes32 subject, address device)
        internal
        view
        returns (bytes memory)
    {
        bytes32 typeHash = keccak256("DeviceConsent(bytes32 subject,address device)");
        return signature(key, typedDigest(keccak256(abi.encode(typeHash, subject, device))));
    }

    /// @dev EIP-712 written out, so that the contract is compared with the standard and not with itself.
    function typedDigest(bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Carechain Directory"),
                keccak256("1"),
                block.chainid,
                address(directory)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    // ---- consent ----------------------------------------------------------------------------

    /// @dev For one day.
    function termsFor(
        Person memory subject,
        Person memory grantee,
        bytes32 termsSalt,
        uint16 readLanes,
        uint16 writeLanes
    ) internal view returns (IConsent.Terms memory) {
        return IConsent.Terms({
            subject: subject.subject,
            grantee: grantee.subject,
            salt: termsSalt,
            readLanes: readLanes,
            writeLanes: writeLanes,
            purpose: 1,
            notAfter: uint64(vm.getBlockTimestamp() + 1 days)
        });
    }

    function idOf(IConsent.Terms memory terms) internal pure returns (bytes32) {
        return keccak256(abi.encode(terms.subject, terms.grantee, terms.salt));
    }

    /// @dev The latest time that the subject may name: what holds now, and not beyond the grant's own end.
    function latestFresh(IConsent.Terms memory terms) internal view returns (uint64 latest) {
        latest = consent.freshnessOf(terms.subject).freshUntil;
        if (latest == 0) latest = NO_END;
        if (terms.readLanes != 0 && terms.notAfter < latest) latest = terms.notAfter;
    }

    function grant(Person memory subject, IConsent.Terms memory terms)
        internal
        returns (bytes32 id)
    {
        uint64 freshUntil = latestFresh(terms);
        vm.prank(subject.device.addr);
        id = consent.grant(terms, 0, freshUntil);
        assertEq(id, idOf(terms));
    }

    function revoke(Person memory subject, bytes32 id, uint64 freshUntil) internal {
        uint256 epochs = consent.epochsOf(subject.subject);
        vm.prank(subject.device.addr);
        consent.revoke(id, epochs, freshUntil);
    }

    function epochAt(bytes32 subject, uint8 lane) internal view returns (uint16) {
        return uint16(consent.epochsOf(subject) >> (16 * uint256(lane)));
    }

    // ---- records ----------------------------------------------------------------------------

    /// @dev A first anchor with a key slot of the present epoch.
    function anchorOf(Person memory subject, bytes32 tag, uint8 lane)
        internal
        view
        returns (IRecords.Anchor memory item)
    {
        item.tag = tag;
        item.commitment = keccak256(abi.encode("commitment", tag, uint256(1)));
        item.version = 1;
        item.lane = lane;
        item.epoch = epochAt(subject.subject, lane);
    }

    /// @dev The version after `item` of the same record.
    function nextOf(IRecords.Anchor memory item) internal pure returns (IRecords.Anchor memory) {
        return IRecords.Anchor({
            tag: item.tag,
            commitment: keccak256(abi.encode(item.commitment)),
            previous: item.commitment,
            version: item.version + 1,
            previousVersion: item.version,
            lane: item.lane,
            epoch: item.epoch,
            inboxOnly: item.inboxOnly,
            amendsAuthor: 0,
            amendsTag: 0
        });
    }

    function anchor(Person memory author, Person memory subject, IRecords.Anchor memory item)
        internal
    {
        vm.prank(author.device.addr);
        records.anchor(subject.subject, item, NO_END);
    }

    function wordFor(Person memory author, IRecords.Anchor memory item)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(item.version, author.subject, item.lane, item.commitment));
    }
}
