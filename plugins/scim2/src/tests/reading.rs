use super::{last_query, query, system};
use crate::Scim;
use gangway_sdk::http::Request;
use gangway_sdk::testing::{Answer, FakeHost};
use gangway_sdk::{AttributeValue, Changes, Result, Source, Target};
use serde_json::{Value, json};

fn users(ids: impl IntoIterator<Item = usize>) -> Vec<Value> {
    ids.into_iter().map(|id| json!({"id": format!("u{id}"), "userName": format!("user{id}")})).collect()
}

fn number(request: &Request, name: &str) -> usize {
    query(&request.url, name).unwrap().parse().unwrap()
}

/// Reads everything; the identifiers page by page.
fn read_all(scim: &mut Scim, limit: u32) -> Result<Vec<Vec<String>>> {
    let (mut pages, mut cursor) = (Vec::new(), None);
    loop {
        let page = Source::read_page(scim, "user", cursor.as_deref(), limit)?;
        assert!(page.entities.len() <= limit as usize);
        pages.push(page.entities.into_iter().map(|entity| entity.id).collect());
        assert!(pages.len() < 200, "the cursor does not move on");
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(pages),
        }
    }
}

fn distinct(pages: &[Vec<String>]) -> usize {
    pages.iter().flatten().collect::<std::collections::BTreeSet<_>>().len()
}

/// A server of `total` users; `shape` makes the page from the ids it would hold, the start and the count.
fn serve(host: &FakeHost, total: usize, shape: impl Fn(Vec<Value>, usize, usize) -> Value + 'static) {
    host.serve(move |request| {
        if request.url.contains("ServiceProviderConfig") {
            return Answer::status(404);
        }
        let (start, count) = (number(request, "startIndex"), number(request, "count"));
        Answer::json(200, shape(users((start..=total).take(count)), start, count))
    });
}

#[test]
fn pages_by_index_until_the_total() {
    let (host, mut scim) = system(&[("scim.user.filter", "active eq true")]);
    serve(
        &host,
        250,
        |page, start, _| json!({"totalResults": 250, "startIndex": start, "itemsPerPage": page.len(), "Resources": page}),
    );
    let pages = read_all(&mut scim, 500).unwrap();
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
    assert_eq!(distinct(&pages), 250);
    assert_eq!(last_query(&host, "filter").as_deref(), Some("active eq true"));
    let page = Source::read_page(&mut scim, "user", None, 10).unwrap();
    assert_eq!((page.entities.len(), page.total), (10, Some(250)));
}

#[test]
fn the_same_cursor_gives_the_same_page_in_another_instance() {
    let (host, mut scim) = system(&[]);
    serve(&host, 30, |page, _, _| json!({"totalResults": 30, "Resources": page}));
    let first = Source::read_page(&mut scim, "user", None, 10).unwrap();
    let again = |scim: &mut Scim| Source::read_page(scim, "user", first.next_cursor.as_deref(), 10).unwrap();
    let (one, two) = (again(&mut scim), again(&mut super::Scim::open_again()));
    assert_eq!(one, two);
    assert_eq!(one.entities[0].id, "u11");
}

impl Scim {
    fn open_again() -> Self {
        gangway_sdk::Connector::open().unwrap()
    }
}

#[test]
fn a_server_that_gives_less_than_it_says_loses_no_one() {
    // It caps pages at 40 but repeats the size that was asked for.
    let (host, mut scim) = system(&[]);
    serve(&host, 150, |mut page, _, count| {
        page.truncate(40);
        json!({"totalResults": 150, "itemsPerPage": count, "Resources": page})
    });
    let pages = read_all(&mut scim, 100).unwrap();
    assert_eq!(distinct(&pages), 150);
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [40, 40, 40, 30]);
    // Only the first page was asked for twice.
    assert_eq!(host.requests().iter().filter(|r| r.url.contains("startIndex")).count(), 5);
}

#[test]
fn a_server_that_leaves_entities_out_of_a_counted_page_is_followed_by_its_count() {
    // Like a proxy with a condition: every tenth entity passes; nobody passes between 100 and 200.
    let (host, mut scim) = system(&[]);
    serve(&host, 350, |page, _, _| {
        let counted = page.len();
        let passing: Vec<Value> = page
            .into_iter()
            .filter(|user| {
                let id: usize = user["id"].as_str().unwrap()[1..].parse().unwrap();
                id.is_multiple_of(10) && !(100..200).contains(&id)
            })
            .collect();
        json!({"totalResults": 350, "itemsPerPage": counted, "Resources": passing})
    });
    let pages = read_all(&mut scim, 100).unwrap();
    assert_eq!(distinct(&pages), 25);
    let asked = host.requests().iter().filter(|r| r.url.contains("startIndex")).count();
    assert!(asked <= 8, "{asked} requests");
}

