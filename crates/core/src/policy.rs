//! What a policy is, and how policies stack.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use crate::{Attempt, Operation, Outcome};

/// A rule about how an operation is run: how long, how often, whether at all.
///
/// Implement it for a *reference* to your policy, `impl<'p, O: Operation> Policy<O> for &'p Mine`,
/// with a named future. Then it stacks with all others, in any order, on any runtime.
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
    note = "a policy implements `Policy` for a reference to itself, `impl<'p, O: Operation> Policy<O> for &'p Mine`",
    note = "a pipeline takes one policy or a tuple of 1 to 12"
)]
pub trait Policy<O: Operation> {
    /// One run of the operation under this policy.
    type Future: Future<Output = Outcome<O::Ok, O::Err>>;

    /// Runs `operation` under this policy.
    fn run(self, operation: O, attempt: Attempt<O::Runtime>) -> Self::Future;
}

/// An operation with one more policy around it, which is an operation again.
#[derive(Clone, Copy, Debug)]
pub struct Bound<P, O> {
    policy: P,
    operation: O,
}

impl<P, O> Bound<P, O> {
    /// Puts `policy` around `operation`.
    #[inline]
    pub const fn new(policy: P, operation: O) -> Self {
        Bound { policy, operation }
    }
}

impl<P: Policy<O>, O: Operation> Operation for Bound<P, O> {
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
        #[expect(non_snake_case, reason = "type and value share the macro's names")]
        impl<'p, Op: Operation, $($all),*> Policy<Op> for &'p ($($all,)*)
        where
            $($bounds)*
            &'p $outermost: Policy<$operation>,
        {
            type Future = <&'p $outermost as Policy<$operation>>::Future;

            #[inline]
            fn run(self, operation: Op, attempt: Attempt<Op::Runtime>) -> Self::Future {
                let ($($all,)*) = self;
                tuple_policy!(@run operation attempt $($all)*)
            }
        }
    };
    (@step [$($all:ident)*] {$($bounds:tt)*} ($operation:ty) $inner:ident $($outer:ident)+) => {
        tuple_policy!(@step [$($all)*]
            {$($bounds)* &'p $inner: Policy<$operation>,}
            (Bound<&'p $inner, $operation>) $($outer)+);
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

impl<'p, 'q, O: Operation, P> Policy<O> for &'p &'q P
where
    &'q P: Policy<O>,
{
    type Future = <&'q P as Policy<O>>::Future;

    #[inline]
    fn run(self, operation: O, attempt: Attempt<O::Runtime>) -> Self::Future {
        (*self).run(operation, attempt)
    }
}

impl<'p, O: Operation, P> Policy<O> for &'p Arc<P>
where
    &'p P: Policy<O>,
{
    type Future = <&'p P as Policy<O>>::Future;

    #[inline]
    fn run(self, operation: O, attempt: Attempt<O::Runtime>) -> Self::Future {
        (&**self).run(operation, attempt)
    }
}

/// `None` lets the operation through as it is.
impl<'p, O: Operation, P> Policy<O> for &'p Option<P>
where
    &'p P: Policy<O>,
{
    type Future = Optional<<&'p P as Policy<O>>::Future, O::Future>;

    #[inline]
    fn run(self, operation: O, attempt: Attempt<O::Runtime>) -> Self::Future {
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
