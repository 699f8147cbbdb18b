//! The task of one connection of a link: writes frames of orders, reads frames of answers.

use crate::connect::{self, NotOpened, OpenLink};
use crate::state::{LinkEnd, SentOrders};
use crate::{LinkAnswer, LinkCore, LinkCount};
use bytes::{Buf, Bytes, BytesMut};
use hyper::header::HeaderValue;
use shared::limits::{LINK_FRAME_MAX, LINK_OPEN_MS, LINK_PING_MS, ORIGIN_DEADLINE_MS};
use shared::link::frame::{self, PREFIX};
use shared::link::{FromGateway, FromNode, LinkAnswers, LinkSession, OrdersWriter};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, warn};

/// How long a link may be silent before it is asked for a sign of life.
const SILENT: Duration = Duration::from_millis(LINK_PING_MS);
/// How long a node that takes leave may take to answer what it has received.
const LEAVE: Duration = Duration::from_millis(ORIGIN_DEADLINE_MS + 1_000);
/// Room that is made for one read.
const READ: usize = 16 * 1_024;

/// Opens the link and carries it until it ends.
pub(crate) async fn run(core: Arc<LinkCore>) {
    let keys = core.state().keys();
    let opened = timeout(Duration::from_millis(LINK_OPEN_MS), connect::open(&core.setup, &keys));
    let end = match opened.await {
        Ok(Ok(open)) => {
            core.takes_wanted.store(open.takes_wanted, Ordering::Relaxed);
            if core.state().opened() {
                core.counters.add(LinkCount::Opened, 1);
                let connection = Connection::new(&core, open.session.clone(), open.node.clone());
                if connection.carry(open).await == CarryEnd::Left {
                    // The link has a new connection already, or may have one.
                    return;
                }
            }
            LinkEnd::Down
        }
        Ok(Err(NotOpened::Plain(status))) => {
            debug!("{} takes no links ({status})", core.setup.authority);
            LinkEnd::Plain
        }
        Ok(Err(NotOpened::TurnedAway)) => {
            debug!("{} stops, or has too many connections", core.setup.authority);
            LinkEnd::TurnedAway
        }
        Ok(Err(NotOpened::Failed(why))) => {
            debug!("no link to {}: {why}", core.setup.authority);
            LinkEnd::Down
        }
        Err(_) => {
            debug!("no link to {} in time", core.setup.authority);
            LinkEnd::Down
        }
    };
    core.ended(end).broken();
}

/// How the carrying of a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CarryEnd {
    /// It broke, or nobody needs it: the link is still to be told.
    Over,
    /// The node had taken leave before, and the link was told then.
    Left,
}

/// One connection.
struct Connection<'a> {
    core: &'a LinkCore,
    session: LinkSession,
    node: Option<HeaderValue>,
    /// The number of the next frame.
    next: u64,
    orders: OrdersWriter,
    outbox: BytesMut,
    inbox: BytesMut,
    /// Those who wait for answers of a node that has taken leave: the link may be opened anew
    /// meanwhile, with numbers of its own.
    left: Option<SentOrders>,
}

impl<'a> Connection<'a> {
    fn new(core: &'a LinkCore, session: LinkSession, node: Option<HeaderValue>) -> Self {
        Self {
            core,
            session,
            node,
            next: 0,
            orders: OrdersWriter::default(),
            outbox: BytesMut::new(),
            inbox: BytesMut::new(),
            left: None,
        }
    }

