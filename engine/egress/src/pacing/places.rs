//! How many requests a system gets at once: fewer while it asks to slow down, more again while it does not.

use super::lock;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Refusals that come together are one.
const TOGETHER: Duration = Duration::from_secs(1);

/// Places for requests, as many as the system bears.
pub(crate) struct Places {
    limit: usize,
    permits: Arc<Semaphore>,
    state: Mutex<State>,
}

struct State {
    /// Places there are now.
    allowed: usize,
    /// Places that are to go as soon as they are free.
    owed: usize,
    /// Answers in a row without a refusal.
    good: usize,
    slowed: Option<Instant>,
}

/// A place that is taken.
pub(crate) struct Place {
    permit: Option<OwnedSemaphorePermit>,
    places: Arc<Places>,
}

impl Places {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        let state = State { allowed: limit, owed: 0, good: 0, slowed: None };
        Arc::new(Self { limit, permits: Arc::new(Semaphore::new(limit)), state: Mutex::new(state) })
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Waits for a place, in the order of asking.
    pub(crate) async fn take(self: &Arc<Self>) -> Place {
        // The semaphore is never closed; without a permit the request would only be unpaced.
        Place { permit: self.permits.clone().acquire_owned().await.ok(), places: self.clone() }
    }

    /// The system asked to slow down: half the places.
    pub(crate) fn slower(&self) {
        let mut state = lock(&self.state);
        let now = Instant::now();
        if state.slowed.is_some_and(|slowed| now.saturating_duration_since(slowed) < TOGETHER) {
            return;
        }
        state.slowed = Some(now);
        state.good = 0;
        let fewer = state.allowed / 2;
        state.allowed -= fewer;
        state.owed += fewer;
        state.owed -= self.permits.forget_permits(state.owed);
    }

    /// The system answered: after a round of such answers one more place.
    pub(crate) fn faster(&self) {
        let mut state = lock(&self.state);
        if state.allowed >= self.limit {
            return;
        }
        state.good += 1;
        if state.good < state.allowed {
            return;
        }
        state.good = 0;
        state.allowed += 1;
        if state.owed > 0 {
            state.owed -= 1;
        } else {
            self.permits.add_permits(1);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = lock(&self.places.state);
        if state.owed > 0
            && let Some(permit) = self.permit.take()
        {
            state.owed -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many places can be taken at once.
    async fn free(places: &Arc<Places>) -> usize {
        let mut taken = Vec::new();
        while let Ok(place) = tokio::time::timeout(Duration::from_millis(1), places.take()).await {
            taken.push(place);
        }
        taken.len()
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_halve_the_places_and_answers_bring_them_back() {
        let places = Places::new(8);
        let held = [places.take().await, places.take().await];
        places.slower();
        places.slower(); // together with the first
        drop(held);
        assert_eq!(free(&places).await, 4);
        for expected in [2, 1, 1] {
            tokio::time::advance(TOGETHER).await;
            places.slower();
            assert_eq!(free(&places).await, expected);
        }
        for expected in 2..=8 {
            (1..expected).for_each(|_| places.faster());
            assert_eq!(free(&places).await, expected);
        }
        (0..100).for_each(|_| places.faster());
        assert_eq!(free(&places).await, 8, "never above the limit");
    }

    #[tokio::test(start_paused = true)]
    async fn places_that_are_taken_go_when_they_are_free() {
        let places = Places::new(4);
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(places.take().await);
        }
        places.slower();
        assert_eq!(free(&places).await, 0);
        held.pop();
        held.pop();
        assert_eq!(free(&places).await, 0, "two were too many");
        held.pop();
        assert_eq!(free(&places).await, 1);
    }
}
