//! Accept loop: hands over connections until the server stops, then waits for those that are open.

use crate::accept_pause::AcceptPause;
use crate::connections::{Connections, STOP_LINGER};
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tracing::warn;

/// Hands each connection to `admit` until `stop` is ready and for [`STOP_LINGER`] after it; in that
/// time answers ask their clients to close `connections`. Then its caller closes the listener.
pub async fn accept_until(
    listener: &TcpListener,
    connections: &Connections,
    stop: impl Future<Output = ()>,
    mut admit: impl FnMut(TcpStream, SocketAddr),
) {
    let stop = async {
        stop.await;
        connections.close();
        tokio::time::sleep(STOP_LINGER).await;
    };
    tokio::pin!(stop);
    let mut pause = AcceptPause::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause.reset();
                admit(stream, peer);
            }
            Err(e) => pause.after(&e).await,
        }
    }
}

/// Asks each connection to end, which has a receiver of `ending`, and waits until they have, for at
/// most `within`.
pub async fn end(ending: &watch::Sender<()>, within: Duration) {
    ending.send_replace(());
    if tokio::time::timeout(within, ending.closed()).await.is_err() {
        warn!("some connections did not finish within {within:?} and are cut");
    }
}
