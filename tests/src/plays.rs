//! Plays: what is said to the scripts, word by word, and what they answer. The random histories
//! hold the scripts to the model; plays hold them to what no history reaches: damaged data, other
//! histories of Redis, what nodes tell each other, and the bytes that are stored.
//!
//! A play is a part of a file of `tests/plays`:
//!
//! ```text
//! # Its sentence
//! > clock 5000
//! > create 0 10 0 0 60000 0 4 open
//! = [10 0 0 1 1 open 0 0 60000 0 4 5000 | n]
//! ```
//!
//! The first word is a script, which gets its keys before the other words; `clock`, which sets the
//! clock; `plan`, which sets what `PLAN` stands for behind `create`; `dump`, which shows all that
//! is stored; or a command of Redis. `:x` is the sale's key of that name, `HISTORY` the history of
//! this Redis, `_` an empty word, `a..b` all numbers from a to b. Each play ends with a dump.
//! `LASTSEAT_WRITE_PLAYS=1` writes what the scripts answer into the files: read what changes.

use crate::harness::PrivateRedis;
use crate::harness::paths::repository;
use crate::histories::world::{self, CLOCK};
use lastseat_ledger::scripts::Scripts;
use redis::{Cmd, Connection, ConnectionLike as _, RedisError, Value};
use shared::plan::{Plan, StoredPlan};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Seconds and microseconds, as Redis tells the time.
type Time = (u64, u64);

/// How often a script is asked for the time ...
const MOMENTS: usize = 12;
/// ... and the pause after that.
const PAUSE: Duration = Duration::from_millis(41);

/// A part of a file.
#[derive(Clone, Debug)]
pub struct Play {
    /// The file's name, without `.play`.
    pub file: String,
    /// What it shows.
    pub sentence: String,
    /// What is said, and what is answered, in lines.
    pub lines: Vec<(String, Vec<String>)>,
}

/// The files of plays, in order.
///
/// # Panics
/// They cannot be read.
#[must_use]
pub fn files() -> Vec<PathBuf> {
    let folder = fs::read_dir(repository().join("tests/plays")).expect("tests/plays");
    let mut files: Vec<PathBuf> = folder.map(|file| file.expect("a file").path()).collect();
    files.sort();
    files
}

/// All plays, in order.
///
/// # Panics
/// A file cannot be read.
#[must_use]
pub fn all() -> Vec<Play> {
    files().iter().flat_map(read).collect()
}

/// The plays of one file.
///
/// # Panics
/// It cannot be read, or a line is none of a play.
#[must_use]
pub fn read(path: &PathBuf) -> Vec<Play> {
    let text = fs::read_to_string(path).expect("a play");
    let file = path.file_stem().expect("a name").to_string_lossy();
    let mut plays: Vec<Play> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (mark, rest) = line.split_at(line.len().min(2));
        match (mark, plays.last_mut()) {
            ("# ", _) => plays.push(Play {
                file: file.to_string(),
                sentence: rest.to_owned(),
                lines: Vec::new(),
            }),
            ("> ", Some(play)) => play.lines.push((rest.to_owned(), Vec::new())),
            ("= ", Some(play)) => {
                let (_, answers) = play.lines.last_mut().expect("words before an answer");
                answers.push(rest.to_owned());
            }
            _ => panic!("{}: {line:?} is no line of a play", path.display()),
        }
    }
    plays
}

/// How a play is written.
#[must_use]
pub fn show(play: &Play) -> String {
    let mut text = format!("# {}\n", play.sentence);
    for (said, answers) in &play.lines {
        let _ = writeln!(text, "> {said}");
        for answer in answers {
            let _ = writeln!(text, "= {answer}");
        }
    }
    text
}

/// A script's text with the clock that a play sets, also for those without the prelude.
///
/// # Panics
/// The script reads the clock elsewhere.
#[must_use]
pub fn on_test_clock(name: &str, text: String) -> String {
    if !["beat", "claim", "recovery"].contains(&name) {
        return world::on_test_clock(name, text);
    }
    assert!(text.contains(CLOCK), "{name}.lua reads the clock where the tests expect it");
    text.replace(CLOCK, "local now = tonumber(redis.call('GET', KEYS[1] .. ':clock'))")
}

/// Plays on one Redis with one set of scripts.
pub struct TranscriptStage<'a> {
    connection: Connection,
    scripts: &'a Scripts,
    history: String,
    sale: String,
    plan: Option<StoredPlan>,
}

impl std::fmt::Debug for TranscriptStage<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").finish_non_exhaustive()
    }
}

impl<'a> TranscriptStage<'a> {
    /// Connects.
    ///
    /// # Errors
    /// Redis does not answer.
    pub fn new(redis: &PrivateRedis, scripts: &'a Scripts) -> Result<Self, String> {
        let say = |error: RedisError| error.to_string();
        let client = redis::Client::open(redis.url()).map_err(say)?;
        let mut connection = client.get_connection().map_err(say)?;
        connection.set_read_timeout(Some(Duration::from_secs(1))).map_err(say)?;
        let info: String =
            redis::cmd("INFO").arg("replication").query(&mut connection).map_err(say)?;
        let history = info.lines().find_map(|line| line.strip_prefix("master_replid:"));
        Ok(Self {
            connection,
            scripts,
            history: history.unwrap_or_default().trim().to_owned(),
            sale: String::new(),
            plan: None,
        })
    }

