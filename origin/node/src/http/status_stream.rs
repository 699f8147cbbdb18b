//! Status stream: the cluster status once or each second, for dashboard and scripts.
//!
//! Exact stock is for operators: both calls need the admin token.

use super::token_auth::Operator;
use super::{App, request, response};
use crate::status::ClusterStatus;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use lastseat_ledger::Fault;
use serde::Deserialize;
use serde_json::json;
use shared::limits::STATUS_STREAMS_MAX;
use shared::{Code, Problem, SaleId, Snapshot};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::MissedTickBehavior;

/// Time between two events of a stream.
const BEAT: Duration = Duration::from_secs(1);
/// Readers share what was read at most this long ago.
const FRESH: Duration = Duration::from_millis(500);
/// A reader that takes nothing for this long is cut off.
const STUCK: Duration = Duration::from_secs(15);
/// Events that may wait for a slow reader; whoever falls behind misses some and none is late.
const WAITING: usize = 2;

/// What all readers share, so that many cost the ledger no more than one.
#[derive(Debug)]
pub struct StatusStream {
    places: Arc<Semaphore>,
    last: Mutex<Option<(Instant, Result<Bytes, Fault>)>>,
}

impl Default for StatusStream {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(STATUS_STREAMS_MAX)), last: Mutex::default() }
    }
}

impl StatusStream {
    /// Streams that are open now.
    #[must_use]
    pub fn open(&self) -> usize {
        STATUS_STREAMS_MAX - self.places.available_permits()
    }

    /// The status as JSON, read now or a moment ago.
    async fn status(&self, app: &App) -> Result<Bytes, Fault> {
        let mut last = self.last.lock().await;
        if let Some((read, outcome)) = last.as_ref().filter(|(read, _)| read.elapsed() < FRESH) {
            let _ = read;
            return outcome.clone();
        }
        let outcome = read(app, None).await;
        *last = Some((Instant::now(), outcome.clone()));
        outcome
    }
}

async fn read(app: &App, wanted: Option<&SaleId>) -> Result<Bytes, Fault> {
    let note = |sale: &SaleId, snapshot: &Snapshot| app.sales.observe(sale, snapshot);
    let status = ClusterStatus::read(app.sales.ledger(), wanted, note).await?;
    let bytes = serde_json::to_vec(&status).map_err(|e| Fault::Corrupt(e.to_string()))?;
    Ok(bytes.into())
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/admin/status", get(once)).route("/v1/admin/status/stream", get(stream))
}

/// Query of `GET /v1/admin/status`.
#[derive(Debug, Deserialize)]
struct StatusQuery {
    /// A sale that is shown in any case.
    sale: Option<String>,
}

/// `GET /v1/admin/status`
async fn once(_: Operator, State(app): State<Arc<App>>, uri: Uri) -> Response {
    let wanted = request::query::<StatusQuery>(&uri).and_then(|wanted| {
        let sale = wanted.sale.as_deref().map(SaleId::parse).transpose();
        sale.map_err(Problem::invalid)
    });
    let status = match wanted {
        Ok(None) => app.feed.status(&app).await,
        Ok(Some(sale)) => read(&app, Some(&sale)).await,
        Err(problem) => return response::problem(&problem),
    };
    match status {
        Ok(status) => response::text("application/json", status),
        Err(fault) => response::faulty(&fault),
    }
}

/// `GET /v1/admin/status/stream`: server-sent events, one a second. Each carries everything, so
/// whoever was cut off asks again and has missed nothing; `Last-Event-ID` only goes on counting.
async fn stream(_: Operator, State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let Ok(place) = Arc::clone(&app.feed.places).try_acquire_owned() else {
        return response::problem(&Problem {
            detail: format!(
                "This node feeds {STATUS_STREAMS_MAX} dashboards already. Close one, or ask \
                 another node."
            ),
            ..Problem::new(Code::Busy).retry_after(5_000)
        });
    };
    let seen = headers.get("last-event-id");
    let seen = seen.and_then(|id| id.to_str().ok()?.parse::<u64>().ok());
    let (sender, body) = Channel::<Bytes, Infallible>::new(WAITING);
    tokio::spawn(send_statuses(app, sender, seen.unwrap_or(0), place));
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = StatusCode::OK;
    for (name, value) in [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Sends until the reader leaves or the node stops.
async fn send_statuses(
    app: Arc<App>,
    mut to: Sender<Bytes>,
    seen: u64,
    place: OwnedSemaphorePermit,
) {
    let mut ticks = tokio::time::interval(BEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for id in seen.saturating_add(1).. {
        ticks.tick().await;
        if app.draining.load(Ordering::Relaxed) {
            break;
        }
        let event = match app.feed.status(&app).await {
            Ok(status) => event("status", id, &status),
            Err(fault) => {
                let sentence = json!({"sentence": format!("The ledger does not answer: {fault}.")});
                event("away", id, sentence.to_string().as_bytes())
            }
        };
        if !matches!(tokio::time::timeout(STUCK, to.send_data(event)).await, Ok(Ok(()))) {
            break;
        }
    }
    drop(place);
}

/// JSON has no line ends, so one `data` line is enough.
fn event(name: &str, id: u64, data: &[u8]) -> Bytes {
    let mut text = format!("event: {name}\nid: {id}\ndata: ").into_bytes();
    text.extend_from_slice(data);
    text.extend_from_slice(b"\n\n");
    Bytes::from(text)
}
