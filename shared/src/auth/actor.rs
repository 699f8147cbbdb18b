//! Actor: the name of the person or program that makes a call with a token.

use crate::limits::ACTOR_MAX;
use core::fmt;
use std::sync::Arc;

/// Names that say which token it was, or that could be taken for a part of the system. No scoped
/// token has one of them.
const RESERVED: [&str; 9] =
    ["operator", "shop", "buyer", "ledger", "edge", "node", "gateway", "lastseat", "system"];

/// Why a text is no name of an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActorError {
    /// It has the wrong length or a character that a name may not have.
    #[error(
        "a name has 1 to {max} letters, digits, '-', '_', '.' or '@', such as ada or \
         ada@example.org",
        max = ACTOR_MAX
    )]
    Characters,
    /// It is the name of a token without a scope, or of a part of the system.
    #[error(
        "the names operator, shop, buyer, ledger, edge, node, gateway, lastseat and system \
        are taken: choose another one"
    )]
    Reserved,
}

/// Who makes a call: 1 to [`ACTOR_MAX`] letters, digits, `-`, `_`, `.` or `@`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor(Arc<str>);

impl Actor {
    /// Whoever has the token of the operators.
    #[must_use]
    pub fn operator() -> Self {
        Self("operator".into())
    }

    /// Whoever has the token of the shop.
    #[must_use]
    pub fn shop() -> Self {
        Self("shop".into())
    }

    /// Whoever changes the ledger itself, without a node.
    #[must_use]
    pub fn ledger() -> Self {
        Self("ledger".into())
    }

    /// Reads the name of any actor, as a log has it.
    ///
    /// # Errors
    /// It is no name.
    pub fn parse(text: &str) -> Result<Self, ActorError> {
        let is_of_name = |b: u8| b.is_ascii_alphanumeric() || b"-_.@".contains(&b);
        if (1..=ACTOR_MAX).contains(&text.len()) && text.bytes().all(is_of_name) {
            Ok(Self(text.into()))
        } else {
            Err(ActorError::Characters)
        }
    }

    /// Reads the name that a scoped token is to have.
    ///
    /// # Errors
    /// It is no name, or one that is taken.
    pub fn of_token(text: &str) -> Result<Self, ActorError> {
        let name = Self::parse(text)?;
        let is_taken = RESERVED.iter().any(|taken| taken.eq_ignore_ascii_case(text));
        if is_taken { Err(ActorError::Reserved) } else { Ok(name) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_short_word_and_none_that_means_something_already() {
        for name in ["ada", "ada@example.org", "ci_bot-2", "A.b", &"x".repeat(ACTOR_MAX)] {
            assert_eq!(Actor::of_token(name).unwrap().as_str(), name);
        }
        for name in ["", "a b", "a,b", "a=b", "é", "a\n", &"x".repeat(ACTOR_MAX + 1)] {
            assert_eq!(Actor::of_token(name), Err(ActorError::Characters), "{name}");
        }
        for name in RESERVED {
            assert_eq!(Actor::of_token(name), Err(ActorError::Reserved));
            assert_eq!(Actor::of_token(&name.to_uppercase()), Err(ActorError::Reserved));
            assert!(Actor::parse(name).is_ok());
        }
    }
}
