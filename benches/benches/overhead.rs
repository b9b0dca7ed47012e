//! The rows of the `overhead` table through criterion: `cargo bench`, then `--save-baseline` and friends.

use std::time::Duration;

use benches::{harness, rows};
use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(300))
        .nresamples(1000)
        .without_plots()
        .configure_from_args();
    let runtime = harness::runtime();
    let _entered = runtime.enter();
    for group in rows::GROUPS {
        let mut benchmark = criterion.benchmark_group(group.name);
        for mut row in group.rows() {
            for &mode in row.modes() {
                let name = format!("{}/{}", row.name, mode.name());
                benchmark.bench_function(name, |bencher| {
                    bencher.iter_custom(|calls| row.time(&runtime, mode, calls));
                });
            }
        }
        benchmark.finish();
    }
    criterion.final_summary();
}
