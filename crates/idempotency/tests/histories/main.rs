//! The rules, and the store that uses them as they are, say in every history what a log says that forgets nothing.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

mod history;
mod model;
mod subjects;

use proptest::{
    collection::vec,
    prelude::{ProptestConfig, any, proptest},
};

use self::{
    history::tell,
    subjects::{Bare, Memory},
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_rules_say_what_the_log_says(history in vec(any::<[u8; 6]>(), 1..120)) {
        tell(&mut Bare::default(), &history);
    }

    #[test]
    fn the_memory_store_says_what_the_log_says(history in vec(any::<[u8; 6]>(), 1..120)) {
        tell(&mut Memory::new(100), &history);
    }

    #[test]
    fn a_memory_store_that_is_often_full_says_what_the_log_says(
        history in vec(any::<[u8; 6]>(), 1..120)
    ) {
        tell(&mut Memory::new(2), &history);
    }
}
