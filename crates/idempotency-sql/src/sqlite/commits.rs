//! Who says what a connection commits.

#![expect(
    clippy::disallowed_types,
    reason = "one flag, that the thread of SQLite asks: loom has no such thread"
)]

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sqlx::SqliteConnection;

/// Whether the connection of a transaction may commit. Dropped, it is another one's to say.
#[derive(Debug)]
pub(super) struct Commits(Arc<AtomicBool>);

impl Commits {
    /// Refuses every commit of this connection until they are allowed again.
    pub(super) async fn refused(connection: &mut SqliteConnection) -> Result<Self, sqlx::Error> {
        let allowed = Arc::new(AtomicBool::new(false));
        let commits = Commits(Arc::clone(&allowed));
        let mut handle = connection.lock_handle().await?;
        // Acquire: SQLite asks on the thread of the connection.
        handle.set_commit_hook(move || allowed.load(Ordering::Acquire));
        Ok(commits)
    }

    pub(super) fn allow(&self) {
        // Release: as above.
        self.0.store(true, Ordering::Release);
    }
}

impl Drop for Commits {
    fn drop(&mut self) {
        self.allow();
    }
}
