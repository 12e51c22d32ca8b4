// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Who exists, which keys act for whom, and who is approved.
/// @notice Holds hashes, ids and numbers only: never a name, a document or an address of a person.
interface IDirectory {
    enum Kind {
        None,
        Patient,
        Doctor,
        Pharmacy,
        Organisation,
        Administrator
    }

    /// Patients are Approved at registration, everybody else is Pending until administrators decide.
    enum Status {
        None,
        Pending,
        Approved,
        Rejected,
        Suspended
    }

    enum Decision {
        None,
        Approve,
        Reject,
        Suspend,
        Reinstate
    }

    /// @dev The first five fields share one storage slot (clients prove it).
    struct Subject {
        Kind kind;
        Status status;
        /// Bumped by every change of the key bundle; wraps name it.
        uint16 keyVersion;
        /// Generation of the encryption root (0 at registration, one more after each rotation of words).
        uint16 keyGeneration;
        address root;
        bytes32 keyBundleHash;
        bytes32 profileHash;
        bytes32 homeHash;
        bytes32 credentialHash;
    }

    struct Device {
        bytes32 subject;
        uint64 addedAt;
        /// 0 while the device is live. Kept after removal, so that old signatures stay checkable.
        uint64 removedAt;
    }

    /// @dev EIP-712, signed by the operator key of `organisation`; spent once.
    struct Voucher {
        Kind kind;
        address root;
        bytes32 organisation;
        uint256 nonce;
        uint64 expiry;
    }

    struct Registration {
        bytes32 salt;
        bytes32 keyBundleHash;
        bytes32 profileHash;
        bytes32 homeHash;
        /// First device key; it consents by `deviceSignature` (EIP-712 DeviceConsent(subject, device)).
        address device;
        bytes deviceSignature;
    }

    event Registered(
        bytes32 indexed subject, Kind indexed kind, address indexed root, bytes32 organisation
    );
    event DeviceAdded(bytes32 indexed subject, address indexed device);
    event DeviceRemoved(bytes32 indexed subject, address indexed device);
    event KeyBundleChanged(
        bytes32 indexed subject, uint16 keyVersion, uint16 keyGeneration, bytes32 keyBundleHash
    );
    event ProfileChanged(bytes32 indexed subject, bytes32 profileHash);
    event HomeChanged(bytes32 indexed subject, bytes32 homeHash);
    event Applied(bytes32 indexed subject, bytes32 credentialHash);
    event Voted(
        bytes32 indexed subject,
        bytes32 indexed administrator,
        Decision indexed decision,
        uint16 reason,
        uint256 votes
    );
    event StatusChanged(bytes32 indexed subject, Status indexed status, uint16 reason);
    event ThresholdVoted(bytes32 indexed administrator, uint8 threshold, uint256 votes);
    event ThresholdChanged(uint8 threshold);

    /// @notice Registers the sender as root of a new subject; id = keccak256(abi.encode(sender, salt)).
    /// The first Administrator is Approved at once (claiming the node); later ones are Pending.
    function register(
        Registration calldata registration,
        Voucher calldata voucher,
        bytes calldata voucherSignature
    ) external returns (bytes32 subject);

    /// @notice Root only. `deviceSignature` is the device's EIP-712 DeviceConsent(bytes32 subject,address device).
    function addDevice(address device, bytes calldata deviceSignature) external;
    /// @notice Root only.
    function removeDevice(address device) external;
    /// @notice Root only. `keyGeneration` never falls.
    function setKeyBundle(bytes32 keyBundleHash, uint16 keyGeneration) external;
    /// @notice Root or device.
    function setProfile(bytes32 profileHash) external;
    /// @notice Root only.
    function setHome(bytes32 homeHash) external;
    /// @notice A doctor, pharmacy or organisation hands in (or replaces) the commitment to its credentials.
    /// Status Pending or Rejected becomes Pending; votes cast on the former credentials are void.
    function submitApplication(bytes32 credentialHash) external;

    /// @notice An approved administrator votes; at `threshold` votes the decision takes effect. Votes die with every
    /// change of the electorate (administrators, threshold), of the subject's credentials, and with each decision.
    function vote(bytes32 subject, Decision decision, uint16 reason) external;
    /// @notice Changes the number of votes a decision needs; itself decided by the present threshold.
    function voteThreshold(uint8 threshold) external;

    /// @notice Subject for which `sender` acts: its root, or one of its live devices; 0 for a stranger.
    function actor(address sender) external view returns (bytes32 subject);
    function rootSubject(address root) external view returns (bytes32 subject);
    function subjectOf(bytes32 subject) external view returns (Subject memory);
    function deviceOf(address device) external view returns (Device memory);
    function statusOf(bytes32 subject) external view returns (Kind kind, Status status);
    function isApproved(bytes32 subject, Kind kind) external view returns (bool);
    function voucherSpent(bytes32 organisation, uint256 nonce) external view returns (bool);
    function operatorOf(bytes32 organisation) external view returns (address);
    function threshold() external view returns (uint8);
    function administrators() external view returns (uint32);
}
