// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Ballots} from "./Ballots.sol";
import {IDirectory} from "./interfaces/IDirectory.sol";

/// @title Who exists, which keys act for whom, and who is approved.
/// @dev The deployer has no right. Storage begins at slot 2, after two unused slots of EIP712; contracts/README.md has
/// the slots that clients prove, and a test compares them with the getters.
contract Directory is IDirectory, EIP712 {
    using Ballots for Ballots.Box;

    /// @dev One slot.
    struct Electorate {
        uint8 threshold;
        uint32 administrators;
        uint64 version;
    }

    /// @dev What a subject has beside the slots that clients prove.
    struct Count {
        uint8 liveDevices;
        /// Raised by every application and every decision, so that votes cast before are void.
        uint64 round;
    }

    /// @notice Live devices a subject.
    uint256 public constant MAX_DEVICES = 16;

    bytes32 private constant VOUCHER_TYPEHASH = keccak256(
        "Voucher(uint8 kind,address root,bytes32 organisation,uint256 nonce,uint64 expiry)"
    );
    bytes32 private constant DEVICE_CONSENT_TYPEHASH =
        keccak256("DeviceConsent(bytes32 subject,address device)");

    /// @dev Signs vouchers of organisation 0, and has no other right.
    address private immutable OPERATOR;

    mapping(bytes32 subject => Subject) private _subjects;
    mapping(address device => Device) private _devices;
    /// @inheritdoc IDirectory
    mapping(address root => bytes32 subject) public rootSubject;
    /// @inheritdoc IDirectory
    mapping(bytes32 organisation => mapping(uint256 nonce => bool)) public voucherSpent;
    Electorate private _electorate;
    /// @dev Live devices alone, so that `actor` reads one slot; `_devices` remembers removed ones too.
    mapping(address device => bytes32 subject) private _liveDevices;
    mapping(bytes32 subject => Count) private _counts;
    Ballots.Box private _votes;
    Ballots.Box private _thresholdVotes;

    constructor(address operator) EIP712("Carechain Directory", "1") {
        OPERATOR = operator;
        _electorate.threshold = 1;
    }

    // ---- subjects ---------------------------------------------------------------------------

    /// @inheritdoc IDirectory
    function register(
        Registration calldata registration,
        Voucher calldata voucher,
        bytes calldata voucherSignature
    ) external returns (bytes32 subject) {
        _spend(voucher, voucherSignature);
        if (registration.keyBundleHash == 0) revert KeyBundleMissing();
        _requireFree(msg.sender);

        subject = keccak256(abi.encode(msg.sender, registration.salt));
        rootSubject[msg.sender] = subject;
        Status status = _firstStatus(voucher.kind);
        Subject storage entry = _subjects[subject];
        entry.kind = voucher.kind;
        entry.status = status;
        entry.keyVersion = 1;
        entry.root = msg.sender;
        entry.keyBundleHash = registration.keyBundleHash;
        entry.profileHash = registration.profileHash;
        entry.homeHash = registration.homeHash;

        emit Registered(subject, voucher.kind, msg.sender, voucher.organisation);
        emit KeyBundleChanged(subject, 1, 0, registration.keyBundleHash);
        if (registration.profileHash != 0) {
            emit ProfileChanged(subject, registration.profileHash);
        }
        if (registration.homeHash != 0) emit HomeChanged(subject, registration.homeHash);
        emit StatusChanged(subject, status, 0);
        _addDevice(subject, registration.device, registration.deviceSignature);
    }

    /// @dev Checks the voucher and marks it as spent.
    function _spend(Voucher calldata voucher, bytes calldata voucherSignature) private {
        if (voucher.kind == Kind.None) revert KindMissing();
        if (voucher.root != msg.sender) revert VoucherForAnother(voucher.root);
        if (block.timestamp > voucher.expiry) revert VoucherExpired(voucher.expiry);
        if (voucherSpent[voucher.organisation][voucher.nonce]) {
            revert VoucherUsed(voucher.organisation, voucher.nonce);
        }
        bytes32 structHash = keccak256(
            abi.encode(
                VOUCHER_TYPEHASH,
                voucher.kind,
                voucher.root,
                voucher.organisation,
                voucher.nonce,
                voucher.expiry
            )
        );
        address operator = operatorOf(voucher.organisation);
        if (operator == address(0) || _signer(structHash, voucherSignature) != operator) {
            revert VoucherSignatureWrong(voucher.organisation);
        }
        voucherSpent[voucher.organisation][voucher.nonce] = true;
    }

    /// @dev Nobody is there to approve the first administrator: its voucher does. Administrators never fall to 0 again.
    function _firstStatus(Kind kind) private returns (Status) {
        if (kind == Kind.Patient) return Status.Approved;
        if (kind == Kind.Administrator && _electorate.administrators == 0) {
            _electorate.administrators = 1;
            ++_electorate.version;
            return Status.Approved;
        }
        return Status.Pending;
    }

    /// @inheritdoc IDirectory
    function setKeyBundle(bytes32 keyBundleHash, uint16 keyGeneration) external {
        bytes32 subject = _root();
        if (keyBundleHash == 0) revert KeyBundleMissing();
        Subject storage entry = _subjects[subject];
        if (keyGeneration < entry.keyGeneration) {
            revert KeyGenerationFell(entry.keyGeneration, keyGeneration);
        }
        uint16 keyVersion = ++entry.keyVersion;
        entry.keyGeneration = keyGeneration;
        entry.keyBundleHash = keyBundleHash;
        emit KeyBundleChanged(subject, keyVersion, keyGeneration, keyBundleHash);
    }

    /// @inheritdoc IDirectory
    function setProfile(bytes32 profileHash) external {
        bytes32 subject = _registered();
        _subjects[subject].profileHash = profileHash;
        emit ProfileChanged(subject, profileHash);
    }

    /// @inheritdoc IDirectory
    function setHome(bytes32 homeHash) external {
        bytes32 subject = _root();
        _subjects[subject].homeHash = homeHash;
        emit HomeChanged(subject, homeHash);
    }

    // ---- devices ----------------------------------------------------------------------------

    /// @inheritdoc IDirectory
    function addDevice(address device, bytes calldata deviceSignature) external {
        _addDevice(_root(), device, deviceSignature);
    }

    /// @inheritdoc IDirectory
    function removeDevice(address device) external {
        bytes32 subject = _root();
        Device storage entry = _devices[device];
        if (entry.subject != subject || entry.removedAt != 0) revert DeviceNotLive(device);
        entry.removedAt = uint64(block.timestamp);
        delete _liveDevices[device];
        --_counts[subject].liveDevices;
        emit DeviceRemoved(subject, device);
    }

    function _addDevice(bytes32 subject, address device, bytes calldata deviceSignature) private {
        _requireFree(device);
        bytes32 structHash = keccak256(abi.encode(DEVICE_CONSENT_TYPEHASH, subject, device));
        if (device == address(0) || _signer(structHash, deviceSignature) != device) {
            revert DeviceSignatureWrong(device);
        }
        if (_counts[subject].liveDevices >= MAX_DEVICES) revert TooManyDevices(MAX_DEVICES);
        ++_counts[subject].liveDevices;
        _devices[device] =
            Device({subject: subject, addedAt: uint64(block.timestamp), removedAt: 0});
        _liveDevices[device] = subject;
        emit DeviceAdded(subject, device);
    }

    /// @dev An address serves one subject in one role, for ever: a removed device stays taken.
    function _requireFree(address account) private view {
        if (rootSubject[account] != 0 || _devices[account].subject != 0) {
            revert AddressTaken(account);
        }
    }

    // ---- status -----------------------------------------------------------------------------

    /// @inheritdoc IDirectory
    function submitApplication(bytes32 credentialHash) external {
        bytes32 subject = _registered();
        Subject storage entry = _subjects[subject];
        if (entry.kind == Kind.Patient) revert KindCannotApply(entry.kind);
        if (credentialHash == 0) revert CredentialMissing();
        Status status = entry.status;
        if (status == Status.Approved) revert WrongStatus(subject, status);
        entry.credentialHash = credentialHash;
        ++_counts[subject].round;
        emit Applied(subject, credentialHash);
        if (status == Status.Rejected) {
            entry.status = Status.Pending;
            emit StatusChanged(subject, Status.Pending, 0);
        }
    }

    /// @inheritdoc IDirectory
    function vote(bytes32 subject, Decision decision, uint16 reason, bytes32 credentialHash)
        external
    {
        bytes32 administrator = _administrator();
        Subject storage entry = _subjects[subject];
        if (entry.kind == Kind.None) revert UnknownSubject(subject);
        if (administrator == subject) revert OwnVote(administrator);
        bytes32 current = entry.credentialHash;
        if (credentialHash != current) revert CredentialChanged(current);
        _requirePossible(subject, entry, decision, reason);

        bytes32 ballot = keccak256(abi.encode(subject, _counts[subject].round, _electorate.version));
        uint256 votes = _votes.cast(ballot, administrator, bytes32(uint256(decision)));
        if (votes == 0) revert AlreadyVoted(administrator);
        emit Voted(subject, administrator, decision, reason, votes);
        if (votes >= _electorate.threshold) _decide(subject, entry, decision, reason);
    }

    /// @inheritdoc IDirectory
    function voteThreshold(uint8 newThreshold) external {
        bytes32 administrator = _administrator();
        Electorate memory present = _electorate;
        if (newThreshold == 0 || newThreshold > present.administrators) {
            revert ThresholdOutOfRange(newThreshold, present.administrators);
        }
        if (newThreshold == present.threshold) revert ThresholdUnchanged(newThreshold);

        bytes32 ballot = bytes32(uint256(present.version));
        uint256 votes = _thresholdVotes.cast(ballot, administrator, bytes32(uint256(newThreshold)));
        if (votes == 0) revert AlreadyVoted(administrator);
        emit ThresholdVoted(administrator, newThreshold, votes);
        if (votes >= present.threshold) {
            _electorate.threshold = newThreshold;
            ++_electorate.version;
            emit ThresholdChanged(newThreshold);
        }
    }

    /// @dev Checks at each vote, not only at the deciding one, that the decision can take effect.
    function _requirePossible(
        bytes32 subject,
        Subject storage entry,
        Decision decision,
        uint16 reason
    ) private view {
        Status needed;
        if (decision == Decision.Approve) {
            needed = Status.Pending;
            if (entry.credentialHash == 0 && entry.kind != Kind.Administrator) {
                revert CredentialMissing();
            }
        } else if (decision == Decision.Reject) {
            needed = Status.Pending;
            if (reason == 0) revert ReasonMissing();
        } else if (decision == Decision.Suspend) {
            needed = Status.Approved;
            if (reason == 0) revert ReasonMissing();
            _requireEnoughLeft(entry);
        } else if (decision == Decision.Reinstate) {
            needed = Status.Suspended;
        } else {
            revert DecisionMissing();
        }
        if (entry.status != needed) revert WrongStatus(subject, entry.status);
    }

    /// @dev A suspended administrator must not leave fewer than the threshold needs.
    function _requireEnoughLeft(Subject storage entry) private view {
        if (entry.kind != Kind.Administrator || entry.status != Status.Approved) return;
        uint32 left = _electorate.administrators - 1;
        if (left < _electorate.threshold) {
            revert TooFewAdministrators(left, _electorate.threshold);
        }
    }

    function _decide(bytes32 subject, Subject storage entry, Decision decision, uint16 reason)
        private
    {
        Status status = Status.Approved;
        if (decision == Decision.Reject) status = Status.Rejected;
        else if (decision == Decision.Suspend) status = Status.Suspended;
        entry.status = status;
        ++_counts[subject].round;
        if (entry.kind == Kind.Administrator && status != Status.Rejected) {
            if (status == Status.Approved) ++_electorate.administrators;
            else --_electorate.administrators;
            ++_electorate.version;
        }
        emit StatusChanged(subject, status, reason);
    }

    // ---- senders ----------------------------------------------------------------------------

    function _root() private view returns (bytes32 subject) {
        subject = rootSubject[msg.sender];
        if (subject == 0) revert NotRoot(msg.sender);
    }

    function _registered() private view returns (bytes32 subject) {
        subject = actor(msg.sender);
        if (subject == 0) revert NotRegistered(msg.sender);
    }

    function _administrator() private view returns (bytes32 subject) {
        subject = actor(msg.sender);
        if (!isApproved(subject, Kind.Administrator)) revert NotAdministrator(msg.sender);
    }

    /// @dev 0 for anything that is not a proper signature.
    function _signer(bytes32 structHash, bytes calldata signature) private view returns (address) {
        (address signer, ECDSA.RecoverError fault,) =
            ECDSA.tryRecover(_hashTypedDataV4(structHash), signature);
        return fault == ECDSA.RecoverError.NoError ? signer : address(0);
    }

    // ---- views ------------------------------------------------------------------------------

    /// @inheritdoc IDirectory
    function actor(address sender) public view returns (bytes32 subject) {
        subject = _liveDevices[sender];
        if (subject == 0) subject = rootSubject[sender];
    }

    /// @inheritdoc IDirectory
    function actorStatus(address sender)
        external
        view
        returns (bytes32 subject, Kind kind, Status status)
    {
        subject = actor(sender);
        (kind, status) = statusOf(subject);
    }

    /// @inheritdoc IDirectory
    function subjectOf(bytes32 subject) external view returns (Subject memory) {
        return _subjects[subject];
    }

    /// @inheritdoc IDirectory
    function deviceOf(address device) external view returns (Device memory) {
        return _devices[device];
    }

    /// @inheritdoc IDirectory
    function statusOf(bytes32 subject) public view returns (Kind kind, Status status) {
        Subject storage entry = _subjects[subject];
        return (entry.kind, entry.status);
    }

    /// @inheritdoc IDirectory
    function isApproved(bytes32 subject, Kind kind) public view returns (bool) {
        Subject storage entry = _subjects[subject];
        return entry.status == Status.Approved && entry.kind == kind;
    }

    /// @inheritdoc IDirectory
    function operatorOf(bytes32 organisation) public view returns (address) {
        return organisation == 0 ? OPERATOR : address(0);
    }

    /// @inheritdoc IDirectory
    function threshold() external view returns (uint8) {
        return _electorate.threshold;
    }

    /// @inheritdoc IDirectory
    function administrators() external view returns (uint32) {
        return _electorate.administrators;
    }

    /// @inheritdoc IDirectory
    function electorate() external view returns (uint64) {
        return _electorate.version;
    }
}
