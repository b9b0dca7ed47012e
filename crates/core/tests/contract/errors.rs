//! Errors: the caller's own passes through, a rejection says who did what and when to come back.

use std::{error::Error as StdError, fmt, future::ready, io, time::Duration};

use steadfast_core::{Class, Error, InvalidConfig, Rejection, RejectionKind, StopReason};

use crate::{
    Failed, SECOND, on_virtual_time,
    policies::{Pass, Refuses},
};

#[derive(Debug)]
struct Wraps(io::Error);

impl fmt::Display for Wraps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the charge was not made")
    }
}

impl StdError for Wraps {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

/// An error and its causes, as a reporter prints them.
fn chain(error: &dyn StdError) -> Vec<String> {
    let mut lines = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        lines.push(cause.to_string());
        source = cause.source();
    }
    lines
}

#[test]
fn the_operations_error_passes_through_with_its_message_and_its_causes() {
    let (runtime, pipeline) = on_virtual_time((Pass, Some(Pass)));
    let call = pipeline.call(|| ready(Err::<(), _>(Wraps(io::Error::other("no route")))));
    let error = runtime.block_on(call).unwrap_err();
    assert_eq!(chain(&error), ["the charge was not made", "no route"]);
    assert!(error.operation().is_some());
    assert!(error.rejection().is_none());
    assert!(!error.is_timed_out());
    assert_eq!(error.into_operation().unwrap().0.to_string(), "no route");
}

#[test]
fn a_rejection_is_the_whole_chain_by_itself() {
    let (runtime, pipeline) = on_virtual_time((Pass, Refuses::because("it is Sunday")));
    let error = runtime
        .block_on(pipeline.call(|| ready(Err::<(), _>(Wraps(io::Error::other("unseen"))))))
        .unwrap_err();
    assert_eq!(chain(&error), ["gate refused the call: it is Sunday"]);
    assert!(error.operation().is_none());
    let rejection = *error.rejection().unwrap();
    assert_eq!(rejection.policy(), "gate");
    assert_eq!(rejection.kind(), RejectionKind::Other("it is Sunday"));
    assert_eq!(error.into_operation().unwrap_err(), rejection);
}

#[test]
fn a_rejection_says_what_happened_and_when_to_come_back() {
    let after = Duration::from_millis(1_500);
    let messages = [
        (
            RejectionKind::TimedOut { after },
            "checkout cut the call off after 1.5s",
        ),
        (RejectionKind::CircuitOpen, "checkout is open"),
        (
            RejectionKind::BulkheadFull {
                running: 64,
                waiting: 3,
            },
            "checkout is full: 64 running, 3 waiting",
        ),
        (RejectionKind::RateLimited, "checkout has no permit left"),
        (RejectionKind::Other("no"), "checkout refused the call: no"),
    ];
    for (kind, message) in messages {
        let rejection = Rejection::new("checkout", kind);
        assert_eq!(rejection.to_string(), message);
        assert_eq!(rejection.retry_after(), None);
        let hinted = rejection.with_retry_after(SECOND * 2);
        assert_eq!(hinted.to_string(), format!("{message}; try again after 2s"));
        assert_eq!(hinted.retry_after(), Some(SECOND * 2));
        assert_eq!(Error::<Failed>::from(hinted).rejection(), Some(&hinted));
    }
}

#[test]
fn only_a_timeout_may_have_let_the_operation_run() {
    let kinds = [
        (
            RejectionKind::TimedOut { after: SECOND },
            Class::Transient,
            true,
        ),
        (RejectionKind::CircuitOpen, Class::Transient, false),
        (RejectionKind::RateLimited, Class::Overloaded, false),
        (
            RejectionKind::BulkheadFull {
                running: 1,
                waiting: 0,
            },
            Class::Overloaded,
            false,
        ),
        (RejectionKind::Other("no"), Class::Transient, false),
    ];
    for (kind, class, executed) in kinds {
        let rejection = Rejection::new("policy", kind).with_retry_after(SECOND);
        let verdict = rejection.verdict();
        assert_eq!(verdict.class(), class, "{kind:?}");
        assert_eq!(verdict.may_have_executed(), executed, "{kind:?}");
        assert_eq!(verdict.retry_after(), Some(SECOND));
        let timed_out = Error::<Failed>::from(rejection).is_timed_out();
        assert_eq!(timed_out, executed);
    }
}

#[test]
fn the_report_of_a_refused_call_carries_the_verdict_of_the_refusal() {
    let kind = RejectionKind::RateLimited;
    let rejection = Rejection::new("limit", kind).with_retry_after(SECOND * 7);
    let (runtime, pipeline) = on_virtual_time((Pass, Refuses(rejection)));
    let call = pipeline.call(|| ready(Ok::<(), Failed>(())));
    let report = runtime.block_on(call.reported());
    assert_eq!(report.result, Err(Error::Rejected(rejection)));
    assert_eq!(report.verdict, rejection.verdict());
    assert_eq!(report.verdict.retry_after(), Some(SECOND * 7));
    assert_eq!(
        (report.attempts, report.stop),
        (0, StopReason::NotRetryable)
    );
}

#[test]
fn the_operations_error_can_be_mapped_and_a_rejection_stays_as_it_is() {
    let failed = Error::Operation(3).map(|code: u8| u32::from(code) * 100);
    assert_eq!(failed, Error::Operation(300));
    let rejection = Rejection::new("gate", RejectionKind::CircuitOpen);
    let refused = Error::<u8>::from(rejection).map(|_| -> u32 { unreachable!() });
    assert_eq!(refused, Error::Rejected(rejection));
}

#[test]
fn a_setting_out_of_its_range_is_told_with_its_value_and_the_range() {
    let second = Duration::from_secs(1);
    let told = |value, allowed| {
        let checked = InvalidConfig::check_time("every", value, allowed);
        checked.err().map(|error| error.to_string())
    };
    assert_eq!(told(second, second..=Duration::MAX), None);
    assert_eq!(told(second * 2, second..=Duration::MAX), None);
    assert_eq!(told(Duration::MAX, second..=Duration::MAX), None);
    assert_eq!(told(second, second..=second), None);
    let too_short = Duration::from_millis(999);
    assert_eq!(
        told(too_short, second..=Duration::MAX).unwrap(),
        "`every` is 999ms; allowed: 1s or more"
    );
    assert_eq!(
        told(too_short, second..=second * 2).unwrap(),
        "`every` is 999ms; allowed: 1s to 2s"
    );
    assert_eq!(
        told(second * 3, second..=second * 2).unwrap(),
        "`every` is 3s; allowed: 1s to 2s"
    );
}

#[test]
fn each_reason_to_stop_says_which() {
    let reasons = [
        (StopReason::Succeeded, "worked"),
        (StopReason::Attempts, "attempts"),
        (StopReason::Budget, "budget"),
        (StopReason::Deadline, "deadline"),
        (StopReason::MaxElapsed, "time for retries"),
        (StopReason::NotRetryable, "not help"),
        (StopReason::Pushback, "left alone"),
    ];
    for (reason, says) in reasons {
        assert!(reason.to_string().contains(says), "{reason}");
    }
}
