//! Parsing conditions.

use std::borrow::Cow;

use super::{APPLICATION_ID, Call, Expr, Operand, Operator};
use crate::json;
use crate::parser::{ParseError, Parser};
use crate::regex::Regex;
use crate::value::{Value, set};
use crate::variables::Template;

const SYMBOLS: [(&str, Operator); 9] = [
    ("===", Operator::Identical),
    ("!==", Operator::NotIdentical),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("=~", Operator::Matches),
    ("<", Operator::Less),
    (">", Operator::Greater),
];
const WORDS: [(&str, Operator); 8] = [
    ("EMPTY", Operator::Empty),
    ("IN", Operator::In),
    ("NIN", Operator::NotIn),
    ("CONTAINS", Operator::Contains),
    ("SIZE", Operator::Size),
    ("SUBSETOF", Operator::SubsetOf),
    ("ANYOF", Operator::AnyOf),
    ("NONEOF", Operator::NoneOf),
];
const OPERATORS: &str = "`==`, `!=`, `===`, `!==`, `<`, `<=`, `>`, `>=`, `=~`, EMPTY, IN, NIN, CONTAINS, SIZE, SUBSETOF, ANYOF or NONEOF";
const CALLS: [&str; 5] = [
    "isValidEmail",
    "isApplicationSpecificGroup",
    "isRegularGroup",
    "isAttributeWithOptionalPrefix",
    "isAttributeWithMandatoryPrefix",
];

impl<'s> Parser<'s> {
    /// A whole condition.
    pub(crate) fn condition(&mut self) -> Result<Expr, ParseError> {
        self.space();
        if self.rest().is_empty() {
            return Err(self.error("a condition is expected, such as `$.active == true`"));
        }
        let expr = self.nested(Self::or)?;
        self.end()?;
        Ok(expr)
    }

    pub(crate) fn or(&mut self) -> Result<Expr, ParseError> {
        let mut list = vec![self.and()?];
        while self.separator("||") {
            list.push(self.and()?);
        }
        Ok(Expr::or(list))
    }

    fn and(&mut self) -> Result<Expr, ParseError> {
        let mut list = vec![self.unary()?];
        while self.separator("&&") {
            list.push(self.unary()?);
        }
        Ok(Expr::and(list))
    }

    fn separator(&mut self, text: &str) -> bool {
        self.space();
        self.eat(text)
    }

    fn unary(&mut self) -> Result<Expr, ParseError> {
        self.space();
        if self.eat("!") {
            let expr = self.nested(Self::unary)?;
            return Ok(match expr {
                Expr::Constant(value) => Expr::Constant(!value),
                other => Expr::Not(Box::new(other)),
            });
        }
        if self.eat("(") {
            let expr = self.nested(Self::or)?;
            self.space();
            self.expect(")")?;
            return Ok(expr);
        }
        let word = self.word();
        if !word.is_empty() && self.rest().get(word.len()..).is_some_and(|rest| rest.starts_with('(')) {
            return self.call(word);
        }
        self.relation()
    }

