use super::{Filter, Operand, Operator};
use crate::ScimError;
use crate::catalog::ResourceType;
use crate::path::Path;
use crate::schema::{Attribute, DataType, Returned};
use serde_json::Value;

/// Longest filter text accepted.
const MAX_LENGTH: usize = 64 * 1024;
/// Deepest nesting accepted.
const MAX_DEPTH: usize = 32;
/// Most comparisons accepted.
const MAX_CLAUSES: usize = 1000;

/// Reads a filter over a resource type.
pub(crate) fn parse(resource_type: &ResourceType, text: &str) -> Result<Filter, ScimError> {
    Parser::new(Scope::Resource(resource_type), text)?.whole()
}

/// Reads the inside of `attribute[…]`.
pub(crate) fn parse_within(attribute: &Attribute, text: &str) -> Result<Filter, ScimError> {
    Parser::new(Scope::Values(attribute), text)?.whole()
}

#[derive(Clone, Copy)]
enum Scope<'s> {
    Resource(&'s ResourceType),
    Values(&'s Attribute),
}

#[derive(Clone, PartialEq, Debug)]
enum Token<'t> {
    Open,
    Close,
    OpenValues,
    CloseValues,
    Word(&'t str),
    Text(String),
    End,
}

struct Parser<'t> {
    scope: Scope<'t>,
    text: &'t str,
    at: usize,
    next: Token<'t>,
    /// Where the next token starts, for error messages.
    next_at: usize,
    depth: usize,
    clauses: usize,
}

impl<'t> Parser<'t> {
    fn new(scope: Scope<'t>, text: &'t str) -> Result<Self, ScimError> {
        if text.len() > MAX_LENGTH {
            return Err(ScimError::filter(format!("the filter is longer than {MAX_LENGTH} bytes")));
        }
        let mut parser = Self { scope, text, at: 0, next: Token::End, next_at: 0, depth: 0, clauses: 0 };
        parser.advance()?;
        Ok(parser)
    }

    fn whole(mut self) -> Result<Filter, ScimError> {
        let filter = self.or()?;
        match self.next {
            Token::End => Ok(filter),
            _ => Err(self.error("expected 'and', 'or' or the end")),
        }
    }

    fn error(&self, what: &str) -> ScimError {
        ScimError::filter(format!(
            "filter {:?}, at character {}: {what}",
            shorten(self.text),
            self.next_at + 1
        ))
    }

