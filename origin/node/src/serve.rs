//! Lifecycle of a node: from its configuration to its shutdown.

use crate::alarm_watch::AlarmWatch;
use crate::auditor::Auditor;
use crate::config::ServeConfig;
use crate::edge_list::EdgeList;
use crate::http::server::HttpServer;
use crate::http::status_stream::StatusStream;
use crate::http::{App, Clients, FastPath, InProcessOrders, Links, Overviews};
use crate::node_number::NodeNumber;
use crate::ready_line::NodeEntry;
use crate::sale_history::SaleHistories;
use crate::sale_service::Sales;
use crate::status::Audits;
use crate::status_publisher::Publisher;
use crate::telemetry::decision_log::DecisionLog;
use crate::telemetry::metrics::Counters;
use lastseat_http::connections::Connections;
use lastseat_ledger::Ledger;
use lastseat_ledger::ack_journal::AckJournal;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::{info, warn};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4_096;
/// Connections of operators and scrapers.
const OPERATORS_MAX: usize = 1_024;
/// Longest wait for the first heartbeat before requests are taken.
const FIRST_HEARTBEAT: Duration = Duration::from_secs(2);
/// Requests in flight may take this long to finish when the node stops ...
const FINISH: Duration = Duration::from_secs(5);
/// ... and what waits for the ledger after that. Together below the 10 s that a supervisor waits.
const DRAIN: Duration = Duration::from_secs(3);
/// The last status that is published may take this long.
const LAST_WORD: Duration = Duration::from_secs(1);

/// A node that listens.
#[derive(Debug)]
pub struct Node {
    app: Arc<App>,
    public: TcpListener,
    admin: TcpListener,
    entry: NodeEntry,
    connections_max: usize,
    audit_every: Option<Duration>,
}

impl Node {
    /// Connects to the ledger, opens the log and listens.
    ///
    /// # Errors
    /// A sentence that says what to do: a port is taken, the ledger cannot be used ...
    pub async fn start(config: ServeConfig) -> Result<Self, String> {
        let public = listen("--listen", config.listen)?;
        let admin = listen("--admin-listen", config.admin_listen)?;
        let counters = Arc::<Counters>::default();
        let cannot_write = |e: io::Error| {
            format!(
                "cannot write to {}: {e}. Choose another place with --data-dir",
                config.directory.display()
            )
        };
        let number = NodeNumber::of(&config.directory, config.node.id)?;
        let stat_log = DecisionLog::open(&config.directory, Arc::clone(&counters));
        let stat_log = stat_log.map_err(cannot_write)?;
        let acknowledged = AckJournal::open(&config.directory, Arc::<Counters>::clone(&counters));
        let acknowledged = acknowledged.map_err(cannot_write)?;
        let ledger = Ledger::connect(&config.ledger).await;
        let ledger = ledger.map_err(|e| e.to_string())?;
        let ledger = ledger.keeping(acknowledged).waiting_for(config.replicas);
        number.take(&ledger).await?;
        let url = |listener: &TcpListener| Ok(format!("http://{}", listener.local_addr()?));
        let addresses = url(&public).and_then(|public| Ok((public, url(&admin)?)));
        let (url, admin_url) = addresses.map_err(|e: io::Error| e.to_string())?;
        let entry = NodeEntry {
            id: config.node.id,
            weight: config.node.weight,
            url,
            admin: admin_url,
            pid: std::process::id(),
            stat_log: config.directory.join("stat.log"),
            public: None,
            zone: None,
        };
        let sales = Sales::start_as(ledger, config.node, Some(number), Arc::clone(&counters));
        // Orders that come before it are answered that nothing happened. Where the ledger is away,
        // so they are without waiting.
        let _ = tokio::time::timeout(FIRST_HEARTBEAT, sales.first_heartbeat()).await;
        let app = Arc::new(App {
            sales,
            counters,
            stat_log,
            node: config.node,
            admin_token: config.admin_token,
            shop_token: config.shop_token,
            token_keys: config.token_keys,
            trust: config.trust,
            buyer_keys: config.buyer_keys,
            pay_keys: config.pay_keys,
            allowed_origins: config.allowed_origins,
            clients: config.client_rate.map(Clients::new),
            demo: config.demo,
            audits: Audits::default(),
            status_stream: StatusStream::default(),
            histories: SaleHistories::default(),
            alarms: AlarmWatch::default(),
            edges: EdgeList::default(),
            overviews: Overviews::default(),
            connections: Arc::default(),
            links: Links::default(),
            draining: AtomicBool::new(false),
        });
        Ok(Self {
            app,
            public,
            admin,
            entry,
            connections_max: config.connections_max,
            audit_every: config.audit_every,
        })
    }

