//! Status stream: the cluster status once or each second, for dashboard and scripts.
//!
//! Exact numbers are for operators: both calls need the admin token, or a scoped one, which shows
//! its sales alone. A stream begins with what its token allows, so that a page offers no more.

use super::token_auth::Operator;
use super::{App, request, response};
use crate::status::{ClusterStatus, TIMELINE_SHOWN};
use crate::timeline::{self, TimelineEvent};
use axum::Router;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use lastseat_ledger::Fault;
use serde::Deserialize;
use serde_json::json;
use shared::limits::STATUS_STREAMS_MAX;
use shared::{Code, Problem, SaleId, Snapshot, UnixMillis};
use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{self, Sender};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::MissedTickBehavior;

/// Time between two events of a stream.
const INTERVAL: Duration = Duration::from_secs(1);
/// Readers share what was read at most this long ago.
const FRESH: Duration = Duration::from_millis(500);
/// A reader that takes nothing for this long is cut off.
const STUCK: Duration = Duration::from_secs(15);
/// Events that may wait for a slow reader; whoever falls behind misses some and none is late.
const WAITING: usize = 2;

type SharedStatus = Result<Arc<StatusText>, Fault>;

/// A status, also as JSON: most readers are shown all of it.
#[derive(Debug)]
struct StatusText {
    status: ClusterStatus,
    text: Arc<str>,
}

impl StatusText {
    fn new(status: ClusterStatus) -> SharedStatus {
        let text = as_json(&status)?;
        Ok(Arc::new(Self { status, text }))
    }

    /// What `operator` is shown of it.
    fn shown_to(&self, operator: &Operator) -> Result<Arc<str>, Fault> {
        if operator.is_for_all() {
            return Ok(Arc::clone(&self.text));
        }
        as_json(&self.status.clone().of_sales(|sale| operator.is_for(sale)))
    }
}

/// What happens to buyers while a node's ledger does not answer.
const BUYERS_NOW: &str = "Nothing is sold. A new order is answered 503 unavailable, or 504 \
    outcome_unknown after up to 2.5 s where it may have reached the ledger, and the buyer page \
    asks again with the same order, so that nobody pays twice. An order that was on its way when \
    the ledger went silent may have been taken. What was confirmed stays confirmed. A sale that \
    was sold out is still answered so.";

/// What all readers share, so that many cost the ledger no more than one.
#[derive(Debug)]
pub struct StatusStream {
    places: Arc<Semaphore>,
    last: Mutex<Option<(Instant, SharedStatus)>>,
    news: std::sync::Mutex<News>,
    /// The sales that readers want to see in any case, one for each that does.
    wanted: Arc<std::sync::Mutex<Vec<SaleId>>>,
}

/// A sale that a reader wants to see, for as long as it is here.
struct WantedSale {
    sale: SaleId,
    all: Arc<std::sync::Mutex<Vec<SaleId>>>,
}

impl Drop for WantedSale {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = all.iter().position(|sale| *sale == self.sale) {
            all.swap_remove(place);
        }
    }
}

/// What is told while the ledger does not answer.
#[derive(Debug, Default)]
struct News {
    /// Since when it does not, by the ledger's clock.
    away_since: Option<UnixMillis>,
    /// The events of the last status, of all nodes.
    events: Vec<TimelineEvent>,
}

impl Default for StatusStream {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(STATUS_STREAMS_MAX)),
            last: Mutex::default(),
            news: std::sync::Mutex::default(),
            wanted: Arc::default(),
        }
    }
}

impl StatusStream {
    /// Streams that are open now.
    #[must_use]
    pub fn open(&self) -> usize {
        STATUS_STREAMS_MAX - self.places.available_permits()
    }

    /// The status, read now or a moment ago.
    async fn status(&self, app: &App) -> SharedStatus {
        let mut last = self.last.lock().await;
        if let Some((read, outcome)) = last.as_ref().filter(|(read, _)| read.elapsed() < FRESH) {
            let _ = read;
            return outcome.clone();
        }
        let begun = app.sales.ledger().now();
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let outcome = match read(app, &wanted).await {
            Ok(status) => {
                let mut news = self.news();
                news.away_since = None;
                news.events.clone_from(&status.happenings);
                drop(news);
                StatusText::new(status)
            }
            Err(fault) => {
                self.news().away_since.get_or_insert(begun);
                Err(fault)
            }
        };
        *last = Some((Instant::now(), outcome.clone()));
        outcome
    }
}

