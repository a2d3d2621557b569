//! Names, versions and digests. They end up in paths, headers, log lines and metric labels, so what they may contain is
//! decided here once.

use std::borrow::Borrow;
use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::sync::Arc;

/// A model's name: 1 to 128 letters, digits, `.`, `_` or `-`, not starting with a dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelName(Arc<str>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("{0:?} is no model name: use 1 to 128 letters, digits, '.', '_' or '-', not starting with '.'")]
    Name(String),
    #[error("{0:?} is no version: use a whole number such as 1")]
    Version(String),
}

impl ModelName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ModelName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let fits = (1..=128).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(ok);
        if fits { Ok(Self(text.into())) } else { Err(NameError::Name(text.into())) }
    }
}

/// Lets maps keyed by names be searched with the text of a request.
impl Borrow<str> for ModelName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A model's version, a whole number; the highest ready one answers when a client names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version(pub u64);

impl FromStr for Version {
    type Err = NameError;

    /// Plain decimal digits without a leading zero (other than `0` itself), so that each version has one spelling.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let plain =
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
        plain.then(|| text.parse().ok()).flatten().map(Self).ok_or_else(|| NameError::Version(text.into()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// SHA-256 of the bytes of the `.onnx` file and, after them, of the files that hold its external data, if any. Printed as
/// lowercase hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

const DIGITS: &[u8; 16] = b"0123456789abcdef";

impl Digest {
    /// Its digits in ASCII.
    pub fn hexadecimal(&self) -> [u8; 64] {
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        digits
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hexadecimal().iter().try_for_each(|&digit| f.write_char(digit.into()))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{self}")
    }
}

/// One exact model: what answers, what is logged, what a cache may key on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelId {
    pub name: ModelName,
    pub version: Version,
    pub digest: Digest,
}

impl ModelId {
    /// Selects just this version.
    pub fn selector(&self) -> Selector {
        Selector { name: Some(self.name.to_string()), version: Some(self.version.to_string()) }
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.version)
    }
}

/// What a client asks for: a model, or the default one; a version, or the newest ready one. Text as it came: whether it
/// names anything is for the registry to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    pub name: Option<String>,
    pub version: Option<String>,
}

impl Selector {
    pub fn new(name: Option<&str>, version: Option<&str>) -> Self {
        Self { name: name.map(Into::into), version: version.map(Into::into) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_plain() {
        for good in ["iris", "a", "my-model_2.onnx", &"x".repeat(128)] {
            assert!(good.parse::<ModelName>().is_ok(), "{good}");
        }
        for bad in ["", ".", "..", ".hidden", "a/b", "a b", "é", "a\n", &"x".repeat(129)] {
            assert!(bad.parse::<ModelName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_digest_is_printed_in_hexadecimal() {
        let digest = Digest(std::array::from_fn(|at| 7 * at as u8));
        let expected: String = digest.0.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest.to_string(), expected);
    }

    #[test]
    fn a_version_has_one_spelling() {
        assert_eq!("0".parse(), Ok(Version(0)));
        assert_eq!("12".parse(), Ok(Version(12)));
        for bad in ["", "01", "+1", "-1", "1.0", "latest", "99999999999999999999"] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
    }
}
