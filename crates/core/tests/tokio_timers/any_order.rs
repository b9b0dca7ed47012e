//! Sleeps in any order, some of them on timers that were kept.

use std::time::Duration;

use proptest::{collection::vec, prelude::*};
use steadfast_core::{Instant, Runtime as _, TokioRuntime};
use tokio::time::{advance, pause};

use crate::{ByHand, ROUNDING, on_tokio};

#[derive(Clone, Copy, Debug)]
enum Step {
    Sleep(u64),
    Drop(usize),
    Advance(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1..5000_u64).prop_map(Step::Sleep),
        2 => any::<usize>().prop_map(Step::Drop),
        2 => (1..2000_u64).prop_map(Step::Advance),
    ];
    vec(step, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is kept, dropped and taken again: each is ready from its own time on, and woken for it.
    #[test]
    fn each_is_ready_at_its_own_time(kept in vec(1..5000_u64, 0..300), steps in steps()) {
        on_tokio(async move {
            let mut at_once: Vec<_> = kept
                .into_iter()
                .map(|wait| ByHand::after(Duration::from_millis(wait)))
                .collect();
            assert!(at_once.iter_mut().all(ByHand::is_pending));
            drop(at_once);
            pause();
            let mut under_way: Vec<(Instant, ByHand)> = Vec::new();
            for step in steps {
                match step {
                    Step::Sleep(wait) => {
                        let at = TokioRuntime.now() + Duration::from_millis(wait);
                        let mut sleep = ByHand::until(at);
                        assert!(sleep.is_pending());
                        under_way.push((at, sleep));
                    }
                    Step::Drop(_) if under_way.is_empty() => {}
                    Step::Drop(which) => drop(under_way.swap_remove(which % under_way.len())),
                    Step::Advance(by) => {
                        advance(Duration::from_millis(by)).await;
                        let now = TokioRuntime.now();
                        under_way.retain_mut(|(at, sleep)| {
                            let must_be = *at + ROUNDING <= now;
                            assert!(!must_be || sleep.woken.times() > 0);
                            let is_ready = sleep.is_ready();
                            assert!(if is_ready { *at <= now } else { !must_be });
                            !is_ready
                        });
                    }
                }
            }
        });
    }
}
