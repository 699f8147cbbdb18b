//! Compiler of plans: checks a document, collects all its errors, gives each seat its number.

mod parts;
mod words;

use super::document::{ClassDocument, PlanDocument, PlanHead, QuotaDocument, StopDocument};
use super::error::PlanErrors;
use super::part::{PartKind, PlanRow};
use super::{Plan, PlanClass, PlanQuota, PlanStop};
use crate::limits::{CAPACITY_MAX, PLAN_BYTES_MAX, SEAT_CLASSES_MAX};
use crate::limits::{SEAT_QUOTAS_MAX, STOPS_MAX};
use parts::Room;
use std::collections::{BTreeMap, BTreeSet, HashMap};
pub(crate) use words::is_plan_id;
use words::{Ids, check_name, id_problem};

impl PlanDocument {
    /// Checks it, and numbers its seats.
    ///
    /// # Errors
    /// All that makes no sense in it, each error with its place and with what to do. Where it has
    /// more than 65,536 seats, the coaches and blocks behind them are not looked at.
    pub fn compile(&self) -> Result<Plan, PlanErrors> {
        PlanHead { format: self.format }.check()?;
        let mut errors = PlanErrors::default();
        let stops = stops(&self.stops, &mut errors);
        let classes = classes(&self.classes, &mut errors);
        let quotas = quotas(&self.quotas, &self.classes, &mut errors);
        let plan = errors.into_result(Plan { stops, classes, quotas })?;
        let bytes = plan.to_json().len();
        if bytes > PLAN_BYTES_MAX {
            let problem = format!(
                "takes {bytes} bytes in the ledger, and at most {PLAN_BYTES_MAX}: let coaches or \
                 blocks that follow each other be alike"
            );
            return Err(PlanErrors::one("plan", problem));
        }
        Ok(plan)
    }
}

/// Where an item of a list is: by its id, or by its place where it has none.
fn place(one: &str, list: &str, id: &str, n: usize) -> String {
    if is_plan_id(id) { format!("{one} {id}") } else { format!("{list}, number {}", n + 1) }
}

/// What people read: the name, or the id where there is none.
fn checked_name(name: Option<&String>, id: &String, at: &str, errors: &mut PlanErrors) -> String {
    if let Some(name) = name {
        check_name(name, at, errors);
    }
    name.unwrap_or(id).clone()
}

/// Checks how many items a list has.
fn check_count(list: &str, count: usize, max: usize, errors: &mut PlanErrors) {
    if count > max {
        errors.push(list, format!("has {count} of them: a plan has at most {max}"));
    }
}

fn stops(documents: &[StopDocument], errors: &mut PlanErrors) -> Vec<PlanStop> {
    check_count("stops", documents.len(), STOPS_MAX, errors);
    if documents.len() == 1 {
        errors.push("stops", "is one stop: a train has at least 2, a hall leaves stops out");
    }
    let mut ids = Ids::default();
    let mut stops = Vec::new();
    for (n, StopDocument { id, name }) in documents.iter().enumerate().take(STOPS_MAX) {
        let at = format!("stops, number {}", n + 1);
        if let Some(problem) = id_problem(id, "s", n + 1) {
            errors.push(&at, problem);
        } else if id.starts_with(|c: char| !c.is_ascii_alphabetic()) {
            let why = "a stop's id begins with a letter, because a number in an address is the \
                       place of a stop";
            errors.push(&at, format!("{id:?} is no id: {why}; write for example \"s{id}\""));
        } else if let Err(problem) = ids.add(id, &at) {
            errors.push(&at, problem);
        }
        let name = checked_name(name.as_ref(), id, &at, errors);
        stops.push(PlanStop { id: id.clone(), name });
    }
    stops
}

