//! Repair plan as a shell script that people can read.

use super::RepairPlan;
use std::fmt::{self, Write};

/// A command as a line that redis-cli reads: each word in quotes, whatever bytes it has.
pub(super) fn line(words: &[&[u8]]) -> String {
    let mut line = String::new();
    for (i, word) in words.iter().enumerate() {
        if i > 0 {
            line.push(' ');
        }
        let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:{}()".contains(b);
        if !word.is_empty() && word.iter().all(plain) {
            word.iter().for_each(|b| line.push(char::from(*b)));
            continue;
        }
        line.push('"');
        for byte in *word {
            match byte {
                b'"' | b'\\' => {
                    line.push('\\');
                    line.push(char::from(*byte));
                }
                b'\n' => line.push_str("\\n"),
                b' '..=b'~' => line.push(char::from(*byte)),
                _ => {
                    let _ = write!(line, "\\x{byte:02x}");
                }
            }
        }
        line.push('"');
    }
    line
}

/// A shell script: what to do before, the commands in one transaction, what to do afterwards. Where
/// there is no plan, why.
impl fmt::Display for RepairPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sale = &self.sale;
        writeln!(f, "#!/bin/sh")?;
        writeln!(f, "# Repair plan for sale {sale}.")?;
        for contradiction in &self.contradictions {
            let word = |said: &Option<String>| said.clone().unwrap_or_else(|| "none".to_owned());
            writeln!(
                f,
                "# order {}: its record is {}, the log says {}; {}",
                contradiction.order,
                word(&contradiction.record_says),
                word(&contradiction.log_says),
                match contradiction.follows {
                    Some(side) => format!("the plan follows the {side}"),
                    None => "nobody has chosen".to_owned(),
                }
            )?;
        }
        let named = self.contradictions.len() as u64;
        if self.contradictions_in_all > named {
            let more = self.contradictions_in_all - named;
            writeln!(f, "# {more} more contradict each other")?;
        }
        if !self.why_not.is_empty() {
            for why in &self.why_not {
                writeln!(f, "# NO PLAN: {why}")?;
            }
            return writeln!(f, "exit 1");
        }
        if self.commands.is_empty() {
            return writeln!(f, "# There is nothing to repair.");
        }
        for note in &self.notes {
            writeln!(f, "# - {note}")?;
        }
        writeln!(
            f,
            "#\n\
             # Nothing has been done yet. Before you run this:\n\
             # 1. Take a backup of Redis: BGSAVE and a copy of its directory, or \
             deploy/redis/backup (docs/DEPLOY.md).\n\
             # 2. Let no node sell: lastseat sale pause {sale}; where that is refused because of \
             the damage, stop the\n\
             #    nodes. Make the plan anew if the sale changed since.\n\
             # 3. Run it against the Redis of the sale, as a user that may write:\n\
             #      REDIS_CLI='redis-cli -u redis://127.0.0.1:6379' sh plan.sh\n\
             #    In a Redis Cluster that is the master that has the sale's slot.\n\
             # Afterwards: lastseat audit {sale}; when it is clean, lastseat sale open {sale}.\n\
             set -eu\n\
             : \"${{REDIS_CLI:=redis-cli}}\""
        )?;
        if let Some(expects) = &self.expects {
            writeln!(
                f,
                "now=$($REDIS_CLI HMGET 'lastseat:{{{sale}}}:sale' commit_seq version held \
                 confirmed | tr '\\n' ' ')\n\
                 if [ \"$now\" != '{} ' ]; then\n  \
                 echo 'The sale has changed since the plan was made, or Redis does not answer: \
                 make it anew.' >&2\n  \
                 exit 1\n\
                 fi",
                expects.join(" ")
            )?;
        }
        writeln!(f, "answers=$($REDIS_CLI <<'PLAN'\nMULTI")?;
        for command in &self.commands {
            writeln!(f, "{command}")?;
        }
        writeln!(
            f,
            "EXEC\nPLAN\n)\n\
             printf '%s\\n' \"$answers\"\n\
             case $answers in *ERR*|*WRONGTYPE*|*NOPERM*|*EXECABORT*|*MOVED*)\n  \
             echo 'A command was refused, see above. Audit before anything else.' >&2\n  \
             exit 1;;\n\
             esac"
        )
    }
}
