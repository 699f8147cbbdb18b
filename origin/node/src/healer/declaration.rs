//! What this node says to the others in the ledger: that sales may lack something of its own, and
//! that it has looked at all of them.

use super::Recovery;
use super::step::Item;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lastseat_ledger::Fault;
use lastseat_ledger::recovery::NodeDeclaration;
use shared::SaleId;
use shared::limits::{DECLARED_MAX, HEALS_MAX};
use shared::recovery::{Duty, View};
use std::collections::BTreeMap;

impl Recovery {
    /// Registers with each sale that may lack something of this node's, in order.
    pub(super) async fn register(
        &self,
        items: &BTreeMap<SaleId, Item>,
        behind: &mut bool,
    ) -> Result<(), Fault> {
        let mine = items.iter().filter(|(_, item)| item.duty == Duty::Restore);
        let mine: Vec<(SaleId, String)> =
            mine.map(|(sale, item)| (sale.clone(), item.history.clone())).collect();
        let registered = mine.into_iter().map(|(sale, of)| self.register_one(sale, of));
        let registered = stream::iter(registered).buffered(HEALS_MAX);
        let registered: Vec<bool> = registered.try_collect().await?;
        *behind |= registered.contains(&true);
        Ok(())
    }

    async fn register_one(&self, sale: SaleId, history: String) -> Result<bool, Fault> {
        let says = NodeDeclaration {
            node: Some(self.hands.node),
            made: None,
            history: &history,
            // Of no history: nothing ends by this.
            view: &View::default(),
        };
        let heal = match self.ledger().heal(&sale, &says).await {
            Err(Fault::Corrupt(_)) => return Ok(false),
            other => other?,
        };
        if heal.as_ref().is_some_and(|heal| heal.history != history) {
            return Err(Fault::NotSent("Redis was replaced again".into()));
        }
        Ok(heal.is_some_and(|heal| heal.fell_behind))
    }

    pub(super) async fn declare(&mut self, behind: bool) -> Result<(), Fault> {
        let earlier = std::mem::take(&mut self.declared);
        let earlier = earlier.into_iter().filter(|h| !self.present.contains(h));
        let room = DECLARED_MAX.max(self.present.len());
        let declared: Vec<String> =
            self.present.iter().cloned().chain(earlier).take(room).collect();
        let node = Some(self.hands.node);
        let nodes = self.ledger().declare(node, &declared, behind).await?;
        self.awaited.declare(declared.iter().cloned());
        self.declared = declared;
        let now = self.now();
        self.awaited.receive(nodes, now);
        self.publish();
        Ok(())
    }

    pub(super) fn views(&self) -> BTreeMap<String, View> {
        let now = self.now();
        let view = |history: &String| (history.clone(), self.awaited.view(history, now));
        self.present.iter().map(view).collect()
    }

    pub(super) fn publish(&mut self) {
        let views = self.views();
        let now = self.now();
        for history in &self.present {
            for node in self.awaited.overdue(history, now) {
                if self.named.insert(node) {
                    tracing::warn!(
                        "node {node} has a heartbeat and has not said what it acknowledged; sales \
                         go on without it"
                    );
                }
            }
        }
        self.ledger().recovering().publish(views.into_values());
    }
}
