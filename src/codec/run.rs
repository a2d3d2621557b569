//! The short way for long arrays: plain numbers, one after the other, straight from the text into the vector. Whatever
//! is not plain (a word, a string, more digits than a word of the machine holds, a value that does not fit) is left to
//! the long way, which also knows what to say about it. Both ways give the same values: see the properties.

mod digits;

/// A number as JSON spells it, taken apart: `mantissa * 10^exponent`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    negative: bool,
    mantissa: u64,
    exponent: i32,
    is_integer: bool,
    /// Whether it could have been read as a [`Short`].
    is_short: bool,
}

/// A number of at most eight digits, of which all but one are behind the point: `mantissa / 10^places`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Short {
    negative: bool,
    mantissa: u32,
    places: usize,
}

/// A type that some numbers can be had as without more ado.
pub(super) trait Plain: Sized {
    /// Whether there may be digits behind a point.
    const HAS_PLACES: bool;

    /// The nearest value; `None` leaves the number to the long way.
    fn plain(parts: Parts) -> Option<Self>;

    /// The same of a short number, which only types with places know.
    fn short(short: Short) -> Option<Self>;
}

/// Reads numbers and the commas between them from `at` on, at most `most`. Returns how many, and where the last one
/// ended.
#[inline]
pub(super) fn read<T: Plain>(bytes: &[u8], at: usize, most: usize, values: &mut Vec<T>) -> (usize, usize) {
    let most = values.len().saturating_add(most);
    let before = values.len();
    let mut run = Run { end: at, next: Some(at) };
    loop {
        let so_far = values.len();
        if T::HAS_PLACES {
            run = run.go_on(bytes, most, values, |at| {
                let (number, end) = short(bytes, at)?;
                Some((T::short(number)?, end))
            });
        }
        // Among others a short one is as likely to be followed by another kind, and changing over costs more than it
        // saves.
        let mut patience = PATIENCE;
        run = run.go_on(bytes, most, values, |at| {
            let (parts, end) = number(bytes, at).filter(|_| patience > 0)?;
            patience = if T::HAS_PLACES && parts.is_short { patience - 1 } else { PATIENCE };
            Some((T::plain(parts)?, end))
        });
        if values.len() == so_far {
            return (so_far - before, run.end);
        }
    }
}

/// After so many numbers in a row that could have been read as short ones they are.
const PATIENCE: usize = 8;

/// How far numbers were read: where the last one ended, and where the next one begins if a comma follows.
#[derive(Clone, Copy)]
struct Run {
    end: usize,
    next: Option<usize>,
}

impl Run {
    /// Reads on while there are numbers of a kind, until there are `most` values.
    fn go_on<T>(
        mut self,
        bytes: &[u8],
        most: usize,
        values: &mut Vec<T>,
        mut one: impl FnMut(usize) -> Option<(T, usize)>,
    ) -> Self {
        while let Some(at) = self.next
            && values.len() < most
            && let Some((value, end)) = one(at)
        {
            values.push(value);
            let behind = space(bytes, end);
            let next = (bytes.get(behind) == Some(&b',')).then(|| space(bytes, behind + 1));
            self = Self { end, next };
        }
        self
    }
}

#[inline]
fn space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// One number with few digits, and the offset behind it. Whether there is a sign is not branched on, either.
#[inline]
fn short(bytes: &[u8], start: usize) -> Option<(Short, usize)> {
    let negative = bytes.get(start) == Some(&b'-');
    let first = start + usize::from(negative);
    let (mantissa, places) = digits::read_short(bytes.get(first..)?.first_chunk()?)?;
    let end = first + 2 + places;
    let is_whole = !matches!(bytes.get(end), Some(b'e' | b'E'));
    is_whole.then_some((Short { negative, mantissa, places }, end))
}

/// So many decimal digits always fit 64 bits.
const MOST_DIGITS: usize = 19;

