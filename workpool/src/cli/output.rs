//! Answers: tables and lines for people, JSON for programs. Colors only where a terminal shows them
//! and nobody has set `NO_COLOR`.

use std::io::{self, Write};
use std::time::Duration;

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use serde::Serialize;
use workpool::inspect::{Health, Severity, WorkState};

use crate::exit::Failed;

/// Where answers go.
#[derive(Debug)]
pub(crate) struct Out {
    json: bool,
}

impl Out {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// The answer in JSON, or for people.
    pub(crate) fn answer<T: Serialize>(
        &self,
        answer: &T,
        people: impl FnOnce(&T) -> String,
    ) -> Result<(), Failed> {
        let text = if self.json {
            serde_json::to_string_pretty(answer)
                .map_err(|error| Failed::Other(error.to_string()))?
        } else {
            people(answer)
        };
        let text = text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        // A reader that has had enough, such as `head`, is no error.
        match writeln!(anstream::stdout(), "{text}") {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        }
    }
}

/// A table with these columns.
pub(crate) fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    // Whether styles arrive is decided once, where the text is written.
    table.enforce_styling();
    table.set_header(columns.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
    table
}

/// A line for each thing that is said about something.
pub(crate) fn facts<'f>(facts: impl IntoIterator<Item = (&'f str, String)>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).enforce_styling();
    for (name, value) in facts {
        let name = Cell::new(name).add_attribute(Attribute::Bold);
        table.add_row([name, Cell::new(value)]);
    }
    table.to_string()
}

pub(crate) fn health(health: Health) -> Cell {
    let color = match health {
        Health::Ok => Color::Green,
        Health::Paused | Health::Saturated | Health::Behind => Color::Yellow,
        _ => Color::Red,
    };
    Cell::new(health).fg(color)
}

pub(crate) fn severity(severity: Severity) -> Cell {
    let color = match severity {
        Severity::Ok => Color::Green,
        Severity::Note => Color::Cyan,
        Severity::Warning => Color::Yellow,
        _ => Color::Red,
    };
    Cell::new(severity).fg(color)
}

pub(crate) fn state(state: WorkState) -> Cell {
    let cell = Cell::new(state);
    match state {
        WorkState::Running => cell.fg(Color::Cyan),
        WorkState::Succeeded => cell.fg(Color::Green),
        WorkState::Failed => cell.fg(Color::Red),
        WorkState::Retrying | WorkState::Canceled => cell.fg(Color::Yellow),
        _ => cell,
    }
}

/// What others wrote, without what would steer a terminal.
pub(crate) fn clean(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => c.to_string(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    text.chars().map(shown).collect()
}

/// The first line, cut.
pub(crate) fn line(text: &str, width: usize) -> String {
    let first = text.lines().next().unwrap_or_default();
    let mut kept: String = first.chars().take(width).collect();
    if kept.len() < text.len() {
        kept.push('…');
    }
    clean(&kept)
}

/// A length of time in its two largest units.
pub(crate) fn time(duration: Duration) -> String {
    let (seconds, ms) = (duration.as_secs(), duration.as_millis());
    match seconds {
        0 => format!("{ms}ms"),
        1..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

pub(crate) fn millis(ms: u64) -> String {
    time(Duration::from_millis(ms))
}

/// JSON on several lines. Only the space between its parts changes: numbers may be longer than any
/// that Rust has.
pub(crate) fn indented(json: &str) -> String {
    let (mut text, mut depth, mut in_string, mut escaped) = (String::new(), 0, false, false);
    let line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.push_str(&"  ".repeat(depth));
    };
    let mut chars = json.chars().filter(|c| !c.is_control()).peekable();
    while let Some(c) = chars.next() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            text.push(c);
            continue;
        }
        match c {
            ' ' => {}
            '{' | '[' => {
                text.push(c);
                while chars.next_if_eq(&' ').is_some() {}
                if let Some(end) = chars.next_if(|end| matches!(end, '}' | ']')) {
                    text.push(end);
                } else {
                    depth += 1;
                    line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut text, depth);
                text.push(c);
            }
            ',' => {
                text.push(c);
                line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            c => {
                in_string = c == '"';
                text.push(c);
            }
        }
    }
    text
}
