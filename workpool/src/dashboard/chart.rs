//! Charts of the last hour, drawn on the server as SVG: no script, colours by the style sheet.

use std::fmt::Write as _;
use std::time::Duration;

use maud::{Markup, html};

use super::text;
use crate::inspect::{Bucket, Time};

/// The space that is drawn in; the style sheet stretches it.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 100.0;
/// The parts of a small one, and how wide the bar of each is.
pub(super) const PARTS: u32 = 30;
const BAR: f64 = 4.0;
const SMALL: f64 = PARTS as f64 * BAR;

/// One kind of bars in a stack.
struct Series {
    class: &'static str,
    word: &'static str,
    value: fn(&Bucket) -> u64,
}

const ENDS: [Series; 4] = [
    Series { class: "good", word: "succeeded", value: |b| b.ended.succeeded },
    Series { class: "bad", word: "failed", value: |b| b.ended.failed },
    Series { class: "warn", word: "retries", value: |b| b.ended.retries },
    Series { class: "calm", word: "canceled", value: |b| b.ended.canceled },
];

fn sum(bucket: &Bucket) -> u64 {
    ENDS.iter().map(|series| (series.value)(bucket)).sum()
}

#[expect(clippy::cast_precision_loss, reason = "a height on the screen")]
fn share(part: u64, most: u64) -> f64 {
    part as f64 / most.max(1) as f64 * HEIGHT
}

#[expect(clippy::cast_precision_loss, reason = "a place on the screen")]
fn step(buckets: &[Bucket]) -> f64 {
    WIDTH / buckets.len().max(1) as f64
}

/// What ended, as stacked bars.
pub(super) fn throughput(buckets: &[Bucket]) -> Markup {
    let most = buckets.iter().map(sum).max().unwrap_or(0);
    let all: u64 = buckets.iter().map(sum).sum();
    let told = format!(
        "Ends of attempts over the last hour, by minute: {} in all, at most {} in a minute",
        text::number(all),
        text::number(most)
    );
    html! {
        figure.chart {
            figcaption {
                strong { "Ended per minute" }
                span.legend {
                    @for series in &ENDS {
                        span { i class=(format!("key {}", series.class)) {} (series.word) }
                    }
                }
            }
            div.plot {
                span.most { (text::number(most)) }
                (stack(buckets, most, &told))
            }
            (axis())
        }
    }
}

fn stack(buckets: &[Bucket], most: u64, told: &str) -> Markup {
    let step = step(buckets);
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none" role="img"
            aria-label=(told) {
            @for (bucket, at) in buckets.iter().zip(0_u32..) {
                @if sum(bucket) > 0 { (column(bucket, f64::from(at) * step, step, most)) }
            }
        }
    }
}

fn column(bucket: &Bucket, x: f64, step: f64, most: u64) -> Markup {
    let mut below = HEIGHT;
    let parts = ENDS.iter().filter_map(|series| {
        let height = share((series.value)(bucket), most);
        below -= height;
        (height > 0.0).then_some((series.class, below, height))
    });
    let parts: Vec<_> = parts.collect();
    html! {
        g {
            title { (told(bucket)) }
            @for (class, y, height) in parts {
                rect class=(class) x=(short(x)) y=(short(y)) width=(short(step * 0.82))
                    height=(short(height)) {}
            }
        }
    }
}

fn told(bucket: &Bucket) -> String {
    let mut told = clock(bucket.at);
    for series in &ENDS {
        let value = (series.value)(bucket);
        if value > 0 {
            let _ = write!(told, ", {} {}", text::number(value), series.word);
        }
    }
    told
}

/// A measure of time: its average as a line, the longest as a shade behind it.
pub(super) fn latency(
    title: &str,
    buckets: &[Bucket],
    average: fn(&Bucket) -> Option<f64>,
    longest: fn(&Bucket) -> Option<f64>,
) -> Markup {
    let most = buckets.iter().filter_map(longest).fold(0.0, f64::max);
    let shown = if most > 0.0 { text::milliseconds(most) } else { "no attempts".into() };
    let told = format!("{title} over the last hour: the longest {shown}");
    html! {
        figure.chart {
            figcaption {
                strong { (title) }
                span.legend {
                    span { i.key.busy {} "average" }
                    span { i.key.shade {} "longest" }
                }
            }
            div.plot {
                span.most { (shown) }
                svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none" role="img"
                    aria-label=(told) {
                    @for (bucket, at) in buckets.iter().zip(0_u32..) {
                        @if let (Some(longest), Some(average)) = (longest(bucket), average(bucket)) {
                            (span(bucket, f64::from(at) * step(buckets), step(buckets), longest, average, most))
                        }
                    }
                    path.line d=(line(buckets, average, most)) {}
                }
            }
            (axis())
        }
    }
}

fn span(bucket: &Bucket, x: f64, step: f64, longest: f64, average: f64, most: f64) -> Markup {
    let height = longest / most.max(f64::MIN_POSITIVE) * HEIGHT;
    let (longest, average) = (text::milliseconds(longest), text::milliseconds(average));
    html! {
        g {
            title { (clock(bucket.at)) ", average " (average) ", longest " (longest) }
            rect.shade x=(short(x)) y=(short(HEIGHT - height)) width=(short(step * 0.82))
                height=(short(height)) {}
        }
    }
}

