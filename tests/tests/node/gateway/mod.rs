//! The front of a gateway: what is between a socket and one call, with a handler that says what it
//! was called with. The command `lastseat gateway` is tested where a process is needed.

mod command;
mod http;
mod limits;
mod proxies;
mod stop;
mod tls;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::{Request, Response};
use lastseat_gateway::front::{
    Application, Body, Client, ClientAddressSource, Front, FrontConfig, GatewayEntry, Handler,
    TrustedProxies, respond,
};
use lastseat_http::metrics::page::Page;
use lastseat_tests::harness::metrics::Metrics;
use lastseat_tests::harness::{HttpClient, HttpReply};
use shared::limits::BODY_MAX;
use shared::{Code, Problem};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// Longest wait for what a test expects to happen soon.
const SOON: Duration = Duration::from_secs(10);

/// What is served: handlers that say what they were called with.
#[derive(Debug, Default)]
struct Echo {
    broken: AtomicBool,
}

struct EchoThread;

impl Application for Echo {
    type Handler = EchoThread;

    fn handler(self: &Arc<Self>) -> EchoThread {
        EchoThread
    }

    fn ready(&self) -> Result<Option<String>, String> {
        match self.broken.load(Ordering::Relaxed) {
            true => Err("it is broken".to_owned()),
            false => Ok(None),
        }
    }

    fn write_metrics(&self, page: &mut Page) {
        page.gauge("echo", "A metric of the application.", 7);
    }
}

impl Handler for EchoThread {
    async fn answer(&self, request: Request<Incoming>, client: Client) -> Response<Body> {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let said = format!(
            "client={} tls={} version={:?} host={} thread={}",
            client.address,
            client.tls,
            request.version(),
            host.unwrap_or("-"),
            std::thread::current().name().unwrap_or("-"),
        );
        let wait_ms = request.uri().path().strip_prefix("/wait/").map(str::parse);
        if let Some(Ok(ms)) = wait_ms {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        match Limited::new(request.into_body(), BODY_MAX).collect().await {
            Ok(_) => respond::text("text/plain", Bytes::from(said)),
            Err(_) => respond::problem(&Problem::new(Code::TooLarge)),
        }
    }
}

/// A front that runs; it stops when it is dropped.
struct Running {
    entry: GatewayEntry,
    application: Arc<Echo>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), String>>>,
}

/// Two threads on any port, in clear, without proxies.
fn plain() -> FrontConfig {
    let any = ([127, 0, 0, 1], 0).into();
    FrontConfig {
        listen: any,
        admin_listen: any,
        threads: 2,
        connections_max: 1_000,
        tls: None,
        trusted_proxies: TrustedProxies::default(),
        proxy_protocol: false,
        client_address: ClientAddressSource::Forwarded,
    }
}

impl Running {
    fn start(config: FrontConfig) -> Self {
        let application = Arc::<Echo>::default();
        let front = Front::start(config, Arc::clone(&application)).unwrap();
        let entry = front.entry().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(front.run(async { drop(stopped.await) }))
        });
        Self { entry, application, stop: Some(stop), thread: Some(thread) }
    }

    /// Host and port of the public listener.
    fn authority(&self) -> &str {
        self.entry.url.split_once("://").unwrap().1
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.authority()).await.unwrap()
    }

    async fn admin(&self, path: &str) -> HttpReply {
        HttpClient::new(&self.entry.admin).unwrap().get(path).await.unwrap()
    }

    async fn metrics(&self) -> Metrics {
        Metrics(self.admin("/metrics").await.text())
    }

    /// Asks it to stop, without waiting.
    fn ask_to_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have ended by itself.
            let _ = stop.send(());
        }
    }

    /// Waits for the end of all its threads.
    fn end(&mut self) -> Result<(), String> {
        self.thread.take().map_or(Ok(()), |thread| thread.join().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ask_to_stop();
        if !std::thread::panicking() {
            self.end().unwrap();
        }
    }
}

/// The value of `name` in what [`EchoThread`] says.
fn said<'a>(text: &'a str, name: &str) -> &'a str {
    let mut words = text.split_ascii_whitespace();
    let found = words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {name} in {text:?}"))
}

/// Sends `bytes` and reads all that comes until the connection ends; `None` where it does not.
async fn exchange(stream: &mut TcpStream, bytes: &[u8], within: Duration) -> Option<String> {
    // A server that does not like the first bytes may have closed before the last.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(within, stream.read_to_end(&mut answer)).await;
    read.ok().map(|_| String::from_utf8_lossy(&answer).into_owned())
}