fn classes(documents: &[ClassDocument], errors: &mut PlanErrors) -> Vec<PlanClass> {
    check_count("classes", documents.len(), SEAT_CLASSES_MAX, errors);
    if documents.is_empty() {
        let problem = "is empty: a plan has 1 to 64, each with coaches, blocks or standing";
        errors.push("classes", problem);
    }
    let mut ids = Ids::default();
    let mut room = Room::default();
    let mut classes = Vec::new();
    for (n, class) in documents.iter().enumerate().take(SEAT_CLASSES_MAX) {
        let at = place("class", "classes", &class.id, n);
        let wrong = id_problem(&class.id, "class", n + 1);
        let listed = format!("classes, number {}", n + 1);
        if let Some(problem) = wrong.or_else(|| ids.add(&class.id, &listed).err()) {
            errors.push(&listed, problem);
        }
        let name = checked_name(class.name.as_ref(), &class.id, &at, errors);
        check_contents(class, &at, errors);
        let mut parts = Vec::new();
        for (kind, entries) in [(PartKind::Coach, &class.coaches), (PartKind::Block, &class.blocks)]
        {
            parts.extend(parts::compile(kind, entries, &at, &mut room, errors));
        }
        let standing = class.standing.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        classes.push(PlanClass { id: class.id.clone(), name, parts, standing });
    }
    check_seat_names(&classes, errors);
    classes
}

/// A class has one kind of contents.
fn check_contents(class: &ClassDocument, at: &str, errors: &mut PlanErrors) {
    let given: Vec<&str> = [
        ("coaches", !class.coaches.is_empty()),
        ("blocks", !class.blocks.is_empty()),
        ("standing", class.standing.is_some()),
    ]
    .into_iter()
    .filter_map(|(what, is_given)| is_given.then_some(what))
    .collect();
    match given.as_slice() {
        [] => errors.push(at, "has no places: write coaches, blocks or standing"),
        [_] => {}
        several => errors.push(
            at,
            format!(
                "has {}: a class has one of them; make a class of each, and a quota over both \
                 if their number together is bounded",
                several.join(" and ")
            ),
        ),
    }
    if class.standing.is_some_and(|n| !is_amount(n)) {
        errors.push(at, format!("standing is a number from 1 to {CAPACITY_MAX}"));
    }
}

fn is_amount(number: u64) -> bool {
    (1..=u64::from(CAPACITY_MAX)).contains(&number)
}

/// Two seats with one name could not be told apart on a ticket, also in two classes.
fn check_seat_names(classes: &[PlanClass], errors: &mut PlanErrors) {
    const SHOWN: usize = 3;
    let mut owners: HashMap<String, &str> = HashMap::new();
    for class in classes {
        let mut twice: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for part in &class.parts {
            for local in part.rows().iter().flat_map(PlanRow::local_names) {
                let name = format!("{}-{local}", part.id);
                match owners.get(&name) {
                    Some(owner) => twice.entry(owner).or_default().push(name),
                    None => drop(owners.insert(name, &class.id)),
                }
            }
        }
        for (owner, seats) in twice {
            let of = if owner == class.id { "it" } else { owner };
            let shown = seats[..seats.len().min(SHOWN)].join(", ");
            let more = match seats.len().saturating_sub(SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            errors.push(
                &format!("class {}", class.id),
                format!("has seats that {of} has already: {shown}{more}; write each seat once"),
            );
        }
    }
}

fn quotas(
    documents: &[QuotaDocument],
    classes: &[ClassDocument],
    errors: &mut PlanErrors,
) -> Vec<PlanQuota> {
    check_count("quotas", documents.len(), SEAT_QUOTAS_MAX, errors);
    let mut ids = Ids::default();
    let mut quotas = Vec::new();
    for (n, quota) in documents.iter().enumerate().take(SEAT_QUOTAS_MAX) {
        let at = place("quota", "quotas", &quota.id, n);
        let listed = format!("quotas, number {}", n + 1);
        let wrong = id_problem(&quota.id, "quota", n + 1);
        if let Some(problem) = wrong.or_else(|| ids.add(&quota.id, &listed).err()) {
            errors.push(&listed, problem);
        }
        let name = checked_name(quota.name.as_ref(), &quota.id, &at, errors);
        let mut of = BTreeSet::new();
        for id in &quota.classes {
            match classes.iter().position(|class| class.id == *id) {
                Some(class) if of.insert(class) => {}
                Some(_) => errors.push(&at, format!("names class {id} twice: name it once")),
                None => errors.push(&at, format!("there is no class {id:?}")),
            }
        }
        if quota.classes.is_empty() {
            errors.push(&at, "classes is empty: a quota is over one class or several");
        }
        if !is_amount(quota.size) {
            errors.push(&at, format!("size is a number from 1 to {CAPACITY_MAX}"));
        }
        quotas.push(PlanQuota {
            id: quota.id.clone(),
            name,
            classes: of.into_iter().collect(),
            size: u32::try_from(quota.size).unwrap_or(0),
        });
    }
    quotas
}
