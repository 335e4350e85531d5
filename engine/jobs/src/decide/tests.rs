use super::*;

const A: Hash = [1; 16];
const B: Hash = [2; 16];

fn relation(state: RelationState, fingerprint: Hash, payload: Hash) -> Relation {
    Relation {
        source_id: "s".into(),
        target_id: "t".into(),
        existed_before: false,
        fingerprint,
        payload,
        state,
        ordinal: 0,
    }
}

fn answer(outcome: AnswerOutcome, reason: &str) -> Answer {
    Answer::without(outcome, reason)
}

const STATES: [RelationState; 3] =
    [RelationState::Active, RelationState::PendingDelete, RelationState::Released];
const KINDS: [JobType; 2] = [JobType::Read, JobType::Resync];

/// Every combination of job type, relation and fingerprint.
#[test]
fn an_entity_is_left_untransformed_only_if_everything_says_it_is_unchanged() {
    let mut unchanged = 0;
    for kind in KINDS {
        for fingerprint in [None, Some(UNKNOWN), Some(A), Some(B)] {
            assert_eq!(intend(kind, None, fingerprint.as_ref()), Intention::Create);
            for state in STATES {
                for stored in [UNKNOWN, A] {
                    let relation = relation(state, stored, B);
                    let expected = if state == RelationState::Released {
                        Intention::Create
                    } else if kind == JobType::Read
                        && state == RelationState::Active
                        && fingerprint == Some(A)
                        && stored == A
                    {
                        unchanged += 1;
                        Intention::Unchanged
                    } else {
                        Intention::Update
                    };
                    assert_eq!(
                        intend(kind, Some(&relation), fingerprint.as_ref()),
                        expected,
                        "{kind:?} {fingerprint:?} {relation:?}"
                    );
                }
            }
        }
    }
    assert_eq!(unchanged, 1, "exactly one combination may skip the transformations");
}

/// Every combination of job type, relation, intent, answer and content hash against the table.
#[test]
fn decision_table() {
    let intent = Intent { source_id: "s".into(), since_ms: 1, unique: Vec::new() };
    let answers = [
        answer(AnswerOutcome::Transformed, ""),
        answer(AnswerOutcome::Filtered, "Entity condition [$.active == true] is not fulfilled"),
        answer(AnswerOutcome::Skipped, "Operation [update] is skipped in target transformation"),
        answer(AnswerOutcome::Ignored, ""),
        answer(AnswerOutcome::Failed, "no value for $.userName"),
        answer(AnswerOutcome::Deleted, ""),
    ];
    let mut relations = vec![None];
    for state in STATES {
        for payload in [UNKNOWN, A] {
            relations.push(Some(relation(state, A, payload)));
        }
    }
    let mut rows = 0;
    for kind in KINDS {
        for relation in &relations {
            for intent in [None, Some(&intent)] {
                for (number, answer) in answers.iter().enumerate() {
                    for payload in [None, Some(A), Some(B)] {
                        let facts = Facts { kind, relation: relation.as_ref(), intent, answer, payload };
                        let decision = decide(&facts);
                        let bound = relation.as_ref().filter(|r| r.state != RelationState::Released);
                        let (verb, keeps) = match (number, bound) {
                            (0, None) if intent.is_some() => (Verb::Look, true),
                            (0, None) => (Verb::Create, true),
                            (0, Some(r))
                                if kind == JobType::Read
                                    && r.state == RelationState::Active
                                    && r.payload == A
                                    && payload == Some(A) =>
                            {
                                (Verb::Nothing, true)
                            }
                            (0, Some(_)) => (Verb::Update, true),
                            (1, _) => (Verb::Skip, false),
                            (2, None) => (Verb::Adopt, true),
                            (2 | 3, _) => (Verb::Skip, true),
                            _ => (Verb::Fail, true),
                        };
                        assert_eq!((decision.verb, decision.keeps()), (verb, keeps), "{facts:?}");
                        rows += 1;
                    }
                }
            }
        }
    }
    assert_eq!(rows, 2 * 7 * 2 * 6 * 3);
}

#[test]
fn reasons_say_which_rule_decided() {
    let changed = relation(RelationState::Active, A, A);
    let pending = relation(RelationState::PendingDelete, A, A);
    let unknown = relation(RelationState::Active, UNKNOWN, UNKNOWN);
    let transformed = answer(AnswerOutcome::Transformed, "");
    let reason = |kind, relation, payload| {
        decide(&Facts { kind, relation: Some(relation), intent: None, answer: &transformed, payload }).reason
    };
    assert_eq!(reason(JobType::Read, &changed, Some(B)), Reason::Changed);
    assert_eq!(reason(JobType::Read, &changed, Some(A)), Reason::Same);
    assert_eq!(reason(JobType::Resync, &changed, Some(A)), Reason::Resync);
    assert_eq!(reason(JobType::Read, &pending, Some(A)), Reason::Returned);
    assert_eq!(reason(JobType::Read, &unknown, Some(UNKNOWN)), Reason::Unknown);
}

#[test]
fn a_failed_transformation_names_the_mapping() {
    let mut failed = answer(AnswerOutcome::Failed, "no value for $.userName");
    failed.mapping = "/user/mappings/3".into();
    let error = transformation_error(&failed);
    assert_eq!(error.to_string(), "invalid: no value for $.userName, mapping=/user/mappings/3");
}
