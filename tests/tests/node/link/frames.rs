//! Frames that no gateway sends end the link with a reason, and nothing else.

use crate::link::{A, B, GATEWAY, body, id, nodes, now, order, ring};
use lastseat_tests::harness::{Cluster, HttpClient};
use shared::auth::edge_signature::{Signed, sign};
use shared::domain::order::KeySource;
use shared::limits::LINK_FRAME_MAX;
use shared::link::frame;
use shared::link::{
    FromGateway, FromNode, LinkAnswers, LinkNonce, LinkRejection, LinkSession, NONCE_HEADER,
    OrdersWriter, PATH, PROTOCOL,
};
use shared::wire::messages::header;
use shared::{EdgeId, KeyRing};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A link that is spoken by hand.
struct RawLink {
    stream: TcpStream,
    session: LinkSession,
    keys: KeyRing,
}

/// Asks for a link; the head of the answer and the connection.
async fn ask(url: &str, keys: &str, protocol: &str, path: &str) -> (String, TcpStream) {
    let authority = url.strip_prefix("http://").unwrap();
    let signed = Signed { method: "GET", path: PATH, edge: GATEWAY, ..Signed::NOTHING };
    let signature = sign(&ring(keys), &signed, now());
    let mut stream = TcpStream::connect(authority).await.unwrap();
    let asked = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: {protocol}\r\n\
         {}: {GATEWAY}\r\n{}: {signature}\r\n\r\n",
        header::EDGE,
        header::SIGNATURE
    );
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(Duration::from_secs(5), stream.read_u8()).await.unwrap();
        head.push(byte.unwrap());
    }
    (String::from_utf8(head).unwrap(), stream)
}

impl RawLink {
    async fn open(cluster: &Cluster) -> Self {
        let (head, stream) = ask(&cluster.nodes[0].url, A, PROTOCOL, PATH).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert!(head.contains("\r\nlastseat-node: "), "{head}");
        let nonce = head.lines().find_map(|line| line.strip_prefix(&format!("{NONCE_HEADER}: ")));
        let nonce = LinkNonce::parse(nonce.unwrap()).unwrap();
        let session = LinkSession::new(nonce, &EdgeId::parse(GATEWAY).unwrap());
        Self { stream, session, keys: ring(A) }
    }

