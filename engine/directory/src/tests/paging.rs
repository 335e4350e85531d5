use super::*;

fn many(count: usize) -> Directory {
    let d = directory();
    for n in 0..count {
        user(&d, &format!("u{n:05}"), json!({ "title": if n % 2 == 0 { "even" } else { "odd" } }));
    }
    d
}

#[test]
fn start_index_and_count_walk_everything_once() {
    // More than two blocks, with holes in them.
    let d = many(2500);
    for n in (0..2500).step_by(3) {
        // Each user takes two identifiers.
        let id = Uuid::from_u128(2 * n + 1);
        assert_eq!(call(&d, "DELETE", &format!("/Users/{id}"), None).status, 204);
    }
    let mut seen = Vec::new();
    let mut start = 1;
    loop {
        let page = get(&d, &format!("/Users?startIndex={start}&count=150"));
        assert_eq!(page["totalResults"], 1666);
        assert_eq!(page["startIndex"], start);
        let names = names(&page);
        assert_eq!(page["itemsPerPage"], names.len());
        if names.is_empty() {
            break;
        }
        start += names.len();
        seen.extend(names);
    }
    let expected: Vec<_> = (0..2500).filter(|n| n % 3 != 0).map(|n| format!("u{n:05}")).collect();
    assert_eq!(seen, expected);
}

#[test]
fn the_edges_of_paging() {
    let d = many(3);
    assert_eq!(names(&get(&d, "/Users?startIndex=0&count=2")), ["u00000", "u00001"]);
    assert_eq!(names(&get(&d, "/Users?startIndex=-5")).len(), 3);
    assert_eq!(names(&get(&d, "/Users?startIndex=4")).len(), 0);
    let none = get(&d, "/Users?count=0");
    assert_eq!((none["totalResults"].clone(), names(&none).len()), (json!(3), 0));
    assert_eq!(names(&get(&d, "/Users?count=-1")).len(), 0);
    let detail = refused(&call(&d, "GET", "/Users?count=x", None), 400, Some("invalidValue"));
    assert!(detail.contains("count"));
    let d = many(230);
    assert_eq!(names(&get(&d, "/Users")).len(), 100);
    assert_eq!(names(&get(&d, "/Users?count=10000")).len(), 200);
}

#[test]
fn a_filtered_list_pages_and_counts() {
    let d = many(250);
    let path = filtered("/Users", "title eq \"odd\"");
    let page = get(&d, &format!("{path}&startIndex=101&count=20"));
    assert_eq!(page["totalResults"], 125);
    assert_eq!(names(&page)[0], "u00201");
    assert_eq!(names(&page).len(), 20);
}

#[test]
fn a_cursor_walk_misses_nothing_that_was_there_all_along() {
    for path in ["/Users?x=1".to_owned(), filtered("/Users", "userName pr")] {
        let d = many(300);
        let mut seen = Vec::new();
        let mut cursor = String::new();
        let mut round = 0;
        loop {
            let page = get(&d, &format!("{path}&count=50&cursor={cursor}"));
            assert_eq!(page.get("startIndex"), None);
            seen.extend(names(&page));
            // What was seen goes, something new comes.
            let gone = page["Resources"][0]["id"].as_str().unwrap().to_owned();
            assert_eq!(call(&d, "DELETE", &format!("/Users/{gone}"), None).status, 204);
            user(&d, &format!("new-{}-{round}", seen.len()), json!({}));
            round += 1;
            match page.get("nextCursor") {
                Some(next) => cursor = next.as_str().unwrap().to_owned(),
                None => break,
            }
        }
        let old: Vec<_> = seen.iter().filter(|n| n.starts_with('u')).collect();
        let all: std::collections::BTreeSet<_> = old.iter().collect();
        assert_eq!(all.len(), old.len(), "something came twice");
        assert!(all.len() == 300, "something is missing: {}", all.len());
        assert!(round >= 6);
    }
    let d = many(1);
    let other = call(&d, "GET", "/Users?cursor=5.0000", None);
    assert!(refused(&other, 400, Some("invalidCursor")).contains("empty cursor"));
    refused(&call(&d, "GET", "/Users?cursor=&startIndex=2", None), 400, Some("invalidValue"));
    refused(&call(&d, "GET", "/Users?cursor=&sortBy=title", None), 400, Some("invalidValue"));
}

