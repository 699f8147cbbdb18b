//! Span exporter to an OpenTelemetry collector (OTLP, protobuf over HTTP).
//!
//! Where it is, how much is sent and by what name comes from the variables that OpenTelemetry
//! specifies (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_SAMPLER` ...).
//!
//! Spans wait in a bounded queue for a thread of their own; those that do not fit are dropped, and
//! nothing else ever waits for the collector.

use crate::telemetry::https_client::{self, HttpsClient};
use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceFlags, TraceState, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use shared::TraceParent;
use std::io;
use std::time::Duration;
use tokio::runtime::Handle;
use tracing::{Level, Span, Subscriber, warn};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{Filtered, Targets};
use tracing_subscriber::registry::LookupSpan;

/// How long the last spans may take to leave when the process ends.
const FLUSH: Duration = Duration::from_secs(2);
/// Bytes of an answer that are read.
const ANSWER_MAX: usize = 64 * 1024;

type SpanLayer<S> = Filtered<OpenTelemetryLayer<S, SdkTracer>, Targets, S>;

/// The way to the collector. Dropped, it sends what still waits.
#[derive(Debug)]
pub(super) struct Exporter(SdkTracerProvider);

impl Drop for Exporter {
    fn drop(&mut self) {
        if let Err(e) = self.0.shutdown_with_timeout(FLUSH) {
            warn!("the last spans did not reach the collector: {e}");
        }
    }
}

/// What sends the spans of this process, if a collector is named.
pub(super) fn layer<S>(node: Option<&str>) -> Option<(SpanLayer<S>, Exporter)>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    if !super::collector_is_named() {
        return None;
    }
    let provider = match provider(node) {
        Ok(provider) => provider,
        Err(why) => {
            // The log has not started yet.
            eprintln!("spans are not sent: {why}");
            return None;
        }
    };
    let tracer = provider.tracer("lastseat");
    let spans = Targets::new().with_target("lastseat", Level::DEBUG);
    let layer = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_filter(spans);
    Some((layer, Exporter(provider)))
}

fn provider(node: Option<&str>) -> Result<SdkTracerProvider, String> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(SpanClient::start().map_err(|e| e.to_string())?)
        .build()
        .map_err(|e| e.to_string())?;
    let name = std::env::var("OTEL_SERVICE_NAME").unwrap_or_else(|_| "lastseat".to_owned());
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let node = node.map(|node| KeyValue::new("service.instance.id", format!("node-{node}")));
    let resource = Resource::builder()
        .with_service_name(name)
        .with_attributes([version].into_iter().chain(node));
    Ok(SdkTracerProvider::builder()
        .with_resource(resource.build())
        .with_batch_exporter(exporter)
        .build())
}

/// Makes `span` a part of the trace that its request names.
pub(crate) fn follow(span: &Span, trace: &TraceParent) {
    let flags = if trace.is_sampled() { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    let sender = SpanContext::new(
        trace.trace_id().0.into(),
        trace.parent_id().into(),
        flags,
        true,
        TraceState::NONE,
    );
    // Refused only where no layer sends spans, and then nothing is to be done.
    let _ = span.set_parent(Context::new().with_remote_span_context(sender));
}

/// Whether the collector will get `span`.
pub(crate) fn is_recorded(span: &Span) -> bool {
    span.context().span().span_context().is_sampled()
}

/// Posts for the exporter, whose own thread has no runtime to do it on.
#[derive(Debug)]
struct SpanClient {
    client: HttpsClient,
    runtime: Handle,
}

impl SpanClient {
    fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        // It ends with the process: the last spans are sent when everything else has ended.
        std::thread::Builder::new()
            .name("spans".to_owned())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
        Ok(Self { client: https_client::client(true)?, runtime: handle })
    }
}

#[async_trait]
impl HttpClient for SpanClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let exchange = async move {
            let response = client.request(request.map(Full::new)).await?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_MAX).collect().await?.to_bytes();
            Ok(Response::from_parts(head, body))
        };
        self.runtime.spawn(exchange).await?
    }
}
