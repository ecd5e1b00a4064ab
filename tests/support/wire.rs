//! A bad wire to a server: what is sent comes late, connections are reset, and for a while or for
//! ever nothing comes at all although nobody hangs up. It understands nothing of what it carries.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::Random;

/// When the keepalives of a server that was forgotten have gone unanswered for long enough.
const FORGOTTEN: Duration = Duration::from_secs(30);
/// Pieces under way in one direction; then the sender has to wait.
const UNDER_WAY: usize = 64;

/// What a wire does to everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// The least and the most milliseconds that a piece needs in one direction.
    pub latency: (u64, u64),
    /// How many of a hundred connections are reset in a second.
    pub resets: u64,
}

/// Listens on a port of this machine as long as it lives.
#[derive(Debug)]
pub struct Wire {
    port: u16,
    shared: Arc<Shared>,
    over: CancellationToken,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    cut: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    server: u16,
    weather: Weather,
    random: Random,
    /// New connections are held as well.
    parted: bool,
    lines: Vec<watch::Sender<Flow>>,
    resets: usize,
}

/// Whether a connection carries anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Open,
    /// Not before it is healed.
    Held,
    /// Never again.
    Forgotten,
}

impl Wire {
    /// To the server on that port. Latencies and resets are drawn by `random`.
    pub async fn to(server: u16, random: Random) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let weather = Weather::default();
        let state = State { server, weather, random, parted: false, lines: Vec::new(), resets: 0 };
        let shared = Arc::new(Shared { state: Mutex::new(state), cut: watch::Sender::new(()) });
        let over = CancellationToken::new();
        let accept = {
            let (shared, over) = (Arc::clone(&shared), over.clone());
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let (shared, over) = (Arc::clone(&shared), over.clone());
                    tokio::spawn(over.run_until_cancelled_owned(serve(client, shared)));
                }
            }
        };
        tokio::spawn(over.clone().run_until_cancelled_owned(accept));
        Self { port, shared, over }
    }

    /// Where it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// From now on the weather is like this, on all connections.
    pub fn weather(&self, weather: Weather) {
        self.shared.state().weather = weather;
    }

    /// Nothing passes until it is healed, not on new connections either.
    pub fn part(&self) {
        let mut state = self.shared.state();
        state.parted = true;
        state.turn(|_| Some(Flow::Held));
    }

    /// Nothing passes on about half of the present connections until it is healed.
    pub fn part_half(&self) {
        self.shared.state().turn(|random| (random.below(2) == 0).then_some(Flow::Held));
    }

    /// Nothing passes on the present connections any more, as when a router forgets them.
    pub fn forget(&self) {
        self.shared.state().turn(|_| Some(Flow::Forgotten));
    }

    /// What was held passes, all of it, late.
    pub fn heal(&self) {
        let mut state = self.shared.state();
        state.parted = false;
        for line in &state.lines {
            line.send_if_modified(|flow| {
                let held = *flow == Flow::Held;
                if held {
                    *flow = Flow::Open;
                }
                held
            });
        }
    }

    /// Leads to another server from now on; present connections are reset.
    pub fn lead_to(&self, server: u16) {
        self.shared.state().server = server;
        self.shared.cut.send_replace(());
    }

    /// How many connections were reset by the weather.
    #[must_use]
    pub fn resets(&self) -> usize {
        self.shared.state().resets
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn latency(&self) -> Duration {
        let mut state = self.state();
        let (least, most) = state.weather.latency;
        Duration::from_millis(state.random.between(least, most))
    }

    /// Waits until the weather resets a connection.
    async fn reset(&self, flow: &watch::Receiver<Flow>) {
        let mut seconds = interval(Duration::from_secs(1));
        seconds.tick().await;
        loop {
            seconds.tick().await;
            let mut state = self.state();
            // A reset does not get through where nothing does.
            let strikes = state.random.below(100) < state.weather.resets;
            if strikes && *flow.borrow() == Flow::Open {
                state.resets += 1;
                return;
            }
        }
    }
}

impl State {
    /// Changes the flow of open connections.
    fn turn(&mut self, mut to: impl FnMut(&mut Random) -> Option<Flow>) {
        self.lines.retain(|line| !line.is_closed());
        for line in self.lines.iter().filter(|line| *line.borrow() == Flow::Open) {
            if let Some(flow) = to(&mut self.random) {
                line.send_replace(flow);
            }
        }
    }
}

async fn serve(client: TcpStream, shared: Arc<Shared>) {
    let mut cut = shared.cut.subscribe();
    let (flow, server) = {
        let mut state = shared.state();
        let line = watch::Sender::new(if state.parted { Flow::Held } else { Flow::Open });
        let flow = line.subscribe();
        state.lines.push(line);
        (flow, state.server)
    };
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    for side in [&client, &server] {
        // It fails only when the side has gone. When dropped, a connection is reset.
        let _ = side.set_nodelay(true).and_then(|()| side.set_zero_linger());
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = carry(from_client, to_server, &shared, flow.clone()) => {}
        () = carry(from_server, to_client, &shared, flow.clone()) => {}
        () = shared.reset(&flow) => {}
        () = forgotten(flow.clone()) => {}
        _ = cut.changed() => {}
    }
}

/// From one side to the other until one of them hangs up, and that has got through as well.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    shared: &Shared,
    mut flow: watch::Receiver<Flow>,
) {
    let (pieces, mut arrivals) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let send = async move {
        let mut piece = vec![0; 16 * 1024];
        while let Ok(length) = from.read(&mut piece).await {
            let due = Instant::now() + shared.latency();
            if pieces.send((due, piece[..length].to_vec())).await.is_err() || length == 0 {
                return;
            }
        }
    };
    let arrive = async move {
        while let Some((due, piece)) = arrivals.recv().await {
            sleep_until(due).await;
            let open = flow.wait_for(|flow| *flow == Flow::Open).await.is_ok();
            if !open || piece.is_empty() || to.write_all(&piece).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(send, arrive);
}

/// Waits until a server that was forgotten has noticed.
async fn forgotten(mut flow: watch::Receiver<Flow>) {
    if flow.wait_for(|flow| *flow == Flow::Forgotten).await.is_ok() {
        sleep(FORGOTTEN).await;
    }
}