impl StatusStream {
    /// From the next reading on `sale` is shown in any case.
    fn want(&self, sale: SaleId) -> WantedSale {
        let all = Arc::clone(&self.wanted);
        all.lock().unwrap_or_else(PoisonError::into_inner).push(sale.clone());
        WantedSale { sale, all }
    }

    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a dashboard gets in place of a status: why, since when, what buyers get, and
    /// what happened as far as this node has noticed. No number, for none is known.
    fn away(&self, app: &App, operator: &Operator, fault: &Fault) -> serde_json::Value {
        let (at, news) = (app.sales.ledger().now(), self.news());
        let own = app.sales.timeline().read();
        let mut events = timeline::merge([news.events.clone(), own].into_iter(), TIMELINE_SHOWN);
        events.retain(|event| event.is_shown(|sale| operator.is_for(sale)));
        // The verdict of a fault is about one call, here the reading of the status: not about
        // orders.
        let why = match fault {
            Fault::NotSent(why) | Fault::Unknown(why) | Fault::Corrupt(why) => why,
        };
        json!({
            "sentence": format!("The ledger does not answer: {why}."),
            "buyers": BUYERS_NOW,
            "at": at,
            "since": news.away_since.unwrap_or(at),
            "events": events,
        })
    }
}

fn as_json(status: &ClusterStatus) -> Result<Arc<str>, Fault> {
    let text = serde_json::to_string(status).map_err(|e| Fault::Corrupt(e.to_string()))?;
    Ok(text.into())
}

async fn read(app: &App, wanted: &[SaleId]) -> Result<ClusterStatus, Fault> {
    let note = |sale: &SaleId, snapshot: &Snapshot| app.sales.observe(sale, snapshot);
    let alarms = app.alarms.read();
    let own = Some((app.node.id, alarms.as_slice()));
    ClusterStatus::read_at(app.sales.ledger(), wanted, own, note).await
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/admin/status", get(once)).route("/v1/admin/status/stream", get(follow))
}

/// Query of both calls.
#[derive(Debug, Deserialize)]
struct StatusQuery {
    /// A sale that is shown in any case.
    sale: Option<String>,
}

/// The sale that the query wants to be shown.
fn wanted(uri: &Uri) -> Result<Option<SaleId>, Problem> {
    let wanted = request::query::<StatusQuery>(uri)?;
    wanted.sale.as_deref().map(SaleId::parse).transpose().map_err(Problem::invalid)
}

/// `GET /v1/admin/status`
async fn once(operator: Operator, State(app): State<Arc<App>>, uri: Uri) -> Response {
    let status = match wanted(&uri) {
        Ok(None) => app.status_stream.status(&app).await,
        Ok(Some(sale)) => read(&app, &[sale]).await.and_then(StatusText::new),
        Err(problem) => return response::problem(&problem),
    };
    match status.and_then(|status| status.shown_to(&operator)) {
        Ok(status) => response::text("application/json", status.to_string()),
        Err(fault) => response::faulty(&fault),
    }
}

/// `GET /v1/admin/status/stream`: server-sent events, one a second. Each carries everything, so
/// whoever was cut off asks again and has missed nothing; `Last-Event-ID` only goes on counting.
async fn follow(
    operator: Operator,
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let wanted = match wanted(&uri) {
        Ok(wanted) => wanted,
        Err(problem) => return response::problem(&problem),
    };
    let Ok(place) = Arc::clone(&app.status_stream.places).try_acquire_owned() else {
        return response::problem(&Problem {
            detail: format!(
                "This node streams to {STATUS_STREAMS_MAX} dashboards already. Close one, or ask \
                 another node."
            ),
            ..Problem::new(Code::Busy).retry_after(5_000)
        });
    };
    let seen = headers.get("last-event-id");
    let seen = seen.and_then(|id| id.to_str().ok()?.parse::<u64>().ok());
    let (sender, events) = mpsc::channel(WAITING);
    let wanted = wanted.map(|sale| app.status_stream.want(sale));
    let held = (place, wanted);
    tokio::spawn(send_statuses(app, operator, sender, seen.unwrap_or(0), held));
    let events = stream::unfold(events, |mut events| async {
        Some((Ok::<Event, Infallible>(events.recv().await?), events))
    });
    let mut response = Sse::new(events).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Sends until the reader leaves, its token ends, or the node stops.
async fn send_statuses(
    app: Arc<App>,
    operator: Operator,
    to: Sender<Event>,
    seen: u64,
    held: (OwnedSemaphorePermit, Option<WantedSale>),
) {
    let token = serde_json::to_string(&operator.note()).unwrap_or_default();
    if to.send_timeout(Event::default().event("token").data(token), STUCK).await.is_err() {
        return;
    }
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for id in seen.saturating_add(1).. {
        ticks.tick().await;
        // Whoever asks again is told why there is no more.
        if app.draining.load(Ordering::Relaxed) || operator.has_expired() {
            break;
        }
        let status = app.status_stream.status(&app).await;
        let event = match status.and_then(|status| status.shown_to(&operator)) {
            Ok(status) => Event::default().event("status").id(id.to_string()).data(&*status),
            Err(fault) => {
                let news = app.status_stream.away(&app, &operator, &fault).to_string();
                Event::default().event("away").id(id.to_string()).data(news)
            }
        };
        if to.send_timeout(event, STUCK).await.is_err() {
            break;
        }
    }
    drop(held);
}
