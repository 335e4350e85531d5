//! Parsing paths.

use super::{MAX_STEPS, Path, Root, Step};
use crate::parser::{ParseError, Parser};

impl Parser<'_> {
    /// A path from `$` or `@` on. Inside a condition it also ends at an operator, a comma or a
    /// bracket that it did not open.
    pub(crate) fn path(&mut self, in_condition: bool) -> Result<Path, ParseError> {
        let root = match self.bump() {
            Some('$') => Root::Document,
            Some('@') => Root::Current,
            _ => return Err(self.expected("a path (`$…` or `@…`)")),
        };
        let mut steps: Vec<Step> = Vec::new();
        loop {
            if steps.len() > MAX_STEPS {
                return Err(self.error(format!("a path of more than {MAX_STEPS} steps")));
            }
            if self.eat("..") {
                steps.push(Step::Deep);
                match self.peek() {
                    Some('[') => steps.push(self.bracket()?),
                    _ => steps.push(self.name(in_condition)?),
                }
            } else if self.eat(".") {
                match self.peek() {
                    Some('[') => steps.push(self.bracket()?),
                    _ => steps.push(self.name(in_condition)?),
                }
            } else if self.peek() == Some('[') {
                steps.push(self.bracket()?);
            } else {
                break;
            }
            if matches!(steps.last(), Some(Step::Length)) {
                break;
            }
        }
        match self.peek() {
            Some(c) if steps.is_empty() && !in_condition && !c.is_whitespace() => {
                Err(self.error("after `$` or `@` a path goes on with `.` or `[`"))
            }
            Some(c) if steps.is_empty() && (c.is_alphanumeric() || matches!(c, '_' | '{' | '$' | '@')) => {
                Err(self.error("after `$` or `@` a path goes on with `.` or `[`"))
            }
            _ => Ok(Path::new(root, steps)),
        }
    }

    /// A name behind a dot, `*`, or `length()`.
    fn name(&mut self, in_condition: bool) -> Result<Step, ParseError> {
        if self.eat("*") {
            return Ok(Step::Wild);
        }
        let start = self.pos;
        while let Some(c) = self.peek() {
            let ends = matches!(c, '.' | '[' | '(')
                || c.is_whitespace()
                || (in_condition
                    && (matches!(c, '<' | '>' | '=' | '!' | '~' | ',' | ')')
                        || self.rest().starts_with("&&")
                        || self.rest().starts_with("||")));
            if ends {
                break;
            }
            self.bump();
        }
        let name = self.text.get(start..self.pos).unwrap_or_default();
        if name.is_empty() {
            return Err(self.expected("a name"));
        }
        if in_condition && name.contains("${") {
            self.dynamic = true;
        }
        if self.peek() == Some('(') {
            if name == "length" && self.eat("()") {
                return Ok(Step::Length);
            }
            return Err(ParseError {
                offset: start,
                message: format!("`{name}(…)` is not known; a path can end in `length()`"),
            });
        }
        if self.peek().is_some_and(char::is_whitespace) && !in_condition {
            return Err(self.error("a blank in a path; write such a name as `['name']`"));
        }
        Ok(Step::Name(name.into()))
    }

    fn bracket(&mut self) -> Result<Step, ParseError> {
        self.expect("[")?;
        self.space();
        let step = if self.eat("*") {
            Step::Wild
        } else if self.eat("?") {
            self.space();
            self.expect("(")?;
            self.filters += 1;
            let test = self.nested(Self::or);
            self.filters -= 1;
            let test = test?;
            self.space();
            self.expect(")")?;
            Step::Filter(Box::new(test))
        } else if matches!(self.peek(), Some('\'' | '"')) {
            self.names()?
        } else {
            self.numbers()?
        };
        self.space();
        self.expect("]")?;
        Ok(step)
    }

    fn names(&mut self) -> Result<Step, ParseError> {
        let mut names: Vec<Box<str>> = vec![self.quoted()?.into()];
        self.space();
        while self.eat(",") {
            self.space();
            names.push(self.quoted()?.into());
            self.space();
        }
        if names.iter().any(|name| name.contains("${")) {
            self.dynamic = true;
        }
        Ok(match names.pop() {
            Some(only) if names.is_empty() => Step::Name(only.into()),
            last => {
                names.extend(last);
                Step::Names(names.into())
            }
        })
    }

    fn numbers(&mut self) -> Result<Step, ParseError> {
        let first = self.integer();
        self.space();
        if self.eat(":") {
            self.space();
            let to = self.integer();
            return Ok(Step::Slice(Box::new((first, to))));
        }
        let Some(first) = first else {
            return Err(self.expected("an index, `*`, `?(…)` or a quoted name"));
        };
        let mut numbers = vec![first];
        while self.eat(",") {
            self.space();
            let next = self.integer();
            numbers.push(next.ok_or_else(|| self.expected("an index"))?);
            self.space();
        }
        Ok(if numbers.len() == 1 { Step::Index(first) } else { Step::Indices(numbers.into()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> String {
        let path = Path::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let list: Vec<String> = path
            .steps
            .iter()
            .map(|step| match step {
                Step::Filter(_) => "Filter".into(),
                other => format!("{other:?}"),
            })
            .collect();
        format!("{} {}", path.definite, list.join(" "))
    }

    #[test]
    fn reads_every_form() {
        assert_eq!(steps("$"), "true ");
        assert_eq!(steps("name.givenName"), "true Name(\"name\") Name(\"givenName\")");
        assert_eq!(steps("$['urn:x']['a.b'].$ref"), "true Name(\"urn:x\") Name(\"a.b\") Name(\"$ref\")");
        assert_eq!(steps("$.custom-column-path-1[-1]"), "true Name(\"custom-column-path-1\") Index(-1)");
        assert_eq!(steps("$.a[*].['x', \"y\"]"), "false Name(\"a\") Wild Names([\"x\", \"y\"])");
        assert_eq!(steps("$.a['x','y']"), "true Name(\"a\") Names([\"x\", \"y\"])");
        assert_eq!(steps("$.a['x','y'].z"), "false Name(\"a\") Names([\"x\", \"y\"]) Name(\"z\")");
        assert_eq!(steps("$..a[0,1]"), "false Deep Name(\"a\") Indices([0, 1])");
        assert_eq!(
            steps("$.a[1:2][:1][-1:][:]"),
            "false Name(\"a\") Slice((Some(1), Some(2))) Slice((None, Some(1))) Slice((Some(-1), None)) Slice((None, None))"
        );
        assert_eq!(steps("$.a[?(@.b == ']')].c.length()"), "false Name(\"a\") Filter Name(\"c\") Length");
        assert_eq!(steps("$.*"), "false Wild");
    }

    #[test]
    fn refuses_what_is_no_path() {
        for text in [
            "",
            "$date",
            "$.",
            "$.a b",
            "$.a.",
            "$[",
            "$[?(@.a]",
            "$.a[x]",
            "$. a",
            "$.a.size()",
            "$['a",
            "$.length().x",
            "$.a[]",
            "$.a[?()]",
            "$.a)",
            "@x",
        ] {
            let result = Path::parse(text);
            assert!(text == "$.a)" || result.is_err(), "{text}");
        }
        let long = format!("${}", ".a".repeat(100));
        assert!(Path::parse(&long).is_err());
        let deep = format!("$.a{}", "[?(@.a".repeat(1000));
        assert!(Path::parse(&deep).is_err());
    }
}
