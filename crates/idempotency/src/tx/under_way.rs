//! The transactions of this process that hold a claim. A store may not say whom a second one waits for: what is here is
//! known without it.

use std::{collections::HashMap, sync::Arc};

use crate::{Fingerprint, Id, sync::Mutex};

/// By their id: what they are for, and how many there are, as a second one may begin before the first is quite gone.
#[derive(Clone)]
pub(crate) struct UnderWay(Arc<Mutex<HashMap<Id, (Fingerprint, usize)>>>);

impl UnderWay {
    pub(crate) fn new() -> Self {
        UnderWay(Arc::new(Mutex::new(HashMap::new())))
    }

    /// What the transaction with this id is for.
    pub(super) fn find(&self, id: &Id) -> Option<Fingerprint> {
        self.0.lock().get(id).map(|(fingerprint, _)| *fingerprint)
    }

    /// There is one, until this is dropped.
    pub(super) fn enter(&self, id: &Id, fingerprint: Fingerprint) -> Entry {
        let mut all = self.0.lock();
        all.entry(id.clone()).or_insert((fingerprint, 0)).1 += 1;
        drop(all);
        Entry {
            under_way: self.clone(),
            id: id.clone(),
        }
    }
}

pub(super) struct Entry {
    under_way: UnderWay,
    id: Id,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut all = self.under_way.0.lock();
        if let Some((_, count)) = all.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.id);
            }
        }
    }
}
