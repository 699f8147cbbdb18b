//! Carries out an exchange with what the runtime has: timers, bodies and `fetch`.

use crate::isolate::Isolate;
use crate::request::{WorkerBody, WorkerRequest};
use crate::response::{self, WorkerResponse};
use crate::runtime::{self, Reply, Watch, bindings};
use shared::edge::exchange::{Exchange, ExchangeStep};
use shared::edge::upstream_request::AskOrigin;
use shared::upstream::forwarding::Wait;
use wasm_bindgen::JsValue;
use web_sys::{Request, Response};

/// Answers any request.
///
/// # Errors
/// The runtime refuses to make a response.
pub(crate) async fn answer(
    isolate: &Isolate,
    request: &Request,
    url: &str,
    method: &str,
) -> Result<Response, JsValue> {
    let client = WorkerRequest { request, url, method, client_ip: isolate.client_ip };
    let (mut exchange, mut step) =
        isolate.edge(|edge| Exchange::begin(edge, &client, runtime::time()));
    let mut waiting = Waiting { isolate, watch: None, body: None };
    loop {
        step = match step {
            ExchangeStep::Answer(answer) => {
                return response::respond(answer, exchange.cors(), request);
            }
            ExchangeStep::Wait(ms) => {
                runtime::sleep(ms).await;
                isolate.edge(|edge| exchange.waited(edge, &client, runtime::now()))
            }
            ExchangeStep::ReadBody(until) => {
                let body = waiting.watch().body(request, until).await.map(WorkerBody);
                let now = runtime::now();
                let next =
                    isolate.edge(|edge| exchange.body_read(edge, &client, body.as_ref(), now));
                waiting.body = body.map(|WorkerBody(body)| body);
                next
            }
            ExchangeStep::Ask(ask) => {
                let (response, wait) = waiting.ask(&exchange, &ask).await;
                let now = runtime::now();
                isolate.edge(|edge| exchange.replied(edge, response, wait, now))
            }
            ExchangeStep::ReadResponse(response, until) => {
                let body = waiting.watch().text(response.read(), until).await;
                let now = runtime::now();
                isolate.edge(|edge| exchange.response_read(edge, &client, body.as_deref(), now))
            }
        };
    }
}

/// What a request that waits for something waits by.
struct Waiting<'a> {
    isolate: &'a Isolate,
    /// Made at the first wait: a refusal needs none.
    watch: Option<Watch>,
    body: Option<JsValue>,
}

impl Waiting<'_> {
    fn watch(&mut self) -> &Watch {
        self.watch.get_or_insert_with(Watch::new)
    }

    /// Asks one origin and waits until it answers or the attempt ends. The second value says how.
    async fn ask(
        &mut self,
        exchange: &Exchange<WorkerResponse>,
        ask: &AskOrigin,
    ) -> (Option<WorkerResponse>, Wait) {
        let isolate = self.isolate;
        let mut lines = String::with_capacity(512);
        let poll_ms = isolate.edge(|edge| {
            let signer = (&edge.id, &edge.keys);
            ask.request.headers(signer, runtime::wall(), |name, value| {
                let gap = if lines.is_empty() { "" } else { "\n" };
                for part in [gap, name, "\n", value] {
                    lines.push_str(part);
                }
            });
            exchange.poll_ms(edge, runtime::now())
        });
        let none = JsValue::UNDEFINED;
        let body = self.body.as_ref().unwrap_or(&none);
        let init = bindings::init(&ask.request.method, body, &lines);
        let watch = self.watch.get_or_insert_with(Watch::new);
        let mut reply = watch.fetch(&ask.url, &init, poll_ms).await;
        loop {
            let pending = match reply {
                Reply::Here(answer) => return (Some(WorkerResponse::new(answer)), Wait::Over),
                Reply::Failed => return (None, Wait::Over),
                Reply::Pending(pending) => pending,
            };
            let now = runtime::now();
            if let Some(wait) = isolate.edge(|edge| exchange.ends(edge, now)) {
                return (None, wait);
            }
            let poll_ms = isolate.edge(|edge| exchange.poll_ms(edge, now));
            reply = watch.wait_on(&pending, poll_ms).await;
        }
    }
}
