//! Accept loop of one thread: takes connections within bounds and finds out how each speaks.

use super::connection::HttpConnection;
use super::http_version::HttpVersion;
use super::proxy_header::{self, HeaderFault};
use super::server::{FINISH, Server, ServerSettings};
use super::tls::{H2, HANDSHAKE};
use super::transport::Transport;
use lastseat_http::accept_loop::{self, accept_until};
use lastseat_http::place::Place;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::spawn_local;
use tokio::time::timeout;
use tracing::{debug, warn};

impl Server {
    /// Serves until `stopping` is true or its sender gone, and for a moment after that; then
    /// closes the listener and idle connections and lets the others finish the request that they
    /// are in, for at most [`FINISH`]. Within a `LocalSet`.
    ///
    /// # Errors
    /// The listener cannot be used.
    pub(super) async fn run(
        self,
        listener: std::net::TcpListener,
        mut stopping: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        let server = Rc::new(self);
        let stop = async { drop(stopping.wait_for(|stops| *stops).await) };
        accept_until(&listener, &server.settings.connections, stop, |stream, peer| {
            server.admit(stream, peer.ip().to_canonical());
        })
        .await;
        drop(listener);
        accept_loop::end(&server.end, FINISH).await;
        Ok(())
    }

    fn admit(self: &Rc<Self>, stream: TcpStream, peer: IpAddr) {
        let ServerSettings { connections, connections_max, tls, name, .. } = &*self.settings;
        let Some(place) = connections.admit(*connections_max) else {
            // A client that wants TLS could not read the answer.
            return match tls {
                Some(_) => connections.count_turned_away(),
                None => connections.turn_away(stream, *name),
            };
        };
        // In a box, because most connections need the smaller part of what it has room for.
        spawn_local(Box::pin(Rc::clone(self).serve(stream, peer, place)));
    }

    async fn serve(self: Rc<Self>, mut stream: TcpStream, peer: IpAddr, _place: Place) {
        let mut ending = self.end.subscribe();
        let Some(peer) = self.client_of(&mut stream, peer).await else {
            return;
        };
        let server = Rc::clone(&self);
        let Some(tls) = &self.settings.tls else {
            let version = tokio::select! {
                version = HttpVersion::of(&stream) => version,
                _ = ending.changed() => return,
            };
            let connection = HttpConnection { server, peer, tls: false, ending };
            let stream = Transport::Clear(stream);
            return match version {
                Ok(Some(HttpVersion::Http1)) => connection.http1(stream).await,
                Ok(Some(HttpVersion::Http2)) => connection.http2(stream).await,
                Ok(None) => {}
                Err(e) => debug!("connection ended before a request: {e}"),
            };
        };
        let stream = match timeout(HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            failed => {
                self.counters.handshake_failed();
                return debug!("TLS handshake with {peer} failed: {failed:?}");
            }
        };
        let connection = HttpConnection { server, peer, tls: true, ending };
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(H2);
        let stream = Transport::Tls(Box::new(stream));
        match is_http2 {
            true => connection.http2(stream).await,
            false => connection.http1(stream).await,
        }
    }

    /// Who is at the other end of a connection: where its peer is a trusted proxy that has to say
    /// so, what its PROXY protocol header says. `None` where that is not valid.
    async fn client_of(&self, stream: &mut TcpStream, peer: IpAddr) -> Option<IpAddr> {
        let proxies = &self.settings.proxies;
        if !proxies.protocol || !proxies.trusted.have(peer) {
            return Some(peer);
        }
        match proxy_header::read(stream).await {
            Ok(client) => Some(client.unwrap_or(peer)),
            Err(HeaderFault::Closed) => None,
            Err(fault) => {
                self.counters.proxy_header_refused(fault);
                if proxies.log.passes() {
                    warn!("a connection from the trusted proxy {peer} was closed: {fault}");
                }
                None
            }
        }
    }
}
