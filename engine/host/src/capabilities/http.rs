//! `gangway:plugin/http`: the second key, the credentials and the pace are those of
//! [`gangway_egress`].

use crate::bindings::v0_1::gangway::plugin::http::{Host, Request, Response};
use crate::bindings::v0_1::gangway::plugin::types::PluginError as Refusal;
use crate::guest::GuestState;
use crate::scope::{Capability, Open};
use gangway_egress::{HttpRequest, HttpResponse, SystemEgress};
use gangway_model::PluginError;
use std::sync::Arc;

impl Host for GuestState {
    async fn send(&mut self, request: Request) -> Result<Response, Refusal> {
        let (open, egress) = self.scope.network(Capability::Http)?;
        let _wait = self.meter.wait();
        answered(send(open, egress, request.into()).await)
    }

    async fn send_many(&mut self, requests: Vec<Request>) -> Vec<Result<Response, Refusal>> {
        let (open, egress) = match self.scope.network(Capability::Http) {
            Ok(keys) => keys,
            Err(error) => return requests.iter().map(|_| Err(error.clone().into())).collect(),
        };
        let _wait = self.meter.wait();
        let requests = requests.into_iter().map(HttpRequest::from).collect();
        let answers = egress.send_each(requests, |request| send(open, egress, request)).await;
        answers.into_iter().map(answered).collect()
    }
}

async fn send(
    open: &Open,
    egress: &Arc<SystemEgress>,
    request: HttpRequest,
) -> Result<HttpResponse, PluginError> {
    if let Some(interposer) = &open.interposer
        && let Some(answer) = interposer.answer(&open.system, &request).await
    {
        return answer;
    }
    egress.send(request).await
}

fn answered(answer: Result<HttpResponse, PluginError>) -> Result<Response, Refusal> {
    match answer {
        Ok(response) => {
            Ok(Response { status: response.status, headers: response.headers, body: response.body })
        }
        Err(error) => Err(error.into()),
    }
}

impl From<Request> for HttpRequest {
    fn from(request: Request) -> Self {
        Self {
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
            auth: request.auth,
            timeout_ms: request.timeout_ms,
            idempotent: request.idempotent,
        }
    }
}
