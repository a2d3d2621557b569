//! Numbers for people: as many digits as mean something, and the one in the middle of several.

/// NaN of nothing.
pub(super) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => numbers[middle],
        _ => f64::midpoint(numbers[middle - 1], numbers[middle]),
    }
}

/// Three digits, or all of them before the point; a dash for no number.
pub(super) fn digits(number: f64) -> String {
    if number.is_nan() {
        return "-".into();
    }
    let before = number.abs().max(0.1).log10().floor();
    let after = (2.0 - before).clamp(0.0, 3.0) as usize;
    format!("{number:.after$}")
}

/// With a comma between thousands; small numbers with three digits.
pub(super) fn grouped(number: f64) -> String {
    if number < 100.0 && number.fract() != 0.0 {
        return digits(number);
    }
    let text = format!("{number:.0}");
    let mut grouped = String::new();
    for (index, digit) in text.char_indices() {
        if index > 0 && (text.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_matter() {
        for (number, text) in
            [(0.0123, "0.012"), (0.5, "0.500"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123"), (0.0, "0.000")]
        {
            assert_eq!(digits(number), text);
        }
        for (number, text) in
            [(0.0, "0"), (7.0, "7"), (7.25, "7.25"), (999.4, "999"), (1234.5, "1,234"), (1234567.0, "1,234,567")]
        {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(digits(median(Vec::new())), "-");
    }
}
