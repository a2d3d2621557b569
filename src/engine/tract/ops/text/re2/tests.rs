//! The dialect as a table of what RE2 itself answered: which expressions it takes and what they find, and which it
//! refuses.

use super::*;

const TEXT: &str = "xX0 aAkK é{]-&~ß_Zα1\\#";

/// Expressions and the tokens that RE2 finds with them, joined by bars.
const TAKEN: &[(&str, &str)] = &[
    ("a+?", "a"),
    ("a{0}", ""),
    ("[]a]", "a|]"),
    ("[^]a]", "x|X|0| |A|k|K| |é|{|-|&|~|ß|_|Z|α|1|\\|#"),
    ("[\\d-z]", "0|-|1"),
    ("[[:alpha:]]", "x|X|a|A|k|K|Z"),
    ("[[:^alpha:]]", "0| | |é|{|]|-|&|~|ß|_|α|1|\\|#"),
    ("a]", ""),
    ("}", ""),
    ("{", "{"),
    ("a{", ""),
    ("|a", "a"),
    ("()", ""),
    ("(?:)", ""),
    ("(?i)", ""),
    ("(?-i)a", "a"),
    ("(?i-s:a)", "a|A"),
    ("(?is)A", "a|A"),
    ("(?P<a>x)(?P<a>y)", ""),
    ("(?P<1>x)", "x"),
    ("\\a\\f\\t\\n\\r\\v", ""),
    ("\\x{41}", "A"),
    ("\\x41", "A"),
    ("\\101", "A"),
    ("\\07", ""),
    ("\\A", ""),
    ("\\z", ""),
    ("\\_", "_"),
    ("\\-", "-"),
    ("\\pN", "0|1"),
    ("\\p{N}", "0|1"),
    ("\\p{Nd}", "0|1"),
    ("\\p{^L}", "0| | |{|]|-|&|~|_|1|\\|#"),
    ("\\PL", "0| | |{|]|-|&|~|_|1|\\|#"),
    ("\\p{Han}", ""),
    ("\\p{Any}", "x|X|0| |a|A|k|K| |é|{|]|-|&|~|ß|_|Z|α|1|\\|#"),
    ("[\\pL]", "x|X|a|A|k|K|é|ß|Z|α"),
    ("[^\\pL]", "0| | |{|]|-|&|~|_|1|\\|#"),
    ("[\\p{Lu}\\s]", "X| |A|K| |Z"),
    ("[\\W]", " | |é|{|]|-|&|~|ß|α|\\|#"),
    ("[^\\W]", "x|X|0|a|A|k|K|_|Z|1"),
    ("\\Qa", "a"),
    ("a\\Q\\E*", "a"),
    ("[a&&b]", "a|&"),
    ("[a~~b]", "a|~"),
    ("[a-]", "a|-"),
    ("[-a]", "a|-"),
    ("[a-c-e]", "a|-"),
    ("[--/]", "-"),
    ("x{2,3}?", ""),
    ("(?s).", "x|X|0| |a|A|k|K| |é|{|]|-|&|~|ß|_|Z|α|1|\\|#"),
    ("(?U)x+", "x"),
    ("[é-ü]", "é"),
    ("#", "#"),
    ("a b", ""),
    ("é+", "é"),
    ("(?i)ß", "ß"),
    ("(?i)[k]", "k|K"),
    ("[[.a.]]", ""),
    ("[[=a=]]", ""),
    ("[[:word:]]", "x|X|0|a|A|k|K|_|Z|1"),
    ("^*", ""),
    ("$+", ""),
    ("\\b+", ""),
    ("(?i)\\w", "x|X|0|a|A|k|K|_|Z|1"),
    ("a{1000}", ""),
    ("[:alpha:]", "a"),
    ("[[:alpha:]-z]", "x|X|a|A|k|K|-|Z"),
    ("(?im)a", "a|A"),
    ("(?i:a)b", ""),
    ("\\0", ""),
    ("[\\x00]", ""),
    ("[\\101]", "A"),
    ("(?<n>a)", "a"),
    ("(?)", ""),
    ("(?ii)a", "a|A"),
];

