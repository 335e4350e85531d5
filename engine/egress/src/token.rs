//! OAuth tokens: fetched once for all requests that wait, kept until shortly before they expire.

use crate::credentials::bearer;
use crate::secret::Mask;
use gangway_model::{PluginError, code};
use reqwest::header::HeaderValue;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// A token service that does not say how long its token lives.
const DEFAULT_LIFE: Duration = Duration::from_secs(300);
/// A token is not used in its last minute, or its last tenth if it is short-lived.
const MARGIN: Duration = Duration::from_secs(60);

/// A token in use.
pub(crate) struct Token {
    pub(crate) header: HeaderValue,
    /// The system's secrets and this token.
    pub(crate) mask: Mask,
    fresh_until: Instant,
}

#[derive(Default)]
struct State {
    token: Option<Arc<Token>>,
    failed: Option<(Instant, PluginError)>,
}

/// The token of one system configuration.
#[derive(Default)]
pub(crate) struct TokenCache {
    state: Mutex<State>,
}

impl TokenCache {
    /// The token, fetched if there is none that is fresh. `rejected` is one that the system did not
    /// take although it looked fresh. One fetch serves all that wait, and so does its failure.
    pub(crate) async fn get(
        &self,
        rejected: Option<&Arc<Token>>,
        fetch: impl AsyncFnOnce() -> Result<Token, PluginError>,
    ) -> Result<Arc<Token>, PluginError> {
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        if let Some(token) = &state.token
            && token.fresh_until > Instant::now()
            && !rejected.is_some_and(|rejected| Arc::ptr_eq(rejected, token))
        {
            return Ok(token.clone());
        }
        if let Some((when, error)) = &state.failed
            && *when > asked
        {
            return Err(error.clone());
        }
        state.token = None;
        match fetch().await {
            Ok(token) => {
                let token = Arc::new(token);
                state.token = Some(token.clone());
                state.failed = None;
                Ok(token)
            }
            Err(error) => {
                // That one job is being stopped is no answer to the others.
                if error.code != code::CANCELLED {
                    state.failed = Some((Instant::now(), error.clone()));
                }
                Err(error)
            }
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    token_type: Option<String>,
    /// A number; some services write it as text.
    expires_in: Option<serde_json::Value>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Reads the token service's answer. `server` names it in errors.
pub(crate) fn read(status: u16, body: &[u8], server: &str, mask: &Mask) -> Result<Token, PluginError> {
    let answer = serde_json::from_slice::<Answer>(body).ok();
    let wrong = |code: &str, text: String| {
        PluginError::new(code, format!("the token service {server} {text}"))
            .with("status", status.to_string())
            .with("server", server)
    };
    if status != 200 {
        let said = answer
            .and_then(|answer| Some((answer.error?, answer.error_description)))
            .map(|(error, description)| match description {
                Some(description) => format!(": {error} ({description})"),
                None => format!(": {error}"),
            })
            .unwrap_or_default();
        let said: String = mask.text(said).chars().filter(|c| !c.is_control()).take(300).collect();
        return Err(match status {
            400 | 401 | 403 => wrong(
                code::UNAUTHORIZED,
                format!(
                    "refused the client (status {status}){said}; check User, Password, AuthType and OAuth2TokenScope"
                ),
            ),
            429 => wrong(code::RATE_LIMITED, format!("asks to slow down (status 429){said}")),
            500.. => wrong(code::UNAVAILABLE, format!("is out of service (status {status}){said}")),
            _ => wrong(
                code::PROTOCOL,
                format!("answered with status {status}{said}; check OAuth2TokenServiceURL"),
            ),
        });
    }
    // The body is not quoted: it may hold a token.
    let no_token = || {
        wrong(
            code::PROTOCOL,
            "answered something that holds no access_token; check OAuth2TokenServiceURL".to_owned(),
        )
    };
    let answer = answer.ok_or_else(no_token)?;
    let text = answer.access_token.filter(|token| !token.is_empty()).ok_or_else(no_token)?;
    if let Some(kind) = answer.token_type.filter(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        let kind: String = kind.chars().take(40).collect();
        return Err(wrong(
            code::UNSUPPORTED,
            format!("issues tokens of type {kind:?}; only bearer tokens can be used"),
        ));
    }
    let life = match answer.expires_in {
        Some(serde_json::Value::Number(n)) => n.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64),
        Some(serde_json::Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    }
    // A year is for ever here; the bound keeps the arithmetic of instants from overflowing.
    .map_or(DEFAULT_LIFE, |seconds| Duration::from_secs(seconds.min(31_536_000)));
    Ok(Token {
        header: bearer(&text).ok_or_else(no_token)?,
        mask: mask.with(text.trim()),
        fresh_until: Instant::now() + life.saturating_sub(MARGIN.min(life / 10)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn body(expires_in: &str) -> Vec<u8> {
        format!(r#"{{"access_token":"token-0815","token_type":"Bearer","expires_in":{expires_in}}}"#)
            .into_bytes()
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_fetched_once_and_again_before_it_expires() {
        let cache = TokenCache::default();
        let fetches = AtomicU32::new(0);
        let get = |rejected: Option<Arc<Token>>| {
            let (cache, fetches) = (&cache, &fetches);
            async move {
                cache
                    .get(rejected.as_ref(), async || {
                        fetches.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        read(200, &body("1200"), "x:1", &Mask::default())
                    })
                    .await
                    .unwrap()
            }
        };
        let (first, second, _) = tokio::join!(get(None), get(None), get(None));
        assert!(Arc::ptr_eq(&first, &second));
        tokio::time::advance(Duration::from_secs(1200 - 61)).await;
        get(None).await;
        assert_eq!(fetches.load(Ordering::Relaxed), 1);
        tokio::time::advance(Duration::from_secs(2)).await;
        let third = get(None).await;
        assert_eq!(fetches.load(Ordering::Relaxed), 2);
        // Rejected twice by requests that used the same one: one new token.
        let (a, b) = tokio::join!(get(Some(third.clone())), get(Some(third.clone())));
        assert!(Arc::ptr_eq(&a, &b) && !Arc::ptr_eq(&a, &third));
        assert_eq!(fetches.load(Ordering::Relaxed), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_fetch_answers_all_that_waited_for_it() {
        let cache = TokenCache::default();
        let fetches = AtomicU32::new(0);
        let get = || async {
            cache
                .get(None, async || {
                    fetches.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    read(401, br#"{"error":"invalid_client"}"#, "x:1", &Mask::default())
                })
                .await
        };
        let (a, b, c) = tokio::join!(get(), get(), get());
        assert!(a.is_err() && b.is_err() && c.is_err());
        assert_eq!(fetches.load(Ordering::Relaxed), 1);
        assert!(get().await.is_err());
        assert_eq!(fetches.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopped_job_does_not_stop_the_others() {
        let cache = TokenCache::default();
        let stopped = cache.get(None, async || {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Err(PluginError::new(code::CANCELLED, "stopped"))
        });
        let other = cache.get(None, async || read(200, &body("60"), "x:1", &Mask::default()));
        let (stopped, other) = tokio::join!(stopped, other);
        assert!(stopped.is_err() && other.is_ok());
    }

    #[test]
    fn answers_of_token_services() {
        let mask = Mask::of(["canary-4711"]);
        let error = |status, body: &str| read(status, body.as_bytes(), "x:1", &mask).err().unwrap();
        assert_eq!(error(401, r#"{"error":"invalid_client"}"#).code, code::UNAUTHORIZED);
        assert!(error(400, r#"{"error":"invalid_scope"}"#).message.contains("invalid_scope"));
        let echo = error(400, r#"{"error":"x","error_description":"secret canary-4711 is wrong"}"#);
        assert!(!echo.message.contains("canary-4711") && echo.message.contains("is wrong"), "{echo}");
        assert_eq!(error(503, "busy").code, code::UNAVAILABLE);
        assert_eq!(error(302, "").code, code::PROTOCOL);
        assert_eq!(error(200, "<html>").code, code::PROTOCOL);
        assert_eq!(error(200, r#"{"access_token":""}"#).code, code::PROTOCOL);
        assert_eq!(error(200, r#"{"access_token":"t","token_type":"mac"}"#).code, code::UNSUPPORTED);
        for life in ["3600", "\"3600\"", "null", "1e300", "0"] {
            assert!(read(200, &body(life), "x:1", &mask).is_ok(), "{life}");
        }
    }
}
