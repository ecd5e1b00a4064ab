//! What the live view draws: all pools, the chosen one, and what ended over the last hour.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Row, Sparkline, Table, TableState, Wrap};
use workpool::inspect::{Health, PoolOverview};

use super::Seen;
use crate::output::{clean, millis};

/// Which pool is chosen.
#[derive(Debug, Default)]
pub(super) struct Place {
    table: TableState,
}

impl Place {
    pub(super) fn move_by(&mut self, rows: isize, pools: usize) {
        let now = self.table.selected().unwrap_or(0);
        let next = now.saturating_add_signed(rows).min(pools.saturating_sub(1));
        self.table.select(Some(next));
    }
}

pub(super) fn draw(frame: &mut Frame<'_>, seen: &Seen, place: &mut Place) {
    if place.table.selected().is_none() && !seen.pools.is_empty() {
        place.table.select(Some(0));
    }
    let areas = [
        Constraint::Length(1),
        Constraint::Min(4),
        Constraint::Length(4),
        Constraint::Length(6),
        Constraint::Length(1),
    ];
    let [head, pools, chosen, chart, foot] = Layout::vertical(areas).areas(frame.area());
    frame.render_widget(header(seen), head);
    draw_pools(frame, seen, place, pools);
    let pool = place.table.selected().and_then(|at| seen.pools.get(at));
    frame.render_widget(about(pool), chosen);
    draw_chart(frame, seen, chart);
    frame.render_widget("q quits · ↑ ↓ choose a pool".dim(), foot);
}

fn header(seen: &Seen) -> Line<'static> {
    if let Some(trouble) = &seen.trouble {
        return Line::from(format!(" {}", clean(trouble)).red());
    }
    let ill = seen.pools.iter().filter(|pool| pool.health != Health::Ok).count();
    let health = if ill == 0 { "all well".green() } else { format!("{ill} need a look").red() };
    let workers = Span::from(format!("{} workers · {} pools · ", seen.workers, seen.pools.len()));
    Line::from(vec![" workpool ".bold(), workers, health])
}

fn draw_pools(frame: &mut Frame<'_>, seen: &Seen, place: &mut Place, area: Rect) {
    let names =
        ["pool", "health", "running", "limit", "due", "lag", "later", "done/min", "failed/min"];
    let rows = seen.pools.iter().map(|pool| {
        let lag = if pool.backlog.is_zero() { "-".into() } else { millis(pool.lag_ms) };
        Row::new([
            Span::from(clean(&pool.name)),
            Span::styled(pool.health.as_str(), color(pool.health)),
            Span::from(pool.running.to_string()),
            Span::from(pool.max_parallelism.to_string()),
            Span::from(pool.backlog.to_string()),
            Span::from(lag),
            Span::from(pool.scheduled.to_string()),
            Span::from(pool.minute.succeeded.to_string()),
            Span::from(pool.minute.failed.to_string()),
        ])
    });
    let mut widths = [Constraint::Length(10); 9];
    widths[0] = Constraint::Min(12);
    widths[1] = Constraint::Length(17);
    let table = Table::new(rows, widths)
        .header(Row::new(names).bold())
        .row_highlight_style(Style::new().reversed());
    frame.render_stateful_widget(table, area, &mut place.table);
}

fn about(pool: Option<&PoolOverview>) -> Paragraph<'static> {
    let Some(pool) = pool else { return Paragraph::new("no pools yet") };
    let holders = pool.holders.iter().take(5).map(|holder| {
        let host = holder.host.as_deref().map_or_else(|| "unknown".into(), clean);
        let pid = holder.pid.map(|pid| format!(":{pid}")).unwrap_or_default();
        format!("{host}{pid} ({})", holder.granted)
    });
    let held = holders.collect::<Vec<_>>().join(", ");
    let reason = if pool.reason.is_empty() { "all well".into() } else { clean(&pool.reason) };
    let text = vec![
        Line::from(Span::styled(reason, color(pool.health))),
        Line::from(format!("slots held by: {}", if held.is_empty() { "nobody" } else { &held })),
    ];
    Paragraph::new(text).wrap(Wrap { trim: true }).block(Block::bordered().title(clean(&pool.name)))
}

fn draw_chart(frame: &mut Frame<'_>, seen: &Seen, area: Rect) {
    let [done, failed] = Layout::horizontal([Constraint::Fill(1); 2]).areas(area);
    let bars =
        |of: fn(&workpool::inspect::Bucket) -> u64| seen.history.iter().map(of).collect::<Vec<_>>();
    for (area, title, data, color) in [
        (done, "succeeded, each minute", bars(|b| b.ended.succeeded), Color::Green),
        (failed, "failed, each minute", bars(|b| b.ended.failed), Color::Red),
    ] {
        let width = usize::from(area.width.saturating_sub(2));
        let data = data.split_at(data.len().saturating_sub(width)).1.to_vec();
        let chart = Sparkline::default().data(data).style(color);
        frame.render_widget(chart.block(Block::bordered().title(title)), area);
    }
}

fn color(health: Health) -> Style {
    Style::new().fg(match health {
        Health::Ok => Color::Green,
        Health::Paused | Health::Saturated | Health::Behind => Color::Yellow,
        _ => Color::Red,
    })
}
