//! OpenAPI examples, made by the types themselves.

use crate::api::event_line::{self, EventLine};
use crate::api::leg_bodies::SaleLegs;
use crate::api::overview_bodies::{OverviewNumbers, OverviewSale, SalesOverview};
use crate::api::sale_bodies::SaleReport;
use crate::api::seat_bodies::{PlanView, SeatsLeft, SeatsWanted};
use crate::sale_history::{HistoryStep, SaleHistory};
use crate::sale_seats::SeatsView;
use crate::status::ClusterStatus;
use lastseat_ledger::{AuditReport, SeatsRead};
use shared::domain::order_number::order_number;
use shared::domain::sale::PageTerms;
use shared::ledger_model::event_log::{Entry, Event};
use shared::plan::Plan;
use shared::seats::order_lines::claims_of_text;
use shared::wire::messages::{EventView, OrderView, SaleView};
use shared::wire::seat_lines::RefusedLine;
use shared::{
    BuyerId, Code, EventDetails, OrderId, OrderState, Problem, Refusal, SaleId, SaleState,
};
use shared::{Snapshot, Terms, UnixMillis};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use utoipa::openapi::example::Example;

/// An order id as the edge makes them.
pub(super) const ORDER: &str = "01a206a1-4986-71b9-82fc-1638e7e87c78";
/// The moment of the examples: 2026-11-23T03:32:43.147Z.
const NOW: u64 = 1_795_404_763_147;
/// How long the holds of the examples last, in milliseconds.
pub(super) const HOLD_MS: u64 = 600_000;

/// An order in some state.
pub(super) fn order(state: OrderState) -> OrderView {
    let now = UnixMillis(NOW);
    let (sale, _) = demo(SaleState::Open);
    OrderView {
        order_id: ORDER.to_owned(),
        number: order_number(&sale, &OrderId::parse(ORDER).expect("a UUID")),
        sale: sale.to_string(),
        buyer: "ada".to_owned(),
        quantity: 1,
        state,
        created_at: now,
        paid: state == OrderState::Confirmed,
        expires_at: (state == OrderState::Held).then_some(now.plus(HOLD_MS)),
        pay_url: None,
        lines: Vec::new(),
        confirmed_at: None,
        reference: None,
        metadata: None,
    }
}

/// A sale for the public.
pub(super) fn sale() -> SaleView {
    let (id, snapshot) = demo(SaleState::Open);
    SaleView::new(&id, &snapshot, &PageTerms::default())
}

/// What a sale sells, in words.
pub(super) fn event_view() -> EventView {
    let event = EventDetails {
        title: "Spring concert".to_owned(),
        starts_at: Some(UnixMillis(NOW)),
        zone: "Europe/Berlin".to_owned(),
        place: "City hall, Berlin".to_owned(),
        organiser: "City orchestra".to_owned(),
        price: "EUR 25".to_owned(),
        colour: "#0d6b4f".to_owned(),
        ..EventDetails::default()
    };
    let starts_local = Some("2026-11-23T04:32".to_owned());
    EventView { sale: "demo".to_owned(), event: Some(event), starts_local }
}

/// A short train.
fn train() -> Plan {
    let train = r#"{"stops": ["VNP", {"id": "NKH", "name": "Nanjing South"}, "AOH"],
        "classes": [{"id": "second", "name": "Second class",
        "coaches": [{"ids": "3-4", "rows": "1-18", "letters": "ABC DF"}]}]}"#;
    Plan::from_json(train).expect("a plan")
}

/// What that train sells.
pub(super) fn plan() -> PlanView {
    PlanView::new(&SaleId::parse("G1").expect("a word of letters"), &train())
}

/// What is left of it.
pub(super) fn seats() -> SeatsLeft {
    let wanted = SeatsWanted { class: Some(0), block: None, journey: None };
    SeatsLeft::new(&SaleId::parse("G1").expect("a word of letters"), &seats_view(), wanted)
}

/// The same for operators.
pub(super) fn legs() -> SaleLegs {
    SaleLegs::new(&SaleId::parse("G1").expect("a word of letters"), &seats_view())
}

fn seats_view() -> SeatsView {
    let plan = Arc::new(train());
    let mut book = plan.seat_book().expect("a book");
    let claims = claims_of_text("0.0-1.2=55+56").expect("claims");
    book.take(&claims).expect("free seats");
    let held = vec![vec![0; plan.legs()]];
    SeatsView::new(plan, SeatsRead { book, held }, 1, UnixMillis(NOW))
}

/// A sale for operators.
pub(super) fn report(state: SaleState) -> SaleReport {
    let (id, snapshot) = demo(state);
    SaleReport::new(&id, &snapshot, None)
}

