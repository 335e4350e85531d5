//! One request and its answer: the attempts, the waits between them, the credentials.

use crate::cancel::Cancel;
use crate::config::EgressConfig;
use crate::credentials::{Credentials, OAuth};
use crate::failure::{self, Failure};
use crate::matrix::Call;
use crate::message::{HttpResponse, Prepared};
use crate::pacing::{Held, Pacer};
use crate::policy::{Origin, Policy, Scope};
use crate::retry::{self, Ended, Next, RetryRules};
use crate::secret::Mask;
use crate::settings::Settings;
use crate::token::{self, Token, TokenCache};
use bytes::Bytes;
use gangway_model::ports::Reading;
use gangway_model::{PluginError, code};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, SET_COOKIE};
use reqwest::{Method, StatusCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A length that a server announces is not yet one that it sends.
const GATHERED_AT_FIRST: usize = 1 << 20;

/// The HTTP side of one system configuration.
pub(crate) struct Exchange {
    pub(crate) system: String,
    pub(crate) policy: Arc<Policy>,
    pub(crate) settings: Settings,
    pub(crate) credentials: Credentials,
    pub(crate) mask: Mask,
    /// Shows no client certificate.
    pub(crate) plain: reqwest::Client,
    /// Shows the client certificate, where there is one.
    pub(crate) identified: reqwest::Client,
    pub(crate) tokens: TokenCache,
    pub(crate) pacer: Arc<Pacer>,
    pub(crate) config: EgressConfig,
    pub(crate) echo_reported: AtomicBool,
}

/// An answer before it is made fit for a plugin.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// What a request is sent with.
struct Dressed<'a> {
    client: &'a reqwest::Client,
    headers: HeaderMap,
    token: Option<Arc<Token>>,
}

impl Exchange {
    /// Sends a plugin's request.
    pub(crate) async fn send(
        &self,
        request: Prepared,
        reading: Reading,
        cancel: &Cancel,
    ) -> Result<HttpResponse, PluginError> {
        let origin = Origin::of(&request.url).ok_or_else(|| {
            PluginError::new(code::INVALID, format!("{}:// is not HTTP", request.url.scheme()))
        })?;
        let scope = self.policy.http(&origin)?;
        self.policy.literal_host(&request.url)?;
        self.check_credentials(&request, &origin, scope)?;
        let mut rejected: Option<Arc<Token>> = None;
        let authority = origin.authority();
        loop {
            cancel.check()?;
            let dressed = self.dress(&request, scope, rejected.as_ref(), cancel).await?;
            let token = dressed.token.clone();
            let answer = self.attempts(&request, reading, &dressed, &authority, cancel).await?;
            // A token may be withdrawn before its time: one new one is tried.
            if answer.status == StatusCode::UNAUTHORIZED && token.is_some() && rejected.is_none() {
                tracing::info!(system = %self.system, server = %authority, "token refused, fetching a new one");
                rejected = token;
                continue;
            }
            let mask = token.as_ref().map_or(&self.mask, |token| &token.mask);
            return Ok(self.present(answer, mask, &authority));
        }
    }

    /// Credentials go to the system's own server only, and not where others can read them.
    fn check_credentials(
        &self,
        request: &Prepared,
        origin: &Origin,
        scope: Scope,
    ) -> Result<(), PluginError> {
        if !request.with_credentials || matches!(self.credentials, Credentials::None) {
            return Ok(());
        }
        if let Credentials::Misconfigured(error) = &self.credentials {
            return Err(error.clone());
        }
        if scope != Scope::Own {
            return Err(self.policy.credentials_denied(origin));
        }
        if !origin.is_confidential() && !self.policy.plaintext_secrets() {
            return Err(self.policy.plaintext_denied("sending credentials"));
        }
        Ok(())
    }

