//! Audit findings by kind, and what could not be checked.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Findings of one kind that a report names; more are only counted.
const NAMED: usize = 50;
/// Things of a report that could not be checked; more are left out.
const NOT_CHECKED_MAX: usize = 50;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $remedy:literal;)*) => {
        /// What kind of damage a finding is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[derive(Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum FindingKind {
            $($(#[$doc])* $kind,)*
        }

        impl FindingKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// What to do about it.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self {
                    $(Self::$kind => $remedy,)*
                }
            }
        }
    };
}

kinds! {
    /// The sale's own hash is missing while others of its keys exist.
    SaleMissing "find out who deleted it. `lastseat audit --repair-plan` makes it anew from a \
        whole log; otherwise \
        restore a backup";
    /// A key is of another type.
    WrongType "find out who wrote it. `lastseat audit --repair-plan` sets it aside and makes the \
        key anew where \
        the others have what it had";
    /// The hash of the orders is missing although the sale had orders.
    OrdersMissing "restore a backup, or `lastseat audit --repair-plan` where the log is whole";
    /// A field of the sale is missing.
    FieldMissing "`lastseat audit --repair-plan` sets it from orders and log";
    /// A field of the sale is no number, state or format that lastseat writes.
    FieldInvalid "`lastseat audit --repair-plan` sets it from orders and log";
    /// The counters say that more tickets are taken than exist.
    CountersAboveCapacity "do not sell. `lastseat audit --repair-plan` sets the counters from the \
        orders";
    /// Orders have more tickets than exist.
    Oversold "do not sell. Raise the capacity or cancel orders: `lastseat audit --repair-plan \
        --capacity N` names both";
    /// The counter of held or confirmed tickets differs from the orders.
    Counter "`lastseat audit --repair-plan` sets the counter from the orders";
    /// Capacity, state, terms or version differ from what the log says.
    FieldAgainstLog "`lastseat audit --repair-plan` brings the sale in line with its log";
    /// A field of the orders is no order id.
    RecordForeign "find out who wrote it. `lastseat audit --repair-plan` removes it";
    /// A record is not one that lastseat writes.
    RecordInvalid "`lastseat audit --repair-plan` writes it anew from the log, where the log has \
        the order";
    /// An order is in the log and has no record.
    RecordMissing "`lastseat audit --repair-plan` writes it anew from the log";
    /// A record differs from what the log says of the order.
    RecordAgainstLog "choose which of them stands: `lastseat audit --repair-plan --trust log` or \
        `--trust records`";
    /// A record of an order that a whole log does not have.
    RecordUnlogged "choose whether it stands: `lastseat audit --repair-plan --trust log` or \
        `--trust records`";
    /// A field of the buyers is no buyer's id.
    BuyerForeign "find out who wrote it. `lastseat audit --repair-plan` removes it";
    /// A buyer's tally differs from the orders, or is no number.
    Tally "`lastseat audit --repair-plan` sets the tally from the orders";
    /// More ended orders of a buyer are counted than there are, or the count is no number.
    Ended "`lastseat audit --repair-plan` sets the count from the orders";
    /// A member of the holds is no order id.
    HoldForeign "find out who wrote it. `lastseat audit --repair-plan` removes it";
    /// A hold differs from the deadline in the order's record, is missing, or has no held order.
    Hold "`lastseat audit --repair-plan` sets the hold from the orders";
    /// A field that follows from the plan of the sale, or the plan itself, is not as it should be.
    PlanField "`lastseat audit --repair-plan` sets it from the plan";
    /// The seats of a sale with a plan are missing, or are not those of its plan.
    SeatsInvalid "`lastseat audit --repair-plan` makes them anew from the orders";
    /// A seat is taken by nobody, or free although an order has it.
    Seat "`lastseat audit --repair-plan` sets the seats from the orders";
    /// The number of held places of a class, or of places of a quota in use, differs from the
    /// orders.
    Places "`lastseat audit --repair-plan` sets the number from the orders";
    /// Two orders have the same seat on the same leg.
    SeatTwice "do not sell. Cancel one of both orders, then `lastseat audit --repair-plan`";
    /// Orders have more places of a quota than there are.
    QuotaExceeded "do not sell. Cancel orders, then `lastseat audit --repair-plan`";
    /// The log is missing.
    LogMissing "find out who deleted it; what its readers have not read is lost to them. \
        `lastseat audit \
        --repair-plan` begins a new one that says so";
    /// The log begins after what was acknowledged, with entries that nobody acknowledged gone.
    LogTrimmed "find out who trimmed it; what its readers have not read is lost to them: give \
        them `lastseat orders \
        export`. `lastseat audit --repair-plan` acknowledges what is gone";
    /// Entries are missing inside the log.
    LogGap "what readers have not read before it is lost to them: give them `lastseat orders \
        export`. `lastseat audit \
        --repair-plan` ends the log before it";
    /// An entry of the log is not one that lastseat writes.
    LogEntryInvalid "find out who wrote it. `lastseat audit --repair-plan` removes it or ends the \
        log before it";
    /// The log ends before the sale's commit_seq.
    LogBehind "`lastseat audit --repair-plan` adds an entry that says what was lost";
    /// The log has entries after the sale's commit_seq: a script was carried out by half.
    LogAhead "`lastseat audit --repair-plan` finishes what the entry says; with `--ahead undo` it \
        takes it back";
    /// The log gave a higher number than it has and the sale has: its next entry would be
    /// refused.
    LogNumberAhead "`lastseat audit --repair-plan` sets the number back";
    /// After an entry of the log more tickets were taken than existed.
    LogOversold "do not sell. Two scripts gave the same ticket: report it with this audit and the \
        append-only file";
    /// An entry changes an order that the log does not have.
    LogContradiction "find out who wrote into the log; report it with this audit and the \
        append-only file";
    /// More is acknowledged than the log ever had.
    AcknowledgedAhead "`lastseat audit --repair-plan` sets acked_seq to what the log has";
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Finding {
    /// What kind of damage it is.
    pub kind: FindingKind,
    /// What is damaged, by name.
    pub what: String,
    /// What the orders, or the log, say; absent where they say nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records_say: Option<String>,
    /// What lies in the ledger instead; absent where nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger_says: Option<String>,
    /// What to do about it.
    pub remedy: String,
}

/// Something that an audit could not check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NotChecked {
    /// What was not checked.
    pub what: String,
    /// Why not.
    pub why: String,
    /// Whether that keeps the audit from being `ok`. It does where damage may be hidden by it; it
    /// does not where a sale that is as it should be looks like that, such as one whose log was
    /// acknowledged and trimmed.
    pub matters: bool,
}

