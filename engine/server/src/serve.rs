use crate::aftermath;
use crate::central;
use crate::outbox;
use crate::router::router;
use crate::services::Services;
use axum::serve::ListenerExt;
use std::future::Future;
use std::time::Duration;
use tokio::net::TcpListener;

/// How long answers under way may take after the end was asked for.
const GRACE: Duration = Duration::from_secs(5);

/// Serves an engine until `shutdown` is done: takes up interrupted jobs first; at the end lets the
/// jobs stop after the requests under way, so that the next start takes them up.
pub async fn serve(
    listener: TcpListener,
    services: Services,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    match services.runner().recover().await {
        Ok(resumed) if resumed.is_empty() => {}
        Ok(resumed) => tracing::info!(jobs = resumed.len(), "interrupted jobs go on"),
        Err(error) => tracing::error!(%error, "interrupted jobs could not be taken up"),
    }
    // They end with the server.
    let mut beside = tokio::task::JoinSet::new();
    beside.spawn(services.inner.scheduler.clone().run());
    beside.spawn(aftermath::run(services.clone()));
    beside.spawn(outbox::run(services.clone()));
    beside.spawn(central::run(services.clone()));
    beside.spawn(aftermath::housekeeping(services.clone()));
    // Answers are small and awaited one by one.
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    let closing = services.clone();
    let mut closed = services.closing();
    let asked = async move {
        shutdown.await;
        closing.close();
        closing.runner().shutdown().await;
    };
    let nightly = crate::nightly::run(services.clone());
    let server = axum::serve(listener, router(services)).with_graceful_shutdown(asked);
    let late = async move {
        // The sender lives as long as the server.
        let _ = closed.wait_for(|closing| *closing).await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        ended = server => ended,
        () = late => Ok(()),
        () = nightly => Ok(()),
    }
}