#[test]
fn a_server_without_paging_is_cut_into_pages() {
    let (host, mut scim) = system(&[]);
    host.serve(|_| Answer::json(200, json!({"totalResults": 25, "Resources": users(1..=25)})));
    let pages = read_all(&mut scim, 10).unwrap();
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
    assert_eq!(distinct(&pages), 25);
}

#[test]
fn a_server_that_repeats_its_first_page_is_an_error() {
    let (host, mut scim) = system(&[]);
    host.serve(|request| match request.url.contains("startIndex") {
        true => {
            Answer::json(200, json!({"totalResults": 200, "itemsPerPage": 10, "Resources": users(1..=10)}))
        }
        false => Answer::status(404),
    });
    let error = read_all(&mut scim, 10).unwrap_err();
    assert_eq!(error.code, "protocol");
    assert!(error.message.contains("same page"), "{error}");
}

#[test]
fn an_empty_page_before_the_end_is_an_error_and_not_the_end() {
    let (host, mut scim) = system(&[]);
    serve(&host, 10, |page, _, _| json!({"totalResults": 20, "itemsPerPage": page.len(), "Resources": page}));
    let error = read_all(&mut scim, 10).unwrap_err();
    assert_eq!(error.code, "protocol");
    assert!(error.message.contains("startIndex=11"), "{error}");
}

#[test]
fn without_a_total_the_read_ends_at_an_empty_page() {
    let (host, mut scim) = system(&[]);
    serve(&host, 20, |page, _, _| json!({"schemas": [], "Resources": page}));
    assert_eq!(distinct(&read_all(&mut scim, 10).unwrap()), 20);
}

fn cursor_server(host: &FakeHost, forget: &'static str) {
    host.serve(move |request| {
        if request.url.ends_with("ServiceProviderConfig") {
            return Answer::json(200, json!({"pagination": {"cursor": true, "index": true}}));
        }
        let cursor = query(&request.url, "cursor").unwrap();
        if cursor == forget {
            return Answer::json(400, json!({"status": "400", "scimType": "expiredCursor"}));
        }
        let start: usize = if cursor.is_empty() { 1 } else { cursor[1..].parse().unwrap() };
        let mut list = json!({"totalResults": 25, "Resources": users((start..=25).take(10))});
        if start + 10 <= 25 {
            list["nextCursor"] = json!(format!("c{}", start + 10));
        }
        Answer::json(200, list)
    });
}

#[test]
fn pages_by_cursor_where_the_service_offers_it() {
    let (host, mut scim) = system(&[]);
    cursor_server(&host, "never");
    assert_eq!(distinct(&read_all(&mut scim, 10).unwrap()), 25);
    assert_eq!(distinct(&read_all(&mut scim, 10).unwrap()), 25);
    let asked = host.requests().iter().filter(|r| r.url.contains("ServiceProviderConfig")).count();
    assert_eq!(asked, 1, "what the service can do is asked once");
}

#[test]
fn a_forgotten_cursor_starts_the_list_again_but_not_forever() {
    let (host, mut scim) = system(&[("scim.paging", "cursor")]);
    cursor_server(&host, "c11");
    let error = read_all(&mut scim, 10).unwrap_err();
    assert_eq!(error.detail("scimType"), Some("expiredCursor"));
    assert_eq!(host.log().iter().filter(|m| m.text.contains("forgotten")).count(), 3);
}

#[test]
fn an_entity_without_identifier_is_a_problem_of_its_own() {
    let (host, mut scim) = system(&[("scim.paging", "index")]);
    host.answer(Answer::json(
        200,
        json!({"totalResults": 3, "Resources": [{"id": "1"}, {"userName": "bob"}, 7]}),
    ));
    let page = Source::read_page(&mut scim, "user", None, 100).unwrap();
    assert_eq!(page.entities.len(), 1);
    assert_eq!(page.problems.len(), 2);
    assert!(page.problems[0].error.message.contains("bob"), "{}", page.problems[0].error);
    assert_eq!(page.next_cursor, None);
}

