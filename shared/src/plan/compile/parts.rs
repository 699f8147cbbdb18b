//! Coaches and blocks of a class: entries are spread over their ids, rows are put together.

use super::words::check_name;
use crate::limits::{PART_ID_MAX, PLAN_PARTS_MAX, PLAN_ROWS_MAX, SEAT_LABEL_MAX, SEATS_MAX};
use crate::plan::document::PartDocument;
use crate::plan::error::PlanErrors;
use crate::plan::label::{SeatLabel, expand};
use crate::plan::part::{PartKind, PlanPart, PlanRow};
use crate::plan::pattern::RowPattern;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Longest list of ids that stands for an entry in an error, in bytes.
const SHOWN_IDS_MAX: usize = 40;

/// What a plan still has room for.
#[derive(Debug)]
pub(super) struct Room {
    seats: usize,
    parts: usize,
    /// Whether something did not fit. The rest is not looked at, so that the work has a bound.
    is_full: bool,
}

impl Default for Room {
    fn default() -> Self {
        Self { seats: SEATS_MAX, parts: PLAN_PARTS_MAX, is_full: false }
    }
}

/// The coaches or blocks that `entries` of the class at `place` describe, in the order in which
/// they are named first.
pub(super) fn compile(
    kind: PartKind,
    entries: &[PartDocument],
    place: &str,
    room: &mut Room,
    errors: &mut PlanErrors,
) -> Vec<PlanPart> {
    let (parts, places, labels) = (Vec::new(), BTreeMap::new(), Vec::new());
    let mut class = ClassParts { kind, parts, places, labels, room };
    for (n, entry) in entries.iter().enumerate() {
        if class.room.is_full || errors.is_full() {
            break;
        }
        let text = format!("{place}, {}", shown(kind, entry, n));
        class.add(entry, &mut EntryPlace { text, errors: &mut *errors });
    }
    class.numbered()
}

const fn plural(kind: PartKind) -> &'static str {
    match kind {
        PartKind::Coach => "coaches",
        PartKind::Block => "blocks",
    }
}

/// An entry in the words of who wrote it: `coach 5`, `coaches 2-8`.
fn shown(kind: PartKind, entry: &PartDocument, n: usize) -> String {
    let ids = entry.ids.join(", ");
    if ids.is_empty() || ids.len() > SHOWN_IDS_MAX {
        format!("{}, entry {}", plural(kind), n + 1)
    } else if ids.contains([',', '-']) {
        format!("{} {ids}", plural(kind))
    } else {
        format!("{} {ids}", kind.as_str())
    }
}

/// Where errors of one entry go.
struct EntryPlace<'a> {
    text: String,
    errors: &'a mut PlanErrors,
}

impl EntryPlace<'_> {
    fn wrong<T>(&mut self, problem: impl Into<String>) -> Option<T> {
        self.errors.push(&self.text, problem);
        None
    }

    /// Takes a list apart that stands under `field`.
    fn expand(&mut self, field: &str, texts: &[String], max: usize) -> Option<Vec<String>> {
        let mut words = Vec::new();
        for text in texts {
            match expand(text, max) {
                Ok(more) => words.extend(more),
                Err(problem) => return self.wrong(format!("{field}: {problem}")),
            }
            if words.len() > max {
                return self.wrong(format!("{field} are more than {max}"));
            }
        }
        let mut seen = BTreeSet::new();
        match words.iter().find(|word| !seen.insert(word.as_str())) {
            Some(twice) => self.wrong(format!("{field} repeat {twice}: write it once")),
            None => Some(words),
        }
    }
}

/// The coaches or blocks of one class.
struct ClassParts<'a> {
    kind: PartKind,
    parts: Vec<PlanPart>,
    /// The place of each in `parts`, by id.
    places: BTreeMap<String, usize>,
    /// The labels of the rows of each in `parts`.
    labels: Vec<BTreeSet<SeatLabel>>,
    room: &'a mut Room,
}

