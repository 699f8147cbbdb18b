//! Certificate and key of a gateway as PEM files, read again when they change.

use super::certificate::Certificate;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

/// Time between two reads of the files: what renews certificates does so days before they expire.
const EVERY: Duration = Duration::from_secs(5);
/// Most bytes of one of the files: a chain has a few certificates of some 2 KiB.
const FILE_MAX: u64 = 1024 * 1024;

/// Receives SIGHUP where there is no certificate to read again: without a handler it would end the
/// gateway.
pub(super) async fn nothing_to_reload() {
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(e) => return error!("SIGHUP cannot be received, and ends this gateway: {e}"),
    };
    while hangup.recv().await.is_some() {
        info!("SIGHUP: there is no certificate to read again; --tls-cert and --tls-key name one");
    }
}

/// Where certificate and key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate and its chain, PEM.
    pub cert: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// What the files contain.
#[derive(Clone, PartialEq, Eq)]
struct PemPair {
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl CertificateFiles {
    fn read(&self) -> Result<PemPair, String> {
        Ok(PemPair { cert: bytes(&self.cert)?, key: bytes(&self.key)? })
    }

    fn parse(&self, pem: &PemPair) -> Result<CertifiedKey, String> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem.cert).collect();
        let cert = self.cert.display();
        let chain = chain.map_err(|e| format!("{cert}: no certificate can be read: {e}"))?;
        if chain.is_empty() {
            return Err(format!("{cert}: the file has no certificate; it must be PEM"));
        }
        let key = PrivateKeyDer::from_pem_slice(&pem.key).map_err(|e| {
            format!("{}: no private key can be read: {e}; it must be PEM", self.key.display())
        })?;
        CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|e| {
            format!(
                "{cert} and {}: {e}. The key must be that of the certificate",
                self.key.display()
            )
        })
    }
}

fn bytes(file: &Path) -> Result<Vec<u8>, String> {
    let read = || {
        let mut bytes = Vec::new();
        std::fs::File::open(file)?.take(FILE_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|e: io::Error| format!("{} cannot be read: {e}", file.display()))
}

/// Keeps a [`Certificate`] equal to its files.
pub(super) struct CertificateWatch {
    files: CertificateFiles,
    certificate: Arc<Certificate>,
    served: PemPair,
    /// What the files contained when they were last read, where that could not be used.
    broken: Option<Result<PemPair, String>>,
    /// Whether that was logged.
    logged: bool,
}

impl std::fmt::Debug for CertificateWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertificateWatch").field("files", &self.files).finish_non_exhaustive()
    }
}

impl CertificateWatch {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// A sentence that names the file and says what is wrong.
    pub(super) fn start(files: CertificateFiles) -> Result<Self, String> {
        let wrong = |e: String| format!("--tls-cert and --tls-key: {e}");
        let served = files.read().map_err(wrong)?;
        let certificate = Arc::new(Certificate::new(files.parse(&served).map_err(wrong)?));
        if certificate.expires_in_s().is_some_and(|seconds| seconds <= 0) {
            warn!("{}: the certificate has expired; clients will refuse it", files.cert.display());
        }
        Ok(Self { files, certificate, served, broken: None, logged: false })
    }

    /// What connections are shown.
    pub(super) const fn certificate(&self) -> &Arc<Certificate> {
        &self.certificate
    }

    /// Reads the files every few seconds, and on SIGHUP at once.
    pub(super) async fn run(&mut self) {
        let mut hangup = match signal(SignalKind::hangup()) {
            Ok(hangup) => hangup,
            Err(e) => return error!("SIGHUP cannot be received, certificates stay: {e}"),
        };
        loop {
            let asked = tokio::select! {
                _ = hangup.recv() => true,
                () = tokio::time::sleep(EVERY) => false,
            };
            self.poll(asked);
        }
    }

    /// Reads the files once. Whoever renews them writes one after the other, so a pair that cannot
    /// be used is reported only when it is still there at the next poll, or when somebody asked.
    fn poll(&mut self, asked: bool) {
        let pem = self.files.read();
        if pem.as_ref() == Ok(&self.served) {
            self.broken = None;
            return;
        }
        let parsed = pem.clone().and_then(|pem| Ok((self.files.parse(&pem)?, pem)));
        let why = match parsed {
            Ok((key, pem)) => {
                self.certificate.replace(key);
                self.served = pem;
                self.broken = None;
                return info!("the certificate of {} was replaced", self.files.cert.display());
            }
            Err(why) => why,
        };
        let again = self.broken.as_ref() == Some(&pem);
        self.logged &= again;
        if asked || (again && !self.logged) {
            self.logged = true;
            self.certificate.count_refused();
            error!(
                "the new certificate is not used, the old one stays: {why}. Write both files anew; \
                 they are read again within {EVERY:?}"
            );
        }
        self.broken = Some(pem);
    }
}
