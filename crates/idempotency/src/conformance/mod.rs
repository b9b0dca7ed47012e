//! A kit that holds a store to the rules of the [protocol](crate::protocol): each promise a story, told on a store of
//! its own.
//!
//! A store's author says in a [`Harness`] how a store is made and how its clock goes on, runs the kit on whatever
//! executor the store needs, and asserts the [`Report`]. A store that shares transactions with the work runs
//! [`run_tx`] as well.
//!
//! The stories ask for what a caller may rely on, not for one store's ways: a fence need not begin at one, an answer
//! about time has some leeway, and a store that deletes by itself what is over leaves less to the reaper.
//!
//! # Examples
//!
//! ```
//! # #[cfg(feature = "test-util")] {
//! use std::time::Duration;
//! use steadfast_core::VirtualRuntime;
//! use steadfast_idempotency::{MemoryStore, conformance};
//!
//! struct Memory(VirtualRuntime);
//!
//! impl conformance::Harness for Memory {
//!     type Store = MemoryStore<VirtualRuntime>;
//!
//!     async fn fresh(&self) -> Self::Store {
//!         MemoryStore::on(self.0.clone())
//!     }
//!
//!     async fn advance(&self, _store: &Self::Store, by: Duration) {
//!         self.0.advance(by);
//!     }
//! }
//!
//! let runtime = VirtualRuntime::new(1);
//! let report = runtime.block_on(conformance::run(&Memory(runtime.clone())));
//! report.assert_passed();
//! # }
//! ```

mod claims;
mod content;
mod fences;
mod harness;
mod keys;
mod leases;
mod mismatch;
mod reaping;
mod report;
mod resolving;
mod story;
mod transactions;
mod ttl;

use self::story::Story;
pub use self::{
    harness::Harness,
    report::{Failure, Report, Verdict},
};
use crate::TxStore;

/// Tells each of these stories on a fresh store.
macro_rules! tell {
    ($harness:ident: $($chapter:ident { $($story:ident,)* })*) => {{
        let mut report = Report::default();
        $($(
            let story = Story::begin($harness).await;
            report.add(stringify!($story), $chapter::$story(&story).await);
        )*)*
        report
    }};
}

/// Tells every story on a fresh store, one after the other, and says how each went.
pub async fn run<H: Harness>(harness: &H) -> Report {
    tell! { harness:
        claims {
            an_absent_key_is_granted,
            one_of_many_claimants_is_granted,
            a_second_claimant_is_told_how_long_it_takes,
            a_repeated_claim_is_the_same_claim,
            a_repeated_claim_holds_from_then_on,
        }
        mismatch {
            another_payload_is_refused_in_flight,
            another_payload_is_refused_after_the_lease,
            another_payload_is_refused_once_completed,
            another_payload_is_refused_once_released,
            another_payload_is_refused_while_indeterminate,
        }
        leases {
            a_lapsed_claim_becomes_indeterminate,
            a_lapsed_claim_is_taken_over,
            what_is_indeterminate_is_taken_over_by_whoever_may,
            a_renewal_extends_the_lease,
            a_renewal_never_shortens_the_lease,
            a_lapsed_lease_is_held_again,
            the_lease_is_not_the_lifetime,
            a_step_is_told_to_whoever_takes_over,
            the_clock_is_the_stores_own,
        }
        fences {
            a_taken_over_owner_cannot_renew,
            a_taken_over_owner_cannot_end_it,
            a_taken_over_owner_is_told_what_came_of_it,
            a_stranger_writes_nothing,
            a_released_key_keeps_its_row,
            a_released_owner_cannot_return,
            an_end_comes_late,
            an_end_comes_late_to_what_is_indeterminate,
            an_end_may_be_said_again,
            a_result_is_never_replaced,
            without_a_record_nothing_is_written,
        }
        ttl {
            a_result_goes_before_its_key,
            a_key_is_free_when_its_time_is_over,
            a_fence_outlives_the_lifetime,
            a_former_owner_is_told_nothing_of_another_payload,
            what_takes_longer_than_its_result_is_kept_from_its_end,
            what_is_in_flight_outlives_the_lifetime,
            what_is_indeterminate_outlives_the_lifetime,
        }
        keys {
            similar_keys_are_different,
            parts_do_not_run_together,
            a_shared_scope_is_nobodys_own,
            long_keys_differ_to_the_last_character,
        }
        resolving {
            an_unknown_ending_is_indeterminate,
            only_what_is_indeterminate_is_resolved,
            what_was_done_is_replayed,
            what_was_not_done_is_free,
            what_has_lapsed_is_resolved_before_anybody_asks,
            what_was_done_is_replayed_however_late_that_is_known,
        }
        content {
            a_record_says_what_it_is,
            results_come_back_as_they_were,
            a_large_result_comes_back,
            an_omitted_body_is_not_an_empty_one,
            a_step_is_any_text,
        }
        reaping {
            the_reaper_keeps_to_its_limit,
            the_reaper_takes_only_what_is_over,
            reapers_share_the_work,
        }
    }
}

/// Tells the stories of a store that shares transactions with the work.
pub async fn run_tx<H: Harness>(harness: &H) -> Report
where
    H::Store: TxStore,
{
    tell! { harness:
        transactions {
            a_claim_and_its_result_are_committed_together,
            what_is_rolled_back_was_never_there,
            a_takeover_is_rolled_back_too,
            one_of_two_transactions_runs,
            a_transaction_sees_what_was_committed,
            another_payload_is_refused_in_a_transaction,
            a_claim_made_outside_is_completed_inside,
            a_fenced_owner_completes_nothing,
        }
    }
}
