//! Requests and answers of a transformation as they cross the border: many in a few strings.

use super::convert::same_number;
use crate::bindings::v0_1::exports::gangway::plugin::transformation as wit;
use gangway_model::{Answer, AnswerOutcome, PluginError, Request, TransformOperation, code};

/// Where the answers of batches belong: for each batch, the numbers of its requests.
pub(super) struct Places(Vec<Vec<usize>>);

/// Requests of the same entity type and operation share a batch, whatever stands between them.
pub(super) fn batches(requests: &[Request<'_>]) -> (Vec<wit::Batch>, Places) {
    let mut places: Vec<Vec<usize>> = Vec::new();
    let mut kinds = Vec::new();
    for (place, request) in requests.iter().enumerate() {
        let kind = (request.entity_type, request.operation);
        let at = kinds.iter().position(|known| *known == kind).unwrap_or_else(|| {
            kinds.push(kind);
            places.push(Vec::with_capacity(requests.len() - place));
            places.len() - 1
        });
        if let Some(places) = places.get_mut(at) {
            places.push(place);
        }
    }
    let one = |(places, (entity_type, operation)): (&Vec<usize>, &(&str, TransformOperation))| {
        let chosen = places.iter().filter_map(|place| requests.get(*place));
        let has_variables = chosen.clone().any(|request| !request.variables.is_empty());
        let variables = chosen.clone().filter(|_| has_variables);
        wit::Batch {
            entity_type: (*entity_type).to_owned(),
            operation: operation.as_str().to_owned(),
            entities: joined(chosen.map(|request| request.json)),
            variables: joined(variables.map(|request| request.variables.as_str())),
        }
    };
    (places.iter().zip(&kinds).map(one).collect(), Places(places))
}

impl Places {
    /// The answers in the order of the requests.
    pub(super) fn answers(
        self,
        mut answered: Vec<wit::Answers>,
        plugin: &str,
    ) -> Result<Vec<Answer>, PluginError> {
        same_number(plugin, "apply", answered.len(), self.0.len())?;
        let count = self.0.iter().map(Vec::len).sum();
        // The usual case, one batch of everything, is in order already.
        if let [places] = self.0.as_slice()
            && let Some(answered) = answered.pop()
        {
            return batch(answered, places.len(), plugin);
        }
        let mut answers: Vec<Option<Answer>> = std::iter::repeat_with(|| None).take(count).collect();
        for (places, answered) in self.0.iter().zip(answered) {
            for (place, answer) in places.iter().zip(batch(answered, places.len(), plugin)?) {
                if let Some(slot) = answers.get_mut(*place) {
                    *slot = Some(answer);
                }
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }
}

fn joined<'t>(texts: impl Iterator<Item = &'t str> + Clone) -> wit::Texts {
    let mut text = String::with_capacity(texts.clone().map(str::len).sum());
    let mut lengths = Vec::with_capacity(texts.size_hint().1.unwrap_or(0));
    for part in texts {
        text.push_str(part);
        // A text that long does not fit a guest's memory; the call fails on it.
        lengths.push(u32::try_from(part.len()).unwrap_or(u32::MAX));
    }
    wit::Texts { text, lengths }
}

/// The texts of `count` entities.
fn split<'t>(texts: &'t wit::WrittenTexts, count: usize, plugin: &str) -> Result<Vec<&'t str>, PluginError> {
    same_number(plugin, "apply", texts.lengths.len(), count)?;
    let mut rest = std::str::from_utf8(&texts.bytes).map_err(|error| {
        let message = format!("the plugin {plugin} answered texts that are not UTF-8 (apply): {error}");
        PluginError::new(code::INTERNAL, message)
    })?;
    let mut parts = Vec::with_capacity(count);
    for length in &texts.lengths {
        let cut = usize::try_from(*length).ok().and_then(|length| rest.split_at_checked(length));
        let (part, tail) = cut.ok_or_else(|| misshaped(plugin))?;
        parts.push(part);
        rest = tail;
    }
    if rest.is_empty() { Ok(parts) } else { Err(misshaped(plugin)) }
}

