//! What a policy is, and how policies stack.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use crate::{Attempt, Operation, Outcome, Policies};

/// A rule about how an operation is run: how long, how often, whether at all.
///
/// `'p` is how long the policy is borrowed for a call: its future may keep a reference to it. Write
/// `impl<'p, O: Operation> Policy<'p, O> for Mine` with a named future, and
/// `impl Policies for Mine {}`. Then it stacks with all others, in any order, on any runtime.
///
/// `Lent` stays as it is and is named by nobody. It says that what is borrowed for `'p` lives as long, which
/// the compiler then knows of the policies in a tuple without being asked: asked for it, it cannot tell that a
/// future is `Send` which puts references into a pipeline of its own.
///
/// # What is expected of an implementation
///
/// - `run` is called while the surrounding future is being polled: it may read the clock and start
///   the operation, and must not block.
/// - What is acquired is held by the future and given back by its `Drop`.
/// - The operation is polled before any timer: a result that is ready is returned even when the time
///   is up in the same poll.
/// - No wait is started that cannot end before [`Attempt::deadline`].
/// - An outcome is handed on as it is; a refusal is an [`Outcome::rejected`].
///
/// The example `third_party_policy` of the repository is a complete one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a policy that can run this operation",
    note = "a policy implements `Policy<'p, O>` for every operation `O` that it can run"
)]
pub trait Policy<'p, O: Operation, Lent = &'p Self> {
    /// One run of the operation under this policy.
    type Future: Future<Output = Outcome<O::Ok, O::Err>>;

    /// Runs `operation` under this policy.
    fn run(&'p self, operation: O, attempt: Attempt<O::Runtime>) -> Self::Future;
}

/// An operation with one more policy around it, which is an operation again.
#[derive(Debug)]
pub struct Bound<'p, P, O> {
    policy: &'p P,
    operation: O,
}

impl<'p, P, O> Bound<'p, P, O> {
    /// Puts `policy` around `operation`.
    #[inline]
    pub const fn new(policy: &'p P, operation: O) -> Self {
        Bound { policy, operation }
    }
}

impl<P, O: Clone> Clone for Bound<'_, P, O> {
    #[inline]
    fn clone(&self) -> Self {
        Bound::new(self.policy, self.operation.clone())
    }
}

impl<'p, P: Policy<'p, O>, O: Operation> Operation for Bound<'p, P, O> {
    type Ok = O::Ok;
    type Err = O::Err;
    type Runtime = O::Runtime;
    type Future = P::Future;

    #[inline]
    fn start(self, attempt: Attempt<O::Runtime>) -> Self::Future {
        self.policy.run(self.operation, attempt)
    }
}

/// The operation with those policies of a tuple around it that are inside of the first `OUTSIDE`, which is an
/// operation again.
///
/// Whoever repeats keeps one, so it holds a single reference, and its type says the rest.
#[derive(Debug)]
pub struct Inside<'p, T, const OUTSIDE: usize, O> {
    policies: &'p T,
    operation: O,
}

impl<T, const OUTSIDE: usize, O: Clone> Clone for Inside<'_, T, OUTSIDE, O> {
    #[inline]
    fn clone(&self) -> Self {
        Inside {
            policies: self.policies,
            operation: self.operation.clone(),
        }
    }
}

