//! A collector as OTLP/HTTP has it: takes protobuf at `/v1/traces` and keeps the spans.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use prost::Message;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// One span as it came.
#[derive(Clone, Debug)]
pub(crate) struct Collected {
    pub(crate) name: String,
    /// Who sent it: the service and its instance.
    pub(crate) service: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty for the first of its trace.
    pub(crate) parent: String,
    /// Traces and spans that it is linked to.
    pub(crate) links: Vec<(String, String)>,
    attributes: HashMap<String, String>,
}

impl Collected {
    /// An attribute as text; empty where it is absent.
    pub(crate) fn attribute(&self, name: &str) -> String {
        self.attributes.get(name).cloned().unwrap_or_default()
    }
}

/// A running collector.
pub(crate) struct Collector {
    url: String,
    spans: Arc<Mutex<Vec<Collected>>>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let spans = Arc::<Mutex<Vec<Collected>>>::default();
        let kept = Arc::clone(&spans);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let service = service_fn(|request| receive(request, &kept));
                    let io = TokioIo::new(stream);
                    // A sender that ends breaks its connection.
                    let _ = http1::Builder::new().serve_connection(io, service).await;
                });
            }
        });
        Self { url, spans }
    }

    /// One that nobody runs.
    pub(crate) fn nowhere() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address");
        Self { url: format!("http://{address}"), spans: Arc::default() }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// All that came.
    pub(crate) fn spans(&self) -> Vec<Collected> {
        self.spans.lock().expect("spans").clone()
    }
}

async fn receive(
    request: Request<Incoming>,
    kept: &Mutex<Vec<Collected>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.uri().path(), "/v1/traces");
    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
    let body = request.into_body().collect().await.expect("a whole body");
    let sent = ExportTraceServiceRequest::decode(body.to_bytes()).expect("protobuf of a trace");
    kept.lock().expect("spans").extend(read(sent));
    Ok(Response::new(Full::default()))
}

fn read(sent: ExportTraceServiceRequest) -> Vec<Collected> {
    let mut spans = Vec::new();
    for resource in sent.resource_spans {
        let about = attributes(resource.resource.unwrap_or_default().attributes);
        let word = |name: &str| about.get(name).cloned().unwrap_or_default();
        let service = format!("{} {}", word("service.name"), word("service.instance.id"));
        for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            let links = span.links.iter();
            spans.push(Collected {
                name: span.name,
                service: service.clone(),
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                links: links.map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect(),
                attributes: attributes(span.attributes),
            });
        }
    }
    spans
}

fn attributes(list: Vec<KeyValue>) -> HashMap<String, String> {
    list.into_iter().map(|pair| (pair.key, text(pair.value))).collect()
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(truth)) => truth.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
