//! The users of `deploy/redis/users.acl` as an operator writes them: each with a password.

use crate::harness::paths::repository;
use std::fs;

/// The file with the users, in the repository.
pub const USERS: &str = "deploy/redis/users.acl";

/// The password of a user.
#[must_use]
pub fn password(user: &str) -> String {
    format!("secret-of-{user}")
}

/// The lines of the file, each user with its password.
///
/// # Panics
/// The file is missing, or a user in it.
#[must_use]
pub fn with_passwords() -> String {
    let text = fs::read_to_string(repository().join(USERS)).expect("the users");
    for user in ["admin", "replica", "sentinel", "lastseat"] {
        assert!(text.contains(&format!("user {user} on ")), "{text}");
    }
    let mut users = String::new();
    for line in text.lines() {
        let mut words = line.split(' ');
        users += &match (words.next(), words.next(), words.next()) {
            (Some("user"), Some(name), Some("on")) => {
                line.replace(" on ", &format!(" on >{} ", password(name)))
            }
            _ => line.to_owned(),
        };
        users.push('\n');
    }
    users
}
