//! Shared keys of the nodes and edges of one machine.

use super::kept_token;
use super::repository::repository;
use crate::plan::ClusterConfig;
use lastseat_node::secret::Secret;
use lastseat_node::secret::key_ring;
use std::io;
use std::path::Path;
use std::process::Command;

const EDGE_KEY: &str = "LASTSEAT_EDGE_KEY";
const BUYER_KEY: &str = "LASTSEAT_BUYER_KEY";
/// Where wrangler looks for secrets.
const FILE: &str = ".dev.vars";

/// What the members of a cluster are given by environment.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    /// The ring of `LASTSEAT_EDGE_KEY`.
    pub(super) edge: Secret,
    /// The ring of `LASTSEAT_BUYER_KEY`, where orders need a buyer token.
    pub(super) buyer: Option<Secret>,
    /// Whether `npx wrangler dev` has the same one without a setting.
    pub(super) known_to_wrangler: bool,
}

impl Keys {
    /// Those that were given, or those of the repository's `.dev.vars`, or those of this data
    /// directory.
    pub(super) fn of(config: &ClusterConfig) -> Result<Self, String> {
        let root = repository();
        let kept = root.as_deref().and_then(edge_key_of);
        let (edge, known_to_wrangler) = match (&config.edge_key, kept) {
            (Some(given), kept) => {
                let same = kept.is_some_and(|kept| kept.matches(given.reveal().as_bytes()));
                (given.clone(), same)
            }
            (None, Some(kept)) => (kept, true),
            (None, None) => {
                let file = config.data_dir.join("edge.key");
                let made = kept_token(&file).map_err(|e| format!("{}: {e}", file.display()))?;
                (made, false)
            }
        };
        key_ring(EDGE_KEY, Some(&edge)).map_err(|e| match config.edge_key {
            Some(_) => e,
            None => format!("{e} ({FILE} or edge.key has it)"),
        })?;
        let kept = || variable(&root?.join(FILE), BUYER_KEY);
        let buyer = config.buyer_key.clone().or_else(kept);
        key_ring(BUYER_KEY, buyer.as_ref())?;
        Ok(Self { edge, buyer, known_to_wrangler })
    }

    /// The file that gives a wrangler these keys and no others.
    pub(super) fn write_env_file(&self, path: &Path) -> io::Result<()> {
        let lines = self.named().map(|(name, key)| format!("{name}=\"{}\"\n", key.reveal()));
        super::state_file::write_private(path, lines.collect::<String>().as_bytes())
    }

    /// Hands the keys to a child: arguments are for everybody to see.
    pub(super) fn give(&self, command: &mut tokio::process::Command) {
        command.envs(self.named().map(|(name, key)| (name, key.reveal())));
    }

    fn named(&self) -> impl Iterator<Item = (&'static str, &Secret)> {
        let buyer = self.buyer.iter().map(|key| (BUYER_KEY, key));
        std::iter::once((EDGE_KEY, &self.edge)).chain(buyer)
    }
}

/// The key of the edges in `.dev.vars`, made if there is none.
fn edge_key_of(root: &Path) -> Option<Secret> {
    let read = || variable(&root.join(FILE), EDGE_KEY);
    read().or_else(|| {
        // Where nothing can be written there is no key to share.
        let made = Command::new(root.join("scripts/dev-vars")).output().ok()?;
        made.status.success().then(read)?
    })
}

/// A variable in a file as wrangler reads it.
pub fn variable(file: &Path, name: &str) -> Option<Secret> {
    let lines = dotenvy::from_path_iter(file).ok()?;
    let found = lines.flatten().find(|(key, _)| key == name);
    found.map(|(_, value)| Secret::new(value))
}
