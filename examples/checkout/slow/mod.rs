//! One of two payment providers becomes slow: what that does to the other one, with and without bulkheads.

mod plan;
mod report;
mod shop;
mod table;
mod words;

use std::{error, sync::Arc};

pub(crate) use self::plan::{description, window};
use self::{
    plan::{Provider, due},
    report::{Comparison, Run, SlowReport},
    shop::Shop,
};
use crate::{
    books::Books,
    dice::Dice,
    failure::Failure,
    faults::Faults,
    orders::{Card, Order},
    plan::Plan,
    run::{Due, no_client, pay_all, start, stop},
};

/// Pays the same orders three times: those for the healthy provider alone, then all of them without bulkheads and
/// with.
///
/// # Errors
///
/// [`Failure::Environment`] when servers or a client cannot be set up.
pub(crate) async fn compare(seed: u64, orders: &[Order]) -> Result<SlowReport, Failure> {
    let dice = Dice::new(seed);
    let all: Vec<usize> = (0..orders.len()).collect();
    let is_healthy = |at: &usize| Provider::of(&orders[*at], dice) == Provider::Healthy;
    let healthy: Vec<usize> = all.iter().copied().filter(is_healthy).collect();

    let without = Shop::without_bulkheads;
    let alone = pay("alone", seed, orders, &healthy, without).await?;
    let without_bulkheads = pay("without bulkheads", seed, orders, &all, without).await?;
    let with_bulkheads = pay("with bulkheads", seed, orders, &all, Shop::new).await?;
    let declined = orders.iter().filter(|order| order.card == Card::Declined);
    Ok(SlowReport {
        faults: Faults::Slow,
        seed,
        orders: orders.len() as u64,
        declined: declined.count() as u64,
        slow: Comparison::of(
            window(dice),
            plan::orders_in(window(dice), orders, dice),
            [alone, without_bulkheads, with_bulkheads],
        ),
    })
}

/// Pays those of the orders that `which` lists, each at its own time, through two fresh providers.
async fn pay(
    name: &'static str,
    seed: u64,
    orders: &[Order],
    which: &[usize],
    connect: impl FnOnce(Dice, &str, &str) -> Result<Shop, Box<dyn error::Error>>,
) -> Result<Run, Failure> {
    let dice = Dice::new(seed);
    let healthy = start(Plan::of(Faults::Off, seed), Books::temporary().await?).await?;
    let slow = start(Plan::of(Faults::Slow, seed), Books::temporary().await?).await?;
    let shop = connect(dice, healthy.url(), slow.url()).map_err(|error| no_client(name, &error))?;
    let sent: Arc<[Order]> = which.iter().map(|at| orders[*at].clone()).collect();
    let due = Due::after(which.iter().map(|at| due(*at)));
    let paid = pay_all(name, &sent, shop, due).await;
    let provider = |at: usize| Provider::of(&sent[at], dice);
    let (healthy, slow) = (stop(healthy).await?, stop(slow).await?);
    Ok(Run::of(&paid, provider, &healthy, &slow))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{flags::Flags, orders};

    /// How long they take is for the table: no test asserts a time on a machine that others use.
    #[tokio::test]
    async fn with_bulkheads_the_slow_provider_is_refused_and_the_healthy_one_paid_as_if_alone() {
        let orders = orders::read(&Flags::default().orders).expect("the committed file is good");
        let report = compare(1, &orders[..400]);
        let slow = report.await.expect("loopback has free ports").slow;

        let [without, with] = [slow.without_bulkheads, slow.with_bulkheads];
        assert_eq!(with.healthy.succeeded, slow.alone.healthy.succeeded);
        assert_eq!(with.healthy.refused, 0);
        assert!(with.slow.is_some_and(|it| it.refused > 0), "{slow:?}");
        assert!(without.slow.is_some_and(|it| it.refused == 0), "{slow:?}");
        for run in [without, with] {
            assert!(run.slow.is_some_and(|it| it.charged_twice == 0), "{slow:?}");
        }
        assert!(with.healthy_p99_to_alone.is_some() && without.healthy_p99_to_alone.is_some());
    }
}