impl ClassParts<'_> {
    fn add(&mut self, entry: &PartDocument, at: &mut EntryPlace<'_>) {
        let ids = ids(entry, at);
        let layout = layout(entry, at);
        let named = self.check_name(entry, ids.as_deref(), at);
        let (Some(ids), Some(layout), true) = (ids, layout, named) else { return };
        // A row has a seat at least, so this many do not fit whatever is missing in them.
        let least = layout.len().saturating_mul(ids.len());
        if least > self.room.seats {
            return self.refuse(SEATS_MAX, "seats", at);
        }
        let Some((layout, others)) = without(entry, &ids, layout, at) else { return };
        let rows_of = |id: &String| others.get(id).unwrap_or(&layout);
        let seats: usize = ids.iter().flat_map(rows_of).map(|row| row.pattern.seats().len()).sum();
        let Some(seats_left) = self.room.seats.checked_sub(seats) else {
            return self.refuse(SEATS_MAX, "seats", at);
        };
        let new = ids.iter().filter(|id| !self.places.contains_key(*id)).count();
        let Some(parts_left) = self.room.parts.checked_sub(new) else {
            return self.refuse(PLAN_PARTS_MAX, "coaches and blocks", at);
        };
        (self.room.seats, self.room.parts) = (seats_left, parts_left);
        let put = ids.iter().map(|id| self.put(id, entry.name.as_deref(), rows_of(id).clone()));
        let mut wrong = put.filter_map(Result::err);
        if let Some(problem) = wrong.next() {
            let more = match wrong.count() {
                0 => String::new(),
                more => format!(" (so it is with {more} more of the entry)"),
            };
            at.wrong::<()>(format!("{problem}{more}"));
        }
    }

    /// An entry for which the plan has no room.
    fn refuse(&mut self, bound: usize, what: &str, at: &mut EntryPlace<'_>) {
        self.room.is_full = true;
        at.wrong::<()>(format!(
            "with this the plan has more than {bound} {what}: sell a part of it as a sale of its \
             own (what comes behind was not checked)"
        ));
    }

    /// Checks the name that the entry gives to its coaches or blocks.
    fn check_name(
        &self,
        entry: &PartDocument,
        ids: Option<&[String]>,
        at: &mut EntryPlace<'_>,
    ) -> bool {
        let Some(name) = &entry.name else { return true };
        check_name(name, &at.text, at.errors);
        if ids.is_some_and(|ids| ids.len() > 1) && !name.contains("{id}") {
            let (one, several) = (self.kind.as_str(), plural(self.kind));
            let problem = format!(
                "{several} cannot share the name {name:?}: put {{id}} where the id belongs, such \
                 as \"North, {one} {{id}}\""
            );
            at.wrong::<()>(problem);
            return false;
        }
        true
    }

    /// Puts rows behind those that the coach or block has already.
    fn put(&mut self, id: &str, name: Option<&str>, rows: Vec<PlanRow>) -> Result<(), String> {
        let new = PlanPart { id: id.to_owned(), kind: self.kind, name: None, rows: Vec::new() };
        let place = *self.places.entry(id.to_owned()).or_insert(self.parts.len());
        if place == self.parts.len() {
            self.parts.push(new);
            self.labels.push(BTreeSet::new());
        }
        let (part, known) = (&mut self.parts[place], &mut self.labels[place]);
        let kind = part.kind.as_str();
        match (name, part.name.as_deref()) {
            (Some(name), None) => part.name = Some(name.into()),
            (Some(name), Some(other)) if name != other => {
                return Err(format!("{kind} {id} has two names, {other:?} and {name:?}"));
            }
            _ => {}
        }
        let labels = rows.iter().filter_map(|row| row.label);
        let twice: Vec<SeatLabel> = labels.filter(|label| !known.insert(*label)).collect();
        if let Some(label) = twice.first() {
            let more = match twice.len() {
                1 => String::new(),
                several => format!(" and {} more", several - 1),
            };
            return Err(format!(
                "row {label}{more} of {kind} {id} is in another entry of the class already: \
                 write each row once"
            ));
        }
        if part.rows.len() + rows.len() > PLAN_ROWS_MAX {
            return Err(format!("{kind} {id} has more than {PLAN_ROWS_MAX} rows"));
        }
        part.rows.extend(rows);
        Ok(())
    }

    /// Gives seats their numbers.
    fn numbered(mut self) -> Vec<PlanPart> {
        let mut number = 0;
        for row in self.parts.iter_mut().flat_map(|part| &mut part.rows) {
            row.first = number;
            number = row.seats().end;
        }
        self.parts
    }
}

fn ids(entry: &PartDocument, at: &mut EntryPlace<'_>) -> Option<Vec<String>> {
    let ids = at.expand("ids", &entry.ids, PLAN_PARTS_MAX)?;
    let is_valid = |id: &str| {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
        (1..=PART_ID_MAX).contains(&id.len()) && id.chars().all(good)
    };
    match ids.iter().find(|id| !is_valid(id)) {
        Some(id) => at.wrong(format!(
            "{id:?} is no id: it is a part of each seat's name and has 1 to {PART_ID_MAX} \
             letters, digits and _; what people read can be its name"
        )),
        None if ids.is_empty() => at.wrong("ids is empty: write for example 5 or \"1-16\""),
        None => Some(ids),
    }
}

