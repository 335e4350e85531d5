//! Batches as they cross the border, and the requests and answers in them.

use crate::bindings::transformation::exports::gangway::plugin::transformation::{
    Answers, Batch, Remark, Texts, WrittenTexts,
};
use crate::transformation::{self, Answer, Request};
use std::borrow::Cow;

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

/// Adds a text. Short ones in words of a known length: any other copy is a call that leaves the component.
fn add(texts: &mut WrittenTexts, text: &[u8]) {
    match text.len() {
        8..=16 => add_words::<8>(&mut texts.bytes, text),
        4..8 => add_words::<4>(&mut texts.bytes, text),
        _ => texts.bytes.extend_from_slice(text),
    }
    texts.lengths.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
}

/// Adds a text of one or two words: its first, and its last, which may begin in it.
#[inline]
fn add_words<const WORD: usize>(bytes: &mut Vec<u8>, text: &[u8]) {
    if let (Some(first), Some(last)) = (text.first_chunk::<WORD>(), text.last_chunk::<WORD>()) {
        let end = bytes.len() + text.len();
        bytes.extend_from_slice(first);
        bytes.truncate(end - WORD);
        bytes.extend_from_slice(last);
    }
}

/// Room for so many texts that are about as long as this one, within bounds.
fn reserve(texts: &mut WrittenTexts, like: &[u8], count: usize) {
    texts.bytes.reserve((like.len() + like.len() / 4).saturating_mul(count).min(ROOM));
    texts.lengths.reserve(count);
}

fn none() -> WrittenTexts {
    WrittenTexts { bytes: Vec::new(), lengths: Vec::new() }
}

/// The answers to a batch, as they come.
pub(super) struct Answered {
    answers: Answers,
    /// How many there are to be.
    count: usize,
}

/// So many bytes at most are made room for at first.
const ROOM: usize = 1 << 20;

impl Answered {
    pub(super) fn to(batch: &Batch) -> Self {
        let count = batch.entities.lengths.len();
        let (entities, ids, correlations) = (none(), none(), none());
        let (correlated, remarks) = (Vec::new(), Vec::new());
        Answered { answers: Answers { entities, ids, correlations, correlated, remarks }, count }
    }

    pub(super) fn into_answers(self) -> Answers {
        self.answers
    }

    /// The number of the next answer.
    fn next(&self) -> u32 {
        u32::try_from(self.answers.entities.lengths.len()).unwrap_or(u32::MAX)
    }

    fn add(&mut self, json: &[u8], id: &str, correlation: &[impl AsRef<str>]) {
        let (index, count) = (self.next(), self.count);
        let Answers { entities, ids, correlations, correlated, .. } = &mut self.answers;
        if index == 0 {
            reserve(entities, json, count);
        }
        add(entities, json);
        // No texts at all until one has an identifier.
        if !id.is_empty() && ids.lengths.is_empty() {
            reserve(ids, id.as_bytes(), count);
            ids.lengths.resize(entities.lengths.len() - 1, 0);
        }
        if !id.is_empty() || !ids.lengths.is_empty() {
            add(ids, id.as_bytes());
        }
        for value in correlation {
            let value = value.as_ref().as_bytes();
            if correlated.is_empty() {
                reserve(correlations, value, count);
                correlated.reserve(count);
            }
            add(correlations, value);
            correlated.push(index);
        }
    }
}

impl transformation::Answers for Answered {
    fn put(&mut self, answer: Answer) {
        if answer.is_remarkable() {
            self.answers.remarks.push(Remark {
                index: self.next(),
                outcome: answer.outcome.as_str().to_owned(),
                reason: answer.reason,
                mapping: answer.mapping,
                unresolved: answer.unresolved,
                depends: answer.depends.into_iter().map(str::to_owned).collect(),
                variables: answer.variables,
                trace: answer.trace,
            });
        }
        self.add(answer.json.as_bytes(), &answer.id, &answer.correlation);
    }

    fn transformed(&mut self, json: &[u8], id: &str, correlation: &[Cow<'_, str>]) {
        self.add(json, id, correlation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined<'t>(parts: impl Iterator<Item = &'t str>) -> Texts {
        let mut texts = none();
        parts.for_each(|part| add(&mut texts, part.as_bytes()));
        Texts { text: String::from_utf8(texts.bytes).unwrap(), lengths: texts.lengths }
    }

    fn answers(list: Vec<Answer>) -> Answers {
        let batch = Batch {
            entity_type: "user".to_owned(),
            operation: "read".to_owned(),
            entities: joined(list.iter().map(|_| "{}")),
            variables: joined(std::iter::empty()),
        };
        let mut answered = Answered::to(&batch);
        list.into_iter().for_each(|answer| transformation::Answers::put(&mut answered, answer));
        answered.into_answers()
    }

    #[test]
    fn texts_come_apart_as_they_were_joined() {
        let long = "0123456789abcdefghij";
        let all: Vec<&str> = (0..=long.len()).map(|end| &long[..end]).collect();
        for texts in [&[][..], &[""], &["a", "", "äö", "€"], &all] {
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
            Answer::transformed("{}"),
            Answer::transformed("{}").with_id("7"),
            Answer::filtered("no"),
            Answer { unresolved: 1, ..Answer::transformed("{}") },
            Answer { correlation: vec!["a".to_owned(), "b".to_owned()], ..Answer::transformed("{}") },
        ]);
        assert_eq!((&some.ids.bytes[..], &some.ids.lengths[..]), (&b"7"[..], &[0, 1, 0, 0, 0][..]));
        assert_eq!((&some.correlations.bytes[..], &some.correlated[..]), (&b"ab"[..], &[4, 4][..]));
        let remarks: Vec<_> = some.remarks.iter().map(|r| (r.index, r.outcome.as_str())).collect();
        assert_eq!(remarks, [(2, "filtered"), (3, "transformed")]);
    }
}
