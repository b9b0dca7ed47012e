//! Your own error type says what each failure means, and the retry acts on it.
//!
//! `cargo run --example typed_classifier`

use std::{error::Error, time::Duration};

use steadfast::{
    AttemptInfo, CallOptions, Classify, Pipeline, Retry, Runtime, Safety, TokioRuntime, Verdict,
};

#[derive(Clone, Copy, Debug)]
enum PaymentError {
    Unreachable,
    Busy { retry_after: Duration },
    Disconnected,
    Declined,
}

/// Says once, for every policy of a pipeline, what the result of a payment means.
struct Payments;

impl<T> Classify<T, PaymentError> for Payments {
    fn classify(&self, result: &Result<T, PaymentError>) -> Verdict {
        match result {
            Ok(_) => Verdict::success(),
            // The request never left, so repeating it is safe.
            Err(PaymentError::Unreachable) => Verdict::transient().not_executed(),
            Err(PaymentError::Busy { retry_after }) => Verdict::overloaded()
                .not_executed()
                .with_retry_after(*retry_after),
            // The card may have been charged.
            Err(PaymentError::Disconnected) => Verdict::transient(),
            Err(PaymentError::Declined) => Verdict::permanent(),
        }
    }
}

/// The classifier is part of the type, after the runtime.
type PaymentPipeline = Pipeline<Retry, TokioRuntime, Payments>;

/// Pays at a server that fails once, with `failure`, and then works.
async fn pay(pipeline: &PaymentPipeline, failure: PaymentError, options: CallOptions) {
    let charge = |attempt: AttemptInfo| async move {
        if attempt.number == 1 {
            Err(failure)
        } else {
            Ok("paid")
        }
    };
    let began = pipeline.runtime().now();
    let report = pipeline.call_with(charge).options(options).reported().await;
    let took = (pipeline.runtime().now() - began).as_millis();
    let answer = report.result.unwrap_or("not paid");
    println!(
        "{failure:?}: {answer} after {} attempts and {took} ms, {:?}",
        report.attempts, report.stop
    );
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A payment must not happen twice: repeat only what is known to have had no effect.
    let retry = Retry::exponential(Duration::from_millis(10))
        .safety(Safety::WhenIdempotent)
        .build()?;
    let pipeline: PaymentPipeline = Pipeline::new(retry).classify(Payments);

    let once = CallOptions::new();
    let retry_after = Duration::from_millis(200);
    pay(&pipeline, PaymentError::Unreachable, once).await;
    pay(&pipeline, PaymentError::Busy { retry_after }, once).await;
    pay(&pipeline, PaymentError::Declined, once).await;
    pay(&pipeline, PaymentError::Disconnected, once).await;
    println!("the same for a payment that is declared idempotent:");
    pay(&pipeline, PaymentError::Disconnected, once.idempotent()).await;
    Ok(())
}
