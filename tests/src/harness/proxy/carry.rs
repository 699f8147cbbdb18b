//! The connections of a proxy.

use super::{AfterFault, Direction, LinkFault, Shared};
use std::future::pending;
use std::io;
use std::net::TcpListener as Listening;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

/// Most bytes that are handed on at once.
const PARCEL: usize = 16 * 1024;
/// Parcels of one direction that may be on their way; then the sender has to wait.
const UNDER_WAY: usize = 1_024;
/// A request whose reply is to be lost has been carried out this long after it was handed on.
const CARRIED_OUT: Duration = Duration::from_millis(100);

/// Takes connections, for ever.
pub(super) async fn accept(listening: Listening, shared: Arc<Shared>) {
    let Ok(listener) = TcpListener::from_std(listening) else {
        return;
    };
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                tokio::spawn(carry(client, Arc::clone(&shared)));
            }
            // No descriptor is free, perhaps.
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

/// One connection's life. Whatever ends it other than both sides' own closing ends it with a reset
/// on both.
async fn carry(mut client: TcpStream, shared: Arc<Shared>) {
    shared.opened.fetch_add(1, Ordering::Relaxed);
    let mut rules = shared.rules.subscribe();
    let cuts = rules.borrow_and_update().cuts;
    let Ok(mut server) = TcpStream::connect(shared.server).await else {
        let _ = client.set_zero_linger();
        return;
    };
    shared.open.fetch_add(1, Ordering::Relaxed);
    for stream in [&client, &server] {
        let _ = stream.set_nodelay(true);
    }
    let line = Line { shared: Arc::clone(&shared), deaf: AtomicBool::default() };
    let whole = {
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        tokio::select! {
            ended = async { tokio::try_join!(
                line.pump(from_client, to_server, Direction::ToServer),
                line.pump(from_server, to_client, Direction::ToClient),
            ) } => ended.is_ok(),
            _ = rules.wait_for(|rules| rules.cuts != cuts) => false,
        }
    };
    if !whole {
        shared.cut.fetch_add(1, Ordering::Relaxed);
        for stream in [&client, &server] {
            let _ = stream.set_zero_linger();
        }
    }
    shared.open.fetch_sub(1, Ordering::Relaxed);
}

/// Bytes on their way.
struct Parcel {
    due: Instant,
    bytes: Vec<u8>,
    /// The connection is reset this long after they were handed on.
    then_cut: Option<Duration>,
}

/// One connection.
struct Line {
    shared: Arc<Shared>,
    /// A reply was lost: the client hears nothing more.
    deaf: AtomicBool,
}

impl Line {
    async fn pump(&self, from: ReadHalf<'_>, to: WriteHalf<'_>, way: Direction) -> io::Result<()> {
        let (send, receive) = mpsc::channel(UNDER_WAY);
        tokio::try_join!(self.take(from, send, way), self.hand_on(to, receive, way))?;
        Ok(())
    }

    async fn take(
        &self,
        mut from: ReadHalf<'_>,
        send: mpsc::Sender<Parcel>,
        way: Direction,
    ) -> io::Result<()> {
        let (mut buffer, mut seen) = (vec![0; PARCEL], Vec::new());
        let (mut carried, mut lossy) = (0, false);
        loop {
            let length = from.read(&mut buffer).await?;
            let fault = self.shared.fault(way);
            lossy |= fault == LinkFault::Swallow
                || way == Direction::ToClient && self.deaf.load(Ordering::Relaxed);
            match (length, lossy, way) {
                (0, false, _) => return Ok(()),
                // Nobody is left to wait in vain.
                (0, true, Direction::ToServer) => {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                // That the server has gone is not heard either.
                (0, true, Direction::ToClient) => return pending().await,
                (_, true, _) => {
                    let swallowed = &self.shared.swallowed;
                    swallowed.fetch_add(length as u64, Ordering::Relaxed);
                    continue;
                }
                (_, false, _) => {}
            }
            let mut bytes = buffer.get(..length).unwrap_or_default();
            let loses = (way == Direction::ToServer).then(|| self.shared.loses(&mut seen, bytes));
            let loses = loses.flatten();
            let mut then_cut = (loses == Some(AfterFault::Cut)).then_some(CARRIED_OUT);
            if loses.is_some() {
                self.deaf.store(true, Ordering::Relaxed);
            }
            if let LinkFault::CutAfter(most) = fault {
                let room = usize::try_from(most.saturating_sub(carried)).unwrap_or(usize::MAX);
                if length >= room {
                    bytes = &bytes[..room];
                    then_cut = Some(Duration::ZERO);
                }
            }
            carried += bytes.len() as u64;
            let late = match fault {
                LinkFault::Delay(late) => late,
                _ => Duration::ZERO,
            };
            let parcel = Parcel { due: Instant::now() + late, bytes: bytes.to_vec(), then_cut };
            if send.send(parcel).await.is_err() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
    }

    async fn hand_on(
        &self,
        mut to: WriteHalf<'_>,
        mut receive: mpsc::Receiver<Parcel>,
        way: Direction,
    ) -> io::Result<()> {
        let count = match way {
            Direction::ToServer => &self.shared.to_server,
            Direction::ToClient => &self.shared.to_client,
        };
        while let Some(parcel) = receive.recv().await {
            sleep_until(parcel.due).await;
            // Before they are there: whoever has them may look at the counts at once.
            count.fetch_add(parcel.bytes.len() as u64, Ordering::Relaxed);
            to.write_all(&parcel.bytes).await?;
            if let Some(after) = parcel.then_cut {
                sleep(after).await;
                return Err(io::ErrorKind::ConnectionReset.into());
            }
        }
        to.shutdown().await
    }
}
