//! Canonical form of a plan: the one document that a ledger stores, whatever people wrote.

use super::document::{ClassDocument, PartDocument, PlanDocument, QuotaDocument, StopDocument};
use super::label::{SeatLabel, compress};
use super::part::{PartKind, PlanPart, PlanRow};
use super::pattern::SeatStyle;
use super::{PLAN_FORMAT, Plan, PlanClass};

impl Plan {
    /// It as one line of JSON. Documents that mean the same become the same line, and
    /// [`Plan::from_json`] reads it back as the same plan.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Texts and numbers alone: nothing in it can fail.
        serde_json::to_string(&self.to_document()).unwrap_or_default()
    }

    /// The document of its canonical form: coaches and blocks that follow each other and are alike
    /// share an entry, missing seats are `_`, lists are as short as they can be.
    #[must_use]
    pub fn to_document(&self) -> PlanDocument {
        let named = |id: &String, name: &String| (name != id).then(|| name.clone());
        let stops = self.stops.iter();
        let quotas = self.quotas.iter();
        let of = |classes: &[usize]| {
            let ids = classes.iter().filter_map(|place| self.classes.get(*place));
            ids.map(|class| class.id.clone()).collect()
        };
        PlanDocument {
            format: PLAN_FORMAT,
            stops: stops
                .map(|stop| StopDocument { id: stop.id.clone(), name: named(&stop.id, &stop.name) })
                .collect(),
            classes: self.classes.iter().map(class_document).collect(),
            quotas: quotas
                .map(|quota| QuotaDocument {
                    id: quota.id.clone(),
                    name: named(&quota.id, &quota.name),
                    classes: of(&quota.classes),
                    size: quota.size.into(),
                })
                .collect(),
        }
    }
}

fn class_document(class: &PlanClass) -> ClassDocument {
    let of_kind = |kind| {
        let parts = class.parts.iter().filter(|part| part.kind == kind).collect::<Vec<_>>();
        let alike = parts.chunk_by(|one, next| are_alike(one, next));
        alike.flat_map(entries).collect()
    };
    ClassDocument {
        id: class.id.clone(),
        name: (class.name != class.id).then(|| class.name.clone()),
        coaches: of_kind(PartKind::Coach),
        blocks: of_kind(PartKind::Block),
        standing: (class.standing > 0).then(|| class.standing.into()),
    }
}

/// Whether one entry can describe both.
fn are_alike(one: &PlanPart, other: &PlanPart) -> bool {
    let same =
        |(row, like): (&PlanRow, &PlanRow)| row.label == like.label && row.pattern == like.pattern;
    let shares_name = one.name.as_ref().is_none_or(|name| name.contains("{id}"));
    shares_name
        && one.name == other.name
        && one.rows.len() == other.rows.len()
        && one.rows.iter().zip(&other.rows).all(same)
}

/// The entries of parts that are alike: one, or one for each stretch of rows of one kind.
fn entries(parts: &[&PlanPart]) -> Vec<PartDocument> {
    let Some(first) = parts.first() else { return Vec::new() };
    let ids: Vec<&str> = parts.iter().map(|part| part.id.as_str()).collect();
    let kind = |row: &PlanRow| (row.label.is_some(), row.pattern.style());
    let stretches = first.rows.chunk_by(|row, next| kind(row) == kind(next));
    let mut name = first.name.as_ref().map(ToString::to_string);
    stretches
        .map(|rows| {
            let (letters, seats) = patterns(rows);
            let labels: Vec<&str> =
                rows.iter().filter_map(|row| row.label.as_ref().map(SeatLabel::as_str)).collect();
            PartDocument {
                ids: vec![compress(&ids)],
                name: name.take(),
                rows: (!labels.is_empty()).then(|| compress(&labels)).into_iter().collect(),
                letters,
                seats,
                without: Vec::new(),
            }
        })
        .collect()
}

/// The letters or the seats of rows: one text if all have the same.
fn patterns(rows: &[PlanRow]) -> (Vec<String>, Vec<String>) {
    let mut texts: Vec<String> = rows.iter().map(|row| row.pattern.text()).collect();
    let are_same = texts.windows(2).all(|pair| pair[0] == pair[1]);
    let is_labelled = rows.iter().all(|row| row.label.is_some());
    if are_same && is_labelled {
        texts.truncate(1);
    }
    match rows.first().map(|row| row.pattern.style()) {
        Some(SeatStyle::Letters) => (texts, Vec::new()),
        _ => (Vec::new(), texts),
    }
}
