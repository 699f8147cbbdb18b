//! Where the processor time of the hot paths goes: flame graphs of the edge, a gateway, a node and
//! Redis under loads of the benchmarks, taken with `perf`, and the shares of what they are made of.
//! docs/evidence/PROFILES.md is written from it.

pub mod flame;
pub mod scene;
pub mod stacks;

use crate::harness::paths::{repository, scratch};
use crate::harness::processes::cpu_by_name;
use anyhow::{Context, Result, ensure};
use scene::Scene;
use stacks::{CallStack, FrameKind};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The load runs for so long before `perf` looks, and on after it.
const BEFORE: Duration = Duration::from_secs(2);
const LOOKS: Duration = Duration::from_secs(6);
/// Functions that the page names for each profile.
const TOP: usize = 8;

/// One profile.
#[derive(Debug)]
pub struct Profile {
    scene: Scene,
    stacks: Vec<CallStack>,
    /// Processor time of the processes looked at for each request, in microseconds.
    us: f64,
}

/// Takes all profiles and writes docs/evidence/PROFILES.md and its pictures.
///
/// # Errors
/// `perf` is missing or may not look, or a scene cannot be run.
pub async fn run(only: &[String]) -> Result<()> {
    let perf = Command::new("perf").arg("--version").stdout(Stdio::null()).status();
    ensure!(
        perf.is_ok_and(|status| status.success()),
        "perf is missing. Run 'apt-get install linux-perf'"
    );
    let mut profiles = Vec::new();
    for scene in Scene::ALL {
        if !only.is_empty() && !only.iter().any(|name| name == scene.word()) {
            continue;
        }
        eprintln!("profile: {}", scene.sentence());
        profiles.push(take(scene).await.with_context(|| scene.word())?);
    }
    let docs = repository().join("docs/evidence");
    for profile in &profiles {
        let file = docs.join("profiles").join(format!("{}.svg", profile.scene.word()));
        fs::create_dir_all(docs.join("profiles"))?;
        fs::write(&file, flame::draw(&profile.stacks, profile.scene.sentence()))?;
        eprintln!("profile: written to {}", file.display());
    }
    if only.is_empty() {
        fs::write(docs.join("PROFILES.md"), page(&profiles))?;
    }
    print!("{}", page(&profiles));
    Ok(())
}

async fn take(scene: Scene) -> Result<Profile> {
    let directory = scratch()?;
    let data = directory.path().join("perf.data");
    let mut running = scene.start().await?;
    let pids = scene.pids(&running)?;
    let taken_before: Duration = cpu_by_name(&pids).values().sum();
    let load = scene.load(&running, BEFORE + LOOKS + Duration::from_secs(1));
    let looks = async {
        tokio::time::sleep(BEFORE).await;
        let ids: Vec<String> = pids.iter().map(u32::to_string).collect();
        let mut command = Command::new("perf");
        command.args(["record", "-e", "cpu-clock", "-F", "997", "-p", &ids.join(",")]);
        command.args(["--call-graph", scene.unwinding()]);
        command.arg("-o").arg(&data).arg("--");
        command.args(["sleep", &LOOKS.as_secs().to_string()]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let child = command.spawn().context("perf record")?;
        let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await??;
        ensure!(
            output.status.success(),
            "perf record: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    };
    let (run, looked) = tokio::join!(load, looks);
    let taken: Duration = cpu_by_name(&pids).values().sum();
    looked?;
    let run = scene.judge(&mut running, run?).await?;
    ensure!(run.problems.is_empty(), "{}", run.problems.join("; "));
    let stacks = read(&data, scene.compiles())?;
    ensure!(stacks.len() > 200, "perf saw {} samples only", stacks.len());
    let requests = run.outcomes.tally.outcomes.len().max(1) as f64;
    let us = taken.saturating_sub(taken_before).as_secs_f64() * 1e6 / requests;
    Ok(Profile { scene, us, stacks })
}

fn read(data: &Path, compiles: bool) -> Result<Vec<CallStack>> {
    let output = Command::new("perf")
        .args(["script", "--no-inline", "-F", "comm,tid,ip,sym,dso", "-i"])
        .arg(data)
        .output()
        .context("perf script")?;
    ensure!(output.status.success(), "perf script: {}", String::from_utf8_lossy(&output.stderr));
    Ok(stacks::parse(&String::from_utf8_lossy(&output.stdout), compiles))
}

const INTRO: &str = "\
# Profiles

Written by `make profile`; do not edit. Where the processor time of the hot paths goes: each \
picture is a flame graph of the
processes named, under the load of the measure named ([BENCHMARKS](BENCHMARKS.md)), sampled by \
`perf` 997 times a second of
processor time. A box is a function, as wide as its share of the samples; what it calls stands on \
it. Shares are of
samples, so other work of the machine hardly shifts them. What was tried because of these \
pictures, and what it brought, is in
[PERFORMANCE](PERFORMANCE.md).

```sh
make profile                    # needs perf: apt-get install linux-perf
make profile ONLY=edge-refusal  # one, and no page
```
";

fn page(profiles: &[Profile]) -> String {
    let mut out = INTRO.to_owned();
    out += "\n| load | processor time | ";
    for kind in FrameKind::ALL {
        let _ = write!(out, "{} | ", kind.name());
    }
    out += "\n|---|---|";
    out += &"---|".repeat(FrameKind::ALL.len());
    out += "\n";
    for profile in profiles {
        let _ = write!(
            out,
            "| [{}](#{}) | {:.1} us | ",
            profile.scene.word(),
            profile.scene.word(),
            profile.us
        );
        let shares = profile.shares();
        for kind in FrameKind::ALL {
            let share = shares.get(&kind).copied().unwrap_or(0.0);
            let _ = write!(out, "{share:.0} % | ");
        }
        out += "\n";
    }
    for profile in profiles {
        let word = profile.scene.word();
        let _ = write!(
            out,
            "\n## {word}\n\n{}. Most of its own time have:\n\n",
            profile.scene.sentence()
        );
        for (name, share) in profile.top() {
            let _ = writeln!(out, "- {share:.1} % `{name}`");
        }
        let _ =
            writeln!(out, "\n![Flame graph: {}](profiles/{word}.svg)", profile.scene.sentence());
    }
    out
}

impl Profile {
    /// Percent of the samples by what they were spent on.
    fn shares(&self) -> BTreeMap<FrameKind, f64> {
        let mut shares = BTreeMap::new();
        for stack in &self.stacks {
            *shares.entry(stacks::spent_on(stack)).or_default() += 100.0 / self.stacks.len() as f64;
        }
        shares
    }

    /// The functions in which most samples ended, with percent.
    fn top(&self) -> Vec<(String, f64)> {
        let mut own: BTreeMap<&str, usize> = BTreeMap::new();
        for frame in self.stacks.iter().filter_map(|stack| stack.last()) {
            *own.entry(&frame.name).or_default() += 1;
        }
        let mut own: Vec<_> = own.into_iter().collect();
        own.sort_by_key(|(_, samples)| std::cmp::Reverse(*samples));
        let share = |samples: usize| samples as f64 * 100.0 / self.stacks.len() as f64;
        own.into_iter().take(TOP).map(|(name, samples)| (name.to_owned(), share(samples))).collect()
    }
}