/// One number in JSON's grammar and the offset behind it.
#[inline]
fn number(bytes: &[u8], start: usize) -> Option<(Parts, usize)> {
    let negative = bytes.get(start) == Some(&b'-');
    let first = start + usize::from(negative);
    let (mut mantissa, mut at) = digits::read(bytes, first, 0);
    let mut count = at - first;
    if count == 0 || (count > 1 && bytes.get(first) == Some(&b'0')) {
        return None;
    }
    let mut exponent = 0i32;
    let mut is_integer = true;
    let mut is_short = false;
    if bytes.get(at) == Some(&b'.') {
        let (all, end) = digits::read(bytes, at + 1, mantissa);
        let places = end - at - 1;
        if places == 0 {
            return None;
        }
        (mantissa, at, is_integer) = (all, end, false);
        is_short = count == 1 && places <= digits::MOST_PLACES;
        count += places;
        // More places than there are powers for are turned down just below.
        exponent = -(places as i32);
    }
    if count > MOST_DIGITS && count > MOST_DIGITS + zeros(bytes, first) {
        return None;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        let sign = bytes.get(at + 1);
        let from = at + 1 + usize::from(matches!(sign, Some(b'-' | b'+')));
        let (power, end) = digits::read(bytes, from, 0);
        if end == from || end - from > 4 {
            return None;
        }
        let power = i32::try_from(power).ok()?;
        exponent += if sign == Some(&b'-') { -power } else { power };
        (at, is_integer, is_short) = (end, false, false);
    }
    Some((Parts { negative, mantissa, exponent, is_integer, is_short }, at))
}

/// How many of the digits from `first` on are zeros before any other: a few, so that a text of nothing but zeros is neither
/// read twice nor has more places than an exponent can count.
#[cold]
fn zeros(bytes: &[u8], first: usize) -> usize {
    let number = bytes.get(first..).unwrap_or_default().iter().take(MOST_DIGITS);
    number.take_while(|byte| matches!(byte, b'0' | b'.')).filter(|&&byte| byte == b'0').count()
}

impl Parts {
    /// The value to within two units in the last place; the nearest when the mantissa is at most 2^53, as then it and
    /// the power of ten are exact, and only their product or quotient is rounded (W. D. Clinger, "How to read floating
    /// point numbers accurately", 1990). `None` where the power is not exact.
    #[inline]
    fn nearly(self) -> Option<f64> {
        const POWERS: [f64; 23] = [
            1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
            1e19, 1e20, 1e21, 1e22,
        ];
        let power = *POWERS.get(self.exponent.unsigned_abs() as usize)?;
        let mantissa = self.mantissa as f64;
        let size = if self.exponent < 0 { mantissa / power } else { mantissa * power };
        Some(signed(size, self.negative))
    }
}

/// What is below zero, too, without a branch: signs come as chance has them.
#[inline]
fn signed(size: f64, negative: bool) -> f64 {
    f64::from_bits(size.to_bits() | u64::from(negative) << 63)
}

impl Plain for f64 {
    const HAS_PLACES: bool = true;

    #[inline]
    fn plain(parts: Parts) -> Option<Self> {
        parts.nearly().filter(|_| parts.mantissa <= 1 << 53)
    }

    #[inline]
    fn short(short: Short) -> Option<Self> {
        const POWERS: [f64; 8] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7];
        let power = POWERS.get(short.places)?;
        Some(signed(f64::from(short.mantissa) / power, short.negative))
    }
}

impl Plain for f32 {
    const HAS_PLACES: bool = true;

    /// By way of an f64 that may be two units off: an f32 nearest to it is nearest to the number, too, unless that f64 is
    /// about in the middle between two f32, or f32 is no longer normal.
    #[inline]
    fn plain(parts: Parts) -> Option<Self> {
        const BELOW: u64 = (1 << 29) - 1;
        const HALF: u64 = 1 << 28;
        let double = parts.nearly()?;
        let size = double.abs();
        let is_normal = size >= f64::from(Self::MIN_POSITIVE) && size <= f64::from(Self::MAX);
        let is_between = (double.to_bits() & BELOW).abs_diff(HALF) <= 2;
        (size == 0.0 || is_normal && !is_between).then_some(double as Self)
    }

    /// A product is off by some 2^-52 of it, and no number so short is nearer than 2^-49 of it to the middle between two
    /// f32: they differ by 1 / (10^places * 2^bits) at least, where the middle has so many bits behind the point, or by
    /// nothing, which takes 25 bits of the number, of which so short a one that ends in binary has no more than 11.
    #[inline]
    fn short(short: Short) -> Option<Self> {
        const INVERSES: [f64; 8] = [1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7];
        let inverse = INVERSES.get(short.places)?;
        Some(signed(f64::from(short.mantissa) * inverse, short.negative) as Self)
    }
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Plain for $type {
            const HAS_PLACES: bool = false;

            #[inline]
            fn plain(parts: Parts) -> Option<Self> {
                let size = i128::from(parts.mantissa);
                parts.is_integer.then(|| if parts.negative { -size } else { size }.try_into().ok()).flatten()
            }

            fn short(_: Short) -> Option<Self> {
                None
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, i8, i16, i32, i64);
