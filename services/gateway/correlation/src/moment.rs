//! Times in little room.

use jiff::Timestamp;

/// A time to the nanosecond, from 1677 to 2262; what is before or after is the first or the last of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i64);

impl From<Timestamp> for Moment {
    fn from(time: Timestamp) -> Self {
        let nanoseconds = time.as_nanosecond();
        let end = if nanoseconds < 0 { i64::MIN } else { i64::MAX };
        Self(i64::try_from(nanoseconds).unwrap_or(end))
    }
}

impl From<Moment> for Timestamp {
    fn from(moment: Moment) -> Self {
        Self::from_nanosecond(moment.0.into()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_comes_back_as_it_was_unless_it_is_centuries_away() {
        for text in ["2026-03-02T10:00:00.123456789Z", "1969-12-31T23:59:59.999999999Z"] {
            let time: Timestamp = text.parse().unwrap();
            assert_eq!(Timestamp::from(Moment::from(time)), time);
        }
        let [first, last] = [Timestamp::MIN, Timestamp::MAX].map(Moment::from);
        assert!(first < Moment::from(Timestamp::UNIX_EPOCH) && last > Moment::from(Timestamp::UNIX_EPOCH));
        assert_eq!(Moment::from(Timestamp::from(first)), first);
        assert_eq!(Moment::from(Timestamp::from(last)), last);
    }
}