    fn advance(&mut self) -> Result<Token<'t>, ScimError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        self.next_at = self.at;
        let (token, length) = match trimmed.chars().next() {
            None => (Token::End, 0),
            Some('(') => (Token::Open, 1),
            Some(')') => (Token::Close, 1),
            Some('[') => (Token::OpenValues, 1),
            Some(']') => (Token::CloseValues, 1),
            Some('"') => {
                let length =
                    string_length(trimmed).ok_or_else(|| self.error("the text has no closing quote"))?;
                let literal = trimmed.get(..length).unwrap_or_default();
                let text = serde_json::from_str(literal)
                    .map_err(|_| self.error("the text in quotes is no JSON string"))?;
                (Token::Text(text), length)
            }
            Some(_) => {
                let length = trimmed
                    .find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '"'))
                    .unwrap_or(trimmed.len());
                (Token::Word(trimmed.get(..length).unwrap_or_default()), length)
            }
        };
        self.at += length;
        Ok(std::mem::replace(&mut self.next, token))
    }

    fn keyword(&self, keyword: &str) -> bool {
        matches!(self.next, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn or(&mut self) -> Result<Filter, ScimError> {
        let mut any = vec![self.and()?];
        while self.keyword("or") {
            self.advance()?;
            any.push(self.and()?);
        }
        Ok(one_or(any, Filter::Or))
    }

    fn and(&mut self) -> Result<Filter, ScimError> {
        let mut all = vec![self.factor()?];
        while self.keyword("and") {
            self.advance()?;
            all.push(self.factor()?);
        }
        Ok(one_or(all, Filter::And))
    }

    fn factor(&mut self) -> Result<Filter, ScimError> {
        if self.keyword("not") {
            self.advance()?;
            if self.next != Token::Open {
                return Err(self.error("expected '(' after 'not'"));
            }
            return Ok(Filter::Not(Box::new(self.group()?)));
        }
        if self.next == Token::Open { self.group() } else { self.clause() }
    }

    fn group(&mut self) -> Result<Filter, ScimError> {
        self.deeper()?;
        self.advance()?;
        let filter = self.or()?;
        if self.next != Token::Close {
            return Err(self.error("expected ')'"));
        }
        self.advance()?;
        self.depth -= 1;
        Ok(filter)
    }

    fn deeper(&mut self) -> Result<(), ScimError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(&format!("nested deeper than {MAX_DEPTH}")));
        }
        Ok(())
    }

    fn clause(&mut self) -> Result<Filter, ScimError> {
        self.clauses += 1;
        if self.clauses > MAX_CLAUSES {
            return Err(self.error(&format!("more than {MAX_CLAUSES} comparisons")));
        }
        let Token::Word(name) = self.next else { return Err(self.error("expected an attribute")) };
        let path = match self.scope {
            Scope::Resource(resource_type) => Path::resolve(resource_type, name),
            Scope::Values(parent) => Path::within(parent, name),
        }
        .map_err(|e| self.error(&e))?;
        if path.leaf().returned == Returned::Never {
            return Err(ScimError::new(403, Some("sensitive"), format!("{name:?} cannot be searched for")));
        }
        self.advance()?;
        if self.next == Token::OpenValues {
            return self.values(path);
        }
        self.operation(path)
    }

    /// An attribute that is the next token's, and how it is compared.
    fn comparison(&mut self, path: Path) -> Result<Filter, ScimError> {
        self.advance()?;
        self.operation(path)
    }

    fn operation(&mut self, path: Path) -> Result<Filter, ScimError> {
        let Token::Word(word) = self.next else { return Err(self.error("expected an operator")) };
        if word.eq_ignore_ascii_case("pr") {
            self.advance()?;
            return Ok(Filter::Present(path));
        }
        let operator =
            operator(word).ok_or_else(|| self.error("expected eq, ne, co, sw, ew, gt, ge, lt, le or pr"))?;
        if path.sub.is_none() && path.leaf().kind == DataType::Complex {
            return Err(self.error("a complex attribute is compared by one of its sub-attributes"));
        }
        self.advance()?;
        let operand = self.operand(path.leaf(), operator)?;
        self.advance()?;
        Ok(Filter::Compare(path, operator, operand))
    }

    fn values(&mut self, path: Path) -> Result<Filter, ScimError> {
        if path.sub.is_some() || path.attribute.kind != DataType::Complex {
            return Err(self.error("only a complex attribute takes a filter in brackets"));
        }
        self.deeper()?;
        let attribute = path.attribute.clone();
        // The inner parser works on the same text with another scope.
        let mut inner = Parser {
            scope: Scope::Values(&attribute),
            text: self.text,
            at: self.at,
            next: Token::End,
            next_at: self.at,
            depth: self.depth,
            clauses: self.clauses,
        };
        inner.advance()?;
        let filter = inner.or()?;
        if inner.next != Token::CloseValues {
            return Err(inner.error("expected ']'"));
        }
        self.at = inner.at;
        self.clauses = inner.clauses;
        self.depth -= 1;
        self.advance()?;
        let Some(sub) = self.sub_attribute() else { return Ok(Filter::Values(path, Box::new(filter))) };
        // `emails[type eq "work"].value eq "…"`, as Microsoft Entra ID asks: of the same value.
        let sub = Path::within(&path.attribute, sub).map_err(|e| self.error(&e))?;
        let compared = self.comparison(sub)?;
        Ok(Filter::Values(path, Box::new(Filter::And(vec![filter, compared]))))
    }

    /// The word behind a closing bracket, if it is a dot and a name.
    fn sub_attribute(&self) -> Option<&'t str> {
        match self.next {
            Token::Word(word) => word.strip_prefix('.'),
            _ => None,
        }
    }

    fn operand(&self, attribute: &Attribute, operator: Operator) -> Result<Operand, ScimError> {
        let ordering = !matches!(operator, Operator::Equal | Operator::NotEqual);
        let operand = match &self.next {
            Token::Text(text) => match attribute.kind {
                DataType::DateTime
                    if !matches!(
                        operator,
                        Operator::Contains | Operator::StartsWith | Operator::EndsWith
                    ) =>
                {
                    Operand::Instant(text.parse().map_err(|_| {
                        self.error(&format!("{text:?} is no time such as \"2026-01-31T08:00:00Z\""))
                    })?)
                }
                // Clients write booleans as text, too.
                DataType::Boolean => match text.to_ascii_lowercase().as_str() {
                    "true" => Operand::Boolean(true),
                    "false" => Operand::Boolean(false),
                    _ => return Err(self.error("expected true or false")),
                },
                DataType::Integer | DataType::Decimal => return Err(self.error("expected a number")),
                _ if attribute.case_exact => Operand::Text(text.clone()),
                _ => Operand::Text(text.to_lowercase()),
            },
            Token::Word(word) => match serde_json::from_str::<Value>(word) {
                Ok(Value::Bool(b)) if attribute.kind == DataType::Boolean => Operand::Boolean(b),
                Ok(Value::Null) => Operand::Null,
                Ok(Value::Number(n)) if matches!(attribute.kind, DataType::Integer | DataType::Decimal) => {
                    Operand::Number(n.as_f64().unwrap_or(f64::NAN))
                }
                Ok(Value::Bool(_) | Value::Number(_)) => {
                    return Err(
                        self.error(&format!("{:?} is compared with a text in quotes", attribute.name))
                    );
                }
                _ => return Err(self.error("expected a text in quotes, a number, true, false or null")),
            },
            _ => return Err(self.error("expected a value")),
        };
        let unordered =
            matches!(operand, Operand::Boolean(_) | Operand::Null) || attribute.kind == DataType::Binary;
        if ordering && unordered {
            return Err(self.error(&format!("{:?} has no order and no parts: use eq or ne", attribute.name)));
        }
        Ok(operand)
    }
}

fn one_or(mut filters: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    match (filters.len(), filters.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            filters.extend(last);
            many(filters)
        }
    }
}

fn operator(word: &str) -> Option<Operator> {
    Some(match word.to_ascii_lowercase().as_str() {
        "eq" => Operator::Equal,
        "ne" => Operator::NotEqual,
        "co" => Operator::Contains,
        "sw" => Operator::StartsWith,
        "ew" => Operator::EndsWith,
        "gt" => Operator::Greater,
        "ge" => Operator::GreaterOrEqual,
        "lt" => Operator::Less,
        "le" => Operator::LessOrEqual,
        _ => return None,
    })
}

/// Length of the JSON string at the start of `text`, with its quotes.
fn string_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= 200 {
        text.to_owned()
    } else {
        text.chars().take(200).chain("…".chars()).collect()
    }
}
