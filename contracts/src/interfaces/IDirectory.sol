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

    /// The sender is neither a root nor a live device.
    error NotRegistered(address sender);
    /// The sender is not the root of a subject.
    error NotRoot(address sender);
    /// The sender does not act for an approved administrator.
    error NotAdministrator(address sender);
    error UnknownSubject(bytes32 subject);
    error KindMissing();
    error KeyBundleMissing();
    /// The voucher names another root than the sender.
    error VoucherForAnother(address root);
    error VoucherExpired(uint64 expiry);
    error VoucherUsed(bytes32 organisation, uint256 nonce);
    /// Not signed by the operator of the organisation, or an organisation without operator.
    error VoucherSignatureWrong(bytes32 organisation);
    error DeviceSignatureWrong(address device);
    /// The address is, or once was, root or device of a subject.
    error AddressTaken(address account);
    error TooManyDevices(uint256 limit);
    /// Not a live device of the sender's subject.
    error DeviceNotLive(address device);
    error KeyGenerationFell(uint16 current, uint16 given);
    /// This kind of subject has no credentials to hand in.
    error KindCannotApply(Kind kind);
    error CredentialMissing();
    /// The vote names other credentials than those that the subject has.
    error CredentialChanged(bytes32 current);
    error DecisionMissing();
    error ReasonMissing();
    /// The status of the subject does not allow what was asked.
    error WrongStatus(bytes32 subject, Status status);
    /// An administrator does not vote on itself.
    error OwnVote(bytes32 administrator);
    /// The administrator has cast this very vote already.
    error AlreadyVoted(bytes32 administrator);
    /// A decision would leave fewer approved administrators than votes are needed.
    error TooFewAdministrators(uint32 left, uint8 threshold);
    error ThresholdOutOfRange(uint8 given, uint32 administrators);
    error ThresholdUnchanged(uint8 threshold);

    /// @notice Registers the sender as root of a new subject; id = keccak256(abi.encode(sender, salt)).
    /// The first Administrator is Approved at once (claiming the node); later ones are Pending.
    /// The key version starts at 1, the key generation at 0. An address is root or device of one subject only, for ever.
    function register(
        Registration calldata registration,
        Voucher calldata voucher,
        bytes calldata voucherSignature
    ) external returns (bytes32 subject);

    /// @notice Root only. `deviceSignature` is the device's EIP-712 DeviceConsent(bytes32 subject,address device).
    /// At most MAX_DEVICES live devices a subject.
    function addDevice(address device, bytes calldata deviceSignature) external;
    /// @notice Root only.
    function removeDevice(address device) external;
    /// @notice Root only. `keyGeneration` never falls.
    function setKeyBundle(bytes32 keyBundleHash, uint16 keyGeneration) external;
    /// @notice Root or device.
    function setProfile(bytes32 profileHash) external;
    /// @notice Root only.
    function setHome(bytes32 homeHash) external;
    /// @notice A doctor, pharmacy, organisation or administrator hands in (or replaces) the commitment to its credentials.
    /// Status Pending or Rejected becomes Pending, Suspended stays; votes cast on the former credentials are void.
    /// Warning: refused while Approved, since new credentials would void the votes of a suspension under way.
    function submitApplication(bytes32 credentialHash) external;

    /// @notice An approved administrator votes; at `threshold` votes the decision takes effect. Votes die with every
    /// change of the electorate (administrators, threshold), of the subject's credentials, and with each decision.
    /// A later vote of the same administrator replaces its former one. Approve and Reject need Pending, Suspend
    /// Approved, Reinstate Suspended; Reject and Suspend need a reason. The reason of the deciding vote is the
    /// decision's; each voter's own is in its event. `credentialHash` names what the voter judged, 0 for a subject
    /// without credentials: a vote for others than the subject's present ones is refused, whatever the decision, so that
    /// an applicant cannot swap its credentials under a vote that is on its way.
    function vote(bytes32 subject, Decision decision, uint16 reason, bytes32 credentialHash)
        external;
    /// @notice Changes the number of votes a decision needs; itself decided by the present threshold.
    function voteThreshold(uint8 threshold) external;

    /// @notice Subject for which `sender` acts: its root, or one of its live devices; 0 for a stranger.
    function actor(address sender) external view returns (bytes32 subject);
    /// @notice `actor` with its kind and status in one call; zeros for a stranger.
    function actorStatus(address sender)
        external
        view
        returns (bytes32 subject, Kind kind, Status status);
    function rootSubject(address root) external view returns (bytes32 subject);
    function subjectOf(bytes32 subject) external view returns (Subject memory);
    function deviceOf(address device) external view returns (Device memory);
    function statusOf(bytes32 subject) external view returns (Kind kind, Status status);
    function isApproved(bytes32 subject, Kind kind) external view returns (bool);
    function voucherSpent(bytes32 organisation, uint256 nonce) external view returns (bool);
    function operatorOf(bytes32 organisation) external view returns (address);
    function threshold() external view returns (uint8);
    function administrators() external view returns (uint32);
    /// @notice Version of the electorate: raised by every change of the approved administrators or the threshold.
    function electorate() external view returns (uint64);
}
