//! What can be built, and what cannot.

use std::time::Duration;

use steadfast_core::InvalidConfig;
use steadfast_idempotency::{Finding, IdempotencyBuilder, Raw};

use crate::support::{Fake, Rig, ms, secs};

fn built(
    set: impl FnOnce(IdempotencyBuilder<Fake>) -> IdempotencyBuilder<Fake>,
) -> Result<(), InvalidConfig> {
    set(Rig::new().builder()).build().map(drop)
}

#[test]
fn a_setting_out_of_its_range_names_itself_its_value_and_the_range() {
    let day = secs(24 * 60 * 60);
    let text = |result: Result<(), InvalidConfig>| result.unwrap_err().to_string();
    assert_eq!(
        text(built(|b| b.lease(ms(9)))),
        "`lease` is 9ms; allowed: 10ms to 86400s"
    );
    assert!(built(|b| b.lease(ms(10))).is_ok() && built(|b| b.lease(day)).is_ok());
    assert!(built(|b| b.lease(day + ms(1))).is_err());
    assert_eq!(
        text(built(|b| b.result_ttl(ms(999)))),
        "`result_ttl` is 999ms; allowed: 1s to 3155760000s"
    );
    assert_eq!(
        text(built(|b| b.key_ttl(secs(5)))),
        "`key_ttl` is 5s; allowed: 86400s to 3155760000s"
    );
    assert!(built(|b| b.key_ttl(day)).is_ok());
    // Whose result is kept for longer than keys are by default, and who did not say how long they are.
    assert!(built(|b| b.result_ttl(60 * day)).is_ok());
    assert!(built(|b| b.key_ttl(31 * day).result_ttl(60 * day)).is_err());
    assert!(built(|b| b.result_ttl(60 * day).key_ttl(31 * day)).is_err());
    assert_eq!(
        text(built(|b| b.store_patience(Duration::ZERO))),
        "`store_patience` is 0ns; allowed: 1ms to 3600s"
    );
    assert_eq!(
        text(built(|b| b.wait_in_flight(Duration::ZERO))),
        "`wait_in_flight` is 0ns; allowed: 1ms to 86400s"
    );
    assert!(built(|b| b.wait_in_flight(Duration::ZERO).reject_in_flight()).is_ok());
    assert_eq!(
        text(built(|b| b.max_result((1 << 30) + 1))),
        "`max_result` is 1073741825; allowed: 0 to 1073741824"
    );
    assert!(built(|b| b.max_result(0)).is_ok());
}

#[test]
fn a_codec_that_comes_after_the_callback_is_refused() {
    let late = |b: IdempotencyBuilder<Fake>| {
        b.recover(|_| async { Finding::<String>::Unknown })
            .codec(Raw)
    };
    assert_eq!(
        built(late).unwrap_err().to_string(),
        "`codec` is set after `recover`; allowed: before it"
    );
    assert!(
        built(|b| b
            .codec(Raw)
            .recover(|_| async { Finding::<String>::Unknown }))
        .is_ok()
    );
}
