//! The known ways to get an edge quota wrong, one test each. Those that show at a single gate or
//! grant are unit tests in `shared` (docs/QUOTA.md lists all nine).

use lastseat_tests::simulator::scale::{ScaleScenario, run};

/// 6,000 isolates, all with buyers all the time.
fn many() -> ScaleScenario {
    ScaleScenario {
        buyers: 300_000,
        burst_ms: 3_000,
        zipf: 0.0,
        tickets: 6_000,
        ..ScaleScenario::default()
    }
}

#[test]
fn no_ticket_is_left_over_when_every_share_is_below_one() {
    let report = run(&ScaleScenario { tickets: 50, ..many() });
    assert_eq!((report.sold, report.unsold), (50, 0), "{report}");
}

/// A fifth of the rush of `make swarm`: 1,200 isolates.
fn fifth() -> ScaleScenario {
    ScaleScenario { locations: 60, buyers: 200_000, tickets: 2_000, ..ScaleScenario::default() }
}

#[test]
fn isolates_that_are_reset_do_not_mint_a_quota_that_matters() {
    let calm = run(&fifth());
    let reset = run(&ScaleScenario { evictions: 0.5, ..fifth() });
    let extra = reset.origin_requests.saturating_sub(calm.origin_requests);
    // Half of 1,200 isolates forget everything within the second; each may ask once more.
    assert!(extra <= 660, "{extra} more requests: {reset}");
    assert_eq!(reset.wrong_refusals, 0, "{reset}");
    assert_eq!(reset.unsold, 0, "{reset}");
}

#[test]
fn more_isolates_in_a_location_do_not_each_get_the_quota_of_an_edge() {
    for isolates in [1, 5, 20] {
        let report = run(&ScaleScenario { isolates, ..fifth() });
        assert_eq!(report.unsold, 0, "{report}");
        let before = report.requests_per_ticket_before();
        assert!(before < 1.3, "{isolates} isolates: {report}");
    }
}

#[test]
fn a_cached_sold_out_hides_a_returned_ticket_for_less_than_a_second() {
    let report = run(&ScaleScenario { returns: vec![(1_200, 20), (1_900, 200)], ..many() });
    assert_eq!(report.sold, 6_220, "{report}");
    assert!(report.resold_ms.is_some_and(|ms| ms <= 1_000), "{report}");
    assert!(report.unaware_of_return_ms <= 1_000, "{report}");
}

#[test]
fn a_slow_edge_gets_its_part() {
    // Tickets last for seconds, so that a far edge has the time to ask.
    let report = run(&ScaleScenario {
        locations: 40,
        isolates: 2,
        far: 0.3,
        buyers: 100_000,
        burst_ms: 10_000,
        tickets: 50_000,
        ..ScaleScenario::default()
    });
    let (wanted, got) = (report.far_share_of_buyers, report.far_share_of_sales);
    assert!(wanted > 0.05, "there are far edges: {report}");
    assert!(got > wanted / 2.0, "{report}");
}

#[test]
fn edges_do_not_probe_at_the_same_instant() {
    let report = run(&ScaleScenario { burst_ms: 6_000, buyers: 1_000_000, ..many() });
    let probes: Vec<u32> =
        report.timeline.iter().skip(60).take(60).map(|slot| slot.reached).collect();
    let mean = probes.iter().sum::<u32>() / probes.len() as u32;
    let peak = probes.iter().copied().max().unwrap_or(0);
    assert!(mean > 100, "all are probing: {probes:?}");
    assert!(peak < 3 * mean, "a peak of {peak} requests in 50 ms, {mean} on average: {probes:?}");
}

#[test]
fn what_quiet_edges_do_not_use_goes_to_the_busy_ones() {
    // The first location has most buyers; 1,999 isolates elsewhere ask now and then.
    let report = run(&ScaleScenario {
        locations: 200,
        isolates: 10,
        zipf: 3.0,
        buyers: 60_000,
        burst_ms: 12_000,
        tickets: 10_000,
        ..ScaleScenario::default()
    });
    // 5,000 buyers come a second: the tickets could be gone after two seconds.
    assert!(report.sold_out_ms.is_some_and(|ms| ms < 4_000), "{report}");
}
