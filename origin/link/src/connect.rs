//! Opens a link: a signed request that the node answers with a nonce.

use crate::LinkSetup;
use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, HeaderName, HeaderValue, UPGRADE};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use shared::KeyRing;
use shared::auth::edge_signature::{self, Signed};
use shared::link::{
    LinkNonce, LinkSession, NONCE_HEADER, PATH, PROTOCOL, TAKES_HEADER, TAKES_WANTED,
};
use shared::wire::messages::header;
use tokio::net::TcpStream;

/// An open link.
pub(crate) struct OpenLink {
    pub(crate) stream: TcpStream,
    /// What was read behind the answer.
    pub(crate) received: Bytes,
    pub(crate) session: LinkSession,
    /// `Lastseat-Node`.
    pub(crate) node: Option<HeaderValue>,
    /// Whether the node takes what orders say that they are for.
    pub(crate) takes_wanted: bool,
}

/// Why a link could not be opened.
#[derive(Debug)]
pub(crate) enum NotOpened {
    /// The node answered something else: it is of an earlier version, or has too many links.
    Plain(StatusCode),
    /// The node answered that it stops, or has too many connections.
    TurnedAway,
    /// It could not be reached, or the connection broke.
    Failed(String),
}

fn failed(error: impl std::fmt::Display) -> NotOpened {
    NotOpened::Failed(error.to_string())
}

/// Connects and asks for a link; `keys` sign the request.
pub(crate) async fn open(setup: &LinkSetup, keys: &KeyRing) -> Result<OpenLink, NotOpened> {
    let stream = TcpStream::connect(&setup.authority).await.map_err(failed)?;
    // Frames are whole when they are written; to wait for more would only delay them.
    stream.set_nodelay(true).map_err(failed)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    // Its errors also reach the request.
    tokio::spawn(async { drop(connection.with_upgrades().await) });
    let response = sender.send_request(asked(setup, keys)?).await.map_err(failed)?;
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        return Err(NotOpened::TurnedAway);
    }
    let headers = response.headers();
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let agreed = text(UPGRADE.as_str()).is_some_and(|named| named.eq_ignore_ascii_case(PROTOCOL));
    if response.status() != StatusCode::SWITCHING_PROTOCOLS || !agreed {
        return Err(NotOpened::Plain(response.status()));
    }
    let nonce = text(NONCE_HEADER).and_then(LinkNonce::parse);
    let nonce = nonce.ok_or_else(|| failed("the node sent no nonce"))?;
    let node = headers.get(header::NODE).cloned();
    let takes_wanted = text(TAKES_HEADER) == Some(TAKES_WANTED);
    let upgraded = hyper::upgrade::on(response).await.map_err(failed)?;
    let parts = upgraded
        .downcast::<TokioIo<TcpStream>>()
        .map_err(|_| failed("the connection is of another kind"))?;
    Ok(OpenLink {
        stream: parts.io.into_inner(),
        received: parts.read_buf,
        session: LinkSession::new(nonce, &setup.edge),
        node,
        takes_wanted,
    })
}

fn asked(setup: &LinkSetup, keys: &KeyRing) -> Result<Request<Empty<Bytes>>, NotOpened> {
    let signed = Signed { method: "GET", path: PATH, edge: setup.edge.as_str(), ..Signed::NOTHING };
    let signature = edge_signature::sign(keys, &signed, (setup.now)());
    let mut request = Request::get(PATH)
        .header(HOST, &setup.authority)
        .header(CONNECTION, "upgrade")
        .header(UPGRADE, PROTOCOL)
        .header(HeaderName::from_static(header::EDGE), setup.edge.as_str())
        .header(HeaderName::from_static(header::SIGNATURE), signature);
    if let Some(zone) = &setup.zone {
        request = request.header(HeaderName::from_static(header::EDGE_ZONE), zone);
    }
    request.body(Empty::new()).map_err(failed)
}
