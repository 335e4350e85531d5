//! What is done every night at 04:00 UTC: the tenants' inactive users are blocked and deleted.

use crate::services::{Services, blocking};
use std::time::Duration;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
const AT_MS: u64 = 4 * 60 * 60 * 1000;

/// Milliseconds until the next 04:00 UTC.
fn until_next(now_ms: u64) -> u64 {
    let today = now_ms % DAY_MS;
    if today < AT_MS { AT_MS - today } else { DAY_MS + AT_MS - today }
}

/// Waits for the nights, for as long as the engine is served.
pub(crate) async fn run(services: Services) {
    loop {
        let wait = until_next(services.inner.clock.now_ms());
        tokio::time::sleep(Duration::from_millis(wait)).await;
        let tenants = match services.stored(|store| store.tenants()).await {
            Ok(tenants) => tenants,
            Err(problem) => {
                tracing::error!(detail = problem.detail(), "the nightly work was left out");
                continue;
            }
        };
        for tenant in tenants {
            let directory = match crate::scim::open(&services, &tenant).await {
                Ok(directory) => directory,
                Err(problem) => {
                    tracing::error!(%tenant, detail = problem.detail(), "the directory does not open");
                    continue;
                }
            };
            let applied = blocking(move || Ok(directory.apply_inactivity())).await;
            match applied {
                Ok(Ok((0, 0))) => {}
                Ok(Ok((blocked, deleted))) => tracing::info!(%tenant, blocked, deleted, "inactive users"),
                Ok(Err(error)) => tracing::error!(%tenant, %error, "inactive users were left"),
                Err(problem) => {
                    tracing::error!(%tenant, detail = problem.detail(), "inactive users were left")
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_night_is_ahead() {
        assert_eq!(until_next(0), AT_MS);
        assert_eq!(until_next(AT_MS - 1), 1);
        assert_eq!(until_next(AT_MS), DAY_MS);
        assert_eq!(until_next(7 * DAY_MS + AT_MS + 5), DAY_MS - 5);
    }
}
