//! What there is to look at.

pub(super) mod audit;
pub(super) mod callbacks;
pub(super) mod doctor;
pub(super) mod failures;
pub(super) mod item;
pub(super) mod list;
pub(super) mod overview;
pub(super) mod pool;
mod timeline;
mod verdict;
pub(super) mod workers;
