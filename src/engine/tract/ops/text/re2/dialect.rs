//! RE2's dialect written in that of the `regex` crates. They mean the same by most signs; here what differs is spelled
//! out: `\w`, `\d`, `\s` and word borders know ASCII only, a brace that begins no count is a brace, braces and signs inside
//! a class have no further meaning. What RE2 refuses is refused, so that nothing gets a meaning of its own.

use std::iter::Peekable;
use std::str::Chars;

/// The same expression for the `regex` crates, or why it is none of RE2's.
pub fn translate(expression: &str) -> Result<String, String> {
    let mut translation = Translation { rest: expression.chars().peekable(), out: String::new(), open: 0 };
    translation.all()?;
    Ok(translation.out)
}

struct Translation<'e> {
    rest: Peekable<Chars<'e>>,
    out: String,
    /// Groups that are not closed yet.
    open: usize,
}

/// What was read last, which decides whether a repetition may follow.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    Nothing,
    Item,
    Repetition,
}

const WORD: &str = "0-9A-Za-z_";
const DIGIT: &str = "0-9";
const SPACE: &str = r"\t\n\x0C\r\x20";
const MOST_REPEATS: u32 = 1000;
const DEEPEST: usize = 200;

impl Translation<'_> {
    fn all(&mut self) -> Result<(), String> {
        let mut last = Last::Nothing;
        while let Some(sign) = self.rest.next() {
            last = match sign {
                '(' => self.open()?,
                ')' => {
                    self.open = self.open.checked_sub(1).ok_or("it closes a group that is not open")?;
                    self.out.push(')');
                    Last::Item
                }
                '|' => {
                    self.out.push('|');
                    Last::Nothing
                }
                '*' | '+' | '?' => self.repeat(last, &sign.to_string())?,
                '{' => match self.count() {
                    Some((most, _)) if most > MOST_REPEATS => return Err(format!("it repeats {most} times")),
                    Some((_, count)) => self.repeat(last, &count)?,
                    None => self.literal('{'),
                },
                '[' => self.class()?,
                '\\' => self.escape(last)?,
                '^' | '$' | '.' => {
                    self.out.push(sign);
                    Last::Item
                }
                other => self.literal(other),
            };
        }
        if self.open > 0 { Err("a group is not closed".into()) } else { Ok(()) }
    }

    fn literal(&mut self, letter: char) -> Last {
        self.out.push_str(&spelled(letter));
        Last::Item
    }

    fn eat(&mut self, text: &str) -> bool {
        let mut ahead = self.rest.clone();
        let there = text.chars().all(|letter| ahead.next() == Some(letter));
        if there {
            self.rest = ahead;
        }
        there
    }

    fn repeat(&mut self, last: Last, operator: &str) -> Result<Last, String> {
        match last {
            Last::Nothing => return Err(format!("{operator:?} repeats nothing")),
            Last::Repetition => return Err(format!("{operator:?} repeats a repetition")),
            Last::Item => self.out.push_str(operator),
        }
        if self.rest.next_if_eq(&'?').is_some() {
            self.out.push('?');
        }
        Ok(Last::Repetition)
    }

    /// The count in braces if it is one, with its larger number; nothing is read if it is not.
    fn count(&mut self) -> Option<(u32, String)> {
        let mut ahead = self.rest.clone();
        let inside: String = ahead.by_ref().take_while(|&letter| letter != '}').collect();
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (least, most) = inside.split_once(',').map_or((&*inside, None), |(least, most)| (least, Some(most)));
        let is_count = is_number(least) && most.is_none_or(|most| most.is_empty() || is_number(most));
        // The brace must have been there.
        let closed = self.rest.clone().any(|letter| letter == '}');
        if !is_count || !closed {
            return None;
        }
        let largest = |text: &str| text.parse().unwrap_or(u32::MAX);
        let most = largest(least).max(most.filter(|most| !most.is_empty()).map_or(0, largest));
        self.rest = ahead;
        Some((most, format!("{{{inside}}}")))
    }

    fn open(&mut self) -> Result<Last, String> {
        self.open += 1;
        if self.open > DEEPEST {
            return Err(format!("its groups are more than {DEEPEST} deep"));
        }
        if self.rest.next_if_eq(&'?').is_none() {
            self.out.push_str("(?:");
            return Ok(Last::Nothing);
        }
        if self.eat("P<") || self.eat("<") {
            let name: String = self.rest.by_ref().take_while(|&letter| letter != '>').collect();
            if name.is_empty() || !name.chars().all(|letter| letter.is_alphanumeric() || letter == '_') {
                return Err(format!("(?<{name} names no group"));
            }
            self.out.push_str("(?:");
            return Ok(Last::Nothing);
        }
        self.flags()
    }

    /// `(?i-s)` for what follows, or `(?i-s:` for a group.
    fn flags(&mut self) -> Result<Last, String> {
        let (mut on, mut off) = (String::new(), String::new());
        let mut negative = false;
        loop {
            let flag = self.rest.next();
            match flag {
                Some(flag @ ('i' | 'm' | 's' | 'U')) => {
                    let (to, from) = if negative { (&mut off, &mut on) } else { (&mut on, &mut off) };
                    from.retain(|other| other != flag);
                    if !to.contains(flag) {
                        to.push(flag);
                    }
                }
                Some('-') if !negative => {
                    negative = true;
                    if !matches!(self.rest.peek(), Some('i' | 'm' | 's' | 'U')) {
                        return Err("(?- turns nothing off".into());
                    }
                }
                Some(end @ (')' | ':')) => {
                    let off = if off.is_empty() { off } else { format!("-{off}") };
                    if end == ':' {
                        self.out.push_str(&format!("(?{on}{off}:"));
                    } else {
                        self.open -= 1;
                        if !on.is_empty() || !off.is_empty() {
                            self.out.push_str(&format!("(?{on}{off})"));
                        }
                    }
                    return Ok(Last::Nothing);
                }
                Some(other) => return Err(format!("it has the group (?{other}, which RE2 does not have")),
                None => return Err("a group is not closed".into()),
            }
        }
    }

    fn escape(&mut self, last: Last) -> Result<Last, String> {
        let letter = self.rest.next().ok_or("it ends in a backslash")?;
        match letter {
            'A' | 'z' => self.out.push_str(&format!("\\{letter}")),
            'b' | 'B' => self.out.push_str(&format!("(?-u:\\{letter})")),
            'Q' => {
                let mut last = last;
                while self.rest.peek().is_some() && !self.eat("\\E") {
                    last = self.rest.next().map_or(last, |letter| self.literal(letter));
                }
                return Ok(last);
            }
            'C' => return Err("\\C is a byte of a letter".into()),
            _ => match self.group(letter)? {
                Some(group) => self.out.push_str(&group),
                None => {
                    let letter = self.escaped(letter)?;
                    return Ok(self.literal(letter));
                }
            },
        }
        Ok(Last::Item)
    }

    /// The class behind a letter that stands after a backslash, if it is one.
    fn group(&mut self, letter: char) -> Result<Option<String>, String> {
        let class = |items: &str| Some(format!("[{items}]"));
        let others = |items: &str| Some(format!("[^{items}]"));
        Ok(match letter {
            'd' => class(DIGIT),
            'D' => others(DIGIT),
            's' => class(SPACE),
            'S' => others(SPACE),
            'w' => class(WORD),
            'W' => others(WORD),
            'p' | 'P' => Some(self.property(letter == 'P')?),
            _ => None,
        })
    }

    /// `\pN`, `\p{Greek}`, `\p{^Greek}`.
    fn property(&mut self, mut negative: bool) -> Result<String, String> {
        let mut name = String::from(self.rest.next().ok_or("\\p names no property")?);
        if name == "{" {
            if !self.rest.clone().any(|letter| letter == '}') {
                return Err("\\p{ is not closed".into());
            }
            name = self.rest.by_ref().take_while(|&letter| letter != '}').collect();
            if let Some(positive) = name.strip_prefix('^') {
                negative = !negative;
                name = positive.to_owned();
            }
        }
        let mut letters = name.chars();
        let known = letters.next().is_some_and(|letter| letter.is_ascii_uppercase())
            && letters.all(|letter| letter.is_ascii_alphabetic() || letter == '_');
        if !known {
            return Err(format!("{name:?} is no property of letters"));
        }
        let items = match &*name {
            "Any" => r"\x{0}-\x{10FFFF}".into(),
            // Unlike Unicode, without what is not assigned.
            "C" => r"\p{Cc}\p{Cf}\p{Co}".into(),
            _ if name.len() <= 2 => format!("\\p{{gc={name}}}"),
            _ => format!("\\p{{sc={name}}}"),
        };
        Ok(if negative { format!("[^{items}]") } else { format!("[{items}]") })
    }

    /// The letter that a backslash and a letter stand for.
    fn escaped(&mut self, letter: char) -> Result<char, String> {
        let unknown = || format!("\\{letter} is not one of RE2's escapes");
        let code = match letter {
            'a' => 7,
            't' => 9,
            'n' => 10,
            'v' => 11,
            'f' => 12,
            'r' => 13,
            'x' => self.hexadecimal().ok_or_else(unknown)?,
            '0'..='7' => {
                let mut code = u32::from(letter) - 48;
                let digit = |letter: &char| ('0'..='7').contains(letter);
                // A single digit other than zero refers to a group, which RE2 does not do.
                if letter != '0' && !self.rest.peek().is_some_and(digit) {
                    return Err(unknown());
                }
                for _ in 0..2 {
                    let Some(next) = self.rest.next_if(digit) else { break };
                    code = code * 8 + u32::from(next) - 48;
                }
                code
            }
            other if other.is_ascii() && !other.is_ascii_alphanumeric() => u32::from(other),
            _ => return Err(unknown()),
        };
        char::from_u32(code).ok_or_else(unknown)
    }

    fn hexadecimal(&mut self) -> Option<u32> {
        let braced = self.rest.next_if_eq(&'{').is_some();
        let digits: String = if braced {
            if !self.rest.clone().any(|letter| letter == '}') {
                return None;
            }
            self.rest.by_ref().take_while(|&letter| letter != '}').collect()
        } else {
            self.rest.by_ref().take(2).collect()
        };
        let plain = !digits.is_empty()
            && (braced || digits.len() == 2)
            && digits.chars().all(|letter| letter.is_ascii_hexdigit());
        if plain { u32::from_str_radix(&digits, 16).ok() } else { None }
    }

    fn class(&mut self) -> Result<Last, String> {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let letter = self.rest.next().ok_or("a class is not closed")?;
            if letter == ']' && !first {
                break;
            }
            first = false;
            if letter == '[' && self.rest.peek() == Some(&':') && self.named()? {
                continue;
            }
            if letter == '\\' {
                let next = self.rest.next().ok_or("it ends in a backslash")?;
                if let Some(group) = self.group(next)? {
                    self.out.push_str(&group);
                    continue;
                }
                let start = self.escaped(next)?;
                self.range(start)?;
            } else {
                self.range(letter)?;
            }
        }
        self.out.push(']');
        Ok(Last::Item)
    }

    /// A letter of a class, or all letters from it on to another.
    fn range(&mut self, start: char) -> Result<(), String> {
        let mut ahead = self.rest.clone();
        let is_range = ahead.next() == Some('-') && ahead.next().is_some_and(|end| end != ']');
        self.out.push_str(&spelled(start));
        if is_range {
            self.rest.next();
            let end = match self.rest.next() {
                Some('\\') => {
                    let letter = self.rest.next().ok_or("it ends in a backslash")?;
                    self.escaped(letter)?
                }
                Some(end) => end,
                None => return Err("a class is not closed".into()),
            };
            if end < start {
                return Err(format!("the range {start}-{end} is empty"));
            }
            self.out.push('-');
            self.out.push_str(&spelled(end));
        }
        Ok(())
    }

    /// `[:alpha:]` inside a class, of which the bracket is read already; false if it is a plain bracket.
    fn named(&mut self) -> Result<bool, String> {
        const NAMES: [&str; 14] = [
            "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper",
            "word", "xdigit",
        ];
        let rest: String = self.rest.clone().skip(1).collect();
        let Some((name, _)) = rest.split_once(":]") else { return Ok(false) };
        if !NAMES.contains(&name.trim_start_matches('^')) || name.starts_with("^^") {
            return Err(format!("[:{name}:] is no class"));
        }
        self.out.push_str(&format!("[:{name}:]"));
        for _ in 0..name.chars().count() + 3 {
            self.rest.next();
        }
        Ok(true)
    }
}

/// A letter by its number, which has no other meaning anywhere.
fn spelled(letter: char) -> String {
    if letter.is_ascii_alphanumeric() { letter.into() } else { format!("\\x{{{:X}}}", u32::from(letter)) }
}
