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

/// Tuples list their policies outside-in: the first runs the second, and so on.
macro_rules! tuple_policy {
    // Walks inside-out, so that each policy is asked to run the operation bound so far.
    (@step [$($all:ident)*] {$($bounds:tt)*} ($operation:ty) $outermost:ident) => {
        impl<$($all: Policies),*> Policies for ($($all,)*) {}

        #[expect(non_snake_case, reason = "type and value share the macro's names")]
        impl<'p, Op: Operation, $($all),*> Policy<'p, Op> for ($($all,)*)
        where
            $($bounds)*
            $outermost: Policy<'p, $operation>,
        {
            type Future = <$outermost as Policy<'p, $operation>>::Future;

            #[inline]
            fn run(&'p self, operation: Op, attempt: Attempt<Op::Runtime>) -> Self::Future {
                let ($($all,)*) = self;
                tuple_policy!(@run operation attempt $($all)*)
            }
        }
    };
    (@step [$($all:ident)*] {$($bounds:tt)*} ($operation:ty) $inner:ident $($outer:ident)+) => {
        tuple_policy!(@step [$($all)*]
            {$($bounds)* $inner: Policy<'p, $operation>,}
            (Bound<'p, $inner, $operation>) $($outer)+);
    };
    (@run $operation:ident $attempt:ident $first:ident $($rest:ident)*) => {
        $first.run(tuple_policy!(@bind $operation $($rest)*), $attempt)
    };
    (@bind $operation:ident) => { $operation };
    (@bind $operation:ident $head:ident $($tail:ident)*) => {
        Bound::new($head, tuple_policy!(@bind $operation $($tail)*))
    };
    ([$($all:ident)*] $($inside_out:ident)*) => {
        tuple_policy!(@step [$($all)*] {} (Op) $($inside_out)*);
    };
}
tuple_policy!([A] A);
tuple_policy!([A B] B A);
tuple_policy!([A B C] C B A);
tuple_policy!([A B C D] D C B A);
tuple_policy!([A B C D E] E D C B A);
tuple_policy!([A B C D E F] F E D C B A);
tuple_policy!([A B C D E F G] G F E D C B A);
tuple_policy!([A B C D E F G H] H G F E D C B A);
tuple_policy!([A B C D E F G H I] I H G F E D C B A);
tuple_policy!([A B C D E F G H I J] J I H G F E D C B A);
tuple_policy!([A B C D E F G H I J K] K J I H G F E D C B A);
tuple_policy!([A B C D E F G H I J K L] L K J I H G F E D C B A);

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
