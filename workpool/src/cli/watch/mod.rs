//! `watch`: a live view in the terminal. Looks again and again, on a connection of its own, while
//! keys are waited for; without a terminal it says what to use instead.

mod view;

use std::io::{self, IsTerminal};
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use tokio::sync::watch::{self, Receiver};
use workpool::inspect::{Bucket, Inspector, PoolOverview};

use crate::exit::{End, Failed};
use crate::output::Out;

/// What one look found, or why there was none.
#[derive(Debug, Clone, Default)]
struct Seen {
    pools: Vec<PoolOverview>,
    history: Vec<Bucket>,
    workers: usize,
    trouble: Option<String>,
}

/// How often keys and news are looked for.
const TICK: Duration = Duration::from_millis(100);

pub(crate) async fn watch(
    inspector: &Inspector,
    every: Duration,
    out: &Out,
) -> Result<End, Failed> {
    if out.is_json() || !io::stdout().is_terminal() {
        let what = "watch needs a terminal; use `status` or `pools`, with --json for programs";
        return Err(Failed::Usage(what.into()));
    }
    let (send, seen) = watch::channel(Seen::default());
    let inspector = inspector.clone();
    let every = every.max(TICK);
    let looking = tokio::spawn(async move {
        loop {
            let next = look(&inspector).await.unwrap_or_else(|error| Seen {
                trouble: Some(error.to_string()),
                ..send.borrow().clone()
            });
            if send.send(next).is_err() {
                return;
            }
            tokio::time::sleep(every).await;
        }
    });
    // The terminal blocks: a thread of its own for it.
    let shown = tokio::task::spawn_blocking(move || show(seen)).await;
    looking.abort();
    shown.map_err(|error| Failed::Other(error.to_string()))??;
    Ok(End::Done)
}

async fn look(inspector: &Inspector) -> workpool::Result<Seen> {
    let pools = inspector.pools().await?;
    let history = inspector.history(None, Duration::from_hours(1), 60).await?;
    let workers = inspector.workers().await?.iter().filter(|worker| worker.alive).count();
    Ok(Seen { pools, history, workers, trouble: None })
}

fn show(mut seen: Receiver<Seen>) -> Result<(), Failed> {
    let mut terminal = ratatui::try_init()?;
    let mut place = view::Place::default();
    let shown = loop {
        let now = seen.borrow_and_update().clone();
        if let Err(error) = terminal.draw(|frame| view::draw(frame, &now, &mut place)) {
            break Err(error);
        }
        match keys(&mut place, now.pools.len(), &mut seen) {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    ratatui::try_restore()?;
    Ok(shown?)
}

/// Waits for a key or for news. False: to quit.
fn keys(place: &mut view::Place, pools: usize, seen: &mut Receiver<Seen>) -> io::Result<bool> {
    while !seen.has_changed().unwrap_or(false) {
        if !event::poll(TICK)? {
            continue;
        }
        match event::read()? {
            Event::Key(key) if key.kind == KeyEventKind::Press => match key.code {
                KeyCode::Char('q') | KeyCode::Esc => return Ok(false),
                KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                    return Ok(false);
                }
                KeyCode::Down | KeyCode::Char('j') => place.move_by(1, pools),
                KeyCode::Up | KeyCode::Char('k') => place.move_by(-1, pools),
                _ => continue,
            },
            Event::Resize(..) => {}
            _ => continue,
        }
        return Ok(true);
    }
    Ok(true)
}
