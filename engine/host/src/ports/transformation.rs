use super::batch::batches;
use super::convert::needs;
use crate::pool::{Call, Document, Pool};
use async_trait::async_trait;
use gangway_model::ports::Transformation;
use gangway_model::{Answer, Needs, PluginError, Request};
use sha2::{Digest as _, Sha256};

/// A compiled document over warm instances, each of which has compiled it.
pub(super) struct PooledTransformation {
    pool: Pool,
    needs: Vec<(String, Needs)>,
    configuration: [u8; 32],
}

impl PooledTransformation {
    /// Compiles the document in a first instance.
    pub(super) async fn open(pool: Pool) -> Result<Self, PluginError> {
        let found = pool
            .call(Call::reading("needs"), |guest| {
                Box::pin(async move {
                    let compiled = guest.compiled.ok_or_else(super::no_export)?;
                    let transformation = guest.transformation.as_ref().ok_or_else(super::no_export)?;
                    transformation.compiled().call_needs(&mut guest.store, compiled).await
                })
            })
            .await?;
        let configuration = pool
            .document
            .as_ref()
            .map(|document| configuration(document, &pool.version.digest))
            .unwrap_or_default();
        Ok(Self { pool, needs: found.into_iter().map(needs).collect(), configuration })
    }
}

/// Everything that decides what becomes of an entity. Each part goes in with its length, so that no
/// two configurations write the same bytes.
fn configuration(document: &Document, digest: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut put = |part: &str| {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part);
    };
    put(digest);
    put(document.direction.as_str());
    put(&document.text);
    for (key, value) in &document.properties {
        put(key);
        put(value);
    }
    hash.finalize().into()
}

#[async_trait]
impl Transformation for PooledTransformation {
    async fn apply(&self, requests: &[Request<'_>], explain: bool) -> Result<Vec<Answer>, PluginError> {
        let (batches, places) = batches(requests);
        let answered = self
            .pool
            .call(Call::reading("apply"), move |guest| {
                Box::pin(async move {
                    let compiled = guest.compiled.ok_or_else(super::no_export)?;
                    let transformation = guest.transformation.as_ref().ok_or_else(super::no_export)?;
                    transformation.compiled().call_apply(&mut guest.store, compiled, &batches, explain).await
                })
            })
            .await?;
        places.answers(answered, &self.pool.version.name())
    }

    fn needs(&self) -> Vec<(String, Needs)> {
        self.needs.clone()
    }

    fn configuration(&self) -> [u8; 32] {
        self.configuration
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gangway_model::Direction;

    #[test]
    fn every_part_of_the_configuration_counts() {
        let document = |text: &str, direction, properties: &[(&str, &str)]| Document {
            text: text.into(),
            direction,
            properties: properties.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        };
        let all = [
            configuration(&document("{}", Direction::Read, &[("ab", "c")]), "d1"),
            configuration(&document("{} ", Direction::Read, &[("ab", "c")]), "d1"),
            configuration(&document("{}", Direction::Write, &[("ab", "c")]), "d1"),
            configuration(&document("{}", Direction::Read, &[("a", "bc")]), "d1"),
            configuration(&document("{}", Direction::Read, &[]), "d1"),
            configuration(&document("{}", Direction::Read, &[("ab", "c")]), "d2"),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(all[0], configuration(&document("{}", Direction::Read, &[("ab", "c")]), "d1"));
    }
}