#[test]
fn sorting_puts_missing_values_last_and_pages() {
    let d = directory();
    for (name, title) in [("c", Some("B")), ("a", None), ("b", Some("a")), ("d", Some("C"))] {
        user(&d, name, title.map_or(json!({}), |t| json!({ "title": t })));
    }
    assert_eq!(names(&get(&d, "/Users?sortBy=userName")), ["a", "b", "c", "d"]);
    assert_eq!(names(&get(&d, "/Users?sortBy=title")), ["b", "c", "d", "a"]);
    assert_eq!(names(&get(&d, "/Users?sortBy=title&sortOrder=descending")), ["a", "d", "c", "b"]);
    let page = get(&d, "/Users?sortBy=userName&startIndex=2&count=2");
    assert_eq!(
        (names(&page), page["totalResults"].clone()),
        (vec!["b".to_owned(), "c".to_owned()], json!(4))
    );
    let some = get(&d, &format!("{}&sortBy=userName&sortOrder=descending", filtered("/Users", "title pr")));
    assert_eq!(names(&some), ["d", "c", "b"]);
    refused(&call(&d, "GET", "/Users?sortBy=nothing", None), 400, Some("invalidValue"));
}

#[test]
fn a_search_is_a_list_by_post() {
    let d = many(5);
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "filter": "title eq \"odd\"", "attributes": ["userName"], "startIndex": 1, "count": 1,
    });
    let reply = call(&d, "POST", "/Users/.search", Some(body));
    let list = reply.body.unwrap();
    assert_eq!((reply.status, list["totalResults"].clone()), (200, json!(2)));
    assert_eq!(names(&list), ["u00001"]);
    assert_eq!(list["Resources"][0].get("meta"), None);
}

#[test]
fn memberships_in_a_list_are_shown_unless_excluded() {
    let d = many(2);
    let id = names(&get(&d, "/Users")).len();
    assert_eq!(id, 2);
    let first = get(&d, "/Users")["Resources"][0]["id"].as_str().unwrap().to_owned();
    group(&d, "team", &[&first]);
    assert_eq!(get(&d, "/Groups")["Resources"][0]["members"][0]["value"], first.as_str());
    assert_eq!(get(&d, "/Groups?excludedAttributes=members")["Resources"][0].get("members"), None);
    assert_eq!(get(&d, "/Users")["Resources"][0]["groups"][0]["display"], "team");
    assert_eq!(get(&d, "/Users?attributes=userName")["Resources"][0].get("groups"), None);
}

/// Not a measurement of record: `cargo test --release -p gangway-directory -- --ignored --nocapture`.
#[test]
#[ignore = "takes a minute; prints figures"]
fn figures_of_a_hundred_thousand_users() {
    let file = std::env::temp_dir().join(format!("gangway-figures-{}.redb", std::process::id()));
    let _ = std::fs::remove_file(&file);
    let d = Directory::open(&file, clock(), Arc::new(Numbers(AtomicU64::new(1)))).unwrap();
    let count = 100_000;
    let start = std::time::Instant::now();
    std::thread::scope(|scope| {
        for part in 0..16 {
            let d = &d;
            scope.spawn(move || {
                for n in 0..count / 16 {
                    user(
                        d,
                        &format!("p{part}-{n}"),
                        json!({ "displayName": "Some One", "externalId": "1",
                        "name": { "familyName": "One", "givenName": "Some" },
                        "emails": [{ "value": format!("p{part}-{n}@example.com"), "type": "work" }] }),
                    );
                }
            });
        }
    });
    println!("durable creates/s, 16 at once: {:.0}", f64::from(count) / start.elapsed().as_secs_f64());
    println!("file: {} MB", std::fs::metadata(&file).unwrap().len() / 1_000_000);
    let start = std::time::Instant::now();
    let mut seen = 0;
    while seen < count {
        let page = get(&d, &format!("/Users?startIndex={}&count=200", seen + 1));
        seen += i32::try_from(page["Resources"].as_array().unwrap().len()).unwrap();
    }
    println!("walk of {count} by index: {:?}", start.elapsed());
    let start = std::time::Instant::now();
    for n in 0..10_000 {
        let name = format!("p{}-{}", n % 16, n % 6000);
        assert_eq!(get(&d, &filtered("/Users", &format!("userName eq \"{name}\"")))["totalResults"], 1);
    }
    println!("filter by userName/s, one at a time: {:.0}", 10_000.0 / start.elapsed().as_secs_f64());
    let start = std::time::Instant::now();
    get(&d, &filtered("/Users", "name.familyName eq \"nobody\""));
    println!("scan of {count}: {:?}", start.elapsed());
    let all: Vec<_> =
        (1..=u128::try_from(count).unwrap()).map(|n| json!({ "value": Uuid::from_u128(n) })).collect();
    let start = std::time::Instant::now();
    let body = json!({ "schemas": [GROUP], "displayName": "all", "members": all }).to_string();
    let team =
        d.create(crate::Kind::Group, serde_json::from_str(&body).unwrap(), &crate::View::default()).unwrap();
    println!("group of {count}: {:?}", start.elapsed());
    let one = user(&d, "one more", json!({}));
    let start = std::time::Instant::now();
    let path = format!("/Groups/{}", team.body["id"].as_str().unwrap());
    patch(&d, &path, json!([{ "op": "add", "path": "members", "value": [{ "value": one }] }]));
    println!("one more member: {:?}", start.elapsed());
    drop(d);
    std::fs::remove_file(&file).unwrap();
}