    /// The letters that come next, without taking them.
    fn word(&self) -> &'s str {
        let rest = self.rest();
        let length = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        rest.get(..length).unwrap_or_default()
    }

    fn relation(&mut self) -> Result<Expr, ParseError> {
        let start = self.pos;
        let left = self.operand()?;
        self.space();
        let Some(operator) = self.operator() else {
            return match left {
                Operand::Path(path) => Ok(Expr::Exists(path)),
                _ => Err(self.expected(&format!("an operator ({OPERATORS})"))),
            };
        };
        self.space();
        let place = self.pos;
        let right = self.operand()?;
        let wrong = |message: &str| Err(ParseError { offset: place, message: message.into() });
        match (operator, &right) {
            (Operator::Empty, Operand::Literal(Value::True | Value::False)) => {}
            (Operator::Empty, _) => return wrong("EMPTY is followed by true or false"),
            (Operator::Matches, Operand::Pattern(_)) => {}
            (Operator::Matches, _) if !self.dynamic => {
                return wrong("`=~` is followed by a pattern between slashes, such as /ABC.*/");
            }
            (_, Operand::Pattern(_)) => return wrong("a pattern can only follow `=~`"),
            (
                Operator::Size,
                Operand::Literal(Value::Number(_)) | Operand::Path(_) | Operand::Template(_),
            ) => {}
            (Operator::Size, _) => return wrong("SIZE is followed by a number"),
            (
                Operator::In | Operator::NotIn | Operator::SubsetOf | Operator::AnyOf | Operator::NoneOf,
                Operand::Literal(Value::Array(_)) | Operand::Path(_),
            ) => {}
            (Operator::In | Operator::NotIn | Operator::SubsetOf | Operator::AnyOf | Operator::NoneOf, _) => {
                return wrong("this operator is followed by a list, such as ['a', 'b']");
            }
            _ => {}
        }
        if matches!(left, Operand::Pattern(_)) {
            return Err(ParseError {
                offset: start,
                message: "a pattern stands to the right of `=~`".into(),
            });
        }
        Ok(Expr::relation(left, operator, right))
    }

    fn operator(&mut self) -> Option<Operator> {
        if let Some((_, operator)) = SYMBOLS.iter().find(|(symbol, _)| self.eat(symbol)) {
            return Some(*operator);
        }
        let word = self.word();
        let length = word.len();
        let (_, operator) = WORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word))?;
        self.pos += length;
        Some(*operator)
    }

    fn operand(&mut self) -> Result<Operand, ParseError> {
        match self.peek() {
            Some('$' | '@') => self.path(true).map(Operand::Path),
            Some('/') => self.pattern(),
            Some('\'' | '"') => {
                let text = self.quoted()?;
                Ok(match Template::parse(&text) {
                    Some(template) => Operand::Template(template),
                    None => Operand::Literal(Value::String(Cow::Owned(text))),
                })
            }
            _ => self.nested(Self::literal).map(Operand::Literal),
        }
    }

    fn literal(&mut self) -> Result<Value<'static>, ParseError> {
        match self.peek() {
            Some('[') => self.list(),
            Some('{') => self.object(),
            Some('\'' | '"') => {
                let text = self.quoted()?;
                if text.contains("${") {
                    self.dynamic = true;
                }
                Ok(Value::String(Cow::Owned(text)))
            }
            Some(c) if c == '-' || c == '+' || c.is_ascii_digit() => self.number(),
            _ => {
                let word = self.word();
                let length = word.len();
                let value = match word {
                    "true" => Value::True,
                    "false" => Value::False,
                    "null" => Value::Null,
                    _ => {
                        return Err(self.expected(
                            "a path, a text in quotes, a number, true, false, null, a list or a pattern",
                        ));
                    }
                };
                self.pos += length;
                Ok(value)
            }
        }
    }

    fn number(&mut self) -> Result<Value<'static>, ParseError> {
        let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+');
        let length = self.rest().bytes().take_while(is_part).count();
        let text = self.rest().get(..length).unwrap_or_default();
        if !json::is_number(text) {
            return Err(self.expected("a number (texts need quotes)"));
        }
        let value = Value::Number(Cow::Owned(text.trim_start_matches('+').to_owned()));
        self.pos += length;
        Ok(value)
    }

    fn list(&mut self) -> Result<Value<'static>, ParseError> {
        self.expect("[")?;
        let mut items = Vec::new();
        self.space();
        if self.eat("]") {
            return Ok(Value::Array(items.into()));
        }
        loop {
            self.space();
            items.push(self.nested(Self::literal)?);
            self.space();
            if self.eat("]") {
                return Ok(Value::Array(items.into()));
            }
            self.expect(",")?;
        }
    }

    fn object(&mut self) -> Result<Value<'static>, ParseError> {
        self.expect("{")?;
        let mut members = Vec::new();
        self.space();
        if self.eat("}") {
            return Ok(Value::Object(members.into()));
        }
        loop {
            self.space();
            let name = self.quoted()?;
            self.space();
            self.expect(":")?;
            self.space();
            let value = self.nested(Self::literal)?;
            set(&mut members, Cow::Owned(name), value);
            self.space();
            if self.eat("}") {
                return Ok(Value::Object(members.into()));
            }
            self.expect(",")?;
        }
    }

    fn pattern(&mut self) -> Result<Operand, ParseError> {
        let start = self.pos;
        self.expect("/")?;
        let body_start = self.pos;
        loop {
            match self.bump() {
                Some('\\') => {
                    self.bump();
                }
                Some('/') => break,
                Some(_) => {}
                None => {
                    return Err(ParseError {
                        offset: start,
                        message: "this pattern is not closed by `/`".into(),
                    });
                }
            }
        }
        let body = self.text.get(body_start..self.pos - 1).unwrap_or_default();
        let flags = self.word().to_owned();
        self.pos += flags.len();
        if body.contains("${") {
            self.dynamic = true;
        }
        let regex =
            Regex::full(body, &flags).map_err(|message| ParseError { offset: body_start, message })?;
        Ok(Operand::Pattern(Box::new(regex)))
    }

    fn call(&mut self, word: &str) -> Result<Expr, ParseError> {
        let start = self.pos;
        let name = word.to_owned();
        let Some(properties) = self.properties.filter(|_| self.filters == 0) else {
            return Err(self.error(format!("`{name}(…)` cannot be used inside a path")));
        };
        self.pos += name.len();
        self.expect("(")?;
        self.space();
        let call = match name.as_str() {
            "isValidEmail" => Call::ValidEmail(self.path(true)?),
            "isApplicationSpecificGroup" => {
                Call::ApplicationSpecificGroup(properties.get(APPLICATION_ID).cloned())
            }
            "isRegularGroup" => Call::RegularGroup,
            "isAttributeWithOptionalPrefix" | "isAttributeWithMandatoryPrefix" => {
                let path = self.path(true)?;
                self.space();
                self.expect(",")?;
                self.space();
                let key = if let Some('\'' | '"') = self.peek() {
                    self.quoted()?
                } else {
                    let length = self.rest().find([')', ',']).unwrap_or(self.rest().len());
                    let key = self.rest().get(..length).unwrap_or_default().trim().to_owned();
                    self.pos += length;
                    key
                };
                if key.is_empty() {
                    return Err(self.expected("the key of a property"));
                }
                let value = properties.get(&key).cloned();
                match name.as_str() {
                    "isAttributeWithOptionalPrefix" => Call::OptionalPrefix(path, value),
                    _ => Call::MandatoryPrefix(path, value),
                }
            }
            _ => {
                let message = match crate::nearest::nearest(&name, &CALLS) {
                    Some(near) => format!("there is no condition function `{name}`; did you mean `{near}`?"),
                    None => {
                        format!("there is no condition function `{name}`; there are {}", CALLS.join(", "))
                    }
                };
                return Err(ParseError { offset: start, message });
            }
        };
        self.space();
        self.expect(")")?;
        Ok(Expr::Call(call))
    }
}