fn misshaped(plugin: &str) -> PluginError {
    let message = format!("the plugin {plugin} answered texts whose lengths do not fit them (apply)");
    PluginError::new(code::INTERNAL, message)
}

fn batch(answered: wit::Answers, count: usize, plugin: &str) -> Result<Vec<Answer>, PluginError> {
    let entities = split(&answered.entities, count, plugin)?;
    let mut answers: Vec<Answer> = entities.into_iter().map(Answer::transformed).collect();
    if !answered.ids.lengths.is_empty() {
        for (answer, id) in answers.iter_mut().zip(split(&answered.ids, count, plugin)?) {
            answer.id = (!id.is_empty()).then(|| id.to_owned());
        }
    }
    let correlations = split(&answered.correlations, answered.correlated.len(), plugin)?;
    for (index, value) in answered.correlated.into_iter().zip(correlations) {
        at(&mut answers, index, plugin)?.correlation.push(value.to_owned());
    }
    for remark in answered.remarks {
        remarked(at(&mut answers, remark.index, plugin)?, remark);
    }
    for answer in &mut answers {
        if answer.outcome == AnswerOutcome::Transformed && answer.json.is_empty() {
            answer.outcome = AnswerOutcome::Failed;
            "the plugin gave neither an entity nor a reason".clone_into(&mut answer.reason);
        }
    }
    Ok(answers)
}

fn at<'a>(answers: &'a mut [Answer], index: u32, plugin: &str) -> Result<&'a mut Answer, PluginError> {
    let count = answers.len();
    usize::try_from(index).ok().and_then(|index| answers.get_mut(index)).ok_or_else(|| {
        let message = format!("the plugin {plugin} speaks of entity {index} of a batch of {count} (apply)");
        PluginError::new(code::INTERNAL, message)
    })
}

