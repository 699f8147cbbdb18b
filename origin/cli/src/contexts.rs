//! Contexts: clusters under names, with their servers and tokens, in a file of the operator.

use lastseat_cluster::state_file::write_private;
use lastseat_node::secret::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The cluster that runs on this machine; never in the file, because `cluster.json` has it.
pub const LOCAL: &str = "local";
/// Variable that names the file.
const FILE: &str = "LASTSEAT_CONFIG";
/// Largest file, in bytes: hundreds of contexts.
const FILE_MAX: u64 = 256 * 1024;
/// Longest name.
const NAME_MAX: usize = 64;

/// All contexts of an operator.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextFile {
    /// The one that counts where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// By name.
    #[serde(default)]
    pub contexts: BTreeMap<String, ServerContext>,
}

/// One cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerContext {
    /// Operators' listeners of its nodes, asked in this order.
    pub servers: Vec<String>,
    /// Its admin token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "reveal", deserialize_with = "conceal")]
    pub token: Option<Secret>,
}

fn reveal<S: Serializer>(token: &Option<Secret>, to: S) -> Result<S::Ok, S::Error> {
    token.as_ref().map(Secret::reveal).serialize(to)
}

fn conceal<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(Secret::new))
}

impl ContextFile {
    /// Where it is: `LASTSEAT_CONFIG`, else below `XDG_CONFIG_HOME` or `~/.config`.
    #[must_use]
    pub fn path() -> Option<PathBuf> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        if let Some(file) = variable(FILE) {
            return Some(file.into());
        }
        let home = || variable("HOME").map(|home| PathBuf::from(home).join(".config"));
        let config = variable("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home);
        config.map(|config| config.join("lastseat/contexts.toml"))
    }

    /// Reads it; empty where there is none.
    ///
    /// # Errors
    /// A sentence: it cannot be read, is none, or others may read the tokens in it.
    pub fn read() -> Result<Self, String> {
        match Self::path() {
            Some(path) => Self::read_from(&path),
            None => Ok(Self::default()),
        }
    }

    fn read_from(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let unreadable = |e: io::Error| format!("{shown} cannot be read: {e}");
        let file = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(unreadable(e)),
        };
        let mode = file.metadata().map_err(unreadable)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(format!(
                "{shown} holds tokens and is open to others than its owner: chmod 600 {shown}"
            ));
        }
        let mut text = String::new();
        let read = file.take(FILE_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
        if read as u64 > FILE_MAX {
            return Err(format!("{shown} has more than {FILE_MAX} bytes"));
        }
        toml::from_str(&text).map_err(|e| {
            format!("{shown} is no file of contexts: {e}. `lastseat context set` writes one")
        })
    }

    /// Writes it, whole or not at all, for its owner only.
    ///
    /// # Errors
    /// A sentence: there is no place for it, or it cannot be written.
    pub fn write(&self) -> Result<(), String> {
        let path = Self::path().ok_or_else(|| {
            format!("neither HOME nor {FILE} says where the file of contexts belongs")
        })?;
        let text = toml::to_string(self).map_err(|e| e.to_string())?;
        let fresh = path.with_extension("toml.new");
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let made = folder
            .map_or(Ok(()), |folder| DirBuilder::new().recursive(true).mode(0o700).create(folder));
        // What an earlier run left behind may be open to others.
        let _ = std::fs::remove_file(&fresh);
        let written = made.and_then(|()| write_private(&fresh, text.as_bytes()));
        written
            .and_then(|()| std::fs::rename(&fresh, &path))
            .map_err(|e| format!("{} cannot be written: {e}", path.display()))
    }
}

/// Whether a context may have this name.
///
/// # Errors
/// A sentence that says why not.
pub fn check_name(name: &str) -> Result<(), String> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name == LOCAL {
        Err(format!("{LOCAL} is the cluster that runs on this machine; choose another name"))
    } else if (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(good) {
        Ok(())
    } else {
        Err(format!("the name of a context is 1 to {NAME_MAX} letters, digits, '-', '_' or '.'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_reads_back_and_its_token_hides_in_debug_output() {
        let text =
            "current = \"prod\"\n[contexts.prod]\nservers = [\"http://a:1\"]\ntoken = \"xyz\"\n";
        let file: ContextFile = toml::from_str(text).unwrap();
        assert_eq!(file.contexts["prod"].token.as_ref().unwrap().reveal(), "xyz");
        assert!(!format!("{file:?}").contains("xyz"));
        let again: ContextFile = toml::from_str(&toml::to_string(&file).unwrap()).unwrap();
        assert_eq!(again.contexts["prod"].servers, ["http://a:1"]);
        assert!(toml::from_str::<ContextFile>("[contexts.a]\nserver = \"x\"").is_err());
    }

    #[test]
    fn local_and_names_that_a_shell_would_read_are_refused() {
        assert!(check_name("prod-1.eu_west").is_ok());
        for bad in ["", "local", "a b", "a/b", &"x".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