    /// Adds the system's headers and credentials.
    async fn dress(
        &self,
        request: &Prepared,
        scope: Scope,
        rejected: Option<&Arc<Token>>,
        cancel: &Cancel,
    ) -> Result<Dressed<'_>, PluginError> {
        let mut headers = request.headers.clone();
        if scope == Scope::Own {
            for added in &self.settings.headers {
                if (request.with_credentials || !added.credential) && !headers.contains_key(&added.name) {
                    headers.insert(added.name.clone(), added.value.clone());
                }
            }
        }
        let mut dressed = Dressed { client: &self.plain, headers, token: None };
        if !request.with_credentials {
            return Ok(dressed);
        }
        match &self.credentials {
            Credentials::None | Credentials::Misconfigured(_) => {}
            Credentials::Header(header) => {
                dressed.headers.insert(AUTHORIZATION, header.clone());
            }
            Credentials::Certificate => dressed.client = &self.identified,
            Credentials::OAuth(oauth) => {
                let fetching = self.tokens.get(rejected, async || self.fetch_token(oauth, cancel).await);
                let token = cancel.guard(fetching).await??;
                dressed.headers.insert(AUTHORIZATION, token.header.clone());
                dressed.client = &self.identified;
                dressed.token = Some(token);
            }
        }
        Ok(dressed)
    }

    /// Repeats a request as its system's rules allow.
    async fn attempts(
        &self,
        request: &Prepared,
        reading: Reading,
        dressed: &Dressed<'_>,
        authority: &str,
        cancel: &Cancel,
    ) -> Result<Answer, PluginError> {
        let rules = RetryRules {
            retries: self.settings.retries,
            interval: self.settings.retry_interval,
            parity: self.settings.parity,
        };
        let call = Call::of(&request.method, request.url.path(), reading);
        let mut attempt = 0;
        let mut waited = 0;
        let mut last: Option<PluginError> = None;
        loop {
            let result = match cancel.guard(self.attempt(request, dressed, authority)).await? {
                Ok(result) => result,
                // Requests that failed together close the way for one another: they wait it out.
                Err(Held::Unreachable { again, .. })
                    if attempt > 0 && waited < rules.retries && again <= rules.interval =>
                {
                    waited += 1;
                    cancel.guard(tokio::time::sleep(again)).await?;
                    continue;
                }
                // What the attempt before this one met says more than that there was no other.
                Err(held) => return Err(last.unwrap_or_else(|| self.held(held, authority))),
            };
            let ended = match &result {
                Ok(answer) => Ended::Status {
                    status: answer.status.as_u16(),
                    retry_after: retry::retry_after(&answer.headers, self.config.clock.now_ms()),
                },
                Err(failure) => failure.ended,
            };
            let jitter = (self.config.jitter)();
            let next = match rules.parity {
                Some(connector) => retry::parity(ended, attempt, connector, call, rules),
                None => retry::next(ended, attempt, request.idempotent, rules, &self.config.limits, jitter),
            };
            let wait = match next {
                Next::Stop => return result.map_err(|failure| failure.error),
                Next::PauseAndStop(rest) => {
                    self.pacer.pause(rest);
                    return result.map_err(|failure| failure.error);
                }
                Next::Pause(rest) => {
                    self.pacer.pause(rest);
                    rest
                }
                Next::Wait(wait) => {
                    cancel.guard(tokio::time::sleep(wait)).await?;
                    wait
                }
            };
            attempt += 1;
            tracing::info!(
                system = %self.system, server = %authority, method = %request.method, attempt, ?ended,
                wait_ms = wait.as_millis(), "request is sent again"
            );
            last = result.err().map(|failure| failure.error);
        }
    }

    /// One attempt, when it is the system's turn. The outer error says that there was none.
    async fn attempt(
        &self,
        request: &Prepared,
        dressed: &Dressed<'_>,
        authority: &str,
    ) -> Result<Result<Answer, Failure>, Held> {
        let _place = self.pacer.admit().await?;
        self.pacer.try_server(authority)?;
        let exchange = self.exchange(request, dressed, authority);
        let result = match tokio::time::timeout(request.timeout, exchange).await {
            Ok(result) => result,
            Err(_) => {
                Err(Failure { error: failure::no_answer(authority, request.timeout), ended: Ended::Lost })
            }
        };
        match &result {
            Err(Failure { error, ended: Ended::NotSent }) => {
                self.pacer.unreachable(authority, &error.message);
            }
            Ok(answer) => {
                self.pacer.reached(authority);
                self.pacer.answered(answer.status.as_u16());
            }
            Err(_) => self.pacer.reached(authority),
        }
        Ok(result)
    }

    async fn exchange(
        &self,
        request: &Prepared,
        dressed: &Dressed<'_>,
        authority: &str,
    ) -> Result<Answer, Failure> {
        let mut outgoing = reqwest::Request::new(request.method.clone(), request.url.clone());
        *outgoing.headers_mut() = dressed.headers.clone();
        if !request.body.is_empty() {
            *outgoing.body_mut() = Some(request.body.clone().into());
        }
        let failed = |error: reqwest::Error| failure::of_http(&error, authority);
        let mut response = dressed.client.execute(outgoing).await.map_err(failed)?;
        let limit = self.config.limits.response_bytes;
        let announced = response.content_length().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        if announced.is_some_and(|length| length > limit) {
            return Err(Failure::last(too_large(authority, limit)));
        }
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let mut body = response.chunk().await.map_err(failed)?.unwrap_or_default();
        // Most answers are one chunk, which is taken as it is. The end is read in any case: only then
        // can the connection be used again.
        if let Some(second) = response.chunk().await.map_err(failed)? {
            let mut whole = Vec::with_capacity(announced.unwrap_or(0).min(GATHERED_AT_FIRST));
            whole.extend_from_slice(&body);
            let mut next = Some(second);
            while let Some(chunk) = next {
                if whole.len() + chunk.len() > limit {
                    return Err(Failure::last(too_large(authority, limit)));
                }
                whole.extend_from_slice(&chunk);
                next = response.chunk().await.map_err(failed)?;
            }
            body = Bytes::from(whole);
        }
        if body.len() > limit {
            return Err(Failure::last(too_large(authority, limit)));
        }
        Ok(Answer { status, headers, body })
    }

    /// What the plugin gets of an answer.
    fn present(&self, answer: Answer, mask: &Mask, authority: &str) -> HttpResponse {
        let (body, mut echoed) = mask.bytes(answer.body);
        let mut headers = Vec::with_capacity(answer.headers.len());
        for (name, value) in &answer.headers {
            // A session is a credential: it stays with the host.
            if name == SET_COOKIE {
                continue;
            }
            let mut value = value.as_bytes().to_vec();
            echoed |= mask.apply(&mut value);
            headers.push((name.as_str().to_owned(), String::from_utf8_lossy(&value).into_owned()));
        }
        if echoed && !self.echo_reported.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                system = %self.system, server = %authority,
                "an answer contained a secret of the system; it was masked before the plugin saw it"
            );
        }
        HttpResponse { status: answer.status.as_u16(), headers, body }
    }

    async fn fetch_token(&self, oauth: &OAuth, cancel: &Cancel) -> Result<Token, PluginError> {
        if !oauth.origin.is_confidential() && !self.policy.plaintext_secrets() {
            return Err(self.policy.plaintext_denied("asking the token service for a token"));
        }
        self.policy.literal_host(&oauth.url)?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(reqwest::header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(header) = &oauth.header {
            headers.insert(AUTHORIZATION, header.clone());
        }
        let request = Prepared {
            method: Method::POST,
            url: oauth.url.clone(),
            headers: headers.clone(),
            body: Bytes::copy_from_slice(oauth.form.expose().as_bytes()),
            with_credentials: true,
            timeout: self.settings.timeout,
            // A second token does no harm.
            idempotent: true,
        };
        let authority = oauth.origin.authority();
        let dressed = Dressed { client: &self.identified, headers, token: None };
        let answer = self.attempts(&request, Reading::Full, &dressed, &authority, cancel).await?;
        tracing::debug!(system = %self.system, server = %authority, status = answer.status.as_u16(), "token asked for");
        token::read(answer.status.as_u16(), &answer.body, &authority, &self.mask)
    }

    pub(crate) fn held(&self, held: Held, authority: &str) -> PluginError {
        let mut error = match &held {
            Held::Resting(rest) => PluginError::new(
                code::RATE_LIMITED,
                format!(
                    "system \"{}\" asked to be left alone for another {} s, which is longer than a request waits; \
                     run the job again after that",
                    self.system,
                    rest.as_secs()
                ),
            ),
            Held::Unreachable { failures, again, last } => PluginError::new(
                code::UNAVAILABLE,
                format!(
                    "{authority} failed {failures} times in a row and is tried again in {} s; the last time: {last}",
                    again.as_secs_f64().ceil()
                ),
            ),
        }
        .with("server", authority);
        let (Held::Resting(rest) | Held::Unreachable { again: rest, .. }) = held;
        error.retry_after_ms = Some(millis(rest));
        error
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn too_large(authority: &str, limit: usize) -> PluginError {
    PluginError::new(
        code::TOO_LARGE,
        format!("{authority} answered with more than {limit} bytes; ask for smaller pages"),
    )
    .with("server", authority)
}
