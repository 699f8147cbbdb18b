//! File of endpoints: to which receivers the webhooks of a shop go, with their secrets and filters.
//!
//! A file, and not the ledger: whoever may read Redis, its backups or its replicas would have the
//! secrets. What stands in it is in no message, be it right or wrong.

use super::delivery::BuyerNaming;
use super::filter::EventFilter;
use super::sign::name_of;
use super::webhook::Webhook;
use lastseat_node::secret::{Secret, SecretRing};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use shared::auth::secret_rules;
use shared::limits::{
    WEBHOOK_ENDPOINTS_MAX, WEBHOOK_FILE_MAX, WEBHOOK_NAME_MAX, WEBHOOK_SECRETS_MAX,
};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most bytes of a file with one secret.
const SECRET_FILE_MAX: usize = 4 * 1_024;

/// One receiver of a shop.
#[derive(Debug)]
pub struct Endpoint {
    /// Its name, under which its positions are kept.
    pub name: String,
    /// Where its deliveries go.
    pub webhook: Webhook,
    /// Of which sales it receives which events.
    pub filter: EventFilter,
    /// How its deliveries name buyers.
    pub naming: BuyerNaming,
    /// Whether it wants nothing of what was before a relay has seen it first.
    pub from_now: bool,
    /// Under which name a relay of one sale to the same address kept its position.
    pub name_before: String,
}

/// What a file of endpoints says.
#[derive(Clone, Debug)]
pub struct WebhooksConfig {
    /// The endpoints, each with another name.
    pub endpoints: Vec<Arc<Endpoint>>,
    /// Whether logs may forget what all endpoints have taken.
    pub acknowledge: bool,
    /// Of all that was read: another one after each change.
    fingerprint: [u8; 32],
}

impl WebhooksConfig {
    /// Whether `other` was read from the same text and the same secrets.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }

    /// Reads the file at `path` and the files of secrets that it names.
    ///
    /// # Errors
    /// All that is wrong, a sentence each; no secret is in them.
    pub fn read(path: &Path) -> Result<Self, Vec<String>> {
        let shown = path.display();
        let text = read_private(path, WEBHOOK_FILE_MAX).map_err(|sentence| vec![sentence])?;
        let said: FileText = toml::from_str(&text).map_err(|error| {
            // Not as it is displayed: that shows the line, with what may be a secret.
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
            vec![format!("{shown}, line {line}: {}", error.message())]
        })?;
        let mut reader = Reader {
            folder: path.parent().unwrap_or(Path::new("")).to_owned(),
            digest: Sha256::new_with_prefix(text.as_bytes()),
            wrong: Vec::new(),
        };
        let mut endpoints = Vec::with_capacity(said.endpoint.len());
        let mut names = BTreeSet::new();
        for (place, endpoint) in (1..).zip(said.endpoint.iter().take(WEBHOOK_ENDPOINTS_MAX)) {
            if !names.insert(&endpoint.name) {
                reader.wrong.push(format!("two endpoints have the name {:?}", endpoint.name));
            }
            endpoints.extend(reader.endpoint(place, endpoint).map(Arc::new));
        }
        match said.endpoint.len() {
            0 => reader.wrong.push("it names no endpoint: begin one with [[endpoint]]".to_owned()),
            1..=WEBHOOK_ENDPOINTS_MAX => {}
            _ => reader.wrong.push(format!("it has more than {WEBHOOK_ENDPOINTS_MAX} endpoints")),
        }
        if !reader.wrong.is_empty() {
            let named = reader.wrong.into_iter().map(|sentence| format!("{shown}: {sentence}"));
            return Err(named.collect());
        }
        let fingerprint = reader.digest.finalize().into();
        Ok(Self { endpoints, acknowledge: said.acknowledge, fingerprint })
    }
}

/// The text of a file that others may not read.
fn read_private(path: &Path, most: usize) -> Result<String, String> {
    let shown = path.display();
    let unreadable = |e: io::Error| format!("{shown} cannot be read: {e}");
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    // A group may: a service that root has written the file for.
    if mode & 0o007 != 0 {
        return Err(format!(
            "{shown} holds secrets and is open to everybody on this machine: chmod 640 {shown}"
        ));
    }
    let mut text = String::new();
    let read = file.take(most as u64 + 1).read_to_string(&mut text).map_err(unreadable)?;
    if read > most {
        return Err(format!("{shown} has more than {most} bytes"));
    }
    Ok(text)
}

