//! Listeners: one for each thread, on the same address (`SO_REUSEPORT`).

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};

/// Connections that may wait to be accepted, for each listener.
const BACKLOG: i32 = 4_096;
/// A client that has not taken a byte of its answer after this time is cut off, whether it is gone
/// or does not read (`TCP_USER_TIMEOUT`, Linux).
#[cfg(target_os = "linux")]
const UNREAD: std::time::Duration = std::time::Duration::from_secs(30);
/// Whether the kernel shares the connections of a port out among its listeners. Where it does not,
/// threads share one listener.
const SHARES_PORTS: bool = cfg!(target_os = "linux");

/// A listener; `flag` is what chooses its address.
///
/// # Errors
/// A sentence that says what to do.
pub(super) fn bind(flag: &str, address: SocketAddr) -> Result<TcpListener, String> {
    let bound = socket(address, false).and_then(listen);
    bound.map_err(|e| in_words(flag, address, &e))
}

/// So many listeners on one address. If its port is 0, the first one chooses it.
///
/// # Errors
/// A sentence that says what to do.
pub(super) fn bind_shared(
    flag: &str,
    address: SocketAddr,
    count: usize,
) -> Result<Vec<TcpListener>, String> {
    let bound = if SHARES_PORTS { reuse_port(address, count) } else { share(address, count) };
    bound.map_err(|e| in_words(flag, address, &e))
}

/// With `SO_REUSEPORT` a second gateway of the same user could take a part of the connections
/// unnoticed. So the port is taken without it first.
fn reuse_port(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    let taken = socket(address, false)?;
    let address = local(&taken)?;
    let listeners = (0..count).map(|_| listen(socket(address, true)?)).collect();
    // Kept until now, so that nobody else gets the port in between. It never listens.
    drop(taken);
    listeners
}

fn share(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    let listener = listen(socket(address, false)?)?;
    (0..count).map(|_| listener.try_clone()).collect()
}

fn local(socket: &Socket) -> io::Result<SocketAddr> {
    let address = socket.local_addr()?.as_socket();
    address.ok_or_else(|| io::Error::other("the socket has no address"))
}

/// Bound, and not listening yet.
fn socket(address: SocketAddr, reuse_port: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A gateway that is started again must not wait for the old connections' TIME_WAIT.
    socket.set_reuse_address(true)?;
    if reuse_port {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Connections have the options of their listener.
fn listen(socket: Socket) -> io::Result<TcpListener> {
    // Answers are small and each is awaited; waiting for more to send only delays them.
    socket.set_tcp_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNREAD))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn in_words(flag: &str, address: SocketAddr, error: &io::Error) -> String {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "port {port} is taken by another program. Stop that one (`ss -ltnp 'sport = :{port}'` \
             shows it) or choose another address with {flag}"
        ),
        io::ErrorKind::PermissionDenied => format!(
            "no permission to listen on {address}. Choose a port above 1023 with {flag}, or let \
             systemd give the program CAP_NET_BIND_SERVICE"
        ),
        _ => format!("cannot listen on {address}: {error}. Choose another address with {flag}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

    #[test]
    fn all_listeners_have_the_port_that_the_first_one_chose() {
        let listeners = bind_shared("--listen", ANY.into(), 3).unwrap();
        let ports: Vec<u16> =
            listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        assert!(ports[0] != 0 && ports == [ports[0]; 3], "{ports:?}");
    }

    #[test]
    fn connections_have_the_options_of_their_listener() {
        let listener = bind("--listen", ANY.into()).unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let (stream, _) = listener.accept().unwrap();
        assert!(stream.nodelay().unwrap());
        #[cfg(target_os = "linux")]
        {
            let timeout = socket2::SockRef::from(&stream).tcp_user_timeout().unwrap();
            assert_eq!(timeout, Some(UNREAD));
        }
        drop(client);
    }

    #[test]
    fn a_port_of_another_gateway_is_not_shared_with_it() {
        let listeners = bind_shared("--listen", ANY.into(), 2).unwrap();
        let address = listeners[0].local_addr().unwrap();
        let said = bind_shared("--listen", address, 2).unwrap_err();
        assert!(said.contains("is taken by another program"), "{said}");
        assert!(said.contains("--listen"), "{said}");
    }
}
