//! One HTTP connection: its bounds, its requests, its end.

use super::counters::Http2End;
use super::handler::{Body, Client};
use super::http2_limits::{self, Http2Account};
use super::server::{FINISH, Server};
use super::transport::Transport;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HOST, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use lastseat_http::head_timeout::HeadTimeout;
use lastseat_http::http1 as bounded;
use lastseat_http::linger::Lingering;
use std::convert::Infallible;
use std::error::Error;
use std::future::{self, Future};
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::watch;
use tracing::debug;

/// What the requests of one connection need.
pub(super) struct HttpConnection {
    pub(super) server: Rc<Server>,
    /// Its other end; behind a trusted proxy that says so, that proxy's client.
    pub(super) peer: IpAddr,
    pub(super) tls: bool,
    /// Changes when the server stops.
    pub(super) ending: watch::Receiver<()>,
}

impl HttpConnection {
    /// Serves HTTP/1.1 until the connection ends.
    pub(super) async fn http1(self, stream: Transport) {
        let head_timeout = HeadTimeout::start();
        let stream = self.lingering(stream);
        let io = TokioIo::new(head_timeout.watch(stream));
        let (ending, line) = (self.ending.clone(), Rc::new(self));
        let service = service_fn(move |request| {
            let line = Rc::clone(&line);
            async move { Ok::<_, Infallible>(line.answer(request).await) }
        });
        let connection = bounded::builder(head_timeout).serve_connection(io, service);
        if let Err(e) =
            until_end(connection, http1::Connection::graceful_shutdown, ending, future::pending())
                .await
        {
            debug!("connection ended: {e}");
        }
    }

    /// Serves HTTP/2 until the connection ends.
    pub(super) async fn http2(self, stream: Transport) {
        let account = Http2Account::start();
        let io = TokioIo::new(account.watch(self.lingering(stream)));
        let (ending, line) = (self.ending.clone(), Rc::new(self));
        let (of_requests, of_line) = (Rc::clone(&account), Rc::clone(&line));
        let service = service_fn(move |mut request| {
            let (counted, line) = (of_requests.begin(), Rc::clone(&of_line));
            name_host(&mut request);
            async move {
                let response = line.answer(request).await;
                counted.answered();
                Ok::<_, Infallible>(response)
            }
        });
        let connection = http2_limits::builder(LocalExecutor).serve_connection(io, service);
        let Err(e) =
            until_end(connection, http2::Connection::graceful_shutdown, ending, account.idle())
                .await
        else {
            return;
        };
        debug!("HTTP/2 connection ended: {e}");
        let broken = e.source().is_some_and(|cause| cause.is::<io::Error>());
        if let Some(why) = account.exceeded().or((!broken).then_some(Http2End::Protocol)) {
            line.server.counters.http2_ended(why);
        }
    }

    fn lingering(&self, stream: Transport) -> Lingering<Transport> {
        Lingering::new(stream, Arc::clone(self.server.settings.connections.leaving()))
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let Server { handler, settings, counters, .. } = &*self.server;
        let address = settings.proxies.client_of(self.peer, request.headers());
        let client = Client { address, tls: self.tls };
        let version = request.version();
        // What follows the call for a tunnel was meant for the tunnel, and is no request.
        let tunnel = request.method() == Method::CONNECT;
        let mut response = handler.answer_boxed(request, client).await;
        counters.answered(version, response.status());
        // What is left of a body that is too large is no request, and is not waited for.
        let unread = response.status() == StatusCode::PAYLOAD_TOO_LARGE;
        let closes = tunnel || unread || settings.connections.are_closing();
        // HTTP/2 has a frame for that.
        if closes && version != Version::HTTP_2 {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// HTTP/2 names the host beside the headers. What reads a request finds it in one place.
fn name_host<B>(request: &mut Request<B>) {
    let authority = request.uri().authority();
    let host = authority.and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    if let Some(host) = host {
        request.headers_mut().insert(HOST, host);
    }
}

/// Serves `connection` until it ends, or until the server stops or it is idle for too long: then it
/// `finish` asks it to, and if it has not after [`FINISH`], it is cut.
async fn until_end<C: Future<Output = hyper::Result<()>>>(
    connection: C,
    finish: impl FnOnce(Pin<&mut C>),
    mut ending: watch::Receiver<()>,
    idle: impl Future<Output = ()>,
) -> hyper::Result<()> {
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        ended = connection.as_mut() => return ended,
        _ = ending.changed() => {}
        () = idle => {}
    }
    finish(connection.as_mut());
    tokio::time::timeout(FINISH, connection).await.unwrap_or(Ok(()))
}

/// Runs the requests of an HTTP/2 connection on its own thread.
#[derive(Clone, Copy, Debug)]
struct LocalExecutor;

impl<F: Future + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, request: F) {
        drop(tokio::task::spawn_local(async move { drop(request.await) }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_of_an_http_2_request_is_its_host() {
        let host_of = |uri: &str, host: Option<&str>| {
            let mut request = Request::builder().uri(uri);
            if let Some(host) = host {
                request = request.header(HOST, host);
            }
            let mut request = request.body(()).unwrap();
            name_host(&mut request);
            request.headers().get(HOST).map(|host| host.to_str().unwrap().to_owned())
        };
        assert_eq!(host_of("https://a.example:8443/x", None).as_deref(), Some("a.example:8443"));
        assert_eq!(host_of("https://a.example/x", Some("b")).as_deref(), Some("a.example"));
        assert_eq!(host_of("/x", Some("b")).as_deref(), Some("b"));
    }
}
