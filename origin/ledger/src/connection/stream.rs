//! One connection with its reconnect task.
//!
//! Whoever sends uses the present one; when it breaks, the task opens the next one at once and then
//! ever more slowly, whether or not somebody waits for it.

use super::backoff::Backoff;
use super::connect::{Connected, open_stream};
use super::sentinel::Sentinels;
use super::server_identity::Servers;
use crate::url::ServerAddress;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisError, Value};
use shared::limits::LEDGER_DEADLINE_MS;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// One attempt to connect may take this long, and whoever wants to send waits no longer for it.
const ATTEMPT: Duration = Duration::from_millis(LEDGER_DEADLINE_MS);
/// A connection that held for this long was a good one: the next one may come at once.
const CALM: Duration = Duration::from_secs(1);
/// Whoever wants to send waits for the next attempt if it comes within this time after a connection
/// broke: a connection that is cut and at once made again is not reported.
const SOON: Duration = Duration::from_millis(100);

/// Where a connection leads.
#[derive(Clone)]
pub(super) enum Place {
    /// To this server, whatever it is.
    Server(ServerAddress),
    /// To this server, as long as it is no replica.
    Primary(ServerAddress),
    /// To the server that Sentinels name.
    Named(Arc<Sentinels>),
}

/// A connection that is replaced when it breaks. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Stream(Arc<Inner>);

struct Inner {
    name: Arc<str>,
    state: watch::Receiver<State>,
    /// The last connection that somebody found broken.
    broken: watch::Sender<u64>,
    /// The task, until it is started.
    reconnect: Mutex<Option<Reconnect>>,
}

enum State {
    /// An attempt to connect is under way, or none was made yet.
    Trying,
    /// Nobody is there; the next attempt comes by itself.
    Away(Arc<str>),
    Up(Arc<Live>),
}

/// A connection that is open.
pub(super) struct Live {
    /// Distinguishes it from the ones before it.
    generation: u64,
    connection: MultiplexedConnection,
}

/// Why there is no reply.
pub(crate) enum Trouble {
    /// There is no connection, so nothing was sent.
    NotConnected(String),
    /// It was sent, or an error came back.
    Sent(RedisError),
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wire").field(&self.0.name).finish()
    }
}

impl Stream {
    /// A connection to `place`, which `name` stands for among the `servers`. It connects when it is
    /// first used. `away` is called for each attempt that failed.
    pub(super) fn new(
        name: Arc<str>,
        place: Place,
        servers: Arc<Servers>,
        away: Option<Arc<Notify>>,
    ) -> Self {
        let (state, reader) = watch::channel(State::Trying);
        let (broken, watched) = watch::channel(0);
        let reconnect =
            Reconnect { name: Arc::clone(&name), place, servers, away, state, broken: watched };
        Self(Arc::new(Inner {
            name,
            state: reader,
            broken,
            reconnect: Mutex::new(Some(reconnect)),
        }))
    }

    pub(super) fn name(&self) -> &str {
        &self.0.name
    }

    /// Sends one command.
    pub(crate) async fn send(&self, command: &Cmd) -> Result<Value, Trouble> {
        let live = self.live().await?;
        let mut connection = live.connection.clone();
        let reply = connection.send_packed_command(command).await;
        self.observed(&live, reply.and_then(Value::extract_error))
    }

    /// Sends commands that nobody else's come between; the replies may be errors of the server.
    pub(super) async fn send_all(
        &self,
        commands: &Pipeline,
        count: usize,
    ) -> Result<Vec<Value>, Trouble> {
        let live = self.live().await?;
        let mut connection = live.connection.clone();
        let replies = connection.send_packed_commands(commands, 0, count).await;
        for reply in replies.iter().flatten() {
            if matches!(reply, Value::ServerError(_)) {
                // What it says of the connection; the reply itself is the caller's.
                let _ = self.observed(&live, reply.clone().extract_error());
            }
        }
        self.observed(&live, replies)
    }

    fn observed<T>(&self, live: &Live, reply: Result<T, RedisError>) -> Result<T, Trouble> {
        reply.map_err(|error| {
            if breaks_connection(&error) {
                self.0.broken.send_if_modified(|last| {
                    let news = live.generation > *last;
                    *last = live.generation.max(*last);
                    news
                });
            }
            Trouble::Sent(error)
        })
    }