const REFUSED: &[&str] = &[
    "\\w{2,1}",
    "a{2}{3}",
    "a?*",
    "[a-\\d]",
    "[z-a]",
    "[[:foo:]]",
    "{2}",
    "*a",
    "(?i",
    "(?u)a",
    "(?#c)a",
    "\\",
    "\\x4",
    "\\1",
    "\\8",
    "\\Z",
    "\\é",
    "\\p{greek}",
    "\\p{Letter}",
    "\\p{L",
    "\\pX",
    "[\\b]",
    "[\\Q]\\E]",
    "\\Ea",
    "[a--b]",
    "x**",
    "x*?*",
    "x{2,3}+",
    "\\G",
    "\\k<a>",
    "\\R",
    "\\X",
    "\\N",
    "\\K",
    "\\e",
    "\\cA",
    "\\u0041",
    "(?=a)",
    "(?<!a)",
    "(?>a)",
    "(?|a)",
    "[a-[:digit:]]",
    "(?:a",
    "a)",
    "\\pé",
    "\\x{110000}",
    "\\x{}",
    "\\x{zz}",
    "(?^:a)",
    "(?<>a)",
    "(?-)a",
    "(?i-)a",
];

#[test]
fn expressions_find_what_they_find_in_re2() {
    for (expression, tokens) in TAKEN {
        let pattern = Pattern::new(expression).unwrap_or_else(|refusal| panic!("{}", refusal.reason));
        let found: Vec<&str> = pattern.find_all(TEXT).unwrap().into_iter().map(|range| &TEXT[range]).collect();
        assert_eq!(found.join("|"), *tokens, "{expression}");
    }
}

#[test]
fn what_re2_refuses_is_refused() {
    for expression in REFUSED {
        assert!(Pattern::new(expression).is_err(), "{expression}");
    }
}

fn found<'t>(expression: &str, text: &'t str) -> Vec<&'t str> {
    let pattern = Pattern::new(expression).unwrap();
    pattern.find_all(text).unwrap().into_iter().map(|range| &text[range]).collect()
}

#[test]
fn the_longest_of_the_first_matches_is_found() {
    assert_eq!(found("a|ab", "ab abb"), ["ab", "ab"]);
    assert_eq!(found("a.*?b", "abb"), ["abb"]);
    assert_eq!(found("a*", "日aab"), ["aa"]);
    assert_eq!(found("^a", "aaa"), ["a"]);
    assert_eq!(found(r"\ba", "aab a"), ["a", "a"]);
    assert_eq!(found(r"\Bb|a", "ab ab"), ["a", "b", "a", "b"]);
    assert_eq!(found(r"\Ba?.", "日a本"), ["日"]);
    assert_eq!(found(r"\b.", "éa"), ["a"]);
    assert_eq!(found("(?s).", "a\nb"), ["a", "\n", "b"]);
    assert_eq!(found(".", "a\nb"), ["a", "b"]);
    assert_eq!(found("b$|(?m)a$", "a\nb"), ["a", "b"]);
    assert_eq!(found("a$", "a\n"), [""; 0]);
}

#[test]
fn all_of_a_text_matches_or_not() {
    let describes = |expression: &str, text| Pattern::new(expression).unwrap().describes(text).unwrap();
    assert!(describes("a|ab", "ab"));
    assert!(describes(r"www\.[\w.-]+\.\bcom\b", "www.g.com"));
    assert!(describes("", "") && !describes("", "a"));
    assert!(describes("(?m)a$\n^b", "a\nb"));
    assert!(!describes("a.", "a\n"));
    assert!(describes("(?i)àé", "ÀÉ"));
}

#[test]
fn an_expression_is_never_too_large_to_be_looked_at() {
    assert!(Pattern::new("((a{1000}){1000}){1000}").is_err());
    assert!(Pattern::new(&"(".repeat(100_000)).is_err());
    assert_eq!(found(r"(\w{1,30}\s?){20}", "a b").len(), 0);
}

#[test]
fn reading_far_beyond_each_match_is_given_up() {
    let pattern = Pattern::new("x*y|x").unwrap();
    assert_eq!(pattern.find_all(&"x".repeat(500)).unwrap().len(), 500);
    assert!(pattern.find_all(&"x".repeat(300_000)).unwrap_err().to_string().contains("too long"));
    for (expression, word) in [(r"\w+", "word "), ("x", "x"), (r"\p{L}+|[^\s\p{L}]+", "日本 1, "), ("a*", "日")] {
        assert!(Pattern::new(expression).unwrap().find_all(&word.repeat(100_000)).is_ok(), "{expression}");
    }
}
