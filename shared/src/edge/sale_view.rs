//! Showing a sale at an edge: how it stands, what it sells and what is left of that; from memory
//! while it is fresh, then from an origin.

use super::answer::{self, ANSWERED_BY_EDGE, PLAN_KEPT, ShownView, VIEW_KEPT};
use super::client_request::{ClientRequest, NoBody};
use super::forwarded_request::ForwardedRequest;
use super::route::Route;
use super::state::EdgeState;
use super::upstream_request::{OriginResponse, UpstreamRequest};
use crate::admission::view_cache::{CacheLookup, CachedView};
use crate::domain::ids::SaleId;
use crate::domain::time::UnixMillis;
use crate::limits::{COLD_WAIT_MS, PLAN_FRESH_MS, VIEW_FRESH_MS};
use crate::wire::entity_tag;
use crate::wire::problem::{Problem, spread_ms};
use std::borrow::Cow;
use std::sync::Arc;

/// `GET /v1/sales/{sale}`, `.../event`, `.../plan` and `.../seats`
#[derive(Debug)]
pub(super) struct ShowSale {
    sale: SaleId,
    /// What of it; `None` = how it stands.
    part: Option<ShownPart>,
    waits: u32,
    /// When an origin was asked.
    asked: UnixMillis,
    /// Who answered: the tier and the node.
    by: Option<(String, Option<String>)>,
    /// What the answer is called.
    etag: Option<Arc<str>>,
}

/// A view beside the one of how a sale stands.
#[derive(Debug)]
struct ShownPart {
    /// Its address at an origin.
    path: String,
    fresh_ms: u64,
    kept: &'static str,
}

/// What the view cache says.
#[derive(Debug)]
pub(super) enum AtCache {
    Show(ShownView),
    /// Wait so many milliseconds and look again.
    Wait(u64),
    /// Ask an origin.
    Ask,
}

impl ShowSale {
    /// What is looked at at this address, if it is one of those.
    pub(super) fn of(route: &Route) -> Option<Self> {
        let path = || route.path();
        let (sale, part) = match route {
            Route::Sale(sale) => (sale, None),
            Route::Event(sale) | Route::Plan(sale) => {
                let (fresh_ms, kept) = (PLAN_FRESH_MS, PLAN_KEPT);
                (sale, Some(ShownPart { path: path(), fresh_ms, kept }))
            }
            Route::Seats(sale, _) => {
                let (fresh_ms, kept) = (VIEW_FRESH_MS, VIEW_KEPT);
                (sale, Some(ShownPart { path: path(), fresh_ms, kept }))
            }
            _ => return None,
        };
        let (sale, asked) = (sale.clone(), UnixMillis(0));
        Some(Self { sale, part, waits: 0, asked, by: None, etag: None })
    }

    /// Looks into the view cache.
    ///
    /// # Errors
    /// An origin was asked, and its answer takes too long.
    pub(super) fn at_cache(
        &mut self,
        edge: &mut EdgeState,
        request: &impl ClientRequest,
        now: UnixMillis,
    ) -> Result<AtCache, Problem> {
        let found = match &self.part {
            None => edge.views.lookup((&self.sale, VIEW_FRESH_MS, false), self.waits, now),
            Some(part) => {
                let exists = edge.gates.has_listed(&self.sale);
                edge.parts.lookup((&part.path, part.fresh_ms, exists), self.waits, now)
            }
        };
        match found {
            CacheLookup::Show(view, age_ms) => {
                let by = (Cow::Borrowed(ANSWERED_BY_EDGE), None);
                Ok(AtCache::Show(self.shown(request, view, age_ms, by)))
            }
            CacheLookup::Ask => {
                self.asked = now;
                Ok(AtCache::Ask)
            }
            CacheLookup::Busy(ms) => Err(answer::busy(spread_ms(ms, edge.chance()))),
            CacheLookup::Wait => {
                self.waits = self.waits.saturating_add(1);
                Ok(AtCache::Wait(COLD_WAIT_MS))
            }
        }
    }

    fn shown(
        &self,
        request: &impl ClientRequest,
        CachedView { body, etag }: CachedView,
        age_ms: u64,
        (by, node): (Cow<'static, str>, Option<String>),
    ) -> ShownView {
        let unchanged = etag.as_ref().is_some_and(|etag| {
            request.if_none_match().is_some_and(|tags| entity_tag::names(&tags, etag))
        });
        let kept = self.part.as_ref().map_or(VIEW_KEPT, |part| part.kept);
        ShownView { body, age_ms, by, node, kept, etag, unchanged }
    }

    /// Its way over the origins.
    pub(super) fn forward<R: OriginResponse>(
        &self,
        edge: &mut EdgeState,
        request: &impl ClientRequest,
        route: &Route,
    ) -> UpstreamRequest<R> {
        let body = None::<&NoBody>;
        let forwarded = ForwardedRequest::new(edge, request, (&self.sale, route), None, body);
        // Whoever asks, by HEAD, too: the answer is for all who look.
        let forwarded = ForwardedRequest { method: "GET".to_owned(), ..forwarded };
        UpstreamRequest::new(forwarded, None, request.client_ip(), self.asked)
    }

    /// Whether an origin's answer is a view, whose body is to be read.
    pub(super) fn answered<R: OriginResponse>(&mut self, response: &R) -> bool {
        let by = response.answered_by().filter(|_| response.status() == 200);
        self.by = by.map(|by| (by.into_owned(), response.node().map(Cow::into_owned)));
        if self.by.is_some() && self.part.is_some() {
            self.etag = response.etag().map(Arc::from);
        }
        self.by.is_some()
    }

    /// Keeps the view that was read, and shows it.
    pub(super) fn read(
        &mut self,
        edge: &mut EdgeState,
        request: &impl ClientRequest,
        body: &str,
        now: UnixMillis,
    ) -> ShownView {
        let view = CachedView { body: body.into(), etag: self.etag.take() };
        match &self.part {
            None => edge.views.keep(&self.sale, self.asked, now, view.clone()),
            Some(part) => edge.parts.keep(&part.path, self.asked, now, view.clone()),
        }
        let (by, node) = self.by.take().unwrap_or_default();
        self.shown(request, view, 0, (Cow::Owned(by), node))
    }
}