    /// The present connection. Waits for the attempt that is under way, not for the one after it.
    ///
    /// It is never one that somebody found broken: who sends again after that comes here before the
    /// task has run that replaces it, and would send into the void once more.
    async fn live(&self) -> Result<Arc<Live>, Trouble> {
        let is_broken = |live: &Live| live.generation <= *self.0.broken.borrow();
        if let State::Up(live) = &*self.0.state.borrow()
            && !is_broken(live)
        {
            return Ok(Arc::clone(live));
        }
        self.spawn_task();
        let mut state = self.0.state.clone();
        let settled = state.wait_for(|state| match state {
            State::Trying => false,
            State::Away(_) => true,
            State::Up(live) => !is_broken(live),
        });
        let why = match tokio::time::timeout(ATTEMPT, settled).await {
            Ok(Ok(state)) => match &*state {
                State::Up(live) => return Ok(Arc::clone(live)),
                State::Away(why) => why.to_string(),
                State::Trying => "no connection yet".to_owned(),
            },
            Ok(Err(_)) => "the connection was given up".to_owned(),
            Err(_) => format!("no connection within {ATTEMPT:?}"),
        };
        Err(Trouble::NotConnected(why))
    }

    /// Starts the task when it is first needed: only then it is sure that there is a runtime.
    pub(super) fn spawn_task(&self) {
        let mut reconnect = self.0.reconnect.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reconnect) = reconnect.take() {
            tokio::spawn(reconnect.keep());
        }
    }
}

/// The task behind a [`Stream`]; it ends when that is gone.
struct Reconnect {
    name: Arc<str>,
    place: Place,
    servers: Arc<Servers>,
    away: Option<Arc<Notify>>,
    state: watch::Sender<State>,
    broken: watch::Receiver<u64>,
}

impl Reconnect {
    async fn keep(mut self) {
        let mut backoff = Backoff::default();
        let mut generation = 0;
        loop {
            self.state.send_replace(State::Trying);
            let dialled = tokio::select! {
                dialled = connect(&self.place) => dialled,
                () = self.state.closed() => return,
            };
            let (why, pause, soon) = match dialled {
                Ok(dialled) => {
                    generation += 1;
                    let since = Instant::now();
                    let Some(why) = self.serve(dialled, generation).await else {
                        return;
                    };
                    let pause = if since.elapsed() >= CALM {
                        backoff.reset();
                        Duration::ZERO
                    } else {
                        backoff.next()
                    };
                    (why.to_owned(), pause, pause <= SOON)
                }
                Err(why) => (why, backoff.next(), false),
            };
            tracing::debug!("no connection to the ledger at {}: {why}", self.name);
            if soon {
                self.state.send_replace(State::Trying);
            } else {
                self.state.send_replace(State::Away(why.into()));
                if let Some(away) = &self.away {
                    away.notify_one();
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.state.closed() => return,
            }
        }
    }

    /// Lets others use a connection until it breaks; why it is replaced, `None` when nobody needs
    /// it any more.
    async fn serve(&mut self, dialled: Connected, generation: u64) -> Option<&'static str> {
        let Connected { connection, mut end, server, .. } = dialled;
        // Before anything is sent: whoever is notified of another server may have to stop the sale
        // first.
        self.servers.found(&self.name, &server);
        self.state.send_replace(State::Up(Arc::new(Live { generation, connection })));
        let elsewhere = async {
            match &self.place {
                Place::Named(sentinels) => sentinels.names_another().await,
                Place::Server(_) | Place::Primary(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = &mut end => Some("the connection was closed"),
            _ = self.broken.wait_for(|broken| *broken >= generation) => Some("the connection \
                broke"),
            () = elsewhere => Some("there is another primary"),
            () = self.state.closed() => None,
        }
    }
}

async fn connect(place: &Place) -> Result<Connected, String> {
    let (info, any) = match place {
        Place::Server(info) => (info.clone(), true),
        Place::Primary(info) => (info.clone(), false),
        Place::Named(sentinels) => (sentinels.primary().await?, false),
    };
    let dialled = open_stream(&info, ATTEMPT).await.map_err(|e| e.to_string())?;
    if dialled.replica && !any {
        return Err(format!("{} is a replica", info.addr()));
    }
    Ok(dialled)
}

/// A server that became a replica keeps the connection open and answers READONLY for ever, and one
/// that froze may answer late calls out of time: both need a new connection.
fn breaks_connection(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.is_unrecoverable_error()
        || matches!(error.code(), Some("READONLY" | "MASTERDOWN"))
}
