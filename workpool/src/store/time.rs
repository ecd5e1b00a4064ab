//! `timestamptz` without a calendar library: microseconds, exact, and `infinity` is just a number.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};

/// Microseconds since 2000-01-01, as the database counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp(pub(crate) i64);

/// From 1970-01-01 to 2000-01-01.
const OFFSET_US: i64 = 946_684_800_000_000;
/// 10000-01-01, the first moment that is refused.
const END_US: i64 = 252_455_616_000_000_000;

impl Timestamp {
    /// Before every time that a row may have.
    pub(crate) const EPOCH: Self = Self(-OFFSET_US);

    /// Times before 1970 mean now, as all past times do; times after the year 9999 are refused.
    pub(crate) fn from_system(time: SystemTime) -> Result<Self, String> {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros())
            .ok()
            .map(|us| Self(us - OFFSET_US))
            .filter(|at| at.0 < END_US)
            .ok_or_else(|| "it lies beyond the year 9999".into())
    }

    /// So much earlier.
    pub(crate) fn before(self, time: Duration) -> Self {
        let us = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(us).max(-OFFSET_US))
    }

    /// Clamped to the years 1970 to 9999, whatever the row holds.
    pub(crate) fn to_system(self) -> SystemTime {
        let us = self.0.clamp(-OFFSET_US, END_US) + OFFSET_US;
        UNIX_EPOCH + Duration::from_micros(us.unsigned_abs())
    }
}

impl Type<Postgres> for Timestamp {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1184))
    }
}

impl PgHasArrayType for Timestamp {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1185))
    }
}

impl Encode<'_, Postgres> for Timestamp {
    fn encode_by_ref(&self, buf: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buf.extend_from_slice(&self.0.to_be_bytes());
        Ok(IsNull::No)
    }
}

impl Decode<'_, Postgres> for Timestamp {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        let bytes = value.as_bytes()?;
        let bytes = bytes.try_into().map_err(|_| "a timestamptz in binary has eight bytes")?;
        Ok(Self(i64::from_be_bytes(bytes)))
    }
}

/// How long ago, in microseconds: longer than that is before everything, and no time of the database.
pub(crate) fn ago(duration: Duration) -> i64 {
    const LONGEST: Duration = Duration::from_hours(4000 * 365 * 24);
    micros(duration.min(LONGEST))
}

/// A duration as whole microseconds, saturating.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_and_ends_are_clamped_or_refused() {
        let noon = UNIX_EPOCH + Duration::from_micros(1_764_072_000_123_456);
        assert_eq!(Timestamp::from_system(noon).unwrap().to_system(), noon);
        let year_10000 = UNIX_EPOCH + Duration::from_hours(70_389_528);
        assert!(Timestamp::from_system(year_10000).is_err());
        assert!(Timestamp::from_system(year_10000 - Duration::from_micros(1)).is_ok());
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(Timestamp::from_system(before).unwrap(), Timestamp::EPOCH);
        for infinity in [i64::MIN, i64::MAX] {
            let _ = Timestamp(infinity).to_system();
        }
    }
}
