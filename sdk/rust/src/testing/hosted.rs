//! The host's interfaces with the signatures that the bindings give them, on top of the fake world.

pub(crate) mod connection;
pub(crate) mod files;

pub(crate) mod http {
    use crate::error::{Error, Result};
    use crate::http::{RawResponse, Request};
    use crate::testing::world;

    pub(crate) fn send(request: &Request) -> Result<RawResponse> {
        let (queued, server) = world(|world| {
            world.requests.push(request.clone());
            (world.answers.pop_front(), world.http.clone())
        });
        // The server runs outside the world's borrow, so that it may look at the host itself.
        match (queued, server) {
            (Some(answer), _) => answer.response,
            (None, Some(server)) => server(request).response,
            (None, None) => Err(Error::denied(format!(
                "The test has no answer for {} {}: give one with `FakeHost::answer` or `FakeHost::serve`.",
                request.method, request.url
            ))),
        }
    }

    pub(crate) fn send_many(requests: &[Request]) -> Vec<Result<RawResponse>> {
        requests.iter().map(send).collect()
    }
}

pub(crate) mod log {
    use crate::log::Level;
    use crate::testing::{Message, world};

    pub(crate) fn log(level: Level, message: &str, fields: &[(String, String)]) {
        world(|world| world.log.push(Message { level, text: message.to_owned(), fields: fields.to_vec() }));
    }
}

pub(crate) mod system {
    use crate::testing::world;

    pub(crate) fn properties() -> Vec<(String, String)> {
        world(|world| world.properties.clone())
    }

    pub(crate) fn cancelled() -> bool {
        world(|world| world.cancelled)
    }
}

pub(crate) mod relations {
    use crate::error::Result;
    use crate::relations::Query;
    use crate::testing::world;

    pub(crate) fn resolve(query: &Query) -> Result<Vec<Vec<String>>> {
        match world(|world| world.resolve.clone()) {
            Some(resolve) => resolve(query),
            None => Ok(query.ids.iter().map(|_| Vec::new()).collect()),
        }
    }
}

pub(crate) mod state {
    use crate::error::{Error, Result};
    use crate::testing::world;

    pub(crate) fn get(key: &str) -> Result<Option<Vec<u8>>> {
        Ok(world(|world| world.state.get(key).cloned()))
    }

    pub(crate) fn set(key: &str, value: &[u8]) -> Result<()> {
        // The limits that the real host has, so that a test meets them first.
        if key.len() > 256 || value.len() > 64 * 1024 {
            return Err(Error::too_large(
                "A key of the state has at most 256 bytes, a value at most 64 KiB.",
            ));
        }
        world(|world| {
            if world.state.len() >= 1000 && !world.state.contains_key(key) {
                return Err(Error::too_large("The state of a system has at most 1,000 keys."));
            }
            world.state.insert(key.to_owned(), value.to_vec());
            Ok(())
        })
    }

    pub(crate) fn delete(key: &str) -> Result<()> {
        world(|world| world.state.remove(key));
        Ok(())
    }
}
