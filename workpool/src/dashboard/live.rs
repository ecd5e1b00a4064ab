//! Live pages: a page at the same address as a stream of events, each of which is its present
//! content. However many look at a page, one task reads for all of them, and only while they do.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use futures_util::future::{BoxFuture, FutureExt, Shared};
use futures_util::{StreamExt, stream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::page::View;
use super::refusal::{Answer, Refusal};
use super::site::Desk;
use crate::monitor::Changes;

/// Different pages that are watched at once; who wants a further one has to reload.
const MOST: usize = 100;
/// How long one stream lasts: whoever may not look any more does not for longer than that.
const LASTS: Duration = Duration::from_mins(5);
/// When a browser asks again after a stream has ended.
const AGAIN: Duration = Duration::from_millis(500);
/// The least time between two looks, in times of that which a look takes.
const GAPS: u32 = 5;
/// Between looks while the database does not answer.
const TROUBLE: Duration = Duration::from_secs(2);

/// What those who look at a page are told.
#[derive(Debug, Clone, PartialEq)]
enum News {
    /// Its content.
    Content(Arc<str>),
    /// Why there is none.
    Trouble(Arc<str>),
}

type Feed = watch::Sender<Option<News>>;

/// Resolves when all streams are to end.
pub(super) type End = Shared<BoxFuture<'static, ()>>;

/// The pages that somebody looks at.
#[derive(Debug)]
pub(super) struct Feeds {
    open: Mutex<HashMap<String, Weak<Feed>>>,
    end: End,
}

impl Feeds {
    pub(super) fn new(end: BoxFuture<'static, ()>) -> Self {
        Self { open: Mutex::default(), end: end.shared() }
    }

    /// A stream of the content of a page; `key` is what tells it from others.
    pub(super) fn follow<V: View>(&self, key: String, desk: &Desk, view: V) -> Answer<Response> {
        let mut open = self.open.lock().expect("no code panics with this lock");
        open.retain(|_, feed| feed.strong_count() > 0);
        let news = if let Some(feed) = open.get(&key).and_then(Weak::upgrade) {
            feed.subscribe()
        } else {
            if open.len() >= MOST {
                let what = "Too many different pages are watched at once.";
                return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, what));
            }
            let (feed, news) = watch::channel(None);
            let feed = Arc::new(feed);
            open.insert(key.clone(), Arc::downgrade(&feed));
            tokio::spawn(run(view, desk.clone(), feed, key));
            news
        };
        drop(open);
        let again = stream::iter([Ok(Event::default().retry(AGAIN))]);
        let stream =
            again.chain(events(news)).take_until(self.end.clone()).take_until(sleep(LASTS));
        Ok(Sse::new(stream).keep_alive(KeepAlive::new()).into_response())
    }

    /// Whether nobody looks at a page any more; then it is forgotten.
    fn forget_unwatched(&self, key: &str, feed: &Feed) -> bool {
        let mut open = self.open.lock().expect("no code panics with this lock");
        let unwatched = feed.receiver_count() == 0;
        if unwatched {
            open.remove(key);
        }
        unwatched
    }
}

/// Reads a page over and over, until nobody looks at it.
async fn run<V: View>(view: V, desk: Desk, feed: Arc<Feed>, key: String) {
    let feeds = &desk.site.feeds;
    let mut changes = Changes::new(&desk.site.workpool);
    changes.pool = view.pool().map(str::to_owned);
    while !feeds.forget_unwatched(&key, &feed) {
        let begun = Instant::now();
        let (news, pause) = match view.page(&desk).await {
            Ok(page) => {
                let content = News::Content(page.content.into_string().into());
                (content, view.gap().max(begun.elapsed() * GAPS))
            }
            Err(refusal) => (News::Trouble(refusal.what.into()), TROUBLE),
        };
        feed.send_if_modified(|latest| {
            let differs = latest.as_ref() != Some(&news);
            *latest = Some(news);
            differs
        });
        tokio::select! {
            () = feed.closed() => {}
            () = desk.site.feeds.end.clone() => return,
            () = async { tokio::join!(changes.wait(), sleep(pause)); } => {}
        }
    }
}

fn events(
    news: watch::Receiver<Option<News>>,
) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    stream::unfold((news, true), |(mut news, first)| async move {
        loop {
            if !(first && news.borrow().is_some()) {
                news.changed().await.ok()?;
            }
            let latest = news.borrow_and_update().clone();
            if let Some(latest) = latest {
                return Some((Ok(event(&latest)), (news, false)));
            }
        }
    })
}

fn event(news: &News) -> Event {
    // A carriage return would end a line of the stream; in a page it means the same when spelled.
    match news {
        News::Content(content) => Event::default().data(content.replace('\r', "&#13;")),
        News::Trouble(why) => Event::default().event("trouble").data(why.replace('\r', " ")),
    }
}
