//! Bounds that gateway and client agree on.

/// Largest JSON body of a request, in bytes.
pub const MAX_JSON_BYTES: usize = 4 << 20;
/// Largest body of one upload of blobs, in bytes.
pub const MAX_UPLOAD_BYTES: usize = 64 << 20;
/// Blobs in one upload.
pub const MAX_UPLOAD_BLOBS: usize = 4_096;
/// Largest single blob (a record or attachment of 1 GiB, sealed and padded), in bytes.
pub const MAX_BLOB_BYTES: u64 = 1_200_000_000;
/// Rows in one staging request.
pub const MAX_STAGE_ROWS: usize = 1_024;
/// Anchors in one transaction, as the Records contract has it.
pub const MAX_ANCHORS: usize = 128;
/// Records in one release.
pub const MAX_RELEASE_RECORDS: usize = 20_000;
/// Items in one answer of a listing; what follows is asked for with `after`.
pub const MAX_LISTING_ITEMS: usize = 100_000;
/// Largest blob that travels within a release; a larger one is fetched by its CID.
pub const MAX_INLINE_BYTES: u64 = 4 << 20;
/// Rows on one page of a listing.
pub const MAX_PAGE: u32 = 1_000;
/// Seconds that a release may lie ahead of the server's clock.
pub const MAX_RELEASE_EXPIRY_SECS: u64 = 60;
/// Largest profile, in bytes.
pub const MAX_PROFILE_BYTES: usize = 16 << 10;
/// Largest sealed mail, in bytes: 64 KiB of plaintext and what HPKE adds (the encapsulated key and a tag).
pub const MAX_MAIL_BYTES: usize = (64 << 10) + 1_136;
/// Largest sealed application, in bytes.
pub const MAX_APPLICATION_BYTES: usize = 24 << 20;
/// Storage slots in one proof request.
pub const MAX_PROOF_SLOTS: usize = 256;
/// Seconds that a staged row lives beyond its transaction's deadline.
pub const STAGED_GRACE_SECS: u64 = 3_600;
/// Seconds that an index may lag behind the chain before releases are refused.
pub const MAX_INDEX_LAG_SECS: u64 = 10;