/// A clean audit.
pub(super) fn audit() -> AuditReport {
    let (id, snapshot) = demo(SaleState::Open);
    let states = [("held", 310), ("confirmed", 5_120), ("cancelled", 12), ("expired", 40)];
    AuditReport {
        sale: id.to_string(),
        capacity: snapshot.capacity.into(),
        free: snapshot.free().into(),
        held: snapshot.held.into(),
        confirmed: snapshot.confirmed.into(),
        orders: states.map(|(state, n)| (state.to_owned(), n)).into(),
        commit_seq: snapshot.commit_seq,
        log_from: 1,
        orders_in_log: 5_482,
        ok: true,
        differences: Vec::new(),
        more_differences: 0,
        findings: Vec::new(),
        kinds: BTreeMap::new(),
        not_checked: Vec::new(),
        legs: Vec::new(),
    }
}

/// The status of a quiet cluster.
pub(super) fn status() -> ClusterStatus {
    ClusterStatus {
        at: UnixMillis(NOW),
        nodes: Vec::new(),
        sales: Vec::new(),
        more_sales: 0,
        live_edges: 1,
        happenings: Vec::new(),
        alarms: Vec::new(),
        edges: Vec::new(),
        more_edges: 0,
    }
}

/// An overview of one sale.
pub(super) fn overview() -> SalesOverview {
    let (id, snapshot) = demo(SaleState::Open);
    let sale = OverviewSale {
        sale: id.to_string(),
        title: Some("Spring concert".to_owned()),
        numbers: Some(OverviewNumbers::of(&snapshot)),
        asked_per_second: Some(1_240.5),
        taken_per_second: Some(31.0),
        alarm: None,
    };
    SalesOverview { at: UnixMillis(NOW), sales: vec![sale], more: 0 }
}

/// The history of a sale of which something was asked three seconds ago.
pub(super) fn history() -> SaleHistory {
    let (id, _) = demo(SaleState::Open);
    let seconds = HistoryStep {
        every_ms: 1_000,
        from: UnixMillis(NOW / 1_000 * 1_000 - 3_000),
        asked: vec![Some(1_240.5), None, Some(1_198.0)],
        refused_at_edge: vec![Some(1_180.0), None, Some(1_150.5)],
        ledger: vec![Some(35.0), None, Some(31.0)],
        granted: vec![Some(31.0), None, Some(30.0)],
        held: vec![Some(310), None, Some(371)],
        confirmed: vec![Some(5_120), None, Some(5_120)],
    };
    SaleHistory { sale: id.to_string(), at: UnixMillis(NOW), steps: vec![seconds] }
}

/// An event of the log.
pub(super) fn event() -> EventLine {
    let (sale, _) = demo(SaleState::Open);
    let held = Event::Granted {
        id: OrderId::parse(ORDER).expect("a UUID"),
        quantity: 1,
        deadline: UnixMillis(NOW).plus(HOLD_MS),
        buyer: BuyerId::parse("ada").expect("a word of letters"),
        seats: None,
    };
    let entry = Entry {
        commit_seq: 7,
        at: UnixMillis(NOW),
        version: 1,
        events: vec![held],
        by_plan: false,
        by: None,
    };
    event_line::export(&sale, &entry, None).remove(0)
}

/// The response with `code`.
pub(super) fn problem(code: Code) -> Problem {
    let problem = Problem::new(code);
    let of_line = |line| Problem::new(code).of_line(line);
    match code {
        Code::Busy => Problem::refusal(Refusal::Busy(250)),
        Code::AllHeld => Problem::refusal(Refusal::AllHeld),
        Code::Paused => Problem::refusal(Refusal::Paused),
        Code::NotEnough => of_line(RefusedLine { free: Some(1), ..RefusedLine::default() }),
        Code::NotTogether => of_line(RefusedLine::default()),
        Code::SeatTaken | Code::LeavesSingle => of_line(RefusedLine {
            seat: Some("3-12B".to_owned()),
            instead: vec!["3-12C".to_owned()],
            ..RefusedLine::default()
        }),
        Code::NotOpen => Problem::refusal(Refusal::NotOpen(Some(UnixMillis(NOW).plus(HOLD_MS)))),
        Code::Unavailable | Code::OutcomeUnknown => problem.retry_after(1_000),
        _ => problem,
    }
}

/// The same as an example of a document.
pub(super) fn of_code(code: Code) -> Example {
    Example::builder().summary(code.title()).value(serde_json::to_value(problem(code)).ok()).build()
}

/// All codes as a table.
pub(super) fn of_all_codes() -> String {
    let mut table = "What can go wrong is answered as `application/problem+json` (RFC 9457) with \
        a stable `code`:\n\n\
        | code | status | meaning |\n|---|---|---|"
        .to_owned();
    for code in Code::ALL {
        // Writing to a String cannot fail.
        let _ = write!(table, "\n| `{}` | {} | {} |", code.as_str(), code.status(), code.detail());
    }
    table
}

fn demo(state: SaleState) -> (SaleId, Snapshot) {
    let snapshot = Snapshot {
        capacity: 10_000,
        held: 310,
        confirmed: 5_120,
        version: 1,
        commit_seq: 912,
        state,
        terms: Terms { hold_ms: HOLD_MS, ..Terms::default() },
        at: UnixMillis(NOW),
    };
    let id = SaleId::parse("demo").expect("a word of letters");
    (id, snapshot)
}
