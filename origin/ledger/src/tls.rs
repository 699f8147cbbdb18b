//! TLS client settings for connections to Redis: the authorities to trust and the certificate to
//! show.

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// PEM files that an address names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// Certificates of the authorities to trust instead of the system's.
    pub(crate) ca: Option<PathBuf>,
    /// Our certificate and its chain, for servers that ask for one.
    pub(crate) cert: Option<PathBuf>,
    /// Its private key.
    pub(crate) key: Option<PathBuf>,
}

/// How connections are encrypted and whom they trust; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Reads the files, or the system's authorities where none are named. They are read once: after
    /// a change of a certificate the process has to be started again.
    ///
    /// # Errors
    /// A file cannot be read or holds no certificate or key, or a certificate comes without its
    /// key; the text names the file.
    pub(crate) fn read(files: &TlsFiles) -> Result<Self, String> {
        let roots = match &files.ca {
            Some(ca) => authorities(ca)?,
            None => system_authorities()?,
        };
        let config = ClientConfig::builder().with_root_certificates(roots);
        let config = match (&files.cert, &files.key) {
            (None, None) => config.with_no_client_auth(),
            (Some(cert), Some(key)) => {
                let shown = certificates(cert)?;
                let secret = PrivateKeyDer::from_pem_file(key).map_err(|e| {
                    format!("key={}: no private key can be read: {e}", key.display())
                })?;
                config.with_client_auth_cert(shown, secret).map_err(|e| {
                    format!("cert={} and key={}: {e}", cert.display(), key.display())
                })?
            }
            _ => return Err("cert= and key= belong together: name both files or none".to_owned()),
        };
        Ok(Self(Arc::new(config)))
    }

    /// Encrypts `stream` and checks that the other side has a certificate for `host`.
    ///
    /// # Errors
    /// The other side speaks no TLS, or its certificate is not trusted or is for another name.
    pub(crate) async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(Arc::clone(&self.0)).connect(name, stream).await
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong =
        |e: &dyn std::fmt::Display| format!("{}: no certificate can be read: {e}", file.display());
    let all = CertificateDer::pem_file_iter(file).map_err(|e| wrong(&e))?;
    let all: Vec<_> = all.collect::<Result<_, _>>().map_err(|e| wrong(&e))?;
    if all.is_empty() {
        return Err(wrong(&"the file has none; it must be PEM"));
    }
    Ok(all)
}

fn authorities(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        let added = roots.add(certificate);
        added.map_err(|e| format!("ca={}: {e}", file.display()))?;
    }
    Ok(roots)
}

fn system_authorities() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    // One that cannot be read trusts nobody; the others count.
    let (added, _) =
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        return Err(
            "this machine has no certificates of authorities to check Redis with: install \
                    the package ca-certificates, or name a file with ?ca=/path/of/ca.pem"
                .to_owned(),
        );
    }
    Ok(roots)
}
