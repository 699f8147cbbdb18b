//! Fills a sale with orders, straight through the ledger's scripts.

use anyhow::{Context, Result, ensure};
use lastseat_ledger::{Ledger, LedgerUrl, Reserve, Verdict};
use shared::{BuyerId, Capacity, OrderId, Quantity, SaleId, Terms, UnixMillis};
use tokio::task::JoinSet;

/// Orders in one call of the script, as a busy origin sends them.
pub const BATCH: u32 = 256;
/// Changes that are under way at a time.
const CHANGES: usize = 64;

/// A sale that is being filled.
#[derive(Debug)]
pub struct Filling {
    ledger: Ledger,
    sale: SaleId,
    next: u32,
}

impl Filling {
    /// Makes the sale, with holds of `hold_ms` (0 = confirmed at once).
    ///
    /// # Errors
    /// The Redis cannot be used.
    pub async fn begin(redis_url: &str, sale: &str, capacity: u32, hold_ms: u64) -> Result<Self> {
        let url = LedgerUrl::parse(redis_url).map_err(anyhow::Error::msg)?;
        let ledger = Ledger::connect(&url).await?;
        let sale = SaleId::parse(sale)?;
        let terms = Terms { hold_ms, ..Terms::default() };
        let capacity = Capacity::new(u64::from(capacity))?;
        ledger.create_sale(&sale, capacity, &terms, true).await?;
        Ok(Self { ledger, sale, next: 0 })
    }

    /// The ledger that it goes to.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The sale.
    #[must_use]
    pub const fn sale(&self) -> &SaleId {
        &self.sale
    }

    /// How many orders it has.
    #[must_use]
    pub const fn orders(&self) -> u32 {
        self.next
    }

    /// Adds `orders` orders of one ticket, each of another buyer.
    ///
    /// # Errors
    /// One of them gets no ticket.
    pub async fn add(&mut self, orders: u32) -> Result<()> {
        self.add_by(orders, BATCH).await
    }

    /// As [`Filling::add`], `batch` orders in one call.
    ///
    /// # Errors
    /// One of them gets no ticket.
    pub async fn add_by(&mut self, orders: u32, batch: u32) -> Result<()> {
        let end = self.next + orders;
        while self.next < end {
            let until = end.min(self.next + batch);
            let batch: Vec<Reserve> = (self.next..until).map(order).collect::<Result<_>>()?;
            let reply = self.ledger.reserve(&self.sale, &batch).await?;
            let (_, verdicts) = reply.context("the sale is gone")?;
            let granted = |verdict: &&Verdict| matches!(verdict, Verdict::Granted { .. });
            ensure!(verdicts.iter().filter(granted).count() == batch.len(), "an order was refused");
            self.next = until;
        }
        Ok(())
    }

    /// Confirms the orders from number `from` to before `until`, one call each.
    ///
    /// # Errors
    /// One of them is refused.
    pub async fn confirm(&self, from: u32, until: u32) -> Result<()> {
        self.change(from, until, false).await
    }

    /// Cancels them, one call each: what a buyer who orders and cancels in a loop does.
    ///
    /// # Errors
    /// One of them is refused.
    pub async fn cancel(&self, from: u32, until: u32) -> Result<()> {
        self.change(from, until, true).await
    }

    async fn change(&self, from: u32, until: u32, cancel: bool) -> Result<()> {
        let mut under_way = JoinSet::new();
        for number in from..until {
            if under_way.len() == CHANGES
                && let Some(done) = under_way.join_next().await
            {
                done??;
            }
            let (ledger, sale) = (self.ledger.clone(), self.sale.clone());
            under_way.spawn(async move {
                let id = order(number)?.id;
                let reply = if cancel {
                    ledger.cancel(&sale, &id).await?
                } else {
                    ledger.confirm(&sale, &id, None).await?
                };
                let (_, verdict) = reply.context("the sale is gone")?;
                ensure!(matches!(verdict, Verdict::Granted { .. }), "a change was refused");
                anyhow::Ok(())
            });
        }
        while let Some(done) = under_way.join_next().await {
            done??;
        }
        Ok(())
    }

    /// Acknowledges the whole log, which trims it.
    ///
    /// # Errors
    /// The ledger does not answer.
    pub async fn trim(&self) -> Result<()> {
        let snapshot = self.ledger.snapshot(&self.sale).await?;
        let seq = snapshot.context("the sale is gone")?.commit_seq;
        self.ledger.ack(&self.sale, seq).await?;
        Ok(())
    }
}

/// Order number `number`: a UUIDv7 as the edge makes it, and a buyer's id of 12 characters.
fn order(number: u32) -> Result<Reserve> {
    let mut chance = [0; 10];
    chance[..8]
        .copy_from_slice(&u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    let made_at = UnixMillis(1_795_575_600_000 + u64::from(number / 100));
    Ok(Reserve {
        id: OrderId::new_v7(made_at, chance),
        buyer: BuyerId::parse(&format!("buyer-{number:06}"))?,
        quantity: Quantity::new(1)?,
    })
}
