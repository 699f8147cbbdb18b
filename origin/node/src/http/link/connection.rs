//! One open link: reads frames, has their orders decided, writes answers as they are there.

use super::order::{DecidedOrder, LinkContext, ReceivedOrder};
use super::rejected;
use crate::header_names;
use crate::http::App;
use crate::http::named_grant::NamedGrant;
use crate::status::EdgeWay;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use shared::limits::{
    LINK_ANSWERS_MAX, LINK_FRAME_MAX, LINK_IDLE_MS, LINK_UNDER_WAY_MAX, NODE_LINGER_MS,
    ORIGIN_DEADLINE_MS,
};
use shared::link::frame::{self, PREFIX};
use shared::link::{
    AnswerWriter, FromGateway, FromNode, LinkGrant, LinkRejection, LinkSession, OrdersReader,
};
use shared::wire::problem::PROBLEM_JSON;
use shared::{EdgeCounts, EdgeId, SaleId};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::coop::unconstrained;
use tokio::time::{Instant, sleep};
use tracing::debug;

/// How long a link without a frame stays open.
const IDLE: Duration = Duration::from_millis(LINK_IDLE_MS);
/// How long the link of a node that stops goes on to read.
const LINGER: Duration = Duration::from_millis(NODE_LINGER_MS);
/// How long a link that reads no more may take to send its last answers.
const FINISH: Duration = Duration::from_millis(ORIGIN_DEADLINE_MS + 500);

/// Where a link is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It takes orders.
    Serving,
    /// The node stops: what still comes is answered.
    Leaving,
    /// It reads no more and ends when all is answered.
    Ending,
}

/// The state of one link.
pub(super) struct Connection {
    context: Arc<LinkContext>,
    session: LinkSession,
    phase: Phase,
    /// The number that the next frame must have.
    next: u64,
    inbox: BytesMut,
    outbox: BytesMut,
    answers: AnswerWriter,
}

impl Connection {
    pub(super) fn new(app: Arc<App>, edge: EdgeId, session: LinkSession) -> Self {
        Self {
            context: Arc::new(LinkContext { app, edge }),
            session,
            phase: Phase::Serving,
            next: 0,
            inbox: BytesMut::new(),
            outbox: BytesMut::new(),
            answers: AnswerWriter::default(),
        }
    }

    /// Serves until the gateway leaves, the node stops, or a frame is wrong. What is queued then is
    /// carried out all the same.
    pub(super) async fn run(mut self, stream: impl AsyncRead + AsyncWrite) {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut closing = self.context.app.links.closing.subscribe();
        let context = Arc::clone(&self.context);
        let mut under_way = FuturesUnordered::new();
        let mut decided = Vec::new();
        let timer = sleep(IDLE);
        tokio::pin!(timer);
        let (mut received_at, mut ending) = (Instant::now(), false);
        loop {
            while under_way.len() < LINK_UNDER_WAY_MAX
                && let Some(frame) = self.next_frame()
            {
                received_at = Instant::now();
                for order in self.take_in(&frame) {
                    under_way.push(order.decide(&context));
                }
            }
            if self.phase == Phase::Ending && !ending {
                ending = true;
                timer.as_mut().reset(Instant::now() + FINISH);
            }
            if self.phase == Phase::Ending && under_way.is_empty() && self.outbox.is_empty() {
                // Whoever is gone already has no need of it.
                let _ = writer.shutdown().await;
                return;
            }
            let reads = self.phase != Phase::Ending
                && under_way.len() < LINK_UNDER_WAY_MAX
                && self.outbox.len() < LINK_FRAME_MAX;
            tokio::select! {
                biased;
                // Not counted by the runtime's budget for a task: what is decided in one turn of
                // the event loop is written at once.
                Some(first) = unconstrained(under_way.next()), if !under_way.is_empty() => {
                    decided.push(first);
                    while let Some(Some(more)) = unconstrained(under_way.next()).now_or_never() {
                        decided.push(more);
                    }
                    self.answer(&mut decided);
                }
                written = writer.write_buf(&mut self.outbox), if self.outbox.has_remaining() => {
                    if let Err(e) = written {
                        return debug!("a link broke: {e}");
                    }
                }
                read = reader.read_buf(&mut self.inbox), if reads => match read {
                    Err(e) => return debug!("a link broke: {e}"),
                    Ok(0) => self.phase = Phase::Ending,
                    Ok(_) => {}
                },
                _ = closing.wait_for(|closing| *closing), if self.phase == Phase::Serving => {
                    self.phase = Phase::Leaving;
                    self.send(FromNode::Goodbye);
                    timer.as_mut().reset(Instant::now() + LINGER);
                }
                () = &mut timer => match self.phase {
                    Phase::Serving if received_at.elapsed() < IDLE => {
                        timer.as_mut().reset(received_at + IDLE);
                    }
                    Phase::Leaving => self.phase = Phase::Ending,
                    Phase::Serving | Phase::Ending => return debug!("a link was silent"),
                },
            }
        }
    }

    /// The next whole frame that has arrived. One that is too long ends the link before it is
    /// there.
    fn next_frame(&mut self) -> Option<Bytes> {
        if self.phase == Phase::Ending {
            return None;
        }
        match frame::length(&self.inbox) {
            Ok(Some(length)) if self.inbox.len() >= length => {
                Some(self.inbox.split_to(length).freeze())
            }
            Ok(length) => {
                let wanted = length.unwrap_or(PREFIX).saturating_sub(self.inbox.len());
                self.inbox.reserve(wanted.max(READ));
                None
            }
            Err(why) => {
                self.reject(why);
                None
            }
        }
    }