    /// Where the node listens and writes.
    #[must_use]
    pub const fn entry(&self) -> &NodeEntry {
        &self.entry
    }

    /// Where a gateway in this process places its orders, from now until the node has stopped.
    /// Within the runtime of the node.
    #[must_use]
    pub fn orders(&self) -> InProcessOrders {
        InProcessOrders::new(Arc::clone(&self.app), Handle::current())
    }

    /// Serves until `stop` is ready, then finishes what was begun.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let app = self.app;
        info!("node {} serves {}", self.entry.id, self.entry.url);
        let (end, ending) = watch::channel(false);
        let http_server = |listener, fast_path, connections, connections_max| {
            let mut ending = ending.clone();
            let http_server = HttpServer {
                listener,
                fast_path,
                node: app.node_header(),
                connections,
                connections_max,
            };
            // The sender lives until both servers have ended.
            let stopping = async move { drop(ending.wait_for(|ending| *ending).await) };
            tokio::spawn(http_server.run(stopping, FINISH))
        };
        let publisher = Publisher::start(&app);
        let auditor = self.audit_every.map(|every| Auditor::start(&app, every));
        let orders = Arc::clone(&app.connections);
        let fast_path = FastPath::public(Arc::clone(&app));
        let public = http_server(self.public, fast_path, orders, self.connections_max);
        let operators = Arc::<Connections>::default();
        let fast_path = FastPath::operators(Arc::clone(&app));
        let admin = http_server(self.admin, fast_path, operators, OPERATORS_MAX);

        stop.await;
        info!("node {} stops: finishing what was begun", self.entry.id);
        drop(auditor);
        app.draining.store(true, Ordering::Relaxed);
        app.sales.take_no_more();
        publisher.nudge();
        app.links.close();
        end.send_replace(true);
        for http_server in [public, admin] {
            if let Err(e) = http_server.await {
                warn!("an accept loop ended badly: {e}");
            }
        }
        if tokio::time::timeout(FINISH, app.links.closed()).await.is_err() {
            warn!("some links did not end within {FINISH:?} and are cut");
        }
        if tokio::time::timeout(DRAIN, app.sales.drain()).await.is_err() {
            warn!("the ledger did not answer within {DRAIN:?}; orders that waited are unknown");
        }
        if tokio::time::timeout(LAST_WORD, publisher.finish()).await.is_err() {
            warn!("the last status could not be published");
        }
        app.stat_log.finish();
    }
}

fn listen(flag: &str, address: SocketAddr) -> Result<TcpListener, String> {
    bind(address).map_err(|e| {
        let port = address.port();
        match e.kind() {
            io::ErrorKind::AddrInUse => format!(
                "port {port} is taken by another program. Stop that one (`ss -ltnp \
                 'sport = :{port}'` shows it) or choose another address with {flag}"
            ),
            io::ErrorKind::PermissionDenied => format!(
                "no permission to listen on {address}. Choose a port above 1023 with {flag}"
            ),
            _ => format!("cannot listen on {address}: {e}. Choose another address with {flag}"),
        }
    })
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // A node that is started again must not wait for the old connections' TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
