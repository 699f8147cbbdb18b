//! Metrics of the relay of a shop, on the page of the node that runs it or on one of its own.

use super::status::EndpointStatus;
use lastseat_http::metrics::page::Page;
use lastseat_node::telemetry::metrics::MoreMetrics;
use serde::Serialize;
use shared::UnixMillis;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a relay has counted since its process started, and how its endpoints stand.
#[derive(Debug, Default)]
pub struct WebhookMetrics(Mutex<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    active: bool,
    endpoints: BTreeMap<String, OfEndpoint>,
}

#[derive(Debug, Default)]
struct OfEndpoint {
    counts: EndpointCounts,
    /// `None` while another process relays.
    stands: Option<Stands>,
}

/// What was delivered to one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EndpointCounts {
    /// Entries that were taken.
    pub entries: u64,
    /// Events in them.
    pub events: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
}

#[derive(Clone, Copy, Debug)]
struct Stands {
    late_sales: u64,
    failing_sales: u64,
    lag_entries: u64,
    lag_seconds: f64,
    down: bool,
}

impl WebhookMetrics {
    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This process relays from now on, or does not any more: then it does not say how endpoints
    /// stand.
    pub(super) fn set_active(&self, active: bool) {
        let mut numbers = self.numbers();
        numbers.active = active;
        if !active {
            numbers.endpoints.values_mut().for_each(|endpoint| endpoint.stands = None);
        }
    }

    /// Only these endpoints are there from now on.
    pub(super) fn set_endpoints<'a>(&self, names: impl Iterator<Item = &'a str>) {
        let mut numbers = self.numbers();
        let mut before = std::mem::take(&mut numbers.endpoints);
        let kept = names.map(|name| (name.to_owned(), before.remove(name).unwrap_or_default()));
        numbers.endpoints = kept.collect();
    }

    pub(super) fn count(&self, name: &str, more: EndpointCounts) {
        if let Some(endpoint) = self.numbers().endpoints.get_mut(name) {
            let counts = &mut endpoint.counts;
            counts.entries += more.entries;
            counts.events += more.events;
            counts.failed_attempts += more.failed_attempts;
        }
    }

    pub(super) fn note(&self, status: &EndpointStatus, now: UnixMillis) {
        if let Some(endpoint) = self.numbers().endpoints.get_mut(&status.endpoint) {
            endpoint.stands = Some(Stands {
                late_sales: status.late_sales,
                failing_sales: status.failing_sales,
                lag_entries: status.lag_entries,
                lag_seconds: status.waits_since.map_or(0.0, |at| now.since(at) as f64 / 1_000.0),
                down: status.down,
            });
        }
    }

    /// What was delivered so far, by endpoint.
    pub(super) fn counts(&self) -> BTreeMap<String, EndpointCounts> {
        let numbers = self.numbers();
        numbers.endpoints.iter().map(|(name, of)| (name.clone(), of.counts)).collect()
    }
}

impl MoreMetrics for WebhookMetrics {
    fn write(&self, page: &mut Page) {
        let numbers = self.numbers();
        page.gauge(
            "webhook_relay_active",
            "1 while this process relays the webhooks, 0 while it waits to take over.",
            u8::from(numbers.active),
        );
        let mut deliveries = page.begin(
            "webhook_deliveries_total",
            "counter",
            "Deliveries to an endpoint, by outcome.",
        );
        for (name, of) in &numbers.endpoints {
            for (outcome, count) in
                [("taken", of.counts.entries), ("failed", of.counts.failed_attempts)]
            {
                deliveries.add(&[("endpoint", name.as_str()), ("outcome", outcome)], count);
            }
        }
        let mut events =
            page.begin("webhook_events_total", "counter", "Events that an endpoint has taken.");
        for (name, of) in &numbers.endpoints {
            events.add(&[("endpoint", name.as_str())], of.counts.events);
        }
        for (name, help, value) in [
            (
                "webhook_lag_seconds",
                "Age of the oldest change that an endpoint has not taken.",
                (|stands| stands.lag_seconds) as fn(&Stands) -> f64,
            ),
            (
                "webhook_lag_entries",
                "Entries of the logs of all sales that an endpoint has not taken.",
                |stands| stands.lag_entries as f64,
            ),
            (
                "webhook_sales_late",
                "Sales of which an endpoint has not taken everything.",
                |stands| stands.late_sales as f64,
            ),
            (
                "webhook_sales_failing",
                "Sales whose last delivery to an endpoint failed, or that stand still.",
                |stands| stands.failing_sales as f64,
            ),
            (
                "webhook_endpoint_down",
                "1 while none of the last deliveries to an endpoint was taken.",
                |stands| f64::from(u8::from(stands.down)),
            ),
        ] {
            let mut samples = page.begin(name, "gauge", help);
            for (name, of) in &numbers.endpoints {
                if let Some(stands) = &of.stands {
                    samples.add(&[("endpoint", name.as_str())], value(stands));
                }
            }
        }
    }
}
