//! Logging to stderr, as text or JSON.
//!
//! What a command says of its work: lines on stderr, as text for people or as JSON for programs,
//! and spans to an OpenTelemetry collector where one is named (feature `otlp`).

mod json;
#[cfg(feature = "otlp")]
mod otlp;

#[cfg(feature = "otlp")]
pub(crate) use otlp::{follow, is_recorded};

use json::JsonLines;
use std::fmt;
use std::io::{self, IsTerminal};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::prelude::*;

/// The variable of `--log-format`.
pub const FORMAT: &str = "LASTSEAT_LOG_FORMAT";

/// How lines of the log look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

impl LogFormat {
    /// The word of the flag.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// The log of this process. What it still has to send is sent when it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Log {
    format: LogFormat,
    #[cfg(feature = "otlp")]
    _exporter: Option<otlp::Exporter>,
}

/// What the environment says about the log: `info`, `lastseat=debug,warn` ...
#[must_use]
pub fn words() -> Option<String> {
    ["LASTSEAT_LOG", "RUST_LOG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|words| !words.is_empty()))
}

/// Starts the log of this process. Nodes of a cluster share stderr with each other, so each names
/// itself: `node` is its number, `None` for every other command.
pub fn start(format: LogFormat, node: Option<String>) -> Log {
    let words = words();
    let parsed = words.as_deref().map(str::parse::<Targets>);
    let targets = match &parsed {
        Some(Ok(targets)) => targets.clone(),
        _ => Targets::new().with_default(LevelFilter::INFO),
    };
    #[cfg(feature = "otlp")]
    let (spans, exporter) = otlp::layer(node.as_deref()).unzip();
    #[cfg(not(feature = "otlp"))]
    let spans = None::<tracing_subscriber::layer::Identity>;
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match format {
        LogFormat::Text => {
            let color = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let text = lines.with_target(false).with_timer(Stamp { node });
            text.with_ansi(color).with_filter(targets).boxed()
        }
        LogFormat::Json => {
            let json = lines.fmt_fields(JsonFields::new());
            let json = json.event_format(JsonLines { node });
            json.with_filter(targets).boxed()
        }
    };
    tracing_subscriber::registry().with(lines).with(spans).init();
    if let Some(Err(e)) = parsed {
        tracing::warn!("LASTSEAT_LOG or RUST_LOG is not understood ({e}); logging at info");
    }
    #[cfg(not(feature = "otlp"))]
    warn_of_no_collector();
    Log {
        format,
        #[cfg(feature = "otlp")]
        _exporter: exporter,
    }
}

impl Log {
    /// Says why the command was not done, in the form of the other lines.
    pub fn failed(&self, failure: &impl fmt::Display) {
        match self.format {
            LogFormat::Text => eprintln!("{failure}"),
            LogFormat::Json => tracing::error!("{failure}"),
        }
    }
}

/// Where spans would go. By the names of the OpenTelemetry specification.
fn collector_is_named() -> bool {
    let set = |name: &str| std::env::var(name).is_ok_and(|value| !value.is_empty());
    let off = std::env::var("OTEL_SDK_DISABLED").is_ok_and(|value| value == "true");
    !off && ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]
        .into_iter()
        .any(set)
}

#[cfg(not(feature = "otlp"))]
fn warn_of_no_collector() {
    if collector_is_named() {
        tracing::warn!(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but this lastseat cannot send spans. Build one \
             that can: \
             cargo build --release -p lastseat --features otlp"
        );
    }
}

/// The clock of log lines, followed by the node whose lines they are.
struct Stamp {
    node: Option<String>,
}

impl FormatTime for Stamp {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        SystemTime.format_time(w)?;
        match &self.node {
            Some(node) => write!(w, " node {node}"),
            None => Ok(()),
        }
    }
}
