//! One attempt at a charge over HTTP, and what may come of it. All three clients share it.

use std::{error, fmt, time::Duration};

use reqwest::{StatusCode, header::RETRY_AFTER};
use steadfast::IdempotencyKey;

use crate::{
    books::Receipt,
    http::{IDEMPOTENCY_KEY, REPLAYED},
    orders::Order,
};

/// The way to the payment server.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    http: reqwest::Client,
    url: String,
}

/// Why there is no receipt.
#[derive(Debug)]
pub(crate) enum ChargeError {
    /// 402: this card will not do.
    Declined,
    /// 429: too many requests; come back later. Nothing was charged.
    Limited { retry_after: Option<Duration> },
    /// 409: an earlier request with this key is under way. This one has done nothing.
    InFlight { retry_after: Option<Duration> },
    /// 503: the server cannot cope at the moment.
    Overloaded,
    /// Any other status that is not success.
    Status(StatusCode),
    /// No answer, or half of one. Whether the card was charged is unknown.
    Lost(reqwest::Error),
}

impl Gateway {
    /// `patience` is the HTTP client's own timeout; `None` leaves time to a pipeline.
    ///
    /// # Errors
    ///
    /// Whatever stops the HTTP client from being built.
    pub(crate) fn new(url: &str, patience: Option<Duration>) -> reqwest::Result<Self> {
        // A proxy from the environment has no business on the loopback interface.
        let http = reqwest::Client::builder().no_proxy();
        let http = match patience {
            Some(patience) => http.timeout(patience),
            None => http,
        };
        Ok(Gateway {
            http: http.build()?,
            url: url.to_owned(),
        })
    }

    /// Sends one request, with a key where the server is to charge once however often it is asked.
    ///
    /// # Errors
    ///
    /// [`ChargeError`], for everything but a complete receipt.
    pub(crate) async fn charge(
        &self,
        order: &Order,
        key: Option<IdempotencyKey>,
    ) -> Result<Receipt, ChargeError> {
        let mut request = self.http.post(&self.url).json(order);
        if let Some(key) = key {
            request = request.header(IDEMPOTENCY_KEY, format!("\"{key}\""));
        }
        let response = request.send().await.map_err(ChargeError::Lost)?;
        match response.status() {
            status if status.is_success() => {
                let replayed = response.headers().contains_key(REPLAYED);
                let receipt = response.json().await.map_err(ChargeError::Lost)?;
                Ok(Receipt {
                    replayed,
                    ..receipt
                })
            }
            StatusCode::PAYMENT_REQUIRED => Err(ChargeError::Declined),
            StatusCode::TOO_MANY_REQUESTS => Err(ChargeError::Limited {
                retry_after: retry_after(&response),
            }),
            StatusCode::CONFLICT => Err(ChargeError::InFlight {
                retry_after: retry_after(&response),
            }),
            StatusCode::SERVICE_UNAVAILABLE => Err(ChargeError::Overloaded),
            status => Err(ChargeError::Status(status)),
        }
    }
}

/// `Retry-After` in seconds; its other form, a date, is not one that this server sends.
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

impl fmt::Display for ChargeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChargeError::Declined => f.write_str("the card was declined"),
            ChargeError::Limited { .. } => f.write_str("too many requests"),
            ChargeError::InFlight { .. } => f.write_str("an earlier request is still under way"),
            ChargeError::Overloaded => f.write_str("the payment server is overloaded"),
            ChargeError::Status(status) => write!(f, "the payment server answered {status}"),
            ChargeError::Lost(_) => f.write_str("the answer of the payment server was lost"),
        }
    }
}

impl error::Error for ChargeError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            ChargeError::Lost(cause) => Some(cause),
            _ => None,
        }
    }
}