    /// The orders of a frame; none where it is wrong or has none.
    fn take_in(&mut self, frame: &Bytes) -> Vec<ReceivedOrder> {
        match self.read(frame) {
            Ok(orders) => orders,
            Err(why) => {
                self.reject(why);
                Vec::new()
            }
        }
    }

    fn read(&mut self, frame: &Bytes) -> Result<Vec<ReceivedOrder>, LinkRejection> {
        let app = &self.context.app;
        let keys = app.trust.edge_keys.as_ref().ok_or(LinkRejection::UnknownKey)?;
        let payload = match self.session.read(keys, self.next, frame)? {
            FromGateway::Orders(payload) => payload,
            FromGateway::Ping => {
                self.next += 1;
                self.send(FromNode::Pong);
                return Ok(Vec::new());
            }
        };
        let read = OrdersReader::new(payload)?.all()?;
        self.next += 1;
        app.links.frames.fetch_add(1, Ordering::Relaxed);
        app.links.orders.fetch_add(read.len() as u64, Ordering::Relaxed);
        let mut orders: Vec<ReceivedOrder> = Vec::with_capacity(read.len());
        for (number, order) in &read {
            let before = orders.last().and_then(ReceivedOrder::sale);
            let body = frame.slice_ref(order.body);
            orders.push(ReceivedOrder::new(*number, order, body, before));
        }
        Ok(orders)
    }

    fn reject(&mut self, why: LinkRejection) {
        rejected(&self.context.app.links, &self.context.edge, why);
        self.send(FromNode::Rejected(why));
        self.phase = Phase::Ending;
    }

    fn send(&mut self, frame: FromNode<'_>) {
        let mut bytes = Vec::with_capacity(16);
        frame.write(&mut bytes);
        self.outbox.extend_from_slice(&bytes);
    }

    /// Writes the answers that are there into frames, with one grant for each sale in a frame.
    fn answer(&mut self, decided: &mut Vec<DecidedOrder>) {
        for answers in decided.chunks(LINK_ANSWERS_MAX) {
            let sales = self.grants(answers);
            for answer in answers {
                let grant = answer.sale.as_ref();
                let grant = grant.and_then(|sale| sales.iter().find(|(of, _)| *of == sale));
                let grant = grant.and_then(|(_, place)| *place);
                if !self.put(answer, grant) {
                    // It goes into the next frame, whose grants are to come.
                    self.flush();
                    if !self.put(answer, None) {
                        self.put_unknown(answer.number);
                    }
                }
            }
            self.flush();
        }
        decided.clear();
    }

    /// Writes the grants of the sales of `answers`; returns the place of each.
    fn grants<'a>(&mut self, answers: &'a [DecidedOrder]) -> Vec<(&'a SaleId, Option<u8>)> {
        let mut sales: Vec<(&SaleId, u32, Option<EdgeCounts>)> = Vec::new();
        for DecidedOrder { sale, counts, .. } in answers {
            let Some(sale) = sale else { continue };
            let place = sales.iter().position(|(of, ..)| *of == sale);
            let place = place.unwrap_or_else(|| {
                sales.push((sale, 0, None));
                sales.len() - 1
            });
            let (_, requests, sum) = &mut sales[place];
            *requests += 1;
            if let Some(counts) = counts {
                sum.get_or_insert_default().add(counts);
            }
        }
        let app = &self.context.app;
        let mut places = Vec::with_capacity(sales.len());
        for (sale, requests, counts) in sales {
            let edge = (&self.context.edge, EdgeWay::Link);
            let named = NamedGrant::of(app, sale, edge, requests, counts.as_ref());
            let place = named.and_then(|named| {
                let gone = app.sales.gone_header(sale);
                let (sales, gone) = (named.names(), gone.as_deref().unwrap_or_default());
                self.answers.grant(&LinkGrant { grant: named.grant, sales, gone })
            });
            places.push((sale, place));
        }
        places
    }

    fn put(&mut self, answer: &DecidedOrder, grant: Option<u8>) -> bool {
        let headers: Vec<_> = answer.headers.iter().collect();
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        self.answers.answer(answer.number, grant, answer.status, headers, &answer.body)
    }

    /// In place of an answer that fits into no frame.
    fn put_unknown(&mut self, number: u32) {
        let (status, body) = DecidedOrder::unknown(number);
        let answered_by = header_names::ANSWERED_BY.as_str();
        let headers: [(&str, &[u8]); 2] =
            [("content-type", PROBLEM_JSON.as_bytes()), (answered_by, b"origin")];
        self.answers.answer(number, None, status, headers.into_iter(), &body);
    }

    fn flush(&mut self) {
        if !self.answers.is_empty() {
            let mut frame = Vec::new();
            FromNode::write_answers(&self.answers.payload(), &mut frame);
            if self.outbox.is_empty() {
                self.outbox = BytesMut::from(Bytes::from(frame));
            } else {
                self.outbox.extend_from_slice(&frame);
            }
        }
        self.answers.clear();
    }
}

/// Room that is made for one read.
const READ: usize = 16 * 1_024;
