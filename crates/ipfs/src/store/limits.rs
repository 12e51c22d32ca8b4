//! Every bound of the store, in one place.

/// Format of the folder that this version writes, and the newest it reads.
pub const FORMAT_VERSION: u32 = 1;
/// Largest block kept inside a segment; larger ones are files of their own.
pub const SMALL_MAX_BYTES: usize = 256 << 10;
/// A segment that has grown to this is closed and the next one begun.
pub const SEGMENT_BYTES: u64 = 256 << 20;
/// Longest content that `put`, `put_many` (in sum), `get` and `read_range` hold in memory.
pub const WHOLE_MAX_BYTES: u64 = 64 << 20;
/// Most blobs or CIDs in one call.
pub const ITEMS_MAX: usize = 16_384;
/// Writes that may wait for the writer thread.
pub const QUEUE_MAX: usize = 1024;
/// Bytes of content that may wait for the writer thread.
pub const QUEUED_MAX_BYTES: usize = 128 << 20;
/// Unit in which waiting bytes are counted.
pub const QUEUED_UNIT_BYTES: usize = 1024;
/// A batch takes no further write once it holds this much.
pub const BATCH_BYTES: usize = 8 << 20;
/// Most writes in a batch.
pub const BATCH_WRITES_MAX: usize = 1024;
/// Leaves of one long file that are written and synced together.
pub const WINDOW_LEAVES: usize = 8;
/// Long files being stored at once; others wait.
pub const STREAMS_MAX: usize = 16;
/// Block reads running at once; others wait.
pub const READS_MAX: usize = 64;
/// Storing a block again renews its time if it is older than this.
pub const RENEW_AFTER_MS: u64 = 60_000;
/// Most rows of one page of a listing.
pub const PAGE_MAX: usize = 10_000;
