//! Number texts. JSON numbers are decimals without a type; here they become one of ours, exactly or not at all.

/// What the text of a non-finite number stands for: bare or in quotes, these three words.
pub(super) fn non_finite(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// Whether a JSON number is written as an integer.
pub(super) fn is_integer(token: &str) -> bool {
    token.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// The integer a JSON number stands for, written as `3`, `3.0` or `0.3e1`; `None` when it is none or beyond 128 bits.
pub(super) fn exact_integer(token: &str) -> Option<i128> {
    if let Ok(integer) = token.parse() {
        return Some(integer);
    }
    let (mantissa, exponent) = match token.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (token, 0),
    };
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or((1, mantissa), |rest| (-1, rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let digit = |value: i128, byte: u8| {
        let digit = char::from(byte).to_digit(10)?;
        value.checked_mul(10)?.checked_add(i128::from(digit))
    };
    let digits = whole.bytes().chain(fraction.bytes()).try_fold(0i128, digit)?;
    if digits == 0 {
        return Some(0);
    }
    // The digits are an integer scaled by this power of ten; a negative power must divide out.
    let power = i32::try_from(fraction.len()).ok().and_then(|places| exponent.checked_sub(places))?;
    let scale = 10i128.checked_pow(power.unsigned_abs())?;
    if power >= 0 {
        digits.checked_mul(scale)?.checked_mul(sign)
    } else {
        (digits % scale == 0).then(|| sign * (digits / scale))
    }
}

/// The nearest f64 when it is the integer itself.
pub(super) fn exact_f64(integer: i128) -> Option<f64> {
    let float = integer as f64;
    (float as i128 == integer).then_some(float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_recognised_in_any_spelling() {
        for (token, expected) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("-0.0", Some(0)),
            ("1.0", Some(1)),
            ("-12.000", Some(-12)),
            ("1e3", Some(1000)),
            ("0.3e1", Some(3)),
            ("300e-2", Some(3)),
            ("12345678901234567.0", Some(12_345_678_901_234_567)),
            ("0e999999999", Some(0)),
            ("0e99999999999", None),
            ("1.5", None),
            ("1e-1", None),
            ("1e999", None),
            ("NaN", None),
            ("Infinity", None),
        ] {
            assert_eq!(exact_integer(token), expected, "{token}");
        }
    }

    #[test]
    fn only_exact_floats_stand_for_integers() {
        assert_eq!(exact_f64(1 << 53), Some(9_007_199_254_740_992.0));
        assert_eq!(exact_f64((1 << 53) + 1), None);
        assert_eq!(exact_f64(1 << 60), Some(1_152_921_504_606_846_976.0));
    }
}
