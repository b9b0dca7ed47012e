//! It passes the kit, however little room it has.

use std::time::Duration;

use steadfast_core::VirtualRuntime;
use steadfast_idempotency::{
    MemoryStore,
    conformance::{Harness, run},
};

struct Memory {
    runtime: VirtualRuntime,
    capacity: usize,
}

impl Harness for Memory {
    type Store = MemoryStore<VirtualRuntime>;

    async fn fresh(&self) -> Self::Store {
        let builder = MemoryStore::builder_on(self.runtime.clone());
        builder.capacity(self.capacity).build().unwrap()
    }

    async fn advance(&self, _store: &Self::Store, by: Duration) {
        self.runtime.advance(by);
    }
}

#[test]
fn it_keeps_the_rules() {
    // The most that a story has at once is 36.
    for capacity in [36, 100_000] {
        let runtime = VirtualRuntime::new(1);
        let memory = Memory {
            runtime: runtime.clone(),
            capacity,
        };
        runtime.block_on(run(&memory)).assert_passed();
    }
}
