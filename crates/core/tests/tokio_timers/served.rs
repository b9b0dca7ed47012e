//! Whichever timer a sleep takes, it is ready at its own time.

use std::time::Duration;

use tokio::time::{advance, pause};

use crate::{ByHand, ROUNDING, SECOND, keep, keep_one, on_tokio};

#[test]
fn a_later_sleep_on_a_timer_that_was_kept_is_ready_at_its_own_time() {
    on_tokio(async {
        keep_one(5 * SECOND);
        pause();
        let mut sleep = ByHand::armed(9 * SECOND);
        advance(9 * SECOND - ROUNDING).await;
        assert!(sleep.is_pending());
        assert_eq!(sleep.woken.times(), 1, "by the kept one, which fired");
        advance(2 * ROUNDING).await;
        assert_eq!(sleep.woken.times(), 2);
        assert!(sleep.is_ready());
    });
}

#[test]
fn of_the_timers_that_were_kept_it_takes_the_one_that_is_put_off_the_least() {
    for (wait, woken_early) in [(2, 1), (4, 3), (6, 5), (8, 7), (9, 7)] {
        on_tokio(async move {
            let mut at_once = [5, 7, 1, 3].map(|kept| ByHand::after(kept * SECOND));
            assert!(at_once.iter_mut().all(ByHand::is_pending));
            drop(at_once);
            pause();
            let sleep = ByHand::armed(wait * SECOND);
            advance(woken_early * SECOND - SECOND / 2).await;
            assert_eq!(sleep.woken.times(), 0, "{wait} s");
            advance(SECOND).await;
            assert_eq!(sleep.woken.times(), 1, "{wait} s");
        });
    }
}

#[test]
fn an_earlier_sleep_does_not_wait_for_a_timer_that_was_kept() {
    on_tokio(async {
        keep_one(10 * SECOND);
        pause();
        let mut sleep = ByHand::armed(SECOND);
        advance(SECOND + ROUNDING).await;
        assert_eq!(sleep.woken.times(), 1);
        assert!(sleep.is_ready());
    });
}

#[test]
fn a_timer_that_fired_while_it_was_kept_serves_again() {
    on_tokio(async {
        keep_one(SECOND);
        pause();
        advance(2 * SECOND).await;
        let mut sleep = ByHand::armed(SECOND);
        assert_eq!(sleep.woken.times(), 0);
        advance(SECOND + ROUNDING).await;
        assert_eq!(sleep.woken.times(), 1);
        assert!(sleep.is_ready());
    });
}

#[test]
fn more_than_a_thread_keeps_are_served_all_the_same() {
    on_tokio(async {
        keep(1000, 5 * SECOND);
        keep(1000, 3 * SECOND);
        pause();
        let mut sleeps: Vec<_> = (1..=1000)
            .map(|number| ByHand::after(number * Duration::from_millis(10)))
            .collect();
        assert!(sleeps.iter_mut().all(ByHand::is_pending));
        for number in 0..1000 {
            advance(9 * ROUNDING).await;
            assert!(sleeps[number].is_pending(), "{number}");
            advance(ROUNDING).await;
            assert!(number == 0 || sleeps[number - 1].is_ready(), "{number}");
        }
    });
}
