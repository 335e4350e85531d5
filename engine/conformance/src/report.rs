use std::fmt;

/// How a check ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// As it should.
    Passed,
    /// Not.
    Failed {
        /// What the interface promises.
        rule: &'static str,
        /// What was there instead.
        found: String,
    },
    /// Left out, and why.
    Skipped(String),
    /// Asks for something that the plugin does not claim to be.
    NotApplicable(String),
}

/// One check with its verdict.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Its name, with the entity type in brackets where it has one.
    pub name: String,
    /// How it ended.
    pub verdict: Verdict,
}

impl Line {
    pub(crate) fn failed(name: &str, rule: &'static str, found: String) -> Self {
        Self { name: name.to_owned(), verdict: Verdict::Failed { rule, found } }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::Passed => write!(f, "ok       {}", self.name),
            Verdict::Failed { rule, found } => {
                write!(f, "FAILED   {}\n           expected: {rule}\n           found:    {found}", self.name)
            }
            Verdict::Skipped(why) => write!(f, "skipped  {} ({why})", self.name),
            Verdict::NotApplicable(why) => write!(f, "n/a      {} ({why})", self.name),
        }
    }
}

/// All checks of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// In the order they were run.
    pub lines: Vec<Line>,
}

impl Report {
    /// Whether nothing failed.
    pub fn is_success(&self) -> bool {
        !self.lines.iter().any(|line| matches!(line.verdict, Verdict::Failed { .. }))
    }

    fn count(&self, which: fn(&Verdict) -> bool) -> usize {
        self.lines.iter().filter(|line| which(&line.verdict)).count()
    }
}

/// The last line of a run.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let passed = self.count(|v| matches!(v, Verdict::Passed));
        let failed = self.count(|v| matches!(v, Verdict::Failed { .. }));
        let skipped = self.count(|v| matches!(v, Verdict::Skipped(_)));
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}