/// The rows that an entry describes, before single seats are taken out.
fn layout(entry: &PartDocument, at: &mut EntryPlace<'_>) -> Option<Vec<PlanRow>> {
    let rows = labels(entry, at);
    let (is_lettered, texts) = match (entry.letters.as_slice(), entry.seats.as_slice()) {
        ([], []) => {
            return at.wrong(
                "has no seats: write letters, such as \"ABC DF\", or seats, such as \"1-20\"",
            );
        }
        (letters, []) => (true, letters),
        ([], seats) => (false, seats),
        _ => {
            return at.wrong(
                "has letters and seats: a row has one of them; rows of the other kind are another \
                 entry with the same ids",
            );
        }
    };
    let patterns = patterns(is_lettered, texts, at);
    let (rows, patterns) = (rows?, patterns?);
    let row = |label, pattern: &Arc<RowPattern>| {
        let pattern = Arc::clone(pattern);
        PlanRow { label, pattern, first: 0 }
    };
    match (rows.as_slice(), patterns.as_slice()) {
        ([], _) if is_lettered => at.wrong("has letters and no rows: write rows, such as \"1-18\""),
        ([], patterns) => Some(patterns.iter().map(|pattern| row(None, pattern)).collect()),
        (rows, [pattern]) => Some(rows.iter().map(|label| row(Some(*label), pattern)).collect()),
        (rows, patterns) if rows.len() == patterns.len() => {
            let pairs = rows.iter().zip(patterns);
            Some(pairs.map(|(label, pattern)| row(Some(*label), pattern)).collect())
        }
        (rows, patterns) => at.wrong(format!(
            "has {} rows and the seats of {}: write one text for all rows, or one for each",
            rows.len(),
            patterns.len()
        )),
    }
}

fn labels(entry: &PartDocument, at: &mut EntryPlace<'_>) -> Option<Vec<SeatLabel>> {
    let words = at.expand("rows", &entry.rows, PLAN_ROWS_MAX)?;
    let mut labels = Vec::new();
    for word in words {
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        match SeatLabel::parse(&word) {
            Some(_) if !entry.letters.is_empty() && !is_number => {
                return at.wrong(format!(
                    "row {word:?} is no number, and seats with letters are called by the number \
                     of their row, such as 12A"
                ));
            }
            Some(label) => labels.push(label),
            None => {
                return at.wrong(format!(
                    "{word:?} is no row: it has 1 to {SEAT_LABEL_MAX} letters and digits"
                ));
            }
        }
    }
    Some(labels)
}

/// The patterns of `texts`, which are one for all rows, or one for each.
fn patterns(
    is_lettered: bool,
    texts: &[String],
    at: &mut EntryPlace<'_>,
) -> Option<Vec<Arc<RowPattern>>> {
    let mut patterns = Vec::new();
    let mut seats = 0;
    for (n, text) in texts.iter().enumerate() {
        let read = if is_lettered { RowPattern::letters(text) } else { RowPattern::numbers(text) };
        match read {
            Ok(pattern) => {
                seats += pattern.seats().len();
                patterns.push(Arc::new(pattern));
            }
            Err(problem) if texts.len() == 1 => return at.wrong(problem),
            Err(problem) => return at.wrong(format!("row number {}: {problem}", n + 1)),
        }
        if seats > SEATS_MAX || patterns.len() > PLAN_ROWS_MAX {
            return at.wrong(format!("has more than {PLAN_ROWS_MAX} rows or {SEATS_MAX} seats"));
        }
    }
    Some(patterns)
}

type Layouts = (Vec<PlanRow>, BTreeMap<String, Vec<PlanRow>>);

/// Takes out the seats that are missing: the rows of all, and those of single ones that differ.
fn without(
    entry: &PartDocument,
    ids: &[String],
    mut layout: Vec<PlanRow>,
    at: &mut EntryPlace<'_>,
) -> Option<Layouts> {
    let mut others: BTreeMap<String, Vec<PlanRow>> = BTreeMap::new();
    if entry.without.is_empty() {
        return Some((layout, others));
    }
    let mut names: BTreeMap<String, (usize, SeatLabel)> = BTreeMap::new();
    for (n, row) in layout.iter().enumerate() {
        let seats = row.pattern.seats().iter().map(|seat| (n, *seat));
        names.extend(row.local_names().zip(seats));
    }
    let example = layout.first().and_then(|row| row.local_names().next()).unwrap_or_default();
    let known: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    let mut missing = Vec::new();
    for word in entry.without.iter().flat_map(|text| text.split(',')).map(str::trim) {
        let of_one = || {
            let (id, local) = word.split_once('-')?;
            Some((Some(*known.get(id)?), *names.get(local)?))
        };
        match names.get(word).map(|seat| (None, *seat)).or_else(of_one) {
            Some(found) => missing.push(found),
            None => {
                let one = ids.first().map_or("3", String::as_str);
                return at.wrong(format!(
                    "without: there is no seat {word:?} here; a seat is written as {example:?} \
                     in all of them, or {:?} in one",
                    format!("{one}-{example}")
                ));
            }
        }
    }
    // What is missing in all of them first: single ones differ from the rest.
    missing.sort_by_key(|(id, _)| id.is_some());
    for (id, (row, seat)) in missing {
        let rows = match id {
            None => &mut layout,
            Some(id) => others.entry(id.to_owned()).or_insert_with(|| layout.clone()),
        };
        let Some(pattern) = rows[row].pattern.without(seat) else {
            let label = rows[row].label().unwrap_or_default().to_owned();
            return at.wrong(format!(
                "without: row {label} has no seat left: write its row without an entry"
            ));
        };
        rows[row].pattern = Arc::new(pattern);
    }
    Some((layout, others))
}
