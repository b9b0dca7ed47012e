//! Three ways to pay an order: bare, naive, and with a steadfast pipeline. The page to read.

use std::{error, time::Duration};

use steadfast::{
    CircuitBreaker, Classify, Pipeline, Ratio, Retry, RetryBudget, Timeout, TokioRuntime, Verdict,
};

use crate::{
    books::Receipt,
    gateway::{ChargeError, Gateway},
    orders::Order,
};

/// Somebody who pays orders.
pub(crate) trait Client: Send + Sync + Sized + 'static {
    type Error: error::Error + Send + 'static;

    fn pay(&self, order: &Order) -> impl Future<Output = Result<Receipt, Self::Error>> + Send;
}

/// One request, and what comes of it comes of it.
#[derive(Debug)]
pub(crate) struct Bare {
    gateway: Gateway,
}

impl Bare {
    pub(crate) fn new(url: &str) -> reqwest::Result<Self> {
        // Only so that nothing can hang for ever.
        Ok(Bare {
            gateway: Gateway::new(url, Some(Duration::from_secs(30)))?,
        })
    }
}

impl Client for Bare {
    type Error = ChargeError;

    async fn pay(&self, order: &Order) -> Result<Receipt, ChargeError> {
        self.gateway.charge(order, None).await
    }
}

/// The loop that everybody writes once: a timeout, and up to three more tries, at once.
#[derive(Debug)]
pub(crate) struct Naive {
    gateway: Gateway,
}

impl Naive {
    pub(crate) fn new(url: &str) -> reqwest::Result<Self> {
        Ok(Naive {
            gateway: Gateway::new(url, Some(Duration::from_secs(1)))?,
        })
    }
}

impl Client for Naive {
    type Error = ChargeError;

    async fn pay(&self, order: &Order) -> Result<Receipt, ChargeError> {
        let mut result = self.gateway.charge(order, None).await;
        for _ in 0..3 {
            match result {
                Ok(_) | Err(ChargeError::Declined) => break,
                Err(_) => result = self.gateway.charge(order, None).await,
            }
        }
        result
    }
}

/// Policies around the same request, listed outside-in.
#[derive(Debug)]
pub(crate) struct Steadfast {
    gateway: Gateway,
    payments: Pipeline<(Timeout, Retry, Option<CircuitBreaker>, Timeout), TokioRuntime, Meaning>,
}

/// How long the breaker leaves a server in peace that is down.
pub(crate) const OPEN_FOR: Duration = Duration::from_secs(1);
/// How long it gives its probes then to be answered.
pub(crate) const HALF_OPEN_FOR: Duration = Duration::from_millis(500);
/// So the server is probed at least this often, and found out to be well again as soon.
pub(crate) const PROBE_INTERVAL: Duration = OPEN_FOR.saturating_add(HALF_OPEN_FOR);

impl Steadfast {
    pub(crate) fn new(url: &str) -> Result<Self, Box<dyn error::Error>> {
        // Opens when three quarters of the last 50 requests failed. Retries cope with half of them.
        let breaker = CircuitBreaker::failure_rate(Ratio::percent(75))
            .over_last(50)
            // Not judged on fewer: errors come back faster than receipts, so the first few look bad.
            .min_calls(50)
            // Each time as long as the first: customers wait.
            .open_for(OPEN_FOR)
            .factor(1.0)
            // Then two requests find out whether the server is back, and both have to go well.
            .probes(2)
            .half_open_for(HALF_OPEN_FOR)
            .build()?;
        Steadfast::with(url, Some(breaker))
    }

    /// The same without the breaker, to see what it is that the breaker does.
    pub(crate) fn without_breaker(url: &str) -> Result<Self, Box<dyn error::Error>> {
        Steadfast::with(url, None)
    }

    fn with(url: &str, breaker: Option<CircuitBreaker>) -> Result<Self, Box<dyn error::Error>> {
        // One purse for all orders: in an outage, too, retries are at most 30 % of the calls, plus
        // a few for quiet times.
        let budget = RetryBudget::ratio(Ratio::percent(30)).build()?;
        let policies = (
            // The whole payment, with all its attempts and waits.
            Timeout::new(Duration::from_secs(10)),
            // Waits for a random part of 50, 100, 200 and 400 ms, or as long as the server says.
            Retry::exponential(Duration::from_millis(50))
                .max_attempts(5)
                .budget(&budget)
                .build()?,
            // Sees each attempt, also one that took too long.
            breaker,
            // Each attempt.
            Timeout::new(Duration::from_secs(1)),
        );
        Ok(Steadfast {
            gateway: Gateway::new(url, None)?,
            payments: Pipeline::new(policies).classify(Meaning),
        })
    }
}

impl Client for Steadfast {
    type Error = steadfast::Error<ChargeError>;

    async fn pay(&self, order: &Order) -> Result<Receipt, Self::Error> {
        // All attempts carry the key of the order, and the server charges once for a key.
        self.payments
            .call_with(|attempt| self.gateway.charge(order, attempt.key))
            .key(order.key())
            .await
    }
}

/// What an answer of the payment server means. Said once, for all policies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meaning;

impl Classify<Receipt, ChargeError> for Meaning {
    fn classify(&self, result: &Result<Receipt, ChargeError>) -> Verdict {
        match result {
            Ok(_) => Verdict::success(),
            // The server is well; this card will not do. No retry.
            Err(ChargeError::Declined) => Verdict::caller(),
            // Refused at the door: wait as long as it says. Nothing was charged.
            Err(ChargeError::Limited { retry_after }) => {
                let verdict = Verdict::overloaded().not_executed();
                retry_after.map_or(verdict, |after| verdict.with_retry_after(after))
            }
            Err(ChargeError::Overloaded) => Verdict::overloaded().not_executed(),
            // The server is at it: the same key will get what comes of it.
            Err(ChargeError::InFlight { retry_after }) => {
                let verdict = Verdict::transient().not_executed();
                retry_after.map_or(verdict, |after| verdict.with_retry_after(after))
            }
            Err(ChargeError::Status(status)) if status.is_client_error() => Verdict::caller(),
            // It may pass, and it may have charged the card: to ask again is safe only with a key.
            Err(ChargeError::Status(_) | ChargeError::Lost(_)) => Verdict::transient(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declined_card_is_not_tried_again_and_a_rate_limit_is_waited_for() {
        let meaning = |error| Meaning.classify(&Err(error));
        assert_eq!(meaning(ChargeError::Declined), Verdict::caller());
        let after = Duration::from_secs(1);
        let limited = meaning(ChargeError::Limited {
            retry_after: Some(after),
        });
        assert_eq!(limited.retry_after(), Some(after));
        assert!(limited.may_pass() && !limited.may_have_executed());
        let in_flight = meaning(ChargeError::InFlight {
            retry_after: Some(after),
        });
        assert_eq!(in_flight.retry_after(), Some(after));
        assert!(in_flight.may_pass() && !in_flight.may_have_executed());
        // Such as 422, for a key that was used for another order.
        let reused = ChargeError::Status(reqwest::StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(meaning(reused), Verdict::caller());
    }
}
