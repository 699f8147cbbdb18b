//! Connect: opens and prepares one connection.

use super::seal::seal;
use super::server_identity::RunId;
use crate::url::ServerAddress;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ConnectionAddr, RedisConnectionInfo};
use redis::{RedisError, Value};
use shared::limits::LEDGER_DEADLINE_MS;
use std::io;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;

/// A connection that was just opened.
pub(super) struct Connected {
    pub(super) connection: MultiplexedConnection,
    /// Ends when the connection does.
    pub(super) end: JoinHandle<()>,
    /// Which run of the server it leads to.
    pub(super) server: RunId,
    /// Whether that one follows another one.
    pub(super) replica: bool,
}

/// Opens a connection, asks who is there, and sees to it that nothing is written behind a half
/// script.
pub(super) async fn open_stream(
    server: &ServerAddress,
    within: Duration,
) -> Result<Connected, RedisError> {
    let work = async {
        let (mut connection, end) = open(server).await?;
        let mut questions = redis::pipe();
        for section in ["server", "replication", "persistence"] {
            questions.cmd("INFO").arg(section);
        }
        questions.cmd("CONFIG").arg("GET").arg("aof-load-truncated");
        let answers = connection.send_packed_commands(&questions, 0, 4).await?;
        let mut answers = answers.into_iter();
        let mut text = || -> Result<String, RedisError> {
            let answer = answers.next().unwrap_or(Value::Nil).extract_error()?;
            Ok(redis::from_redis_value(answer)?)
        };
        let (about, replication, persistence) = (text()?, text()?, text()?);
        // An error where it may not be asked.
        let load_truncated = answers.next().unwrap_or(Value::Nil);
        seal(&mut connection, &persistence, &load_truncated).await?;
        let field = |text: &str, name: &str| {
            let mut lines = text.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.map(|value| value.trim().to_owned())
        };
        Ok(Connected {
            connection,
            end,
            server: RunId::new(field(&about, "run_id").as_deref().unwrap_or("")),
            replica: field(&replication, "role").as_deref() == Some("slave"),
        })
    };
    in_time(within, work).await
}

/// Opens a connection, asks one thing and closes it.
pub(super) async fn ask(
    server: &ServerAddress,
    question: &redis::Cmd,
    within: Duration,
) -> Result<Value, RedisError> {
    let work = async {
        let (mut connection, _) = open(server).await?;
        let answer = connection.send_packed_command(question).await?;
        answer.extract_error()
    };
    in_time(within, work).await
}

async fn in_time<T>(
    within: Duration,
    work: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, RedisError> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, format!("silent for {within:?}"));
    let done = tokio::time::timeout(within, work).await;
    done.unwrap_or_else(|_| Err(late().into()))
}

/// The stream is opened here and not by redis-rs, so that the end of the connection is noticed at
/// once and not with the next order.
async fn open(
    server: &ServerAddress,
) -> Result<(MultiplexedConnection, JoinHandle<()>), RedisError> {
    let settings = server.info.redis_settings();
    match server.addr() {
        ConnectionAddr::Tcp(host, port) => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            match &server.tls {
                Some(tls) => multiplexed(settings, tls.connect(host, stream).await?).await,
                None => multiplexed(settings, stream).await,
            }
        }
        ConnectionAddr::Unix(path) => multiplexed(settings, UnixStream::connect(path).await?).await,
        other => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("no connection to {other} can be made"),
        )
        .into()),
    }
}

async fn multiplexed(
    settings: &RedisConnectionInfo,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<(MultiplexedConnection, JoinHandle<()>), RedisError> {
    let deadline = Duration::from_millis(LEDGER_DEADLINE_MS);
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(deadline));
    let (connection, driver) =
        MultiplexedConnection::new_with_config(settings, stream, config).await?;
    let driver: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(driver);
    Ok((connection, tokio::spawn(driver)))
}
