//! The short way for long arrays: plain numbers, one after the other, straight from the text into the vector. Whatever
//! is not plain (a word, a string, more digits than a word of the machine holds, a value that does not fit) is left to
//! the long way, which also knows what to say about it. Both ways give the same values: see the properties.

/// A number as JSON spells it, taken apart: `mantissa * 10^exponent`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    negative: bool,
    mantissa: u64,
    exponent: i32,
    is_integer: bool,
}

/// A type that some numbers can be had as without more ado.
pub(super) trait Plain: Sized {
    fn plain(parts: Parts) -> Option<Self>;
}

/// Reads numbers and the commas between them from `at` on, at most `most`. Returns how many, and where the last one
/// ended.
#[inline]
pub(super) fn read<T: Plain>(bytes: &[u8], mut at: usize, most: usize, values: &mut Vec<T>) -> (usize, usize) {
    let (mut count, mut end) = (0, at);
    while count < most {
        let Some((parts, after)) = number(bytes, at) else { break };
        let Some(value) = T::plain(parts) else { break };
        values.push(value);
        count += 1;
        end = after;
        at = space(bytes, after);
        if bytes.get(at) != Some(&b',') {
            break;
        }
        at = space(bytes, at + 1);
    }
    (count, end)
}

#[inline]
fn space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// One number in JSON's grammar and the offset behind it.
#[inline]
fn number(bytes: &[u8], start: usize) -> Option<(Parts, usize)> {
    /// So many decimal digits always fit 64 bits.
    const MOST_DIGITS: usize = 19;
    let negative = bytes.get(start) == Some(&b'-');
    let first = start + usize::from(negative);
    let (mut mantissa, mut at) = digits(bytes, first, 0);
    let mut count = at - first;
    if count == 0 || (count > 1 && bytes.get(first) == Some(&b'0')) {
        return None;
    }
    let mut exponent = 0i32;
    let mut is_integer = true;
    if bytes.get(at) == Some(&b'.') {
        let (all, end) = digits(bytes, at + 1, mantissa);
        let places = end - at - 1;
        if places == 0 {
            return None;
        }
        (mantissa, at, is_integer) = (all, end, false);
        count += places;
        // More places than digits allowed are turned down just below.
        exponent = -(places as i32);
    }
    if count > MOST_DIGITS {
        return None;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        let sign = bytes.get(at + 1);
        let from = at + 1 + usize::from(matches!(sign, Some(b'-' | b'+')));
        let (power, end) = digits(bytes, from, 0);
        if end == from || end - from > 4 {
            return None;
        }
        let power = i32::try_from(power).ok()?;
        exponent += if sign == Some(&b'-') { -power } else { power };
        (at, is_integer) = (end, false);
    }
    Some((Parts { negative, mantissa, exponent, is_integer }, at))
}

#[inline]
fn digits(bytes: &[u8], mut at: usize, mut value: u64) -> (u64, usize) {
    while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|&digit| digit < 10) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (value, at)
}

impl Plain for f64 {
    /// A mantissa below 2^53 and a power of ten up to 22 are both exact, so that one multiplication or division rounds
    /// once, to the nearest (W. D. Clinger, "How to read floating point numbers accurately", 1990).
    #[inline]
    fn plain(parts: Parts) -> Option<Self> {
        const POWERS: [f64; 23] = [
            1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
            1e19, 1e20, 1e21, 1e22,
        ];
        if parts.mantissa > 1 << 53 {
            return None;
        }
        let power = *POWERS.get(parts.exponent.unsigned_abs() as usize)?;
        let mantissa = parts.mantissa as f64;
        let value = if parts.exponent < 0 { mantissa / power } else { mantissa * power };
        Some(if parts.negative { -value } else { value })
    }
}

impl Plain for f32 {
    /// By way of the nearest f64. Rounding a second time could differ from rounding once only where that f64 lies exactly
    /// between two f32, and where f32 is no longer normal.
    #[inline]
    fn plain(parts: Parts) -> Option<Self> {
        const BELOW: u64 = (1 << 29) - 1;
        const HALF: u64 = 1 << 28;
        let double = f64::plain(parts)?;
        let size = double.abs();
        let is_normal = size >= f64::from(Self::MIN_POSITIVE) && size <= f64::from(Self::MAX);
        let is_between = double.to_bits() & BELOW == HALF;
        (size == 0.0 || is_normal && !is_between).then_some(double as Self)
    }
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Plain for $type {
            #[inline]
            fn plain(parts: Parts) -> Option<Self> {
                let size = i128::from(parts.mantissa);
                parts.is_integer.then(|| if parts.negative { -size } else { size }.try_into().ok()).flatten()
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, i8, i16, i32, i64);
