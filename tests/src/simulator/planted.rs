//! Faults that the simulator can be told to have, one at a time, to show that it would notice.
//! Production code has none of them: the simulator's shell does something wrong, or hands something
//! wrong to the rules.

use clap::ValueEnum;

/// A deliberate fault. Those from `FenceIsOpen` on are of recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Planted {
    /// The ledger compares `capacity >= taken` before it adds, as a published script does.
    OneTooMany,
    /// A hold that expires does not give its tickets back.
    ExpiryKeepsTickets,
    /// The ledger does not know an order id again.
    ReplayNotRecognised,
    /// The edge makes a new order id when it asks a second origin.
    NewIdOnRetry,
    /// The edge tells the second origin nothing of the first one that may have carried the order
    /// out.
    RepeatNotTold,
    /// A node sends a batch again under new ids.
    NewIdsOnResend,
    /// A node says that nothing happened when it does not know, and the client buys anew.
    UnknownBecomesUnavailable,
    /// A node answers "sold out" when the ledger is away.
    FaultIsSoldOut,
    /// A node says "sold out" when its own share rounds down to zero.
    ShareRoundsToZero,
    /// A node forgets the order that the last batch had no stock for.
    LeftOverDropped,
    /// A node says "yes" before the ledger does.
    YesBeforeTheLedger,
    /// A node hands a batch's verdicts out in another order.
    VerdictsSwapped,
    /// A node does not ask the ledger whether its "no" still stands.
    NoIsNeverChecked,
    /// The edge believes a hint of an older version.
    OlderHintBelieved,
    /// A latched edge lets nobody through to look.
    LatchNeverProbes,
    /// The edge goes by a clock that can be set back.
    ClockGoesBack,
    /// The edge forgets a request that waits for a beat.
    BeatForgotten,
    /// What gives a seat back frees it on one leg more than it had.
    OneLegTooManyFreed,
    /// The ledger says "sold out" where places are only held.
    HeldIsSoldOut,
    /// A node gives a whole order back where a part of it was named.
    PartTakenForWhole,
    /// While a sale may lack acknowledged orders, it sells.
    FenceIsOpen,
    /// An order is read in a sale that may lack acknowledged orders.
    ReadPassesTheFence,
    /// A node declares a history before it has registered what it may have to restore.
    DeclaredUnregistered,
    /// Nodes are waited for from the beginning of a recovery, not from their silence.
    PatienceFromTheBeginning,
    /// Numbers of the log that were lost are given again.
    NumbersGivenAgain,
    /// A node makes its last pass at once: holds take tickets before all confirmed orders have
    /// room.
    PassSkipped,
    /// An answer to what was asked before the journal was read is acknowledged.
    LateAnswerAcknowledged,
    /// A node that is killed loses its journal.
    JournalLostWithNode,
    /// Each request for a sale that stands still makes its node register and begin its passes anew.
    BegunAnewByEachRequest,
    /// An order that is restored gets other seats than it had.
    OtherSeatsRestored,
}

impl Planted {
    /// Those that show without files that lose their end, or the others, which are of recovery.
    /// `PatienceFromTheBeginning` and `LateAnswerAcknowledged` can be planted and were not found in
    /// 40,000 seeds.
    pub fn to_be_found(of_recovery: bool) -> impl Iterator<Item = Self> {
        let unfound = [Self::PatienceFromTheBeginning, Self::LateAnswerAcknowledged];
        let all = Self::value_variants().iter().copied();
        all.filter(move |fault| {
            !unfound.contains(fault) && (*fault >= Self::FenceIsOpen) == of_recovery
        })
    }
}
