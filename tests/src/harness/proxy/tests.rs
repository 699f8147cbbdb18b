//! Tests of the proxy.

use super::*;
use std::io;
use std::time::Instant as Moment;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const SHORT: Duration = Duration::from_millis(150);

/// A server that answers each line with itself, and counts the lines.
async fn echo() -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let lines = Arc::new(AtomicU64::default());
    let heard = Arc::clone(&lines);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let heard = Arc::clone(&heard);
            tokio::spawn(async move {
                let mut read = [0; 256];
                while let Ok(length @ 1..) = stream.read(&mut read).await {
                    let newlines = read[..length].iter().filter(|b| **b == b'\n').count();
                    heard.fetch_add(newlines as u64, Ordering::Relaxed);
                    if stream.write_all(&read[..length]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, lines)
}

/// A proxy before an echo.
async fn proxy() -> (Proxy, Arc<AtomicU64>) {
    let (address, lines) = echo().await;
    (Proxy::start(address).unwrap(), lines)
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

/// Says `what`; what comes back, or why nothing does.
async fn say(stream: &mut TcpStream, what: &str) -> io::Result<String> {
    stream.write_all(what.as_bytes()).await?;
    let mut read = [0; 256];
    match timeout(SHORT, stream.read(&mut read)).await {
        Ok(length) => Ok(String::from_utf8_lossy(&read[..length?]).into_owned()),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[track_caller]
fn assert_failed(said: io::Result<String>, kind: io::ErrorKind) {
    assert_eq!(said.unwrap_err().kind(), kind);
}

#[tokio::test]
async fn what_passes_is_counted_and_an_end_is_passed_on() {
    let (proxy, _) = proxy().await;
    let mut stream = connect(&proxy).await;
    assert_eq!(say(&mut stream, "hello\n").await.unwrap(), "hello\n");
    let counts = proxy.counts();
    assert_eq!((counts.to_server, counts.to_client), (6, 6));
    assert_eq!((counts.opened, counts.open, counts.cut), (1, 1, 0));
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    crate::harness::wait::until_async("the connection is closed", async || {
        (proxy.counts().open == 0).then_some(())
    })
    .await;
    assert_eq!(proxy.counts().cut, 0);
}

#[tokio::test]
async fn a_delay_counts_each_way_and_for_new_bytes_only() {
    let (proxy, _) = proxy().await;
    let mut stream = connect(&proxy).await;
    let late = Duration::from_millis(40);
    proxy.switch_both(LinkFault::Delay(late));
    let begun = Moment::now();
    assert_eq!(say(&mut stream, "a\n").await.unwrap(), "a\n");
    assert!(begun.elapsed() >= 2 * late, "{:?}", begun.elapsed());
    proxy.switch(Direction::ToServer, LinkFault::Pass);
    let begun = Moment::now();
    assert_eq!(say(&mut stream, "b\n").await.unwrap(), "b\n");
    assert!(begun.elapsed() >= late, "{:?}", begun.elapsed());
    proxy.switch_both(LinkFault::Pass);
    assert_eq!(say(&mut stream, "c\n").await.unwrap(), "c\n");
}

#[tokio::test]
async fn a_half_open_link_takes_everything_answers_nothing_and_never_recovers() {
    let (proxy, lines) = proxy().await;
    let mut old = connect(&proxy).await;
    assert_eq!(say(&mut old, "a\n").await.unwrap(), "a\n");
    proxy.switch_both(LinkFault::Swallow);
    let mut new = connect(&proxy).await;
    for stream in [&mut old, &mut new] {
        assert_failed(say(stream, "b\n").await, io::ErrorKind::TimedOut);
    }
    assert_eq!(lines.load(Ordering::Relaxed), 1, "the server heard nothing");
    proxy.switch_both(LinkFault::Pass);
    assert_failed(say(&mut old, "c\n").await, io::ErrorKind::TimedOut);
    let mut fresh = connect(&proxy).await;
    assert_eq!(say(&mut fresh, "d\n").await.unwrap(), "d\n");
    assert_eq!(proxy.counts().swallowed, 6);
}

#[tokio::test]
async fn a_cut_resets_what_is_open_and_nothing_that_comes_later() {
    let (proxy, _) = proxy().await;
    let mut stream = connect(&proxy).await;
    assert_eq!(say(&mut stream, "a\n").await.unwrap(), "a\n");
    proxy.cut();
    let heard = timeout(SHORT, stream.read(&mut [0; 8])).await.unwrap();
    assert_eq!(heard.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(say(&mut connect(&proxy).await, "b\n").await.unwrap(), "b\n");
    assert_eq!(proxy.counts().cut, 1);
}

#[tokio::test]
async fn a_connection_is_cut_after_so_many_bytes_in_the_middle_of_them() {
    let (proxy, lines) = proxy().await;
    proxy.switch(Direction::ToServer, LinkFault::CutAfter(7));
    let mut stream = connect(&proxy).await;
    assert_eq!(say(&mut stream, "abc\n").await.unwrap(), "abc\n");
    let said = say(&mut stream, "defgh\n").await;
    assert!(said.is_err() || !said.unwrap().contains('\n'), "the line was cut in two");
    assert_eq!(proxy.counts().to_server, 7);
    assert_eq!(lines.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_reply_is_lost_after_its_request_arrived_and_other_replies_are_not() {
    let (proxy, lines) = proxy().await;
    for (then, kind) in [
        (AfterFault::Cut, io::ErrorKind::ConnectionReset),
        (AfterFault::Keep, io::ErrorKind::TimedOut),
    ] {
        let before = lines.load(Ordering::Relaxed);
        proxy.lose(LostLink { to: b"EVALSHA".to_vec(), times: 1, then });
        let mut stream = connect(&proxy).await;
        assert_eq!(say(&mut stream, "PING\n").await.unwrap(), "PING\n");
        // In two pieces, as TCP may deliver it.
        stream.write_all(b"EVAL").await.unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 4);
        let said = say(&mut stream, "SHA x\n").await;
        assert_failed(said, kind);
        assert_eq!(lines.load(Ordering::Relaxed), before + 2, "it arrived");
        let mut next = connect(&proxy).await;
        assert_eq!(say(&mut next, "EVALSHA y\n").await.unwrap(), "EVALSHA y\n");
    }
    assert_eq!(proxy.counts().lost, 2);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_reset() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let proxy = Proxy::start(address).unwrap();
    let mut stream = connect(&proxy).await;
    let heard = timeout(SHORT, stream.read(&mut [0; 8])).await.unwrap();
    assert_eq!(heard.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}
