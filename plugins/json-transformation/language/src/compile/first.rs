//! Which mapping is the first to write to a place of the output: it need not look whether something is there.

use std::collections::BTreeMap;

use crate::mapping::{Action, Mapping};
use crate::path::{Path, Step};

/// Tells each target path what no mapping before it can have made.
pub(super) fn tell(mappings: &mut [Mapping]) {
    let mut written = Written::default();
    let fresh: Vec<usize> = mappings.iter().map(|mapping| written.count(&mapping.action)).collect();
    for (mapping, fresh) in mappings.iter_mut().zip(fresh) {
        if let Action::Set(set) = &mut mapping.action
            && let Some(target) = &mut set.target
        {
            target.set_fresh(fresh);
        }
    }
}

/// What mappings write to, as far as names and places tell.
#[derive(Default)]
struct Written<'p> {
    /// Anything can be below.
    open: bool,
    below: BTreeMap<Key<'p>, Written<'p>>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key<'p> {
    Name(&'p str),
    Place(i64),
}

fn key(step: &Step) -> Option<Key<'_>> {
    match step {
        Step::Name(name) => Some(Key::Name(name)),
        Step::Index(index) => Some(Key::Place(*index)),
        _ => None,
    }
}

impl<'p> Written<'p> {
    /// How many steps at the end of an action's target lead to what is not written yet. Then it is.
    fn count(&mut self, action: &'p Action) -> usize {
        match action {
            Action::Set(set) => set.target.as_ref().map_or(0, |target| self.set(&target.steps)),
            Action::Remove(path) | Action::Rename(path, _) => {
                self.edit(path);
                0
            }
        }
    }

    fn set(&mut self, steps: &'p [Step]) -> usize {
        let mut node = self;
        let mut fresh = 0;
        for (at, key) in steps.iter().map_while(key).enumerate() {
            if node.open {
                return 0;
            }
            node = node.below.entry(key).or_insert_with(|| {
                fresh = fresh.max(steps.len() - at);
                Written::default()
            });
        }
        node.open = true;
        fresh
    }

    /// What is removed or gets another name moves others, too: anything can be where they are.
    fn edit(&mut self, path: &'p Path) {
        let Some((_, parents)) = path.steps.split_last() else { return };
        let mut node = self;
        for key in parents.iter().map_while(key) {
            node = node.below.entry(key).or_default();
        }
        node.open = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_mapping_before_can_have_made_is_fresh() {
        let path = |text| Path::parse(text).unwrap();
        // What mappings before write, or `-` and what they remove or rename; the path; its steps that are fresh.
        for (before, text, fresh) in [
            (&[][..], "$.a", 1),
            (&[], "$.a.b.c", 3),
            (&[], "$.a[0].b", 3),
            (&["$.a"], "$.a", 0),
            (&["$.a"], "$.b", 1),
            (&["$.a"], "$.a.b", 0),
            (&["$.a.b"], "$.a", 0),
            (&["$.a.b"], "$.a.c", 1),
            (&["$.a.b"], "$.a.c.d", 2),
            (&["$.a.b", "$.a.c"], "$.a.b", 0),
            (&["$.a[0].b"], "$.a[0].c", 1),
            (&["$.a[0].b"], "$.a[1].b", 2),
            (&["$"], "$.a", 0),
            (&["$.a[?(@.x == 1)].b"], "$.a[0].b", 0),
            (&["$.a[*].b"], "$.c", 1),
            (&["$.a.b", "-$.a.b"], "$.a.c", 0),
            (&["-$.a[0]"], "$.a[0].b", 0),
            (&["-$.a"], "$.b", 0),
            (&["-$.a.b"], "$.b", 1),
        ] {
            let made: Vec<(bool, Path)> = before
                .iter()
                .map(|text| (text.starts_with('-'), path(text.trim_start_matches('-'))))
                .collect();
            let target = path(text);
            let mut written = Written::default();
            for (edit, path) in &made {
                if *edit {
                    written.edit(path);
                } else {
                    written.set(&path.steps);
                }
            }
            assert_eq!(written.set(&target.steps), fresh, "{text} after {before:?}");
        }
    }
}