/// Tuples list their policies outside-in: the first runs the second, and so on.
macro_rules! tuple_policy {
    // Walks inside-out: each policy runs the operation, or what is inside of it.
    (@step $all:tt {$($bounds:tt)*} $inner:tt 0 $outermost:ident) => {
        tuple_policy!(@policy $all {$($bounds)*} $inner $outermost);
    };
    (@step $all:tt {$($bounds:tt)*} $inner:tt $at:tt $policy:ident $($outer:tt)+) => {
        tuple_policy!(@inside $all {$($bounds)*} $inner $at $policy);
        tuple_policy!(@step $all
            {$($bounds)* $policy: Policy<'p, tuple_policy!(@type $all $inner)>,}
            (Inside $at) $($outer)+);
    };
    (@policy [$($all:ident)*] {$($bounds:tt)*} $inner:tt $outermost:ident) => {
        impl<$($all: Policies),*> Policies for ($($all,)*) {}

        impl<'p, Op: Operation, $($all),*> Policy<'p, Op> for ($($all,)*)
        where
            $($bounds)*
            $outermost: Policy<'p, tuple_policy!(@type [$($all)*] $inner)>,
        {
            type Future = $outermost::Future;

            #[inline]
            fn run(&'p self, operation: Op, attempt: Attempt<Op::Runtime>) -> Self::Future {
                self.0.run(tuple_policy!(@value $inner self operation), attempt)
            }
        }
    };
    (@inside [$($all:ident)*] {$($bounds:tt)*} $inner:tt $at:tt $policy:ident) => {
        impl<'p, Op: Operation, $($all),*> Operation for Inside<'p, ($($all,)*), $at, Op>
        where
            $($bounds)*
            $policy: Policy<'p, tuple_policy!(@type [$($all)*] $inner)>,
        {
            type Ok = Op::Ok;
            type Err = Op::Err;
            type Runtime = Op::Runtime;
            type Future = $policy::Future;

            #[inline]
            fn start(self, attempt: Attempt<Op::Runtime>) -> Self::Future {
                let Inside { policies, operation } = self;
                policies.$at.run(tuple_policy!(@value $inner policies operation), attempt)
            }
        }
    };
    (@type $all:tt (Op)) => { Op };
    (@type [$($all:ident)*] (Inside $at:tt)) => { Inside<'p, ($($all,)*), $at, Op> };
    (@value (Op) $policies:ident $operation:ident) => { $operation };
    (@value (Inside $at:tt) $policies:ident $operation:ident) => {
        Inside::<_, $at, _> { policies: $policies, operation: $operation }
    };
    ([$($all:ident)*] $($inside_out:tt)*) => {
        tuple_policy!(@step [$($all)*] {} (Op) $($inside_out)*);
    };
}
tuple_policy!([A] 0 A);
tuple_policy!([A B] 1 B 0 A);
tuple_policy!([A B C] 2 C 1 B 0 A);
tuple_policy!([A B C D] 3 D 2 C 1 B 0 A);
tuple_policy!([A B C D E] 4 E 3 D 2 C 1 B 0 A);
tuple_policy!([A B C D E F] 5 F 4 E 3 D 2 C 1 B 0 A);
tuple_policy!([A B C D E F G] 6 G 5 F 4 E 3 D 2 C 1 B 0 A);
tuple_policy!([A B C D E F G H] 7 H 6 G 5 F 4 E 3 D 2 C 1 B 0 A);
tuple_policy!([A B C D E F G H I] 8 I 7 H 6 G 5 F 4 E 3 D 2 C 1 B 0 A);
tuple_policy!([A B C D E F G H I J] 9 J 8 I 7 H 6 G 5 F 4 E 3 D 2 C 1 B 0 A);
tuple_policy!([A B C D E F G H I J K] 10 K 9 J 8 I 7 H 6 G 5 F 4 E 3 D 2 C 1 B 0 A);
tuple_policy!([A B C D E F G H I J K L] 11 L 10 K 9 J 8 I 7 H 6 G 5 F 4 E 3 D 2 C 1 B 0 A);

/// Hands a call on to the policy behind a pointer.
macro_rules! pointer_policy {
    ($($pointer:ty),*) => { $(
        impl<P: Policies> Policies for $pointer {}

        impl<'p, O: Operation, P: Policy<'p, O>> Policy<'p, O> for $pointer {
            type Future = P::Future;

            #[inline]
            fn run(&'p self, operation: O, attempt: Attempt<O::Runtime>) -> P::Future {
                (**self).run(operation, attempt)
            }
        }
    )* };
}
pointer_policy!(&P, Arc<P>, Box<P>);

impl<P: Policies> Policies for Option<P> {}

/// `None` lets the operation through as it is.
impl<'p, O: Operation, P: Policy<'p, O>> Policy<'p, O> for Option<P> {
    type Future = Optional<P::Future, O::Future>;

    #[inline]
    fn run(&'p self, operation: O, attempt: Attempt<O::Runtime>) -> Self::Future {
        Optional {
            choice: match self {
                Some(policy) => Choice::With {
                    future: policy.run(operation, attempt),
                },
                None => Choice::Without {
                    future: operation.start(attempt),
                },
            },
        }
    }
}

pin_project! {
    /// The future of an optional policy.
    #[must_use = "futures do nothing unless polled"]
    pub struct Optional<A, B> {
        #[pin]
        choice: Choice<A, B>,
    }
}

pin_project! {
    #[project = ChoiceProj]
    enum Choice<A, B> {
        With { #[pin] future: A },
        Without { #[pin] future: B },
    }
}

impl<A: Future, B: Future<Output = A::Output>> Future for Optional<A, B> {
    type Output = A::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().choice.project() {
            ChoiceProj::With { future } => future.poll(cx),
            ChoiceProj::Without { future } => future.poll(cx),
        }
    }
}

impl<A, B> fmt::Debug for Optional<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.choice {
            Choice::With { .. } => "Optional(with its policy)",
            Choice::Without { .. } => "Optional(without its policy)",
        })
    }
}
