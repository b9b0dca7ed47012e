//! What the harness asks of a row: start a call, hand back its future.

use std::fmt::Debug;

use tower::{Service, ServiceExt};

use crate::operation::{ANSWER, Request};

/// Something whose calls can be measured.
///
/// Any `FnMut(Request) -> impl Future` is one. [`Served`] is one for services, whose calls borrow them mutably.
pub trait Subject {
    /// What a call's future resolves to.
    type Output: Answer;

    /// Starts one call around an operation that is asked `request`.
    fn start(&mut self, request: Request) -> impl Future<Output = Self::Output>;
}

impl<F, Fut> Subject for F
where
    F: FnMut(Request) -> Fut,
    Fut: Future<Output: Answer>,
{
    type Output = Fut::Output;

    fn start(&mut self, request: Request) -> impl Future<Output = Self::Output> {
        self(request)
    }
}

/// A tower service, called as tower's documentation does, and tower-resilience's: `service.ready().await?.call(request)`.
///
/// That is the cheapest way. Whoever shares a service between tasks pays a clone of it per call on top, which is a
/// reference count per layer in tower-resilience.
#[derive(Clone, Debug)]
pub struct Served<S>(pub S);

impl<S> Subject for Served<S>
where
    S: Service<Request, Response = u64>,
    S::Error: Debug,
{
    type Output = Result<u64, S::Error>;

    async fn start(&mut self, request: Request) -> Self::Output {
        self.0.ready().await?.call(request).await
    }
}

/// Tells what a call gave, however many results it came wrapped in.
pub trait Answer {
    /// Whether it is the operation's answer.
    fn is_right(&self) -> bool;

    /// Whether it is an error. An operation that is asked to be ready never fails, so then a policy has refused the call.
    fn is_refusal(&self) -> bool;
}

impl Answer for u64 {
    fn is_right(&self) -> bool {
        *self == ANSWER
    }

    fn is_refusal(&self) -> bool {
        false
    }
}

impl<T: Answer, E> Answer for Result<T, E> {
    fn is_right(&self) -> bool {
        self.as_ref().is_ok_and(Answer::is_right)
    }

    fn is_refusal(&self) -> bool {
        self.as_ref().map_or(true, Answer::is_refusal)
    }
}