/// Whether `name` can be a part of a key.
///
/// # Errors
/// What a name looks like.
pub fn check_name(name: &str) -> Result<(), String> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=WEBHOOK_NAME_MAX).contains(&name.len()) && name.bytes().all(good) {
        return Ok(());
    }
    Err(format!("1 to {WEBHOOK_NAME_MAX} letters, digits, '-' or '_', not {name:?}"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    #[serde(default)]
    acknowledge: bool,
    #[serde(default)]
    endpoint: Vec<EndpointText>,
}

/// What may be a secret is any value here: the words for a wrong one must not repeat it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndpointText {
    name: String,
    url: toml::Value,
    secrets: Option<toml::Value>,
    secret_files: Option<Vec<PathBuf>>,
    #[serde(default)]
    sales: Vec<String>,
    #[serde(default)]
    events: Vec<String>,
    #[serde(default)]
    buyer: BuyerText,
    buyer_secret: Option<toml::Value>,
    buyer_secret_file: Option<PathBuf>,
    #[serde(default)]
    start: StartText,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum BuyerText {
    #[default]
    Plain,
    Hash,
    None,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StartText {
    #[default]
    Beginning,
    Now,
}

struct Reader {
    /// Where names of files count from.
    folder: PathBuf,
    digest: Sha256,
    wrong: Vec<String>,
}

impl Reader {
    /// The endpoint at `place`; `None` where something is wrong with it, which is noted.
    fn endpoint(&mut self, place: usize, said: &EndpointText) -> Option<Endpoint> {
        let before = self.wrong.len();
        let is_named = check_name(&said.name).map_err(|why| {
            self.wrong.push(format!("endpoint {place}: its name has {why}"));
        });
        let named = if is_named.is_ok() { said.name.as_str() } else { "?" };
        let named = format!("endpoint {named}");
        let secrets = self.secrets(said);
        let secrets = self.note(&named, secrets);
        let naming = self.naming(said);
        let naming = self.note(&named, naming);
        let filter = self.note(&named, EventFilter::new(&said.sales, &said.events));
        let url = said.url.as_str().ok_or_else(|| "url is a text".to_owned());
        let url = self.note(&named, url);
        let webhook = match (url, secrets) {
            (Some(url), Some(secrets)) => self.note(&named, Webhook::new("url", url, secrets)),
            _ => None,
        };
        if self.wrong.len() > before {
            return None;
        }
        Some(Endpoint {
            name: said.name.clone(),
            webhook: webhook?,
            filter: filter?,
            naming: naming?,
            from_now: matches!(said.start, StartText::Now),
            name_before: name_of(url?),
        })
    }

    fn note<T>(&mut self, named: &str, checked: Result<T, String>) -> Option<T> {
        checked.map_err(|why| self.wrong.push(format!("{named}: {why}"))).ok()
    }

    fn secrets(&mut self, said: &EndpointText) -> Result<SecretRing, String> {
        let texts = match (&said.secrets, &said.secret_files) {
            (Some(_), Some(_)) => return Err("secrets or secret_files, not both".to_owned()),
            (Some(value), None) => {
                let texts = value.as_array().and_then(|all| {
                    all.iter().map(|one| one.as_str().map(str::to_owned)).collect::<Option<_>>()
                });
                texts.ok_or_else(|| "secrets is a list of texts".to_owned())?
            }
            (None, Some(files)) => {
                let texts = files.iter().map(|file| self.secret_in(file));
                texts.collect::<Result<Vec<String>, String>>()?
            }
            (None, None) => Vec::new(),
        };
        if !(1..=WEBHOOK_SECRETS_MAX).contains(&texts.len()) {
            return Err(format!(
                "it needs a secret, and has at most {WEBHOOK_SECRETS_MAX}, the new one first. Make \
                 one with `openssl rand -hex 32` and name its file in secret_files"
            ));
        }
        // A secret needs an id only where there are two.
        let named = (1..).zip(&texts).map(|(place, text): (usize, &String)| {
            let text = text.trim();
            if text.contains(':') { text.to_owned() } else { format!("{place}:{text}") }
        });
        SecretRing::parse(&named.collect::<Vec<_>>().join(",")).map_err(|error| error.to_string())
    }

    fn secret_in(&mut self, file: &Path) -> Result<String, String> {
        let text = read_private(&self.folder.join(file), SECRET_FILE_MAX)?;
        self.digest.update(text.as_bytes());
        Ok(text.trim().to_owned())
    }

    fn naming(&mut self, said: &EndpointText) -> Result<BuyerNaming, String> {
        let text = match (&said.buyer_secret, &said.buyer_secret_file) {
            (None, None) => None,
            (Some(value), None) => {
                Some(value.as_str().ok_or_else(|| "buyer_secret is a text".to_owned())?.to_owned())
            }
            (None, Some(file)) => Some(self.secret_in(file)?),
            _ => return Err("buyer_secret or buyer_secret_file, not both".to_owned()),
        };
        match (said.buyer, text) {
            (BuyerText::Plain, None) => Ok(BuyerNaming::Plain),
            (BuyerText::None, None) => Ok(BuyerNaming::Absent),
            (BuyerText::Hash, Some(text)) => {
                secret_rules::check(&text).map_err(|error| format!("buyer_secret: {error}"))?;
                Ok(BuyerNaming::Hashed(Secret::new(text)))
            }
            (BuyerText::Hash, None) => Err(
                "buyer = \"hash\" needs a buyer_secret of its own, so that the hash of a buyer \
                 stays the same when the other secrets are replaced"
                    .to_owned(),
            ),
            _ => Err("buyer_secret is for buyer = \"hash\"".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};

    const A: &str = "0123456789abcdef0123456789abcdef";
    const B: &str = "fedcba9876543210fedcba9876543210";

    /// A directory that is gone when it is dropped.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("lastseat-endpoints-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
            path
        }

        fn read(&self, text: &str) -> Result<WebhooksConfig, String> {
            let path = self.write("webhooks.toml", text);
            WebhooksConfig::read(&path).map_err(|wrong| wrong.join("\n"))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn endpoint(more: &str) -> String {
        format!("[[endpoint]]\nname = \"shop\"\nurl = \"http://127.0.0.1:9/h\"\n{more}\n")
    }

    #[test]
    fn a_file_names_endpoints_with_one_secret_or_two_in_it_or_beside_it() {
        let folder = Folder::new("good");
        folder.write("new.secret", &format!("{B}\n"));
        folder.write("old.secret", A);
        let config = folder
            .read(&format!(
                "acknowledge = true\n{}\n{}",
                endpoint(&format!("secrets = [\"{A}\"]\nsales = [\"a-*\"]\nstart = \"now\"")),
                endpoint("secret_files = [\"new.secret\", \"old.secret\"]").replace("shop", "crm")
            ))
            .unwrap();
        assert!(config.acknowledge && config.endpoints.len() == 2);
        let [shop, crm] = [0, 1].map(|place: usize| &config.endpoints[place]);
        assert!(shop.from_now && !crm.from_now && shop.name == "shop" && crm.name == "crm");
        assert!(!shop.filter.takes_sale(&shared::SaleId::parse("b-1").unwrap()));
        assert_eq!(shop.name_before, name_of("http://127.0.0.1:9/h"));
        assert!(!format!("{config:?}").contains(A), "a secret is shown");
    }

    #[test]
    fn another_text_or_another_secret_is_noticed() {
        let folder = Folder::new("same");
        folder.write("one.secret", A);
        let text = endpoint("secret_files = [\"one.secret\"]");
        let first = folder.read(&text).unwrap();
        assert!(first.is_same(&folder.read(&text).unwrap()));
        folder.write("one.secret", B);
        assert!(!first.is_same(&folder.read(&text).unwrap()));
        folder.write("one.secret", A);
        assert!(!first.is_same(&folder.read(&format!("{text}# more")).unwrap()));
    }

    #[test]
    fn what_is_wrong_is_said_at_once_and_never_shows_a_secret() {
        let folder = Folder::new("bad");
        let secret = format!("secrets = [\"{A}\"]");
        for (text, wanted) in [
            (String::new(), "names no endpoint"),
            (endpoint(""), "needs a secret"),
            (endpoint(&format!("secrets = \"{A}\"")), "list of texts"),
            (endpoint(&format!("secrets = [\"{A}\", \"{B}\", \"{A}\"]")), "at most 2"),
            (endpoint("secrets = [\"FROM-OPENSSL\"]"), "sample"),
            (endpoint("secret_files = [\"gone\"]"), "cannot be read"),
            (endpoint(&secret).replace("shop", "a b"), "its name has 1 to 64"),
            (endpoint(&secret).replace("http:", "ftp:"), "endpoint shop: url needs http://"),
            (endpoint(&format!("{secret}\nevents = [\"sold\"]")), "\"sold\" is no kind"),
            (endpoint(&format!("{secret}\nbuyer = \"hash\"")), "buyer_secret of its own"),
            (endpoint(&format!("{secret}\nfilter = 1")), "line 5"),
            (endpoint(&format!("{secret}\nsecrets = 1")), "line 5"),
            (format!("{}{}", endpoint(&secret), endpoint(&secret)), "two endpoints"),
            (endpoint(&secret).repeat(17), "more than 16"),
        ] {
            let said = folder.read(&text).unwrap_err();
            assert!(said.contains(wanted), "{wanted}: {said}");
            assert!(!said.contains(A) && !said.contains(B), "{said}");
        }
        let path = folder.write("webhooks.toml", &endpoint(&secret));
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let said = WebhooksConfig::read(&path).unwrap_err().join("\n");
        assert!(said.contains("chmod 640"), "{said}");
    }
}
