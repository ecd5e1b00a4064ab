//! Numbers and times in the words of the pages.

use std::time::Duration;

use crate::inspect::Count;

/// `12,345`.
pub(super) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `12,345`, or `10,000+` where the count stopped.
pub(super) fn count(count: Count) -> String {
    let more = if count.more { "+" } else { "" };
    format!("{}{more}", number(count.items))
}

/// `1 item`, `2 items`.
pub(super) fn items(n: u64) -> String {
    format!("{} {}", number(n), if n == 1 { "item" } else { "items" })
}

/// A length of time in its two largest units: `480 ms`, `3.2 s`, `12 min 3 s`, `2 d 4 h`.
pub(super) fn duration(length: Duration) -> String {
    let (seconds, ms) = (length.as_secs(), length.as_millis());
    match seconds {
        0 => format!("{ms} ms"),
        1..10 => format!("{seconds}.{} s", length.subsec_millis() / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => two(seconds, 60, "min", "s"),
        3600..86_400 => two(seconds / 60, 60, "h", "min"),
        _ => two(seconds / 3600, 24, "d", "h"),
    }
}

fn two(small: u64, per: u64, unit: &str, below: &str) -> String {
    let (large, rest) = (small / per, small % per);
    if rest == 0 { format!("{large} {unit}") } else { format!("{large} {unit} {rest} {below}") }
}

/// The same of milliseconds that may be a fraction.
pub(super) fn milliseconds(ms: f64) -> String {
    if ms < 10.0 { format!("{ms:.1} ms") } else { duration(Duration::from_secs_f64(ms / 1000.0)) }
}

/// `0 %`, `0.4 %`, `37 %`.
pub(super) fn percent(part: f64) -> String {
    match part * 100.0 {
        p if p > 0.0 && p < 9.95 => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

/// The first line, at most so many characters of it.
pub(super) fn line(text: &str, most: usize) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    cut(line, most)
}

/// At most so many characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let shown = [0, 999, 1000, 1_234_567].map(number);
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(count(Count::bounded(10_001, 10_000)), "10,000+");
        assert_eq!(items(1), "1 item");
    }

    #[test]
    fn lengths_of_time_have_two_units() {
        let shown = [480, 3210, 42_000, 723_000, 7_260_000, 187_200_000]
            .map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(shown, ["480 ms", "3.2 s", "42 s", "12 min 3 s", "2 h 1 min", "2 d 4 h"]);
    }

    #[test]
    fn small_parts_are_not_rounded_away() {
        assert_eq!([0.0, 0.004, 0.37, 1.0].map(percent), ["0 %", "0.4 %", "37 %", "100 %"]);
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(line("\n ünïcode\nsecond", 4), " üní…".replace('í', "ï"));
        assert_eq!(cut("short", 5), "short");
    }
}
