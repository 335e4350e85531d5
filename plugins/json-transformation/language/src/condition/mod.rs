//! Conditions and filters: one grammar, one evaluator.

mod calls;
mod eval;
mod parse;

use crate::parser::{ParseError, Parser, Properties};
use crate::path::{Path, Scope};
use crate::regex::Regex;
use crate::value::Value;
use crate::variables::Template;

/// A condition or filter.
#[derive(Debug)]
pub enum Expr {
    /// At least one holds.
    Or(Vec<Expr>),
    /// All hold.
    And(Vec<Expr>),
    /// Does not hold.
    Not(Box<Expr>),
    /// The node exists.
    Exists(Path),
    /// A comparison.
    Relation(Box<Relation>),
    /// A condition function.
    Call(Call),
    /// Known when the document was compiled.
    Constant(bool),
}

/// A comparison.
#[derive(Debug)]
pub struct Relation {
    /// What is compared.
    pub left: Operand,
    /// How.
    pub operator: Operator,
    /// With what.
    pub right: Operand,
}

/// One side of a comparison.
#[derive(Debug)]
pub enum Operand {
    /// What a path finds.
    Path(Path),
    /// A literal.
    Literal(Value<'static>),
    /// A text with references to variables.
    Template(Template),
    /// A pattern.
    Pattern(Box<Regex>),
}

/// What a comparison asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Operator {
    Equal,
    NotEqual,
    Identical,
    NotIdentical,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    Empty,
    In,
    NotIn,
    Contains,
    Size,
    SubsetOf,
    AnyOf,
    NoneOf,
}

/// A condition function with its arguments.
#[derive(Debug)]
pub enum Call {
    /// `isValidEmail(path)`
    ValidEmail(Path),
    /// `isApplicationSpecificGroup()` with the property `ips.application.id`
    ApplicationSpecificGroup(Option<String>),
    /// `isRegularGroup()`
    RegularGroup,
    /// `isAttributeWithOptionalPrefix(path, key)` with the property's value
    OptionalPrefix(Path, Option<String>),
    /// `isAttributeWithMandatoryPrefix(path, key)` with the property's value
    MandatoryPrefix(Path, Option<String>),
}

/// A condition of a document: its text and what it compiled to.
#[derive(Debug)]
pub struct Condition {
    /// The text after property substitution.
    pub text: String,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// Parsed once. References inside quoted texts are filled in at each evaluation, so a quote in a
    /// value cannot change the condition.
    Parsed(Expr),
    /// References stand where only text replacement can tell what they mean: parsed at each run.
    Dynamic(Template, Properties),
}

impl Condition {
    /// Parses a condition.
    pub fn parse(text: &str, properties: &Properties) -> Result<Condition, ParseError> {
        let mut parser = Parser::new(text, Some(properties));
        let result = parser.condition();
        let form = match Template::parse(text) {
            Some(template) if parser.dynamic || (result.is_err() && may_parse(&template, properties)) => {
                let relevant = |key: &String| key == APPLICATION_ID || text.contains(key.as_str());
                let kept = properties.iter().filter(|(key, _)| relevant(key));
                Form::Dynamic(template, kept.map(|(k, v)| (k.clone(), v.clone())).collect())
            }
            _ => Form::Parsed(result?),
        };
        Ok(Condition { text: text.to_owned(), form })
    }

    /// Whether the condition holds for `current`, the `@`.
    pub fn holds<'a>(&self, current: &Value<'a>, scope: Scope<'_, 'a>) -> bool {
        match &self.form {
            Form::Parsed(expr) => expr.holds(current, scope),
            Form::Dynamic(template, properties) => {
                let text = template.expand(scope.variables, scope.budget);
                match Parser::new(&text, Some(properties)).condition() {
                    Ok(expr) => expr.holds(current, scope),
                    Err(error) => {
                        scope.budget.fail(format!("the condition [{text}] is wrong {error}"));
                        false
                    }
                }
            }
        }
    }

    /// What it compiled to, unless references decide that at each run.
    pub fn expr(&self) -> Option<&Expr> {
        match &self.form {
            Form::Parsed(expr) => Some(expr),
            Form::Dynamic(..) => None,
        }
    }
}

/// Whether some value of the references makes a text that parses.
fn may_parse(template: &Template, properties: &Properties) -> bool {
    ["null", "x", "1", "'x'"].iter().any(|value| {
        let text = template.with_all(value);
        Parser::new(&text, Some(properties)).condition().is_ok()
    })
}

/// The property that names the application of application-specific groups.
pub const APPLICATION_ID: &str = "ips.application.id";

#[cfg(test)]
mod tests;
