//! The shop: one pool of workers that pays through two providers. The page to read.

use std::{error, time::Duration};

use steadfast::{
    Bulkhead, Pipeline, Ratio, RejectionKind, Retry, RetryBudget, Timeout, TokioRuntime,
};
use tokio::sync::Semaphore;

use super::plan::Provider;
use crate::{
    books::Receipt,
    clients::{Client, Meaning},
    dice::Dice,
    gateway::{ChargeError, Gateway},
    orders::Order,
};

/// How many orders the shop can work on at a time, whoever they are for.
pub(crate) const WORKERS: usize = 64;
/// How many calls to one provider may be under way, and how many more may wait for a place: together half of
/// the workers, so that no provider can have them all. A healthy one needs about 17 of them.
pub(crate) const MAX_CONCURRENT: u32 = 28;
pub(crate) const MAX_WAITING: u32 = 4;
const MAX_WAIT: Duration = Duration::from_millis(100);
/// How long an attempt may take.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(1);

/// One client program in front of two providers.
#[derive(Debug)]
pub(crate) struct Shop {
    /// What the providers share, and what can run out: it could be threads, connections or memory as well.
    workers: Semaphore,
    dice: Dice,
    healthy: Payments,
    slow: Payments,
}

impl Shop {
    pub(crate) fn new(
        dice: Dice,
        healthy: &str,
        slow: &str,
    ) -> Result<Self, Box<dyn error::Error>> {
        let bulkhead = Bulkhead::max_concurrent(MAX_CONCURRENT)
            .max_waiting(MAX_WAITING)
            .max_wait(MAX_WAIT)
            .build()?;
        Shop::with(dice, healthy, slow, Some(&bulkhead))
    }

    /// The same without the bulkheads, to see what it is that they do.
    pub(crate) fn without_bulkheads(
        dice: Dice,
        healthy: &str,
        slow: &str,
    ) -> Result<Self, Box<dyn error::Error>> {
        Shop::with(dice, healthy, slow, None)
    }

    fn with(
        dice: Dice,
        healthy: &str,
        slow: &str,
        bulkhead: Option<&Bulkhead>,
    ) -> Result<Self, Box<dyn error::Error>> {
        Ok(Shop {
            workers: Semaphore::new(WORKERS),
            dice,
            // One for each: nobody waits for a place at the other provider.
            healthy: Payments::new(healthy, bulkhead.map(Bulkhead::fresh))?,
            slow: Payments::new(slow, bulkhead.map(Bulkhead::fresh))?,
        })
    }
}

impl Client for Shop {
    type Error = steadfast::Error<ChargeError>;

    async fn pay(&self, order: &Order) -> Result<Receipt, Self::Error> {
        // The next free worker takes the order that came first.
        let worker = self.workers.acquire().await;
        let _worker = worker.expect("the shop does not close");
        match Provider::of(order, self.dice) {
            Provider::Healthy => self.healthy.charge(order).await,
            Provider::Slow => self.slow.charge(order).await,
        }
    }
}

/// Policies in front of one provider, listed outside-in: those of `Steadfast`, with a bulkhead in the place of the
/// breaker. In a program both belong there; here the question is what the bulkhead does.
#[derive(Debug)]
struct Payments {
    gateway: Gateway,
    calls: Pipeline<(Timeout, Retry, Option<Bulkhead>, Timeout), TokioRuntime, Meaning>,
}

impl Payments {
    fn new(url: &str, bulkhead: Option<Bulkhead>) -> Result<Self, Box<dyn error::Error>> {
        // One for each provider as well, so that the retries of one are not taken from the other's.
        let budget = RetryBudget::ratio(Ratio::percent(30)).build()?;
        let policies = (
            // The whole payment, with all its attempts and waits.
            Timeout::new(Duration::from_secs(10)),
            // An attempt that timed out is repeated, one that was refused is not: the order fails at once,
            // and its worker is free.
            Retry::exponential(Duration::from_millis(50))
                .max_attempts(5)
                .budget(&budget)
                .build()?,
            // Inside the retry, so that whoever waits for the next attempt takes no place from others.
            bulkhead,
            // Each attempt. Inside the bulkhead, so that the wait for a place is not taken from its time.
            Timeout::new(ATTEMPT),
        );
        Ok(Payments {
            gateway: Gateway::new(url, None)?,
            calls: Pipeline::new(policies).classify(Meaning),
        })
    }

    async fn charge(&self, order: &Order) -> Result<Receipt, steadfast::Error<ChargeError>> {
        self.calls
            .call_with(|attempt| self.gateway.charge(order, attempt.key))
            .key(order.key())
            .await
    }
}

/// Whether an order failed because its bulkhead was full.
pub(crate) fn is_refused(error: &steadfast::Error<ChargeError>) -> bool {
    error
        .rejection()
        .is_some_and(|it| matches!(it.kind(), RejectionKind::BulkheadFull { .. }))
}
