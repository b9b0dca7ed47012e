//! Tells arbitrary histories of a few keys to the rules of the idempotency protocol and to the store in memory: every
//! answer and every record is what a log of all that happened says, on a clock that stands still, jumps and goes back.

#![no_main]

// The histories, the log and the stores are those of the property tests, which draw them by chance.
#[path = "../../../crates/idempotency/tests/histories/history.rs"]
mod history;
#[path = "../../../crates/idempotency/tests/histories/model.rs"]
mod model;
#[path = "../../../crates/idempotency/tests/histories/subjects.rs"]
mod subjects;

use libfuzzer_sys::fuzz_target;

use self::{
    history::tell,
    subjects::{Bare, Memory},
};

fuzz_target!(|history: Vec<[u8; 6]>| {
    tell(&mut Bare::default(), &history);
    tell(&mut Memory::new(100), &history);
    tell(&mut Memory::new(2), &history);
});
