//! Gates of an edge: one for each sale that an origin serves, and one for all other names.

use super::{Gate, Observation, WaitingPlaces};
use crate::admission::grant::{Grant, Supply};
use crate::domain::ids::SaleId;
use crate::limits::{EDGE_SALES_MAX, SALES_HEADER_MAX};
use std::collections::HashMap;

/// The gates of one edge isolate, bounded.
///
/// Only sales that an origin serves get a gate of their own; all others share one, so that a flood
/// of invented names neither fills the memory nor asks an origin more often than one sale may.
#[derive(Debug, Default)]
pub struct Gates {
    pub(super) known: HashMap<SaleId, Gate>,
    unknown_sales: Gate,
    /// A gate as it is before anything was asked.
    new: Gate,
}

impl Gates {
    /// Gates at which so many arrivals may begin to wait in
    /// [`COLD_WAIT_MS`](crate::limits::COLD_WAIT_MS) though a grant is there; the next one is
    /// refused with `busy`.
    #[must_use]
    pub fn with_places(most: u32) -> Self {
        let places = WaitingPlaces { most, ..WaitingPlaces::default() };
        let new = Gate { places, ..Gate::default() };
        Self { known: HashMap::new(), unknown_sales: new.clone(), new }
    }

    /// The gate for an arrival that names `sale`.
    pub fn of(&mut self, sale: &SaleId) -> &mut Gate {
        self.known.get_mut(sale).unwrap_or(&mut self.unknown_sales)
    }

    /// [`Gate::room`] of the gate for arrivals that name `sale`.
    #[must_use]
    pub fn room(&self, sale: &SaleId) -> u32 {
        self.known.get(sale).unwrap_or(&self.unknown_sales).room()
    }

    /// Whether an origin has said that `sale` exists.
    #[must_use]
    pub fn has_listed(&self, sale: &SaleId) -> bool {
        self.known.contains_key(sale)
    }

    /// Takes in the names of sales that exist, as the header `Lastseat-Sales` has them: each gets a
    /// gate of its own, as far as there is room, and a flood of invented names takes nothing from
    /// them.
    pub fn list(&mut self, names: &str) {
        for sale in listed(names) {
            if self.known.len() < EDGE_SALES_MAX {
                self.known.entry(sale).or_insert_with(|| self.new.clone());
            }
        }
    }

    fn insert(&mut self, sale: &SaleId, gate: Gate) {
        if self.known.len() >= EDGE_SALES_MAX {
            // Whichever: a gate that is missed is warm again after one answer.
            if let Some(other) = self.known.keys().next().cloned() {
                self.known.remove(&other);
            }
        }
        self.known.insert(sale.clone(), gate);
    }

    /// Takes in what an origin says of `sale`.
    pub fn observe(&mut self, sale: &SaleId, grant: &Grant, when: Observation) {
        if grant.supply == Supply::Unknown {
            // Of a node that does not serve the sale, or not yet: no word on a sale that another
            // one serves.
            return;
        }
        if let Some(gate) = self.known.get_mut(sale) {
            gate.observe(grant, when);
        } else {
            // The request whose answer this is was the first of a cold round.
            let mut gate = Gate { cold: true, spent: 1, ..self.new.clone() };
            gate.observe(grant, when);
            self.insert(sale, gate);
        }
    }
}

/// The names in a header `Lastseat-Sales`.
pub fn listed(names: &str) -> impl Iterator<Item = SaleId> {
    let bounded = names.get(..SALES_HEADER_MAX).unwrap_or(names);
    let names = bounded.split(' ').map(SaleId::parse);
    names.filter_map(Result::ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::gate::GateDecision;
    use crate::admission::gate::tests::{MADE, at, grant};
    use crate::domain::time::UnixMillis;

    #[test]
    fn a_sale_that_is_listed_is_asked_for_at_once_whatever_is_invented_beside_it() {
        let (mut gates, spring) = (Gates::default(), SaleId::parse("spring").unwrap());
        let invent = |gates: &mut Gates, n: u32| {
            let name = SaleId::parse(&format!("invented-{n}")).unwrap();
            gates.of(&name).decide(MADE, UnixMillis(1_000), 0.0)
        };
        assert_eq!(invent(&mut gates, 0), GateDecision::Forward);
        // Before the first grant it cannot be distinguished from an invented name.
        let asked = gates.of(&spring).decide(MADE, UnixMillis(1_000), 0.0);
        assert_eq!(asked, GateDecision::Wait);
        gates.list("autumn spring winter");
        let asked = gates.of(&spring).decide(MADE, UnixMillis(1_025), 0.0);
        assert_eq!(asked, GateDecision::Forward);
        for n in 1..10 {
            assert_eq!(invent(&mut gates, n), GateDecision::Wait);
        }
        // A node that could not look it up does not close it.
        gates.observe(&spring, &grant(0, 10_000, 0, Supply::Unknown), at(1_030));
        let asked = gates.of(&spring).decide(MADE, UnixMillis(1_300), 0.0);
        assert_eq!(asked, GateDecision::Forward);
    }

    #[test]
    fn invented_sale_names_share_one_gate_and_no_memory() {
        let mut gates = Gates::default();
        let mut sent = 0;
        for i in 0..1_000 {
            let sale = SaleId::parse(&format!("invented-{i}")).unwrap();
            sent += u32::from(
                gates.of(&sale).decide(MADE, UnixMillis(5), 0.0) == GateDecision::Forward,
            );
            gates.observe(&sale, &Grant::of_unknown_sale(UnixMillis(5)), at(5));
        }
        assert_eq!(sent, 1);
        assert!(gates.known.is_empty());
    }

    #[test]
    fn the_number_of_gates_is_bounded() {
        let mut gates = Gates::default();
        for i in 0..EDGE_SALES_MAX + 10 {
            let sale = SaleId::parse(&format!("sale-{i}")).unwrap();
            gates.observe(&sale, &grant(1, 10, 1, Supply::Free), at(5));
        }
        assert_eq!(gates.known.len(), EDGE_SALES_MAX);
    }
}
