use gangway_sdk::Error;
use gangway_sdk::error::code;
use gangway_sdk::http::{Request, Response, escape, excerpt, send_many};
use gangway_sdk::testing::{Answer, FakeHost};
use serde_json::{Value, json};

fn answered(answer: Answer) -> Response {
    let host = FakeHost::install();
    host.answer(answer);
    Request::get("https://example.com/Users").query("filter", "mail eq \"a@b\"").send().unwrap()
}

#[test]
fn a_request_is_built_with_what_the_host_needs_to_know() {
    let request = Request::post("https://example.com/Users")
        .query("a b", "c&d=é")
        .query("n", 7)
        .header("X-A", "1")
        .json(&json!({"x": 1}))
        .unwrap()
        .timeout_ms(500);
    assert_eq!(request.url, "https://example.com/Users?a%20b=c%26d%3D%C3%A9&n=7");
    assert_eq!((request.auth.as_str(), request.idempotent, request.timeout_ms), ("system", false, 500));
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(request.headers, [header("X-A", "1"), header("Content-Type", "application/json")]);
    assert_eq!(request.body, br#"{"x":1}"#);
    assert_eq!(Request::get("x").without_credentials().auth, "none");
    let idempotent = [Request::get("x"), Request::put("x"), Request::delete("x")].map(|r| r.idempotent);
    assert_eq!(idempotent, [true; 3]);
    assert!(!Request::patch("x").idempotent && Request::patch("x").idempotent(true).idempotent);
    assert_eq!(escape("uid=a/b?c#d e.f_g~h-i"), "uid%3Da%2Fb%3Fc%23d%20e.f_g~h-i");
}

#[test]
fn each_status_has_its_code() {
    for (status, code) in [
        (302, code::PROTOCOL),
        (400, code::INVALID),
        (401, code::UNAUTHORIZED),
        (403, code::FORBIDDEN),
        (404, code::NOT_FOUND),
        (408, code::TIMEOUT),
        (409, code::CONFLICT),
        (410, code::NOT_FOUND),
        (412, code::INVALID),
        (413, code::TOO_LARGE),
        (429, code::RATE_LIMITED),
        (500, code::UNAVAILABLE),
        (501, code::UNSUPPORTED),
        (503, code::UNAVAILABLE),
    ] {
        let error = answered(Answer::status(status)).accept().unwrap_err();
        assert_eq!(error.code, code, "{status}");
        assert_eq!(error.detail("status"), Some(status.to_string().as_str()));
        assert_eq!(
            error.detail("url"),
            Some("https://example.com/Users"),
            "the query may carry personal data"
        );
    }
    assert_eq!(answered(Answer::status(204)).accept().unwrap().status, 204);
}

#[test]
fn an_error_says_what_the_system_said() {
    let error =
        answered(Answer::json(409, json!({"detail": "userName 'ada' is taken.", "status": "409"}))).error();
    assert_eq!(
        error.message,
        "The system answered GET https://example.com/Users with the status 409. It says: userName 'ada' is taken. An entity with the same unique attribute exists there already."
    );
    for body in
        [json!({"error": {"message": "why"}}), json!({"error": "why"}), json!({"error_description": "why"})]
    {
        assert!(answered(Answer::json(400, body)).error().message.contains("It says: why."));
    }
}

#[test]
fn retry_after_is_read_as_seconds_and_as_a_date() {
    let after = |value: &str, date: Option<&str>| {
        let mut answer = Answer::status(429).header("Retry-After", value);
        if let Some(date) = date {
            answer = answer.header("Date", date);
        }
        answered(answer).error().retry_after_ms
    };
    assert_eq!(after("120", None), Some(120_000));
    assert_eq!(after(" 0.5 ", None), Some(500));
    let date = Some("Tue, 24 Nov 2026 07:00:00 GMT");
    assert_eq!(after("Tue, 24 Nov 2026 07:01:30 GMT", date), Some(90_000));
    assert_eq!(after("Tue, 24 Nov 2026 06:00:00 GMT", date), Some(0));
    assert_eq!(after("Tue, 24 Nov 2026 07:01:30 GMT", None), None);
    for odd in ["-1", "soon", "1e30", "NaN", "inf", ""] {
        assert_eq!(after(odd, date), None, "{odd}");
    }
}

#[test]
fn an_answer_that_is_not_json_is_quoted() {
    let page = answered(Answer::body(200, "text/html", "<html>\n  <title>Sign in</title>"));
    let error = page.json::<Value>().unwrap_err();
    assert!(error.is(code::PROTOCOL));
    assert!(
        error.message.contains("not JSON (text/html)") && error.message.contains("<html> <title>Sign in")
    );
    assert_eq!(error.detail("contentType"), Some("text/html"));
    let empty = answered(Answer::status(200)).json::<Value>().unwrap_err();
    assert!(empty.message.contains("empty body"), "{empty}");
    let shape =
        answered(Answer::json(200, "[1]")).json::<std::collections::BTreeMap<String, u8>>().unwrap_err();
    assert!(shape.message.contains("another shape"), "{shape}");
}

#[test]
fn an_excerpt_is_short_and_keeps_secrets_out() {
    let secret = "s3cr3t";
    for body in [
        json!({"user": "ada", "password": secret}).to_string(),
        json!({"a": [{"accessToken": secret, "api-key": secret}], "client_secret": [secret]}).to_string(),
        json!({"message": format!("bad header Authorization: Bearer {secret}")}).to_string(),
        format!("<p>password={secret}</p>"),
        format!("token: '{secret}'"),
        format!("sent Basic {secret} to"),
        format!("{{\"broken\": 1, \"password\" : \"{secret}\""),
        json!(format!("password={secret}")).to_string(),
    ] {
        assert!(!excerpt(body.as_bytes()).contains(secret), "{body} became {}", excerpt(body.as_bytes()));
    }
    assert_eq!(excerpt(b"the password is too short"), "the password is too short");
    assert_eq!(
        excerpt(json!({"passwordPolicy": {"min": 8}}).to_string().as_bytes()),
        r#"{"passwordPolicy":{"min":8}}"#
    );
    let long = excerpt("é".repeat(100_000).as_bytes());
    assert_eq!(long.chars().count(), 301);
    assert_eq!(excerpt(b"\xff\x00a\r\n\tb"), "\u{fffd}a b");
}

#[test]
fn many_requests_have_an_answer_each() {
    let host = FakeHost::install();
    host.serve(|request| match request.url.split(['/', '?']).nth(3) {
        Some("2") => Answer::error(Error::unavailable("gone")),
        Some(id) => Answer::json(200, json!({ "id": id })),
        None => Answer::status(500),
    });
    let requests: Vec<_> = (1..4).map(|id| Request::get(format!("https://example.com/{id}?x=1"))).collect();
    let answers = send_many(&requests);
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[2].as_ref().unwrap().json::<Value>().unwrap()["id"], "3");
    assert_eq!(answers[2].as_ref().unwrap().url, "https://example.com/3");
    assert!(answers[1].as_ref().is_err_and(|error| error.is(code::UNAVAILABLE)));
    assert!(send_many(&[]).is_empty());
}

#[test]
fn a_request_without_an_answer_in_the_test_is_named() {
    let _host = FakeHost::install();
    let error = Request::get("https://example.com/x").send().unwrap_err();
    assert!(error.message.contains("GET https://example.com/x"));
}
