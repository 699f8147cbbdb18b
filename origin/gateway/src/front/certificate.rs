//! The certificate that TLS connections are shown; it can be replaced while they are served.

use super::certificate_validity::not_after;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

/// A certificate with its key, shared by all threads.
#[derive(Debug)]
pub(super) struct Certificate {
    current: RwLock<Arc<CertifiedKey>>,
    /// How often it was replaced.
    replaced: AtomicU64,
    /// How often a new pair was refused.
    refused: AtomicU64,
}

impl Certificate {
    pub(super) fn new(key: CertifiedKey) -> Self {
        Self {
            current: RwLock::new(Arc::new(key)),
            replaced: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// What new connections are shown.
    pub(super) fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on new connections are shown `key`; those that are open keep theirs.
    pub(super) fn replace(&self, key: CertifiedKey) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
        self.replaced.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a new pair that cannot be used.
    pub(super) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// How often it was replaced, and how often a new pair was refused.
    pub(super) fn reloads(&self) -> (u64, u64) {
        (self.replaced.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }

    /// Seconds until it expires, negative once it has; `None` where its date cannot be read.
    pub(super) fn expires_in_s(&self) -> Option<i64> {
        let key = self.current();
        let end = not_after(key.end_entity_cert().ok()?)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Some(end.saturating_sub(i64::try_from(now.as_secs()).unwrap_or(i64::MAX)))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}
