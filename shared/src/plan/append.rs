//! Later plans of a sale: what is sold keeps its number, so that a plan may only grow at its end.

use super::error::PlanErrors;
use super::part::PlanPart;
use super::{Plan, PlanClass, PlanQuota};

impl Plan {
    /// Whether `later` is this plan with something behind it: coaches or blocks behind those of a
    /// class, classes behind the last one, and quotas over new classes. Then every seat of this
    /// plan has the same class and number in the later one.
    ///
    /// # Errors
    /// All that differs otherwise.
    pub fn appended_by(&self, later: &Self) -> Result<(), PlanErrors> {
        let mut errors = PlanErrors::default();
        if self.stops != later.stops {
            errors.push("stops", "cannot change: the legs of what is sold are counted by them");
        }
        for (n, class) in self.classes.iter().enumerate() {
            match later.classes.get(n) {
                Some(other) if other.id == class.id => compare(class, other, &mut errors),
                _ => errors.push(
                    &format!("class {}", class.id),
                    format!(
                        "is no longer number {} of the classes: new ones are written behind the \
                         last one",
                        n + 1
                    ),
                ),
            }
        }
        for (n, quota) in self.quotas.iter().enumerate() {
            if later.quotas.get(n) != Some(quota) {
                errors.push(
                    &format!("quota {}", quota.id),
                    format!(
                        "is not what it was, number {} of the quotas: new ones are written behind \
                         the last one",
                        n + 1
                    ),
                );
            }
        }
        let is_old = |quota: &&PlanQuota| quota.classes.iter().any(|n| *n < self.classes.len());
        for quota in later.quotas.iter().skip(self.quotas.len()).filter(is_old) {
            errors.push(
                &format!("quota {}", quota.id),
                "is new and names a class of before, of which more may be sold already: a new \
                 quota is over new classes",
            );
        }
        errors.into_result(())
    }
}

/// Compares a class with what it is in a later plan.
fn compare(class: &PlanClass, later: &PlanClass, errors: &mut PlanErrors) {
    let at = format!("class {}", class.id);
    if class.name != later.name {
        errors.push(&at, format!("was called {:?}: a name cannot change", class.name));
    }
    if class.standing != later.standing {
        let problem = match (class.standing, later.standing) {
            (0, _) => "had no standing places: they are a class of their own".to_owned(),
            (places, _) => format!("had {places} standing places: their number cannot change"),
        };
        errors.push(&at, problem);
    }
    let kept = |part: &PlanPart, n: usize| later.parts.get(n) == Some(part);
    for (n, part) in class.parts.iter().enumerate() {
        if !kept(part, n) {
            errors.push(
                &format!("{at}, {} {}", part.kind.as_str(), part.id),
                format!(
                    "is not what it was, number {} of the class with the same seats: new ones are \
                     written behind the last one",
                    n + 1
                ),
            );
            return;
        }
    }
}
