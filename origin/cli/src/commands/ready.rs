//! Command `lastseat ready`.

use crate::cli::ReadyFlags;
use crate::config::check::address;
use crate::failure::Failure;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Time for one answer.
const ANSWER: Duration = Duration::from_secs(2);
/// Pause between two questions.
const PAUSE: Duration = Duration::from_millis(200);
/// Bytes of an answer that are read.
const ANSWER_MAX: usize = 4 * 1024;

/// Asks until the node is ready or `--wait` is over.
pub(super) async fn run(flags: &ReadyFlags) -> Result<ExitCode, Failure> {
    let listen = address("--listen", &flags.listen).map_err(|e| Failure::usage(vec![e]))?;
    let node = reachable(listen);
    let uri: Uri = format!("http://{node}/readyz").parse().map_err(Failure::runtime)?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let end = Instant::now() + Duration::from_millis(flags.wait.0);
    loop {
        let asked = timeout(ANSWER, ask(&client, &uri)).await;
        let obstacle = match asked.unwrap_or_else(|_| Err(format!("no answer within {ANSWER:?}"))) {
            Ok(()) => return Ok(ExitCode::SUCCESS),
            Err(obstacle) => obstacle,
        };
        if Instant::now() >= end {
            return Err(Failure::runtime(format!("{node}: {obstacle}")));
        }
        sleep(PAUSE).await;
    }
}

/// Asks once; the error says what stands in the way.
async fn ask(client: &Client<HttpConnector, Empty<Bytes>>, uri: &Uri) -> Result<(), String> {
    let request = Request::get(uri.clone()).body(Empty::new());
    let request = request.map_err(|e| e.to_string())?;
    let response = client.request(request).await.map_err(|e| {
        if e.is_connect() {
            "nobody listens there. Is the node started?".to_owned()
        } else {
            e.to_string()
        }
    })?;
    let status = response.status();
    if status == StatusCode::OK {
        return Ok(());
    }
    let body = Limited::new(response.into_body(), ANSWER_MAX);
    let body = body.collect().await.map_err(|e| e.to_string())?;
    let problem = serde_json::from_slice::<Problem>(&body.to_bytes());
    Err(problem.map_or_else(|_| format!("the answer was {status}"), |p| p.detail))
}

/// What is read of a problem.
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

/// Where a node that listens on all addresses can be asked.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_listens_everywhere_is_asked_on_this_machine() {
        for (listen, asked) in [
            ("0.0.0.0:3001", "127.0.0.1:3001"),
            ("[::]:3001", "[::1]:3001"),
            ("10.0.0.5:3001", "10.0.0.5:3001"),
        ] {
            let listen = listen.parse().unwrap();
            assert_eq!(reachable(listen).to_string(), asked);
        }
    }
}