    /// Plays `play` and says where the scripts answer otherwise.
    ///
    /// # Errors
    /// The first answer that differs.
    pub fn check(&mut self, play: &Play) -> Result<(), String> {
        self.sale = format!("play-{:x}", fastrand::u64(..));
        for (said, expected) in &play.lines {
            let answer = self.say(said)?;
            if answer != *expected {
                return Err(format!(
                    "{}: {}\n  > {said}\n  the play says {expected:?}\n  the script says \
                     {answer:?}",
                    play.file, play.sentence
                ));
            }
        }
        Ok(())
    }

    /// The same play with what is answered now.
    ///
    /// # Errors
    /// Redis does not answer.
    pub fn record(&mut self, play: &Play) -> Result<Play, String> {
        self.sale = format!("play-{:x}", fastrand::u64(..));
        let mut play = play.clone();
        if play.lines.last().is_none_or(|(said, _)| said != "dump") {
            play.lines.push(("dump".to_owned(), Vec::new()));
        }
        for (said, answers) in &mut play.lines {
            *answers = self.say(said)?;
        }
        Ok(play)
    }

    /// Whether the scripts tell the time of Redis, in milliseconds. Asked at several parts of a
    /// second: what is off by less than a millisecond shows in some.
    ///
    /// # Errors
    /// What they tell instead.
    pub fn reads_the_clock_of_redis(&mut self) -> Result<(), String> {
        self.sale = format!("play-{:x}", fastrand::u64(..));
        self.say("create 0 1 0 0 0 0 1 open")?;
        for said in
            ["snapshot 0", "beat 1 1 1000 1000 -", "claim 1 a b start 1000 1000", "recovery 1 h 0"]
                .repeat(MOMENTS)
        {
            let words: Vec<String> = said.split(' ').map(str::to_owned).collect();
            let mut asked = redis::pipe();
            asked.atomic().cmd("TIME");
            asked.add_command(self.command(&words)).cmd("TIME");
            let told: redis::RedisResult<(Time, Value, Time)> = asked.query(&mut self.connection);
            let (before, reply, after) = told.map_err(trouble)?;
            let shown = self.show(&reply);
            let words: Vec<&str> = shown.split(['[', ' ', ']']).collect();
            let at = words.get(match said.split(' ').next() {
                Some("snapshot") => 12,
                // After a letter and two moments of whoever has the number.
                Some("claim") => 7,
                _ => 1,
            });
            let at = at.and_then(|word| word.parse::<u64>().ok());
            let ms = |(seconds, micros): Time| seconds * 1_000 + micros / 1_000;
            if !at.is_some_and(|at| ms(before) <= at && at <= ms(after)) {
                return Err(format!("it is {before:?}, the script says {shown}"));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Begins with a sale of its own.
    pub fn begin(&mut self) {
        self.sale = format!("play-{:x}", fastrand::u64(..));
    }

    /// Says one line of a play; what is answered.
    ///
    /// # Errors
    /// Redis does not answer.
    pub fn say(&mut self, said: &str) -> Result<Vec<String>, String> {
        let words: Vec<String> = said.split(' ').flat_map(|word| self.word(word)).collect();
        let (first, rest) = words.split_first().ok_or("no words")?;
        match first.as_str() {
            "dump" => return self.dump(),
            "plan" => {
                let plan = Plan::from_json(&rest.join(" ")).map_err(|errors| errors.to_string())?;
                self.plan = Some(plan.stored().map_err(|error| error.to_string())?);
                return Ok(Vec::new());
            }
            "clock" => {
                for name in ["sale:clock", "nodes:clock", "numbers:clock"] {
                    let mut set = redis::cmd("SET");
                    set.arg(self.key(name)).arg(rest);
                    self.ask(&set)?;
                }
                return Ok(Vec::new());
            }
            _ => {}
        }
        let answer = self.ask(&self.command(&words))?;
        Ok(vec![self.show(&answer)])
    }

    fn command(&self, words: &[String]) -> Cmd {
        let (first, rest) = words.split_at(1);
        let scripts = self.scripts.all();
        let Some(script) = scripts.iter().find(|script| script.name == first[0]) else {
            let mut command = redis::cmd(&first[0]);
            command.arg(rest);
            return command;
        };
        let of_sale = ["sale", "orders", "buyers", "holds", "log", "seats"];
        let own: Vec<&str> = match script.name {
            "beat" | "recovery" => vec!["nodes", "recovery"],
            "look" => vec!["sale"],
            "claim" => vec!["numbers"],
            "relay" => vec!["relay:r:lease", "relay:r"],
            "restore" => [&of_sale[..5], &["unrestored"]].concat(),
            "restore_by_plan" => [&of_sale[..], &["unrestored"]].concat(),
            "create" | "peek" | "read_seats" => of_sale.to_vec(),
            name if name.ends_with("_by_plan") => of_sale.to_vec(),
            _ => of_sale[..5].to_vec(),
        };
        let mut command = redis::cmd("EVAL");
        command.arg(&script.text).arg(own.len());
        own.iter().for_each(|name| {
            command.arg(self.key(name));
        });
        for word in rest {
            match &self.plan {
                Some(plan) if word == "PLAN" => {
                    command.arg(&plan.seats);
                    for (field, value) in &plan.fields {
                        command.arg(field).arg(value);
                    }
                }
                _ => {
                    command.arg(word);
                }
            }
        }
        command
    }

    /// The key of the sale that a play calls `:name`.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        format!("lastseat:{{{}}}:{name}", self.sale)
    }

    /// What a play calls this key of the sale.
    #[must_use]
    pub fn short(&self, key: &str) -> String {
        key.replace(&self.key(""), "")
    }

    fn word(&self, word: &str) -> Vec<String> {
        if let Some((from, to)) = word.split_once("..")
            && let (Ok(from), Ok(to)) = (from.parse::<u64>(), to.parse::<u64>())
        {
            return (from..=to).map(|number| number.to_string()).collect();
        }
        vec![match word {
            "_" => String::new(),
            "HISTORY" => self.history.clone(),
            _ => match word.strip_prefix(':') {
                Some(name) => self.key(name),
                None => word.replace('~', " "),
            },
        }]
    }

    /// An error of Redis is an answer; silence is none.
    fn ask(&mut self, command: &Cmd) -> Result<Value, String> {
        let asked = self.connection.req_command(command);
        asked.map_err(trouble)
    }

    fn show(&self, value: &Value) -> String {
        let text = match value {
            Value::Nil => "nil".to_owned(),
            Value::Int(number) => number.to_string(),
            // Nothing but seats has such bytes.
            Value::BulkString(bytes) if bytes.contains(&0) => words_of(bytes),
            Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Value::SimpleString(text) => text.clone(),
            Value::Okay => "OK".to_owned(),
            Value::ServerError(error) => {
                let words = [Some(error.code()), error.details()];
                let text = words.map(Option::unwrap_or_default).join(" ");
                // What Redis adds names the script by its hash, and a line.
                let end = text.find(" script: ").unwrap_or(text.len());
                format!("! {}", &text[..end])
            }
            Value::Array(parts) => {
                let parts: Vec<String> = parts.iter().map(|part| self.show(part)).collect();
                format!("[{}]", parts.join(" | "))
            }
            other => format!("{other:?}"),
        };
        text.replace(&self.history, "HISTORY").replace(&self.sale, "SALE").replace('\n', " / ")
    }

    /// All that is stored for the sale, a line a key.
    fn dump(&mut self) -> Result<Vec<String>, String> {
        let Value::Array(keys) = self.ask(redis::cmd("KEYS").arg(self.key("*")))? else {
            return Err("no keys".to_owned());
        };
        let mut lines = Vec::new();
        for key in keys {
            let Value::BulkString(key) = key else {
                continue;
            };
            let name = String::from_utf8_lossy(&key).replace(&self.key(""), "");
            if name.ends_with(":clock") {
                continue;
            }
            let kind = self.ask(redis::cmd("TYPE").arg(&key))?;
            let read: &[&str] = match self.show(&kind).as_str() {
                "hash" => &["HGETALL"],
                "zset" => &["ZRANGE", "0", "-1", "WITHSCORES"],
                "stream" => &["XRANGE", "-", "+"],
                _ => &["GET"],
            };
            let mut command = redis::cmd(read[0]);
            command.arg(&key).arg(&read[1..]);
            let value = self.ask(&command)?;
            let mut shown = match (&value, read[0]) {
                (Value::BulkString(bytes), "GET") if name == "seats" => words_of(bytes),
                (Value::Array(parts), "HGETALL") => {
                    let mut pairs: Vec<String> = parts
                        .chunks_exact(2)
                        .map(|pair| format!("{}={}", self.show(&pair[0]), self.show(&pair[1])))
                        .collect();
                    pairs.sort();
                    pairs.join(" ")
                }
                _ => self.show(&value),
            };
            let expires = self.ask(redis::cmd("PTTL").arg(&key))?;
            if matches!(expires, Value::Int(1..)) {
                shown.push_str(" (it ends)");
            }
            lines.push(format!("{name}: {shown}"));
        }
        lines.sort();
        Ok(lines)
    }
}

/// Words of four bytes; what is left where there are others.
fn words_of(bytes: &[u8]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    bytes.chunks(4).map(hex).collect::<Vec<_>>().join(" ")
}

/// What an error means for a play: that Redis is silent, or what it says.
fn trouble(error: RedisError) -> String {
    let silent = error.is_io_error() || error.is_timeout();
    format!("{}{error}", if silent { "no answer: " } else { "" })
}
