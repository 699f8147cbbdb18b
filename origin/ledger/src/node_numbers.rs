//! Node number calls: which process holds which node number.

use super::{Fault, Ledger, part, redis_keys, reply};
use redis::Value;
use shared::UnixMillis;
use shared::limits::{HEAL_SILENCE_MS, NODE_FORGET_MS};

/// Who claims a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// The random word of its data directory, hexadecimal.
    pub token: String,
    /// A random word of this process, hexadecimal.
    pub process: String,
}

/// When it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenewalPoint {
    /// It has not had the number yet.
    Start,
    /// With a heartbeat.
    Heartbeat,
    /// It gives the number back.
    Leave,
}

/// Whose number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The caller's.
    Ours,
    /// Another process has it and lives.
    Taken {
        /// Since when.
        since: UnixMillis,
        /// Its last heartbeat.
        heartbeat: UnixMillis,
        /// The ledger's clock.
        now: UnixMillis,
    },
}

/// A process that was refused a number, because another one has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The number.
    pub number: u16,
    /// When that was last, by the ledger's clock.
    pub at: UnixMillis,
    /// Since when another one has it; `None` = nobody has it now.
    pub taken_since: Option<UnixMillis>,
}

impl Ledger {
    /// Claims `number` for `who`, or gives it back.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn claim(
        &self,
        number: u16,
        who: &Claimant,
        moment: RenewalPoint,
    ) -> Result<Claimed, Fault> {
        let script = &self.scripts().claim;
        let mut command = redis::cmd("EVALSHA");
        command.arg(&script.hash).arg(1).arg(redis_keys::NUMBERS);
        command.arg(number).arg(&who.token).arg(&who.process);
        command.arg(match moment {
            RenewalPoint::Start => "start",
            RenewalPoint::Heartbeat => "beat",
            RenewalPoint::Leave => "leave",
        });
        // Whoever is still waited for when orders are restored keeps its number.
        command.arg(HEAL_SILENCE_MS).arg(NODE_FORGET_MS);
        let parts = self.run(script, &command).await?.unwrap_or_default();
        let time =
            |at| -> Result<UnixMillis, Fault> { Ok(UnixMillis(reply::number(part(&parts, at)?)?)) };
        match reply::text(part(&parts, 0)?)? {
            "y" => Ok(Claimed::Ours),
            "n" => Ok(Claimed::Taken { since: time(1)?, heartbeat: time(2)?, now: time(3)? }),
            _ => Err(reply::strange("y or n", part(&parts, 0)?)),
        }
    }

    /// The processes that were refused a number within the last hour, and the ledger's clock.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn refused_numbers(&self) -> Result<(Vec<Refused>, UnixMillis), Fault> {
        let now = self.time().await?;
        let answer = self.call(redis::cmd("HGETALL").arg(redis_keys::NUMBERS)).await?;
        let items = reply::items(answer)?;
        let mut fields = Vec::with_capacity(items.len() / 2);
        for pair in items.chunks_exact(2) {
            fields.push((reply::text(&pair[0])?, reply::text(&pair[1])?));
        }
        let mut refused = Vec::new();
        for (name, said) in &fields {
            let Some(number) = name.strip_prefix("refused:") else {
                continue;
            };
            let taken = fields.iter().find(|(name, _)| *name == number);
            refused.push(Refused {
                number: number.parse().map_err(|_| strange(name))?,
                at: moment(said.split(' ').nth(1)).ok_or_else(|| strange(said))?,
                taken_since: taken.and_then(|(_, said)| moment(said.split(' ').nth(2))),
            });
        }
        refused.retain(|refused| now.0.saturating_sub(refused.at.0) <= NODE_FORGET_MS);
        refused.sort_by_key(|refused| refused.number);
        Ok((refused, now))
    }
}

fn moment(word: Option<&str>) -> Option<UnixMillis> {
    Some(UnixMillis(word?.parse().ok()?))
}

fn strange(said: &str) -> Fault {
    reply::strange("who was refused a number", &Value::SimpleString(said.to_owned()))
}