/// What was found so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub differences: Vec<String>,
    pub findings: Vec<Finding>,
    pub by_kind: BTreeMap<FindingKind, u64>,
    pub not_checked: Vec<NotChecked>,
    more_not_checked: bool,
}

impl Found {
    /// How many findings are not named.
    pub(super) fn more(&self) -> u64 {
        self.by_kind.values().sum::<u64>() - self.findings.len() as u64
    }

    /// Whether nothing differs and nothing that matters was left unchecked.
    pub(super) fn is_clean(&self) -> bool {
        let matters = self.not_checked.iter().any(|thing| thing.matters);
        self.findings.is_empty() && !matters && !self.more_not_checked
    }

    /// Notes that the orders and the ledger say different things of `what`.
    pub(super) fn differs(
        &mut self,
        kind: FindingKind,
        what: String,
        records_say: Option<String>,
        ledger_says: Option<String>,
    ) {
        let word = |said: &Option<String>| said.clone().unwrap_or_else(|| "none".to_owned());
        let sentence = format!(
            "{what}: the orders say {}, the ledger says {}",
            word(&records_say),
            word(&ledger_says)
        );
        self.note_as(kind, what, sentence, records_say, ledger_says);
    }

    /// Notes what `what` says in full.
    pub(super) fn note(&mut self, kind: FindingKind, what: String) {
        self.note_as(kind, what.clone(), what, None, None);
    }

    /// As [`Found::differs`], with a sentence of its own.
    pub(super) fn note_as(
        &mut self,
        kind: FindingKind,
        what: String,
        sentence: String,
        records_say: Option<String>,
        ledger_says: Option<String>,
    ) {
        let count = self.by_kind.entry(kind).or_default();
        *count += 1;
        if *count > NAMED as u64 {
            return;
        }
        self.differences.push(sentence);
        self.findings.push(Finding {
            kind,
            what,
            records_say,
            ledger_says,
            remedy: kind.remedy().to_owned(),
        });
    }

    /// Notes what was not checked; see [`NotChecked::matters`].
    pub(super) fn not_checked(&mut self, what: impl Into<String>, why: String, matters: bool) {
        if self.not_checked.len() < NOT_CHECKED_MAX {
            let what = what.into();
            self.not_checked.push(NotChecked { what, why, matters });
        } else {
            self.more_not_checked |= matters;
        }
    }
}
