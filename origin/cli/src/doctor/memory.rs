//! Doctor check: what is planned fits into the memory of Redis.

use super::report::DoctorFinding;
use lastseat_ledger::Facts;

/// Bytes that one order of a ticket takes in Redis, hold, buyer and log included, with ids as the
/// edge makes them. Measured: `cargo run --release -p lastseat-tests --bin tools -- ledger-cost`.
pub const BYTES_PER_ORDER: u64 = 450;
/// A rewrite of the append-only file may copy much of the memory once more while a sale goes on.
const REWRITE_FACTOR: u64 = 2;
const MIB: u64 = 1024 * 1024;

/// Whether orders for `tickets` more tickets fit.
pub(super) fn judge(facts: &Facts, tickets: u64) -> DoctorFinding {
    let subject = "memory";
    let needed = tickets.saturating_mul(BYTES_PER_ORDER);
    let used = facts.number("used_memory").unwrap_or(0);
    let plan = format!(
        "{tickets} tickets need about {} MiB ({BYTES_PER_ORDER} bytes an order)",
        needed.div_ceil(MIB)
    );
    let limit = facts.number("maxmemory").filter(|limit| *limit > 0);
    if let Some(limit) = limit
        && used.saturating_add(needed) > limit
    {
        let wanted = used.saturating_add(needed).saturating_add(needed / 4).div_ceil(MIB);
        return DoctorFinding::fail(
            subject,
            format!(
                "{plan}, but of maxmemory {} MiB only {} MiB are free: orders would be refused",
                limit / MIB,
                limit.saturating_sub(used) / MIB
            ),
            format!("redis-cli CONFIG SET maxmemory {wanted}mb, and the same in redis.conf"),
        );
    }
    let Some(total) = facts.number("total_system_memory").filter(|n| *n > 0) else {
        return DoctorFinding::ok(subject, plan);
    };
    let at_worst = used.saturating_add(needed).saturating_mul(REWRITE_FACTOR);
    if at_worst > total {
        return DoctorFinding::fail(
            subject,
            format!(
                "{plan}; while the append-only file is rewritten up to {} MiB, and the machine of \
                 Redis \
                 has {} MiB",
                at_worst / MIB,
                total / MIB
            ),
            "use a machine with more memory, or sell in several sales on several servers",
        );
    }
    DoctorFinding::ok(subject, format!("{plan}, of {} MiB", total / MIB))
}

#[cfg(test)]
mod tests {
    use super::super::report::Level;
    use super::*;

    fn level(info: &str, tickets: u64) -> Level {
        judge(&Facts::of(info, &[]), tickets).level
    }

    #[test]
    fn a_sale_has_to_fit_below_the_limit_and_into_the_machine() {
        let limited = "used_memory:1000000\nmaxmemory:104857600\ntotal_system_memory:8589934592";
        assert_eq!(level(limited, 10_000), Level::Ok);
        assert_eq!(level(limited, 1_000_000), Level::Fail);
        let small = "used_memory:1000000\nmaxmemory:0\ntotal_system_memory:536870912";
        assert_eq!(level(small, 10_000), Level::Ok);
        assert_eq!(level(small, 10_000_000), Level::Fail);
        assert_eq!(level("", u64::MAX), Level::Ok);
    }
}
