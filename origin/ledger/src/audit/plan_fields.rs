//! Audit of the fields that a sale has because of its plan: all of them follow from it.

use super::found::{FindingKind, Found};
use super::log::Log;
use super::sale_read::{SALE, SaleRead, shown};
use shared::plan::Plan;
use std::sync::Arc;

/// Whether a sale with a plan may have a field of this name.
pub(super) fn is_of_plan(name: &[u8]) -> bool {
    name == b"plan"
        || name == b"shape"
        || name.starts_with(b"class:")
        || name.starts_with(b"quota:")
}

/// The plan of the sale: the log's where it says one, else the sale's own.
pub(super) fn plan_of(look: &SaleRead, log: &Log) -> Option<Arc<Plan>> {
    log.says.plan.clone().or_else(|| look.plan().map(Arc::new))
}

/// Fields of the sale that are as its plan says, and what they are.
pub(super) fn fields_of(plan: &Plan) -> Vec<(String, String)> {
    let mut fields = vec![
        ("format".to_owned(), "2".to_owned()),
        ("capacity".to_owned(), plan.places().to_string()),
    ];
    // A plan that was compiled can be stored.
    fields.extend(plan.stored().map(|stored| stored.fields).unwrap_or_default());
    fields
}

/// Holds the fields of a sale against its plan.
pub(super) fn check_plan_fields(look: &SaleRead, plan: Option<&Plan>, found: &mut Found) {
    if look.is_missing(SALE) || !look.reads(SALE) {
        return;
    }
    let Some(plan) = plan else {
        if look.number("format") == Some(2) || look.fields.contains_key(b"plan".as_slice()) {
            let why = "neither the sale nor its log has a plan that can be read".to_owned();
            found.not_checked("seats of the sale", why, true);
        }
        return;
    };
    for (name, wanted) in fields_of(plan) {
        // The format was looked at among the numbers.
        if name == "format" || name == "capacity" && look.number(&name).is_none() {
            continue;
        }
        let is = look.fields.get(name.as_bytes());
        if is.is_some_and(|is| is == wanted.as_bytes()) {
            continue;
        }
        let is = is.map(|is| shown(is));
        let wanted = shown(wanted.as_bytes());
        let sentence = match &is {
            None => format!("field {name} of the sale is missing, its plan says {wanted}"),
            Some(is) => format!("field {name} of the sale is {is}, its plan says {wanted}"),
        };
        found.note_as(FindingKind::PlanField, name, sentence, Some(wanted), is);
    }
}
