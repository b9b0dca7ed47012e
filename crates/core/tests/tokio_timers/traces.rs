//! A sleep leaves no waker behind, and takes no more of a task's budget than tokio's.

use std::{
    future::Future,
    sync::{Arc, Weak},
    task::{Context, Waker},
};

use tokio::time::{advance, pause};

use crate::{ByHand, ROUNDING, SECOND, keep, keep_one, on_tokio};

#[test]
fn a_sleep_that_is_dropped_holds_no_waker() {
    on_tokio(async {
        let sleep = ByHand::armed(SECOND);
        let woken = Arc::downgrade(&sleep.woken);
        drop(sleep);
        assert_eq!(Weak::strong_count(&woken), 0);
    });
}

#[test]
fn nor_does_one_whose_task_has_used_up_its_budget() {
    on_tokio(async {
        let mut sleep = ByHand::armed(SECOND);
        let woken = Arc::downgrade(&sleep.woken);
        while tokio::task::coop::has_budget_remaining() {
            use_up_some();
        }
        assert!(sleep.is_pending());
        drop(sleep);
        assert_eq!(Weak::strong_count(&woken), 0);
    });
}

/// One unit of the task's budget.
fn use_up_some() {
    let mut nobody = Context::from_waker(Waker::noop());
    let unit = std::pin::pin!(tokio::task::coop::consume_budget());
    assert!(unit.poll(&mut nobody).is_ready());
}

#[test]
fn nor_does_one_that_has_fired() {
    on_tokio(async {
        keep_one(SECOND);
        pause();
        let mut sleep = ByHand::armed(2 * SECOND);
        advance(2 * SECOND + ROUNDING).await;
        assert!(sleep.is_ready());
        assert!(sleep.is_ready(), "and it stays ready");
        let woken = Arc::downgrade(&sleep.woken);
        assert_eq!(format!("{:?}", sleep.sleep), "TokioSleep(fired)");
        drop(sleep);
        assert_eq!(Weak::strong_count(&woken), 0);
    });
}

#[test]
fn a_timer_that_is_kept_wakes_nobody() {
    on_tokio(async {
        let sleep = ByHand::armed(SECOND);
        let woken = sleep.woken.clone();
        drop(sleep);
        pause();
        advance(10 * SECOND).await;
        assert_eq!(woken.times(), 0);
    });
}

#[test]
fn sleeps_that_only_wait_use_up_no_budget() {
    on_tokio(async {
        keep(300, SECOND);
        pause();
        advance(2 * SECOND).await;
        tokio::task::yield_now().await;
        // On timers that have fired while they were kept.
        keep(300, SECOND);
        assert!(tokio::task::coop::has_budget_remaining());
    });
}

#[test]
fn sleeps_that_fire_use_up_as_much_as_those_of_tokio() {
    on_tokio(async {
        pause();
        let mut sleeps: Vec<_> = (0..300).map(|_| ByHand::after(SECOND)).collect();
        assert!(sleeps.iter_mut().all(ByHand::is_pending));
        advance(2 * SECOND).await;
        tokio::task::yield_now().await;
        let has_fired = |sleep: &mut ByHand| {
            tokio::task::coop::has_budget_remaining().then(|| sleep.is_ready())
        };
        let fired = sleeps.iter_mut().map_while(has_fired);
        assert_eq!(fired.filter(|fired| *fired).count(), 128);
    });
}
