//! Batches as they cross the border, and the requests and answers in them.

use crate::bindings::transformation::exports::gangway::plugin::transformation::{
    Answers, Batch, Remark, Texts,
};
use crate::transformation::{Answer, Request};

/// The texts in one. Lengths that do not fit leave empty texts; the host sends none.
fn split(texts: &Texts) -> impl Iterator<Item = &str> {
    let mut rest = texts.text.as_str();
    texts.lengths.iter().map(move |length| {
        let length = usize::try_from(*length).unwrap_or(usize::MAX);
        let (text, tail) = rest.split_at_checked(length).unwrap_or_default();
        rest = tail;
        text
    })
}

/// The requests of a batch.
pub(super) fn requests(batch: &Batch) -> Vec<Request<'_>> {
    let variables = split(&batch.variables).chain(std::iter::repeat(""));
    let request = |(json, variables)| Request {
        entity_type: &batch.entity_type,
        operation: &batch.operation,
        json,
        variables,
    };
    split(&batch.entities).zip(variables).map(request).collect()
}

fn joined<'t>(texts: impl Iterator<Item = &'t str> + Clone) -> Texts {
    let mut joined = Texts {
        text: String::with_capacity(texts.clone().map(str::len).sum()),
        lengths: Vec::with_capacity(texts.size_hint().0),
    };
    for text in texts {
        joined.text.push_str(text);
        joined.lengths.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
    }
    joined
}

/// The answers to a batch.
pub(super) fn answers(answers: Vec<Answer>) -> Answers {
    let has_ids = answers.iter().any(|answer| !answer.id.is_empty());
    let with_ids = if has_ids { answers.as_slice() } else { &[] };
    let entities = joined(answers.iter().map(|answer| answer.json.as_str()));
    let ids = joined(with_ids.iter().map(|answer| answer.id.as_str()));
    let correlations = joined(answers.iter().flat_map(|a| &a.correlation).map(String::as_str));
    let correlated = (0..)
        .zip(&answers)
        .flat_map(|(index, answer)| std::iter::repeat_n(index, answer.correlation.len()))
        .collect();
    let remarkable = answers.into_iter().enumerate().filter(|(_, answer)| answer.is_remarkable());
    let remark = |(index, answer): (usize, Answer)| Remark {
        index: u32::try_from(index).unwrap_or(u32::MAX),
        outcome: answer.outcome.as_str().to_owned(),
        reason: answer.reason,
        mapping: answer.mapping,
        unresolved: answer.unresolved,
        depends: answer.depends.into_iter().map(str::to_owned).collect(),
        variables: answer.variables,
        trace: answer.trace,
    };
    Answers { entities, ids, correlations, correlated, remarks: remarkable.map(remark).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_apart_as_they_were_joined() {
        for texts in [&[][..], &[""], &["a", "", "äö", "€"]] {
            assert_eq!(split(&joined(texts.iter().copied())).collect::<Vec<_>>(), texts);
        }
        let bad = Texts { text: "ä".to_owned(), lengths: vec![1, 1] };
        assert_eq!(split(&bad).collect::<Vec<_>>(), ["", ""]);
    }

    #[test]
    fn requests_have_their_variables() {
        let mut batch = Batch {
            entity_type: "user".to_owned(),
            operation: "read".to_owned(),
            entities: joined(["{}", "[]"].into_iter()),
            variables: joined(std::iter::empty()),
        };
        let found: Vec<_> = requests(&batch).iter().map(|r| (r.json, r.variables)).collect();
        assert_eq!(found, [("{}", ""), ("[]", "")]);
        batch.variables = joined(["", "{}"].into_iter());
        assert_eq!(requests(&batch)[1].variables, "{}");
        assert_eq!((requests(&batch)[1].entity_type, requests(&batch)[1].operation), ("user", "read"));
    }

    #[test]
    fn only_what_needs_a_remark_has_one() {
        let plain = answers(vec![Answer::transformed("{}"), Answer::transformed("[]")]);
        assert_eq!((plain.ids.lengths.len(), plain.remarks.len()), (0, 0));
        let some = answers(vec![
            Answer::transformed("{}").with_id("7"),
            Answer::filtered("no"),
            Answer { unresolved: 1, ..Answer::transformed("{}") },
            Answer { correlation: vec!["a".to_owned(), "b".to_owned()], ..Answer::transformed("{}") },
        ]);
        assert_eq!((some.ids.text.as_str(), &some.ids.lengths[..]), ("7", &[1, 0, 0, 0][..]));
        assert_eq!((some.correlations.text.as_str(), &some.correlated[..]), ("ab", &[3, 3][..]));
        let remarks: Vec<_> = some.remarks.iter().map(|r| (r.index, r.outcome.as_str())).collect();
        assert_eq!(remarks, [(1, "filtered"), (2, "transformed")]);
    }
}
