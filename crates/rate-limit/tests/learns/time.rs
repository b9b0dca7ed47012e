//! Time may do what it likes.

use steadfast_core::{Instant, Verdict};

use crate::common::{GOOD, Rig, THROTTLED, adaptive, ms, secs};

#[test]
fn a_clock_that_was_turned_back_does_not_stop_it() {
    let rig = Rig::throttled(adaptive().burst(1));
    rig.runtime.set_now(Instant::from_nanos(0));
    rig.pass(secs(1));
    // The bucket is that of the time before, so by hand.
    let good = |rig: &Rig| rig.record(&Verdict::success());
    good(&rig);
    let begun = rig.rate();
    rig.pass(secs(3));
    good(&rig);
    assert!(rig.rate() > begun + 10.0, "{} after {begun}", rig.rate());
}

#[test]
fn what_is_sent_is_measured_after_a_clock_was_turned_back_too() {
    let rig = Rig::new(adaptive());
    rig.steady(GOOD, ms(1), 2000);
    rig.runtime.set_now(Instant::from_nanos(0));
    rig.steady(GOOD, ms(100), 100);
    rig.one(THROTTLED);
    rig.assert_rate(7.0);
}

#[test]
fn while_the_clock_stands_still_it_only_shrinks() {
    let rig = Rig::throttled(adaptive());
    for good in 0..100 {
        rig.record(&Verdict::success());
        rig.assert_rate(70.0);
        assert!(good < 100);
    }
    rig.record(&THROTTLED.unwrap_err());
    rig.assert_rate(49.0);
}

#[test]
fn at_the_end_of_time_it_goes_on() {
    let rig = Rig::throttled(adaptive());
    rig.runtime.set_now(Instant::MAX);
    for verdict in [GOOD, THROTTLED] {
        let _ = rig.limit.try_acquire(&rig.runtime, 1);
        let verdict = verdict.map_or_else(|verdict| verdict, |()| Verdict::success());
        rig.record(&verdict);
    }
    assert!(rig.rate() > 0.0);
}