    /// Sends and receives until the link breaks or nobody needs it any more.
    async fn carry(mut self, mut open: OpenLink) -> CarryEnd {
        self.inbox.extend_from_slice(&open.received);
        let (mut reader, mut writer) = open.stream.split();
        let timer = sleep(SILENT);
        tokio::pin!(timer);
        let (mut received_at, mut pinged) = (Instant::now(), false);
        let why = loop {
            if let Err(why) = self.take_frames() {
                break why;
            }
            if self.left.is_none() && !self.outbox.has_remaining() {
                self.next_frame();
            }
            if self.left.as_ref().is_some_and(SentOrders::is_empty) {
                return CarryEnd::Left;
            }
            if self.core.state().is_abandoned() {
                return CarryEnd::Over;
            }
            let wakes = self.left.is_none() && !self.outbox.has_remaining();
            tokio::select! {
                biased;
                read = reader.read_buf(&mut self.inbox) => match read {
                    Ok(0) => break "the node closed it".to_owned(),
                    Ok(_) => (received_at, pinged) = (Instant::now(), false),
                    Err(e) => break e.to_string(),
                },
                written = writer.write_buf(&mut self.outbox), if self.outbox.has_remaining() => {
                    if let Err(e) = written {
                        break e.to_string();
                    }
                }
                () = self.core.wake.notified(), if wakes => {}
                () = &mut timer => {
                    if self.left.is_some() && received_at.elapsed() >= LEAVE {
                        break "the node did not finish in time".to_owned();
                    }
                    if received_at.elapsed() < SILENT {
                        timer.as_mut().reset(received_at + SILENT);
                    } else if pinged {
                        break "the node gives no sign of life".to_owned();
                    } else {
                        pinged = true;
                        self.write(FromGateway::Ping);
                        timer.as_mut().reset(Instant::now() + SILENT);
                    }
                }
            }
            if self.left.is_some() {
                timer.as_mut().reset(received_at + LEAVE);
            }
        };
        debug!("the link to {} broke: {why}", self.core.setup.authority);
        self.core.counters.add(LinkCount::Broken, 1);
        match self.left {
            Some(left) => {
                left.broken();
                CarryEnd::Left
            }
            None => CarryEnd::Over,
        }
    }

    /// Puts the orders that wait into a frame.
    fn next_frame(&mut self) {
        let mut state = self.core.state();
        state.fill(&mut self.orders);
        let orders = self.orders.orders();
        if orders == 0 {
            return;
        }
        drop(state);
        self.core.counters.add(LinkCount::Frames, 1);
        self.core.counters.add(LinkCount::Orders, u64::from(orders));
        let payload = self.orders.take();
        self.write(FromGateway::Orders(&payload));
        self.orders.reuse(payload);
    }

    fn write(&mut self, frame: FromGateway<'_>) {
        let keys = self.core.state().keys();
        let mut bytes = Vec::new();
        self.session.write(&keys, self.next, frame, &mut bytes);
        self.next += 1;
        if self.outbox.is_empty() {
            self.outbox = BytesMut::from(Bytes::from(bytes));
        } else {
            self.outbox.extend_from_slice(&bytes);
        }
    }

    /// Takes in all frames that have arrived whole.
    fn take_frames(&mut self) -> Result<(), String> {
        loop {
            let length = frame::length(&self.inbox).map_err(|e| e.to_string())?;
            match length {
                Some(length) if self.inbox.len() >= length => {
                    let frame = self.inbox.split_to(length).freeze();
                    self.take_in(&frame)?;
                }
                length => {
                    let wanted = length.unwrap_or(PREFIX).saturating_sub(self.inbox.len());
                    // Bounded: a frame has at most LINK_FRAME_MAX bytes.
                    self.inbox.reserve(wanted.clamp(READ, PREFIX + LINK_FRAME_MAX));
                    return Ok(());
                }
            }
        }
    }

    fn take_in(&mut self, frame: &Bytes) -> Result<(), String> {
        match FromNode::read(frame).map_err(|e| e.to_string())? {
            FromNode::Answers(payload) => {
                self.core.state().works();
                self.answer(payload, frame)
            }
            FromNode::Pong => Ok(()),
            FromNode::Goodbye => {
                self.leave();
                Ok(())
            }
            FromNode::Rejected(why) => {
                warn!("{} closes the link: {why}", self.core.setup.authority);
                self.leave();
                Ok(())
            }
        }
    }

    /// Gives each answer to whoever waits for it.
    fn answer(&mut self, payload: &[u8], frame: &Bytes) -> Result<(), String> {
        let read = LinkAnswers::parse(payload).map_err(|e| e.to_string())?;
        self.core.counters.add(LinkCount::Answers, read.answers.len() as u64);
        for answer in &read.answers {
            let asker = match &mut self.left {
                Some(left) => left.take(answer.number),
                None => self.core.state().sent.take(answer.number),
            };
            let asker = asker.ok_or("an answer that nobody asked for")?;
            if !asker.is_closed() {
                let answer = LinkAnswer::new(answer, &read.grants, self.node.as_ref(), frame);
                let answer = answer.ok_or("an answer with headers that are none")?;
                // Whoever has left meanwhile does without.
                let _ = asker.send(Ok(answer));
            }
        }
        Ok(())
    }

    /// The node takes no more: what was not sent goes elsewhere.
    fn leave(&mut self) {
        if self.left.is_none() {
            self.left = Some(self.core.ended(LinkEnd::Down));
        }
    }
}
