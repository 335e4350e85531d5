mod assignments;
mod bulk;
mod documents;
mod mapping;
mod members;
mod reading;
mod writing;

use crate::Scim;
use gangway_sdk::Connector;
use gangway_sdk::testing::FakeHost;

/// A host and a connector with these properties besides the URL.
fn system(properties: &[(&str, &str)]) -> (FakeHost, Scim) {
    let host = FakeHost::install();
    host.property("URL", "https://scim.example.com/v2/");
    for (name, value) in properties {
        host.property(name, value);
    }
    let scim = Scim::open().unwrap();
    (host, scim)
}

fn query(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned();
        (key == name).then_some(value)
    })
}

fn last_query(host: &FakeHost, name: &str) -> Option<String> {
    query(&host.requests().last()?.url, name)
}

fn body(host: &FakeHost, request: usize) -> serde_json::Value {
    serde_json::from_slice(&host.requests()[request].body).unwrap()
}
