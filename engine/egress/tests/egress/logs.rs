//! No secret in any log line, however talkative: ours and those of the libraries below.

use crate::server::{Reply, Server};
use crate::tls::{Ca, http2, named};
use crate::world::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);
impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

// One thread, so that the subscriber of this test sees everything that happens in it.
#[tokio::test]
async fn nothing_logged_shown_or_returned_holds_a_secret() {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let ca = Ca::new();
    let token = r#"{"access_token":"token-canary-0815","token_type":"bearer","expires_in":60}"#;
    let (api, _) = http2(&ca, "scim.example", CANARY).await;
    let (service, _) = http2(&ca, "other.example", token).await;
    let url = format!("https://scim.example:{api}");
    let token_url = format!("https://other.example:{service}/token");
    let common = [
        ("Authentication", "BasicAuthentication"),
        ("User", "u"),
        ("Password", CANARY),
        ("tls.trusted.certificates", ca.pem.as_str()),
        ("ips.http.header.X-Key", CANARY),
    ];
    let oauth = [("OAuth2TokenServiceURL", token_url.as_str()), ("AuthType", "Form")];
    let mut shown = String::new();
    for properties in [common.to_vec(), [&common[..], &oauth[..]].concat()] {
        let system = system(&url, &properties);
        let egress = open_with(named(), &system);
        let answer = egress.send(authenticated(url.clone())).await.unwrap();
        shown.push_str(&format!("{system:?} {egress:?} {answer:?}"));
        shown.push_str(&String::from_utf8_lossy(&answer.body));
    }
    // HTTP/1.1, a retry, a failure.
    let server = Server::start(|n, _| if n == 0 { Reply::status(503) } else { Reply::Drop }).await;
    let egress = open(&system(&server.origin(), &common[..3]));
    shown.push_str(&format!("{:?}", egress.send(authenticated(server.origin())).await));

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("request is sent again") && log.contains("h2::"), "the log was not captured");
    for secret in [CANARY, &STANDARD.encode(format!("u:{CANARY}")), "token-canary-0815"] {
        for (place, text) in [("log", &log), ("shown", &shown)] {
            let line = text.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "in {place}");
        }
    }
}
