//! Decimal digits, eight characters at a time in one word of the machine, the first one lowest. In numbers of changing
//! length the processor would often guess a branch on each digit wrong, which costs more than all the arithmetic here.

const WORD: usize = 8;
/// So many digits behind the point a short decimal has at most.
pub(super) const MOST_PLACES: usize = WORD - 1;

const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Reads the digits from `at` on as the lower ones of a number whose upper ones are `value`, modulo 2^64. Returns the
/// number and where the digits end.
#[inline]
pub(super) fn read(bytes: &[u8], mut at: usize, mut value: u64) -> (u64, usize) {
    const POWERS: [u64; WORD + 1] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let digits = u64::from_le_bytes(*word) ^ ZEROS;
        let count = leading(digits);
        let Some(power) = POWERS.get(count) else { break };
        value = value.wrapping_mul(*power).wrapping_add(number(upper(digits, count)));
        at += count;
        if count < WORD {
            return (value, at);
        }
    }
    while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|&digit| digit < 10) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (value, at)
}

/// Reads a decimal with one digit before the point and one to seven behind it, such as most values that were rounded or
/// scaled. Returns its digits without the point and how many are behind it.
#[inline]
pub(super) fn read_short(text: &[u8; WORD + 2]) -> Option<(u32, usize)> {
    let [whole, point, fraction @ ..] = *text;
    let whole = whole.wrapping_sub(b'0');
    if whole > 9 || point != b'.' {
        return None;
    }
    let fraction = u64::from_le_bytes(fraction) ^ ZEROS;
    let places = leading(fraction);
    // Behind eight there may be more.
    let is_short = places > 0 && places <= MOST_PLACES;
    let digits = upper(fraction, places) | u64::from(whole) << (8 * (WORD - 1).wrapping_sub(places));
    is_short.then(|| (number(digits) as u32, places))
}

/// How many of the eight are digits, up to the first that is not.
#[inline]
fn leading(digits: u64) -> usize {
    // Whatever is above nine gets its highest bit. A carry reaches only what is behind such a one, which does not matter.
    let others = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
    (others.trailing_zeros() / 8) as usize
}

/// The first `count` of the eight behind as many zeros as it takes.
#[inline]
fn upper(digits: u64, count: usize) -> u64 {
    // In two steps, as 64 bits cannot be shifted by 64.
    let half = 4 * (WORD - count);
    digits << half << half
}

/// The number that eight digits spell: two, then four, then all of them together.
#[inline]
fn number(digits: u64) -> u64 {
    let twos = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = twos.wrapping_mul(100).wrapping_add(twos >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_end_at_whatever_is_none() {
        for stop in 0..=u8::MAX {
            for count in 0..20 {
                let mut text = b"98765432109876543210"[..count].to_vec();
                let expected = text.iter().fold(0u64, |value, digit| value.wrapping_mul(10) + u64::from(digit - b'0'));
                text.push(stop);
                // One more digit is not read behind another character, and is behind a digit.
                if !stop.is_ascii_digit() {
                    text.extend_from_slice(b"55555555");
                    assert_eq!(read(&text, 0, 0), (expected, count), "{stop:#x} behind {count}");
                }
            }
        }
    }

    #[test]
    fn what_was_read_before_is_in_front() {
        assert_eq!(read(b"x123456789,", 1, 42), (42_123_456_789, 10));
        assert_eq!(read(b"7", 0, 4), (47, 1));
        assert_eq!(read(b"", 0, 4), (4, 0));
    }

    #[test]
    fn short_decimals_are_read_in_one_go() {
        for (text, expected) in [
            ("0.5,-1.5,2", Some((5, 1))),
            ("9.87654,5]", Some((987_654, 5))),
            ("0.0000001]", Some((1, 7))),
            ("1.25 , 3.0", Some((125, 2))),
            ("1.23456789", None),
            ("12.5,1.2,3", None),
            ("1.,2.0,3.0", None),
            ("1,2.0,35.5", None),
            (".5,-1.25,0", None),
            ("-1.5,2.5,0", None),
            ("1.\u{e9}5,2.55", None),
        ] {
            assert_eq!(read_short(text.as_bytes().first_chunk().expect("ten bytes")), expected, "{text}");
        }
    }
}
