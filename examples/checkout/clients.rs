//! Three ways to pay an order: bare, naive, and with a steadfast pipeline. The page to read.

use std::{error, time::Duration};

use steadfast::{Classify, Pipeline, Ratio, Retry, RetryBudget, Timeout, TokioRuntime, Verdict};

use crate::{
    gateway::{ChargeError, Gateway},
    ledger::Receipt,
    orders::Order,
};

/// Somebody who pays orders.
pub(crate) trait Client: Send + Sync + Sized + 'static {
    const NAME: &'static str;
    type Error: error::Error + Send;

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
    const NAME: &'static str = "bare";
    type Error = ChargeError;

    async fn pay(&self, order: &Order) -> Result<Receipt, ChargeError> {
        self.gateway.charge(order).await
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
    const NAME: &'static str = "naive";
    type Error = ChargeError;

    async fn pay(&self, order: &Order) -> Result<Receipt, ChargeError> {
        let mut result = self.gateway.charge(order).await;
        for _ in 0..3 {
            match result {
                Ok(_) | Err(ChargeError::Declined) => break,
                Err(_) => result = self.gateway.charge(order).await,
            }
        }
        result
    }
}

/// Policies around the same request, listed outside-in.
#[derive(Debug)]
pub(crate) struct Steadfast {
    gateway: Gateway,
    payments: Pipeline<(Timeout, Retry, Timeout), TokioRuntime, Meaning>,
}

impl Steadfast {
    pub(crate) fn new(url: &str) -> Result<Self, Box<dyn error::Error>> {
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
    const NAME: &'static str = "steadfast";
    type Error = steadfast::Error<ChargeError>;

    async fn pay(&self, order: &Order) -> Result<Receipt, Self::Error> {
        self.payments.call(|| self.gateway.charge(order)).await
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
            Err(ChargeError::Status(status)) if status.is_client_error() => Verdict::caller(),
            // It may pass, and it may have charged the card.
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
    }
}