fn remarked(answer: &mut Answer, remark: wit::Remark) {
    answer.reason = remark.reason;
    answer.outcome = match remark.outcome.as_str() {
        "transformed" => AnswerOutcome::Transformed,
        "filtered" => AnswerOutcome::Filtered,
        "skipped" => AnswerOutcome::Skipped,
        "ignored" => AnswerOutcome::Ignored,
        "deleted" => AnswerOutcome::Deleted,
        "failed" => AnswerOutcome::Failed,
        other => {
            answer.reason = format!("the plugin answered {other:?}, which this engine does not know");
            AnswerOutcome::Failed
        }
    };
    answer.mapping = remark.mapping;
    answer.unresolved = remark.unresolved;
    answer.depends = !remark.depends.is_empty();
    answer.variables = remark.variables;
    answer.trace = remark.trace;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(operation: TransformOperation, json: &str) -> Request<'_> {
        Request { entity_type: "user", operation, json, variables: String::new() }
    }

    fn texts(parts: &[&str]) -> wit::WrittenTexts {
        let joined = joined(parts.iter().copied());
        wit::WrittenTexts { bytes: joined.text.into(), lengths: joined.lengths }
    }

    fn remark(index: u32, outcome: &str) -> wit::Remark {
        wit::Remark {
            index,
            outcome: outcome.to_owned(),
            reason: "why".to_owned(),
            mapping: String::new(),
            unresolved: 0,
            depends: Vec::new(),
            variables: String::new(),
            trace: String::new(),
        }
    }

    fn answered(entities: &[&str], ids: &[&str], remarks: Vec<wit::Remark>) -> wit::Answers {
        wit::Answers {
            entities: texts(entities),
            ids: texts(ids),
            correlations: texts(&[]),
            correlated: Vec::new(),
            remarks,
        }
    }

    #[test]
    fn mixed_operations_come_back_in_order() {
        use TransformOperation::{Create, Update};
        let mut requests: Vec<_> =
            [(Create, "ä"), (Update, "b"), (Create, ""), (Update, "d")].map(|(o, j)| request(o, j)).into();
        requests[3].variables = "{}".to_owned();
        let (batches, places) = batches(&requests);
        assert_eq!(batches.len(), 2);
        assert_eq!((batches[0].entities.text.as_str(), &batches[0].entities.lengths[..]), ("ä", &[2, 0][..]));
        assert!(batches[0].variables.lengths.is_empty());
        assert_eq!(
            (batches[1].variables.text.as_str(), &batches[1].variables.lengths[..]),
            ("{}", &[0, 2][..])
        );
        let answered = vec![
            wit::Answers {
                correlations: texts(&["y", "z"]),
                correlated: vec![1, 1],
                ..answered(&["1", "2"], &[], vec![])
            },
            answered(&["3", ""], &["x", ""], vec![remark(1, "filtered")]),
        ];
        let answers = places.answers(answered, "p").unwrap();
        assert_eq!(answers[2].correlation, ["y", "z"]);
        let found: Vec<_> = answers.iter().map(|a| (a.outcome, a.json.as_str(), a.id.as_deref())).collect();
        let done = AnswerOutcome::Transformed;
        assert_eq!(
            found,
            [
                (done, "1", None),
                (done, "3", Some("x")),
                (done, "2", None),
                (AnswerOutcome::Filtered, "", None)
            ]
        );
    }

    #[test]
    fn one_batch_of_everything_is_in_order() {
        let requests: Vec<_> = ["a", "b", "c"].map(|json| request(TransformOperation::Read, json)).into();
        let places = || batches(&requests).1;
        let one = || answered(&["1", "2", "3"], &[], vec![]);
        let found: Vec<_> = places().answers(vec![one()], "p").unwrap().into_iter().map(|a| a.json).collect();
        assert_eq!(found, ["1", "2", "3"]);
        assert!(places().answers(vec![answered(&["1", "2"], &[], vec![])], "p").is_err());
        assert!(places().answers(vec![one(), one()], "p").is_err());
        assert!(places().answers(vec![], "p").is_err());
    }

    #[test]
    fn answers_that_do_not_fit_are_refused() {
        let answer = |entities: wit::WrittenTexts, ids: wit::WrittenTexts, remarks| {
            let answers = wit::Answers { entities, ids, ..answered(&[], &[], remarks) };
            batch(answers, 2, "p").map(|answers| answers[1].clone())
        };
        let two = || texts(&["a", "ä"]);
        assert!(answer(two(), texts(&[]), vec![]).is_ok());
        for (entities, ids, remarks) in [
            (texts(&["a"]), texts(&[]), vec![]),
            (wit::WrittenTexts { lengths: vec![1, 3], ..two() }, texts(&[]), vec![]),
            (wit::WrittenTexts { lengths: vec![2, 1], ..two() }, texts(&[]), vec![]),
            (wit::WrittenTexts { lengths: vec![1, 0], ..two() }, texts(&[]), vec![]),
            (two(), texts(&["x"]), vec![]),
            (two(), texts(&[]), vec![remark(2, "failed")]),
        ] {
            let error = answer(entities, ids, remarks).unwrap_err();
            assert_eq!(error.code, code::INTERNAL, "{error}");
        }
        let bytes = wit::WrittenTexts { bytes: b"a\xFFb".into(), lengths: vec![1, 2] };
        let error =
            batch(wit::Answers { entities: bytes, ..answered(&[], &[], vec![]) }, 2, "p").unwrap_err();
        assert!(error.message.contains("plugin p answered texts that are not UTF-8"), "{error}");
        let correlated = wit::Answers {
            correlations: texts(&["x"]),
            correlated: vec![2],
            ..answered(&["a", "b"], &[], vec![])
        };
        assert!(batch(correlated, 2, "p").is_err());
        let silent = answer(texts(&["a", ""]), texts(&[]), vec![]).unwrap();
        assert_eq!(silent.outcome, AnswerOutcome::Failed);
        let unknown = answer(two(), texts(&[]), vec![remark(1, "teleported")]).unwrap();
        assert_eq!(unknown.outcome, AnswerOutcome::Failed);
        assert!(unknown.reason.contains("teleported"));
    }
}
