//! One connection, opened again when the server closed it between two requests.

use super::answer::Answer;
use anyhow::{Context, Result, bail};
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Most bytes of one answer.
const ANSWER_MAX: usize = 64 * 1_024;

#[derive(Debug)]
pub(super) struct Wire {
    address: SocketAddr,
    stream: Option<TcpStream>,
    read: Vec<u8>,
    joined: Vec<u8>,
    /// How often it connected.
    pub(super) opened: u64,
}

impl Wire {
    /// A connection to `address`, opened.
    pub(super) async fn to(address: SocketAddr) -> Result<Self> {
        let mut wire = Self {
            address,
            stream: None,
            read: Vec::with_capacity(4_096),
            joined: Vec::new(),
            opened: 0,
        };
        wire.open().await?;
        Ok(wire)
    }

    async fn open(&mut self) -> Result<()> {
        let stream = TcpStream::connect(self.address)
            .await
            .with_context(|| format!("cannot connect to {}", self.address))?;
        stream.set_nodelay(true)?;
        self.stream = Some(stream);
        self.read.clear();
        self.opened += 1;
        Ok(())
    }

    /// Makes sure that the connection is open: a server may close one that is idle.
    pub(super) async fn ready(&mut self) -> Result<()> {
        if let Some(stream) = &self.stream {
            let mut byte = [0];
            match stream.try_read(&mut byte) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // Closed, broken, or something that nobody asked for.
                _ => self.stream = None,
            }
        }
        self.open().await
    }

    /// Sends `request` and reads the whole answer; `hear` is told it, with its body.
    pub(super) async fn exchange<T>(
        &mut self,
        request: &[u8],
        hear: impl FnOnce(&Answer, &[u8]) -> T,
    ) -> Result<T> {
        let stream = self.stream.as_mut().context("the connection is not open")?;
        let heard = exchange(stream, request, &mut self.read).await;
        match heard {
            Ok(answer) => {
                let heard = hear(&answer, answer.body(&self.read, &mut self.joined));
                self.read.drain(..answer.length);
                if answer.closes {
                    self.stream = None;
                }
                Ok(heard)
            }
            Err(error) => {
                self.stream = None;
                Err(error)
            }
        }
    }
}

async fn exchange(stream: &mut TcpStream, request: &[u8], read: &mut Vec<u8>) -> Result<Answer> {
    stream.write_all(request).await.context("sending")?;
    loop {
        if stream.read_buf(read).await.context("reading")? == 0 {
            bail!("the connection was closed before the answer");
        }
        if let Some(answer) = Answer::find(read)? {
            return Ok(answer);
        }
        if read.len() > ANSWER_MAX {
            bail!("an answer of more than {ANSWER_MAX} bytes");
        }
    }
}
