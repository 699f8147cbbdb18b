//! A server in the place of an origin that keeps the heads of all requests and grants every order.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use shared::wire::messages::header;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// The server; it ends with its test's runtime.
pub(crate) struct Capture {
    pub(crate) url: String,
    heads: Arc<Mutex<Vec<Parts>>>,
}

impl Capture {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::<Mutex<Vec<Parts>>>::default();
        let kept = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                let service = service_fn(move |request| grant(request, Arc::clone(&kept)));
                let stream = TokioIo::new(stream);
                tokio::spawn(http1::Builder::new().serve_connection(stream, service));
            }
        });
        Self { url, heads }
    }

    /// The heads that arrived since it was asked last.
    pub(crate) fn take(&self) -> Vec<Parts> {
        std::mem::take(&mut self.heads.lock().unwrap())
    }
}

async fn grant(
    request: Request<Incoming>,
    kept: Arc<Mutex<Vec<Parts>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let _ = body.collect().await;
    // Like a node that takes no links: a gateway then sends it plain requests.
    if head.uri.path() == shared::link::PATH {
        return Ok(Response::builder().status(404).body(Full::default()).unwrap());
    }
    // A gateway asks so when it starts, and has nothing of a client then.
    if head.uri.path() == "/livez" {
        return Ok(Response::new(Full::default()));
    }
    kept.lock().unwrap().push(head);
    let answer = Response::builder().status(201);
    let answer = answer.header(header::ANSWERED_BY, "ledger");
    Ok(answer.body(Full::from("{}")).unwrap())
}
