//! The executor: a queue of tasks in the order in which they were woken.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use super::VirtualRuntime;

type BoxTask = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The future that `block_on` was given is task zero.
const MAIN: u64 = 0;

#[derive(Default)]
pub(super) struct Tasks {
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    last_id: u64,
    /// `None` while the task is being polled.
    tasks: HashMap<u64, Option<BoxTask>>,
    ready: VecDeque<u64>,
    queued: HashSet<u64>,
}

impl Queue {
    /// Puts a task at the end of the queue, unless it is in it.
    fn make_ready(&mut self, id: u64) {
        if self.queued.insert(id) {
            self.ready.push_back(id);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No user code runs under these locks; a panic elsewhere leaves what they guard whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct TaskWaker {
    id: u64,
    queue: Arc<Mutex<Queue>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        lock(&self.queue).make_ready(self.id);
    }
}

impl Tasks {
    pub(super) fn add(&self, task: BoxTask) {
        let mut queue = lock(&self.queue);
        queue.last_id += 1;
        let id = queue.last_id;
        queue.tasks.insert(id, Some(task));
        queue.make_ready(id);
    }

    fn waker(&self, id: u64) -> Waker {
        let queue = Arc::clone(&self.queue);
        Waker::from(Arc::new(TaskWaker { id, queue }))
    }

    fn next_ready(&self) -> Option<u64> {
        let mut queue = lock(&self.queue);
        let id = queue.ready.pop_front()?;
        queue.queued.remove(&id);
        Some(id)
    }

    /// Polls a task. `false` when that has to wait, as it is being polled right now.
    fn poll(&self, id: u64) -> bool {
        let task = match lock(&self.queue).tasks.get_mut(&id) {
            None => return id != MAIN, // It has ended; the main future is polled by `block_on` only.
            Some(task) => task.take(),
        };
        let Some(mut task) = task else { return false };
        let waker = self.waker(id);
        let mut cx = Context::from_waker(&waker);
        // Gone when it ends, by a panic too.
        let ended = Ended {
            id,
            queue: &self.queue,
        };
        if task.as_mut().poll(&mut cx).is_pending() {
            std::mem::forget(ended);
            lock(&self.queue).tasks.insert(id, Some(task));
        }
        true
    }
}

struct Ended<'a> {
    id: u64,
    queue: &'a Mutex<Queue>,
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        lock(self.queue).tasks.remove(&self.id);
    }
}

impl VirtualRuntime {
    /// Runs `future` to its end, with all spawned tasks beside it. When nothing is ready the clock
    /// moves to the next deadline.
    ///
    /// # Panics
    ///
    /// When the future waits and nothing will ever wake it: no task is ready and no sleep waits. Where the future
    /// panics, and where a spawned task does: on tokio that panic would end the task alone, and here it would go
    /// unseen. The task is gone then, the others are as they were, and `block_on` may be called again.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut main = pin!(future);
        let tasks = &self.shared.tasks;
        let waker = tasks.waker(MAIN);
        waker.wake_by_ref();
        loop {
            match tasks.next_ready() {
                Some(MAIN) => {
                    let mut cx = Context::from_waker(&waker);
                    if let Poll::Ready(output) = main.as_mut().poll(&mut cx) {
                        return output;
                    }
                }
                Some(id) => {
                    tasks.poll(id);
                }
                None => assert!(
                    self.step(),
                    "virtual deadlock: nothing is ready and no sleep waits"
                ),
            }
        }
    }

    /// Starts a task. It runs inside [`block_on`](VirtualRuntime::block_on),
    /// [`advance`](VirtualRuntime::advance) and [`run_ready`](VirtualRuntime::run_ready), whether or
    /// not anybody awaits the handle.
    ///
    /// # Panics
    ///
    /// Not itself. A panic of the task goes through whoever runs it, such as `block_on`, whether or not anybody
    /// awaits the handle: it ends the test, where tokio would end the task alone. Who catches it and goes on finds
    /// the task gone, and a handle that is never ready.
    pub fn spawn<F>(&self, future: F) -> VirtualTask<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let slot = Arc::new(Mutex::new(Slot {
            output: None,
            waiter: None,
        }));
        let result = Arc::clone(&slot);
        self.shared.tasks.add(Box::pin(async move {
            let output = future.await;
            let waiter = {
                let mut slot = lock(&result);
                slot.output = Some(output);
                slot.waiter.take()
            };
            if let Some(waiter) = waiter {
                waiter.wake();
            }
        }));
        VirtualTask { slot }
    }

    /// Runs the spawned tasks until none is ready, without moving the clock.
    ///
    /// # Panics
    ///
    /// Where a task does.
    pub fn run_ready(&self) {
        let tasks = &self.shared.tasks;
        let mut others = Vec::new();
        while let Some(id) = tasks.next_ready() {
            if !tasks.poll(id) {
                others.push(id);
            }
        }
        // Called from inside a task: whoever is being polled right now has its turn later.
        let mut queue = lock(&tasks.queue);
        for id in others {
            queue.make_ready(id);
        }
    }

    /// How many spawned tasks have not ended.
    #[must_use]
    pub fn tasks_alive(&self) -> usize {
        lock(&self.shared.tasks.queue).tasks.len()
    }
}

struct Slot<T> {
    output: Option<T>,
    waiter: Option<Waker>,
}

/// The handle of a spawned task: a future of its output. Dropping it lets the task go on.
#[must_use = "await it for the output, or drop it to let the task go on by itself"]
pub struct VirtualTask<T> {
    slot: Arc<Mutex<Slot<T>>>,
}

impl<T> Future for VirtualTask<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let waker = cx.waker().clone();
        let mut slot = lock(&self.slot);
        match slot.output.take() {
            Some(output) => Poll::Ready(output),
            None => {
                let replaced = slot.waiter.replace(waker);
                drop(slot);
                drop(replaced);
                Poll::Pending
            }
        }
    }
}

impl<T> fmt::Debug for VirtualTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualTask").finish_non_exhaustive()
    }
}
