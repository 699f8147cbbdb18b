//! TLS server settings: versions, ALPN, session tickets.

use super::certificate::Certificate;
use rustls::ServerConfig;
use rustls::crypto::ring;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::TlsAcceptor;

/// A handshake has to be done after this time, as a request head has.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(5);
/// HTTP/2 in ALPN.
pub(super) const H2: &[u8] = b"h2";
/// HTTP/1.1 in ALPN.
const HTTP1: &[u8] = b"http/1.1";

/// What encrypts connections: TLS 1.3 and 1.2 with the suites that rustls deems safe, for all
/// threads, so that a session can be resumed on each.
///
/// Tickets are encrypted by a key that lives in this process and changes every 6 hours: they
/// outlive a change of the certificate, not a restart. No data is taken before the handshake is
/// done (0-RTT): it could be replayed.
///
/// # Errors
/// The system gives no random bytes.
pub(super) fn acceptor(certificate: &Arc<Certificate>) -> Result<TlsAcceptor, String> {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(|e| e.to_string())?;
    let resolver = Arc::<Certificate>::clone(certificate);
    let mut config = config.with_no_client_auth().with_cert_resolver(resolver);
    config.alpn_protocols = vec![H2.to_vec(), HTTP1.to_vec()];
    config.ticketer = ring::Ticketer::new().map_err(|e| e.to_string())?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
