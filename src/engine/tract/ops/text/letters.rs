//! Letter by letter, upper and lower case: the simple mapping of Unicode, which is what the C library has. A letter whose
//! other case takes several, such as `ß`, stays as it is.

/// The lower case of every letter.
pub fn lower(text: &str) -> String {
    text.chars().map(lower_letter).collect()
}

/// The upper case of every letter.
pub fn upper(text: &str) -> String {
    text.chars().map(upper_letter).collect()
}

fn lower_letter(letter: char) -> char {
    // The one letter whose full lower case, an i with a dot above, is longer than its simple one.
    if letter == 'İ' { 'i' } else { alone(letter, letter.to_lowercase()).unwrap_or(letter) }
}

fn upper_letter(letter: char) -> char {
    alone(letter, letter.to_uppercase()).unwrap_or_else(|| match letter {
        // Greek vowels with an iota below: the capital has the iota beside it, unlike the two letters of the full case.
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => {
            char::from_u32(u32::from(letter) + 8).unwrap_or(letter)
        }
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => char::from_u32(u32::from(letter) + 9).unwrap_or(letter),
        _ => letter,
    })
}

/// The other case if it is a single letter.
fn alone(letter: char, mut cases: impl ExactSizeIterator<Item = char>) -> Option<char> {
    if cases.len() == 1 { cases.next() } else { None }.or_else(|| letter.is_ascii().then_some(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_letter_becomes_one() {
        assert_eq!(upper("Ünïcode ß İ ı ǅ ŉ ᾀ ᾳ ᾈ Σς ﬁ"), "ÜNÏCODE ß İ I Ǆ ŉ ᾈ ᾼ ᾈ ΣΣ ﬁ");
        assert_eq!(lower("ÜNÏCODE ẞ İ I Ǆ ǅ ᾈ Σς"), "ünïcode ß i i ǆ ǆ ᾀ σς");
    }
}
