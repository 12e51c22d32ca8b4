//! Queries, a module for each concern. Every page is bounded.

mod consent;
mod people;
mod records;

/// Rows on one page.
pub const MAX_PAGE: u32 = 10_000;
/// Records in one call of `anchors_of`.
pub const MAX_ANCHORS_ASKED: usize = 20_000;

/// The bound of a page that asks for `limit` rows.
pub(crate) fn page(limit: u32) -> i64 {
    i64::from(limit.min(MAX_PAGE))
}