/// The points that there are, joined where they follow each other.
fn line(buckets: &[Bucket], value: fn(&Bucket) -> Option<f64>, most: f64) -> String {
    let step = step(buckets);
    let mut path = String::new();
    let mut joined = false;
    for (bucket, at) in buckets.iter().zip(0_u32..) {
        let Some(value) = value(bucket) else {
            joined = false;
            continue;
        };
        let (x, y) =
            ((f64::from(at) + 0.41) * step, HEIGHT - value / most.max(f64::MIN_POSITIVE) * HEIGHT);
        let command = if joined { 'L' } else { 'M' };
        // A point of its own is drawn as a dot of no length.
        let _ = write!(path, "{command}{} {}h0", short(x), short(y));
        joined = true;
    }
    path
}

/// What ended and how late it began, as small as it fits in a line. Of what has more to it, there is
/// a page: here are only the parts in which something ended.
pub(super) fn small(buckets: &[Bucket], since: Time, window: Duration) -> Markup {
    let ended = |bucket: &Bucket| bucket.ended.succeeded + bucket.ended.canceled;
    let most = buckets.iter().map(sum).max().unwrap_or(0);
    let late = buckets.iter().filter_map(|b| b.lag_max_ms).fold(0.0, f64::max);
    let all: u64 = buckets.iter().map(sum).sum();
    let told = format!(
        "Last hour: {} ended, the longest start lag {}",
        text::number(all),
        text::milliseconds(late)
    );
    let (mut good, mut bad, mut lag) = (String::new(), String::new(), String::new());
    for bucket in buckets {
        let x = bucket.at.since(since).as_secs_f64() / window.as_secs_f64() * SMALL;
        let failed = share(sum(bucket) - ended(bucket), most);
        bar(&mut bad, x, HEIGHT, failed);
        bar(&mut good, x, HEIGHT - failed, share(ended(bucket), most));
        let part = bucket.lag_max_ms.unwrap_or(0.0) / late.max(f64::MIN_POSITIVE);
        bar(&mut lag, x, HEIGHT, part * HEIGHT);
    }
    let box_of = format!("0 0 {SMALL} {HEIGHT}");
    html! {
        span.small role="img" aria-label=(told) title=(told) {
            svg viewBox=(box_of) preserveAspectRatio="none" aria-hidden="true" {
                path.good d=(good) {}
                path.bad d=(bad) {}
            }
            svg viewBox=(box_of) preserveAspectRatio="none" aria-hidden="true" {
                path.lag d=(lag) {}
            }
        }
    }
}

/// A bar from here up; nothing of none.
fn bar(path: &mut String, x: f64, from: f64, height: f64) {
    if height > 0.0 {
        let _ = write!(
            path,
            "M{} {}v-{}h{BAR}v{}z",
            short(x),
            short(from),
            short(height),
            short(height)
        );
    }
}

fn axis() -> Markup {
    html! { div.axis aria-hidden="true" { span { "1 h ago" } span { "30 min" } span { "now" } } }
}

/// A coordinate without needless digits.
fn short(x: f64) -> String {
    format!("{x:.1}")
}

/// The time of day, in UTC.
fn clock(at: Time) -> String {
    format!("{} UTC", &at.to_string()[11..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::Ended;
    use std::time::UNIX_EPOCH;

    fn bucket(succeeded: u64, lag: Option<f64>) -> Bucket {
        Bucket {
            at: Time::new(UNIX_EPOCH),
            ended: Ended { succeeded, ..Ended::default() },
            lag_avg_ms: lag,
            lag_max_ms: lag,
            duration_avg_ms: None,
            duration_max_ms: None,
        }
    }

    #[test]
    fn bars_fill_the_height_by_their_share_and_empty_minutes_draw_nothing() {
        let drawn = throughput(&[bucket(4, None), bucket(0, None), bucket(2, None)]).into_string();
        assert_eq!(drawn.matches("<rect").count(), 2);
        assert!(drawn.contains("height=\"100.0\"") && drawn.contains("height=\"50.0\""));
        assert!(drawn.contains("6 in all"));
    }

    #[test]
    fn a_small_chart_has_a_bar_for_each_part_in_its_place() {
        let (since, hour) = (Time::new(UNIX_EPOCH), Duration::from_hours(1));
        let later =
            Bucket { at: Time::new(UNIX_EPOCH + Duration::from_mins(30)), ..bucket(1, Some(80.0)) };
        let drawn = small(&[bucket(2, None), later], since, hour).into_string();
        assert!(drawn.contains("M0.0 100.0v-100.0") && drawn.contains("M60.0 100.0v-50.0"));
        assert!(drawn.contains("3 ended, the longest start lag 80 ms"), "{drawn}");
    }

    #[test]
    fn a_line_stops_where_nothing_was_measured() {
        let buckets = [Some(1.0), Some(2.0), None, Some(1.0)].map(|lag| bucket(0, lag));
        let path = line(&buckets, |b| b.lag_avg_ms, 2.0);
        assert_eq!(path.matches('M').count(), 2, "{path}");
        assert_eq!(path.matches('L').count(), 1, "{path}");
    }

    #[test]
    fn nothing_at_all_can_be_drawn() {
        assert!(throughput(&[]).into_string().contains("0 in all"));
        assert!(line(&[], |b| b.lag_avg_ms, 0.0).is_empty());
    }
}