    /// A frame with one order.
    fn frame(&self, number: u64, of: u64) -> Vec<u8> {
        let mut orders = OrdersWriter::default();
        let (id, body) = (id(of), body(&format!("buyer-{of}")));
        orders.add(7, &order(&id, KeySource::Made, &body).to_bytes().unwrap());
        let mut bytes = Vec::new();
        let payload = orders.take();
        self.session.write(&self.keys, number, FromGateway::Orders(&payload), &mut bytes);
        bytes
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next frame of the node; `None` at its end.
    async fn next(&mut self) -> Option<Vec<u8>> {
        let read = timeout(Duration::from_secs(10), async {
            let length = self.stream.read_u32().await.ok()?;
            let mut frame = length.to_be_bytes().to_vec();
            frame.resize(4 + length as usize, 0);
            self.stream.read_exact(&mut frame[4..]).await.ok()?;
            Some(frame)
        });
        read.await.expect("the node says something, or goodbye")
    }

    /// Expects an answer with this status.
    async fn answered(&mut self, status: u16) {
        let frame = self.next().await.unwrap();
        let FromNode::Answers(payload) = FromNode::read(&frame).unwrap() else {
            panic!("{:?}", FromNode::read(&frame));
        };
        let read = LinkAnswers::parse(payload).unwrap();
        let [answer] = &read.answers[..] else { panic!("{read:?}") };
        assert_eq!((answer.number, answer.status), (7, status));
        assert_eq!(answer.grant.map(|place| read.grants[place].grant.version > 0), Some(true));
    }

    /// Expects the end, for this reason.
    async fn rejected(&mut self, why: LinkRejection) {
        let frame = self.next().await.unwrap();
        assert_eq!(FromNode::read(&frame), Ok(FromNode::Rejected(why)));
        assert_eq!(self.next().await, None);
    }
}

#[tokio::test]
async fn a_wrong_frame_ends_its_link_with_a_reason_and_no_other() {
    let cluster = nodes(&[1], A, 100, &[]).await;
    let mut good = RawLink::open(&cluster).await;
    good.send(&good.frame(0, 0)).await;
    good.answered(201).await;
    let mut wrong = 0;
    for why in [
        LinkRejection::WrongCode,
        LinkRejection::UnknownKey,
        LinkRejection::Sequence,
        LinkRejection::TooLong,
        LinkRejection::Malformed,
    ] {
        let mut link = RawLink::open(&cluster).await;
        let bytes = match why {
            // The frame of another link.
            LinkRejection::WrongCode => good.frame(0, 1),
            LinkRejection::UnknownKey => {
                link.keys = ring(B);
                link.frame(0, 2)
            }
            LinkRejection::Sequence => {
                let frame = link.frame(0, 3);
                link.send(&frame).await;
                link.answered(201).await;
                frame
            }
            // Its length is enough: nobody waits for the rest.
            LinkRejection::TooLong => (LINK_FRAME_MAX as u32 + 1).to_be_bytes().to_vec(),
            LinkRejection::Malformed => {
                let mut bytes = Vec::new();
                let orders = FromGateway::Orders(&[1, 2, 3]);
                link.session.write(&link.keys, 0, orders, &mut bytes);
                bytes
            }
        };
        link.send(&bytes).await;
        link.rejected(why).await;
        wrong += 1;
    }
    let count = |name| cluster.count(name, &[]);
    assert_eq!(count("lastseat_links_rejected_total").await.unwrap(), wrong);
    assert_eq!(count("lastseat_orders_received_total").await.unwrap(), 2, "no wrong one");
    good.send(&good.frame(1, 4)).await;
    good.answered(201).await;
}

#[tokio::test]
async fn a_frame_that_ends_in_the_middle_places_nothing() {
    let cluster = nodes(&[1], A, 100, &[]).await;
    let mut link = RawLink::open(&cluster).await;
    let frame = link.frame(0, 0);
    link.send(&frame[..frame.len() - 1]).await;
    link.stream.shutdown().await.unwrap();
    assert_eq!(link.next().await, None);
    assert_eq!(cluster.count("lastseat_orders_received_total", &[]).await.unwrap(), 0);
    // In pieces, it is one frame all the same.
    let mut link = RawLink::open(&cluster).await;
    for piece in link.frame(0, 1).chunks(7) {
        link.send(piece).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    link.answered(201).await;
}

#[tokio::test]
async fn a_link_answers_a_ping_also_while_it_has_nothing_else_to_do() {
    let cluster = nodes(&[1], A, 100, &[]).await;
    let mut link = RawLink::open(&cluster).await;
    for number in 0..3 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut bytes = Vec::new();
        link.session.write(&link.keys, number, FromGateway::Ping, &mut bytes);
        assert_eq!(frame::length(&bytes), Ok(Some(bytes.len())));
        link.send(&bytes).await;
        let frame = link.next().await.unwrap();
        assert_eq!(FromNode::read(&frame), Ok(FromNode::Pong));
    }
    link.send(&link.frame(3, 0)).await;
    link.answered(201).await;
}

#[tokio::test]
async fn only_a_signed_request_for_this_version_opens_a_link() {
    let cluster = nodes(&[1], A, 100, &[]).await;
    let url = &cluster.nodes[0].url;
    for (keys, protocol, path, status) in [
        (B, PROTOCOL, PATH, "401"),
        (&A.replacen("a:a", "a:b", 1), PROTOCOL, PATH, "401"),
        (A, "lastseat-link/2", PATH, "404"),
        (A, "websocket", PATH, "404"),
        (A, PROTOCOL, "/v1/links", "401"),
    ] {
        let (head, _) = ask(url, keys, protocol, path).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{protocol} {path}: {head}");
    }
    // Without a signature.
    let plain = HttpClient::new(url).unwrap().get(PATH).await.unwrap();
    assert_eq!(plain.status.as_u16(), 401);
    assert_eq!(cluster.count("lastseat_links_opened_total", &[]).await.unwrap(), 0);
}
