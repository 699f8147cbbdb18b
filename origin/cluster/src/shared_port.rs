//! Shared port (`SO_REUSEPORT`): several processes accept on it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use tokio::net::TcpSocket;

/// Connections that wait for one process to take them.
const BACKLOG: u32 = 1_024;

/// Whether the kernel shares a port's connections out. Others than Linux give all to one process.
pub const SHARES_PORTS: bool = cfg!(target_os = "linux");

/// A port that is held, so that nobody else gets it, by a socket that takes no connections itself.
///
/// Each process has a socket of its own (`SO_REUSEPORT`) and is the only one that has it. When it
/// dies, the kernel gives what comes then to the others at once; what it had not taken yet is
/// reset.
#[derive(Debug)]
pub(super) struct SharedPort {
    held: TcpSocket,
}

impl SharedPort {
    /// Takes `port` of 127.0.0.1; 0 = any that is free.
    ///
    /// # Errors
    /// It cannot be had.
    pub(super) fn take(port: u16) -> io::Result<Self> {
        bound(port).map(|held| Self { held })
    }

    /// Its number.
    ///
    /// # Errors
    /// The system does not tell.
    pub(super) fn number(&self) -> io::Result<u16> {
        Ok(self.held.local_addr()?.port())
    }

    /// A socket that listens on it, to be a child's standard input: descriptors above that one are
    /// not passed on.
    ///
    /// # Errors
    /// The system has no more sockets.
    pub(super) fn listener(&self) -> io::Result<Stdio> {
        let listener = bound(self.number()?)?.listen(BACKLOG)?.into_std()?;
        Ok(OwnedFd::from(listener).into())
    }
}

fn bound(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    Ok(socket)
}
