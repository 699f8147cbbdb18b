//! Fills a sale with orders, straight through the ledger's scripts.

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt};
use lastseat_ledger::{Ledger, LedgerUrl, Reserve, Verdict};
use shared::seats::OrderPart;
use shared::{BuyerId, Capacity, OrderId, Quantity, SaleId, Terms, UnixMillis};

/// Orders in one call of the script, as a busy origin sends them.
pub const BATCH: u32 = 256;
/// Changes that are under way at a time.
const CHANGES: usize = 64;

/// A sale that is being filled.
#[derive(Clone, Debug)]
pub struct Filling {
    /// The ledger that it goes to.
    pub ledger: Ledger,
    /// The sale.
    pub sale: SaleId,
    /// How many orders it has.
    pub orders: u32,
}

impl Filling {
    /// Makes the sale, with holds of `hold_ms` (0 = confirmed at once).
    pub async fn begin(redis_url: &str, sale: &str, capacity: u32, hold_ms: u64) -> Result<Self> {
        let url = LedgerUrl::parse(redis_url).map_err(anyhow::Error::msg)?;
        let ledger = Ledger::connect(&url).await?;
        let sale = SaleId::parse(sale)?;
        let terms = Terms { hold_ms, ..Terms::default() };
        let capacity = Capacity::new(u64::from(capacity))?;
        ledger.create_sale(&sale, capacity, &terms, true).await?;
        Ok(Self { ledger, sale, orders: 0 })
    }

    /// Adds `orders` orders of one ticket, each of another buyer, `batch` in one call. Each gets a
    /// ticket.
    pub async fn add(&mut self, orders: u32, batch: u32) -> Result<()> {
        let end = self.orders + orders;
        while self.orders < end {
            let until = end.min(self.orders + batch);
            let batch: Vec<Reserve> = (self.orders..until).map(order).collect::<Result<_>>()?;
            let reply = self.ledger.reserve(&self.sale, &batch).await?;
            let (_, verdicts) = reply.context("the sale is gone")?;
            let granted = |verdict: &&Verdict| matches!(verdict, Verdict::Granted { .. });
            ensure!(verdicts.iter().filter(granted).count() == batch.len(), "an order was refused");
            self.orders = until;
        }
        Ok(())
    }

    /// Confirms or cancels the orders from number `from` to before `until`, one call each.
    pub async fn change(&self, from: u32, until: u32, cancel: bool) -> Result<()> {
        let changes = futures_util::stream::iter(from..until).map(|number| async move {
            let id = order(number)?.id;
            let reply = match cancel {
                true => self.ledger.cancel(&self.sale, &id).await?,
                false => self.ledger.confirm(&self.sale, &id, &OrderPart::Whole).await?,
            };
            let (_, verdict) = reply.context("the sale is gone")?;
            ensure!(matches!(verdict, Verdict::Granted { .. }), "a change was refused");
            Ok(())
        });
        changes.buffer_unordered(CHANGES).try_collect().await
    }

    /// Acknowledges the whole log, which trims it.
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
        lines: None,
    })
}
