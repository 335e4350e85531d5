//! Generated passwords.

use std::borrow::Cow;

use super::Env;
use super::params::{Number, Params};
use crate::value::Value;

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
const SPECIAL: &str = "~!@#$%^&*()_+";
const MAX_LENGTH: i64 = 4096;

pub(super) struct Password {
    length: Number,
    lower: Number,
    upper: Number,
    digits: Number,
    special: Number,
    symbols: Option<Box<str>>,
}

impl Password {
    pub fn compile(params: &mut Params<'_, '_>) -> Option<Self> {
        let length = params.required_number("passwordLength");
        let lower = params.required_number("minimumNumberOfLowercaseLetters");
        let upper = params.required_number("minimumNumberOfUppercaseLetters");
        let digits = params.required_number("minimumNumberOfDigits");
        let special = params.required_number("minimumNumberOfSpecialSymbols");
        let symbols = params.plain("specialSymbols");
        Some(Password {
            length: length?,
            lower: lower?,
            upper: upper?,
            digits: digits?,
            special: special?,
            symbols,
        })
    }

    /// A new password. A set of characters with a minimum of 0 is not used at all.
    pub fn make<'a>(&self, env: &mut Env<'_, '_, 'a>) -> Result<Value<'a>, String> {
        let length = self.length.get(env)?;
        if !(1..=MAX_LENGTH).contains(&length) {
            return Err(format!("a password has between 1 and {MAX_LENGTH} characters, not {length}"));
        }
        let symbols = self.symbols.as_deref().unwrap_or(SPECIAL);
        let mut sets: Vec<Vec<char>> = Vec::new();
        let mut password: Vec<char> = Vec::new();
        let wishes =
            [(LOWER, &self.lower), (UPPER, &self.upper), (DIGITS, &self.digits), (symbols, &self.special)];
        let minimums =
            wishes.iter().map(|(_, minimum)| minimum.get(env)).collect::<Result<Vec<i64>, String>>()?;
        if minimums.iter().any(|minimum| *minimum < 0) {
            return Err("a minimum number of characters cannot be negative".into());
        }
        if minimums.iter().fold(0i64, |sum, minimum| sum.saturating_add(*minimum)) > length {
            return Err(format!(
                "the minimum numbers of characters add up to more than passwordLength, {length}"
            ));
        }
        if self.symbols.is_some() && minimums.last() == Some(&0) {
            return Err("specialSymbols are given, but minimumNumberOfSpecialSymbols is 0".into());
        }
        let mut dice = Dice { env, pool: Vec::new() };
        for ((set, _), minimum) in wishes.iter().zip(&minimums) {
            if *minimum == 0 {
                continue;
            }
            let set: Vec<char> = set.chars().collect();
            for _ in 0..*minimum {
                password.push(dice.pick(&set)?);
            }
            sets.push(set);
        }
        let all: Vec<char> = sets.concat();
        if all.is_empty() {
            return Err(
                "no set of characters is in use: give at least one minimum number of 1 or more".into()
            );
        }
        while i64::try_from(password.len()).is_ok_and(|count| count < length) {
            password.push(dice.pick(&all)?);
        }
        for last in (1..password.len()).rev() {
            let other = dice.below(last + 1)?;
            password.swap(last, other);
        }
        Ok(Value::String(Cow::Owned(password.into_iter().collect())))
    }
}

/// Even choices from random bytes.
struct Dice<'x, 'e, 'r, 'a> {
    env: &'x mut Env<'e, 'r, 'a>,
    pool: Vec<u8>,
}

impl Dice<'_, '_, '_, '_> {
    fn byte(&mut self) -> Result<u8, String> {
        if self.pool.is_empty() {
            self.pool = vec![0; 64];
            self.env.random.fill(&mut self.pool)?;
        }
        Ok(self.pool.pop().unwrap_or_default())
    }

    /// A number below `bound`. Values beyond the last multiple of `bound` are thrown away, so every
    /// number is equally likely; a source that never gives a usable one is refused.
    fn below(&mut self, bound: usize) -> Result<usize, String> {
        let bound = u16::try_from(bound.max(1)).map_err(|_| "too many characters to choose from")?;
        let limit = u16::MAX - (u16::MAX % bound);
        for _ in 0..1000 {
            let number = u16::from_le_bytes([self.byte()?, self.byte()?]);
            if number < limit {
                return Ok(usize::from(number % bound));
            }
        }
        Err("the random source gives no usable numbers".into())
    }

    fn pick(&mut self, set: &[char]) -> Result<char, String> {
        let at = self.below(set.len())?;
        set.get(at).copied().ok_or_else(|| "specialSymbols cannot be empty".into())
    }
}