#[test]
fn answers_that_are_no_list_are_errors() {
    for (answer, code, word) in [
        (Answer::body(200, "text/html", "<html>Log in</html>"), "protocol", "Log in"),
        (Answer::json(200, "{}"), "protocol", "Resources"),
        (Answer::json(200, "[]"), "protocol", "not SCIM"),
        (Answer::json(200, r#"{"totalResults": 5}"#), "protocol", "Resources"),
        (Answer::json(200, r#"{"totalResults": 1, "Resources": "no"}"#), "protocol", "not SCIM"),
        (Answer::json(200, r#"{"totalResults": 1, "Resources": [{"id""#), "protocol", "not JSON"),
        (Answer::status(200), "protocol", "empty"),
        (Answer::status(401), "unauthorized", "401"),
        (Answer::status(403), "forbidden", "403"),
        (Answer::status(404), "configuration", "\"ignore\": true for \"user\""),
        (Answer::status(429).header("Retry-After", "7"), "rate-limited", "429"),
        (Answer::status(500), "unavailable", "500"),
        (Answer::status(302), "protocol", "redirects"),
    ] {
        let (host, mut scim) = system(&[("scim.paging", "index")]);
        host.answer(answer.clone());
        let error = Source::read_page(&mut scim, "user", None, 100).unwrap_err();
        assert_eq!(error.code, code, "{answer:?}");
        assert!(error.message.contains(word), "{error}");
        assert!(error.detail("url").is_some(), "{error:?}");
        if code == "rate-limited" {
            assert_eq!(error.retry_after_ms, Some(7000));
        }
    }
}

#[test]
fn an_empty_service_has_no_pages() {
    let (host, mut scim) = system(&[("scim.paging", "index")]);
    host.answer(Answer::json(
        200,
        r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 0}"#,
    ));
    let page = Source::read_page(&mut scim, "user", None, 100).unwrap();
    assert!(page.entities.is_empty() && page.next_cursor.is_none() && page.problems.is_empty());
}

#[test]
fn single_entities_by_identifier() {
    let (host, mut scim) = system(&[]);
    host.answer(Answer::json(200, r#"{"id": "a b"}"#).header("ETag", "W/\"3\""));
    host.answer(Answer::status(404));
    let found = Target::read_entities(&mut scim, "group", &["a b".into(), "x/y".into()]);
    assert_eq!(found[0].as_ref().unwrap().version.as_deref(), Some("W/\"3\""));
    assert_eq!(found[1].as_ref().unwrap_err().code, "not-found");
    let urls: Vec<String> = host.requests().into_iter().map(|r| r.url).collect();
    assert_eq!(
        urls,
        ["https://scim.example.com/v2/Groups/a%20b", "https://scim.example.com/v2/Groups/x%2Fy"]
    );
    assert_eq!(
        Target::read_entities(&mut scim, "role", &["1".into()])[0].as_ref().unwrap_err().code,
        "unsupported"
    );
}

#[test]
fn a_search_asks_with_a_filter() {
    let (host, mut scim) = system(&[]);
    host.answer(Answer::json(200, json!({"totalResults": 1, "Resources": [{"id": "1", "userName": "ADA", "emails": [{"value": "a@x"}]}]})));
    let wanted = [AttributeValue::new("userName", "ada"), AttributeValue::new("emails[0].value", "a@x")];
    let found = scim.find("user", &wanted, 2).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        last_query(&host, "filter").as_deref(),
        Some(r#"userName eq "ada" and emails.value eq "a@x""#)
    );
    assert_eq!(last_query(&host, "count").as_deref(), Some("2"));
}

#[test]
fn a_server_that_passes_over_the_filter_offers_no_strangers_account() {
    let (host, mut scim) = system(&[]);
    host.answer(Answer::json(
        200,
        json!({"totalResults": 1, "Resources": [{"id": "1", "userName": "mallory"}]}),
    ));
    assert_eq!(scim.find("user", &[AttributeValue::new("userName", "ada")], 2).unwrap(), []);
    assert!(host.log()[0].text.contains("userName"));
    assert_eq!(scim.find("user", &[], 2).unwrap_err().code, "configuration");
}

#[test]
fn wrong_properties_are_named() {
    for (name, value) in [
        ("URL", "ldap://x"),
        ("URL", ""),
        ("URL", "https://x/scim?a=b"),
        ("scim.page.size", "0"),
        ("scim.paging", "sideways"),
        ("scim.support.patch.operation", "yes"),
    ] {
        let host = FakeHost::install();
        host.property("URL", "https://x").property(name, value);
        let error = <Scim as gangway_sdk::Connector>::open().unwrap_err();
        assert_eq!((error.code.as_str(), error.detail("property")), ("configuration", Some(name)));
    }
}

#[test]
fn a_stopped_job_asks_nothing() {
    let (host, mut scim) = system(&[("scim.paging", "index")]);
    host.cancel();
    assert_eq!(Source::read_page(&mut scim, "user", None, 1).unwrap_err().code, "cancelled");
    assert_eq!(scim.write(&[]).unwrap_err().code, "cancelled");
    assert!(host.requests().is_empty());
}

#[test]
fn f043_changes_are_asked_for_by_the_time_of_the_last_change() {
    let (host, mut scim) = system(&[("scim.user.filter", "active eq true or title pr")]);
    serve(&host, 3, |page, _, _| json!({"totalResults": 3, "Resources": page}));
    let mark = scim.mark("user", 1_767_225_600_123).unwrap().unwrap();
    assert_eq!(mark, "2026-01-01T00:00:00.123Z");
    let page = scim.read_changes("user", &mark, None, 2).unwrap();
    assert_eq!((page.entities.len(), page.removed.len()), (2, 0));
    let filter = r#"(active eq true or title pr) and meta.lastModified gt "2026-01-01T00:00:00.123Z""#;
    assert_eq!(last_query(&host, "filter").as_deref(), Some(filter));
    let rest = scim.read_changes("user", &mark, page.next_cursor.as_deref(), 2).unwrap();
    assert_eq!((rest.entities.len(), rest.next_cursor), (1, None));
    scim.read_changes("group", &mark, None, 2).unwrap();
    assert_eq!(
        last_query(&host, "filter").as_deref(),
        Some(&filter["(active eq true or title pr) and ".len()..])
    );
}

#[test]
fn types_whose_changes_the_service_does_not_tell_have_no_mark_and_a_refused_filter_is_explained() {
    let (host, mut scim) = system(&[("scim.delta.entity.types", "user")]);
    assert_eq!(scim.mark("group", 0).unwrap(), None);
    host.serve(|_| Answer::json(400, json!({"scimType": "invalidFilter"})));
    let error = scim.read_changes("user", "2026-01-01T00:00:00Z", None, 2).unwrap_err();
    assert!(error.message.contains("ips.delta.read"), "{error}");
}

const OFFER: &str = "<https://x/v2/Users/.deleted>; rel=\"urn:gangway:scim:rel:deleted\", <https://x/v2/Groups/.deleted>; rel=\"urn:gangway:scim:rel:deleted\"";

#[test]
fn what_a_service_tells_of_deletions_comes_after_what_changed() {
    let (host, mut scim) = system(&[]);
    host.serve(|request| {
        if request.url.ends_with("ServiceProviderConfig") {
            return Answer::json(200, json!({})).header("Link", OFFER);
        }
        if !request.url.contains("/.deleted") {
            return Answer::json(200, json!({"totalResults": 1, "Resources": [{"id": "u1"}]}));
        }
        match query(&request.url, "cursor").as_deref() {
            Some("") => {
                Answer::json(200, json!({"Resources": [{"id": "u2"}, {"id": "u3"}], "nextCursor": "c"}))
            }
            Some("c") => Answer::json(200, json!({"Resources": [{"id": "u4"}]})),
            _ => Answer::status(400),
        }
    });
    let (mut ids, mut removed, mut cursor) = (Vec::new(), Vec::new(), None);
    loop {
        let page = scim.read_changes("user", "2026-01-01T00:00:00Z", cursor.as_deref(), 2).unwrap();
        ids.extend(page.entities.into_iter().map(|entity| entity.id));
        removed.extend(page.removed);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((ids, removed), (vec!["u1".to_owned()], ["u2", "u3", "u4"].map(str::to_owned).to_vec()));
    let asked = host.requests().into_iter().find(|r| r.url.contains("/.deleted")).unwrap();
    // Below the system's own address, whatever the service says.
    assert!(asked.url.starts_with("https://scim.example.com/v2/Users/.deleted?"), "{}", asked.url);
    assert_eq!(query(&asked.url, "since").as_deref(), Some("2026-01-01T00:00:00Z"));
}

#[test]
fn deletions_are_not_asked_for_where_none_are_offered_and_too_old_ones_call_for_a_resync() {
    let (host, mut scim) = system(&[]);
    host.serve(|request| {
        if request.url.ends_with("ServiceProviderConfig") {
            // Of groups, and something else of users.
            let link = "<https://x/Groups/.deleted>; rel=\"urn:gangway:scim:rel:deleted\", <https://x/Users/.deleted>; rel=\"help\"";
            return Answer::json(200, json!({})).header("Link", link);
        }
        match request.url.contains("/.deleted") {
            true => Answer::json(410, json!({"detail": "deletions are known since 2026-02-01"})),
            false => Answer::json(200, json!({"totalResults": 0, "Resources": []})),
        }
    });
    assert_eq!(scim.read_changes("user", "2026-01-01T00:00:00Z", None, 2).unwrap().next_cursor, None);
    let page = scim.read_changes("group", "2026-01-01T00:00:00Z", None, 2).unwrap();
    let error =
        scim.read_changes("group", "2026-01-01T00:00:00Z", page.next_cursor.as_deref(), 2).unwrap_err();
    assert!(error.code == "configuration" && error.message.contains("Resync"), "{error}");
    assert!(error.message.contains("2026-02-01"), "{error}");
}
