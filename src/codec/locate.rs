//! From a byte offset in a JSON text to the JSON pointer and the line it stands in. Runs only when there is a fault, so
//! that reading itself never has to keep track. The text before the offset has been read already and is well-formed.

use super::Position;

/// Line and column of a byte offset.
pub fn position(text: &str, offset: usize) -> Position {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    Position { offset, line, column: before.len() - start + 1 }
}

/// Appends one reference token of a JSON pointer, escaped as RFC 6901 wants it.
pub fn push_token(pointer: &mut String, token: &str) {
    pointer.push('/');
    for character in token.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

enum Level<'j> {
    Array {
        index: usize,
    },
    /// The raw text of the latest key, between its quotes.
    Object {
        key: Option<&'j str>,
        value: bool,
    },
}

/// The pointer of the value (or of the object's member whose key) stands at `offset`.
pub(super) fn pointer(text: &str, offset: usize) -> String {
    let bytes = text.as_bytes();
    let mut levels: Vec<Level<'_>> = Vec::new();
    let mut at = 0;
    while at < offset {
        match bytes.get(at) {
            None => break,
            Some(b'[') => levels.push(Level::Array { index: 0 }),
            Some(b'{') => levels.push(Level::Object { key: None, value: false }),
            Some(b']' | b'}') => drop(levels.pop()),
            Some(b',') => match levels.last_mut() {
                Some(Level::Array { index }) => *index += 1,
                Some(Level::Object { key, value }) => (*key, *value) = (None, false),
                None => {}
            },
            Some(b':') => {
                if let Some(Level::Object { value, .. }) = levels.last_mut() {
                    *value = true;
                }
            }
            Some(b'"') => {
                let end = string_end(bytes, at);
                if end >= offset {
                    break;
                }
                if let Some(Level::Object { key, value: false }) = levels.last_mut() {
                    *key = text.get(at + 1..end);
                }
                at = end;
            }
            Some(_) => {}
        }
        at += 1;
    }
    if let (Some(Level::Object { key, value: false }), Some(b'"')) = (levels.last_mut(), bytes.get(offset)) {
        *key = text.get(offset + 1..string_end(bytes, offset));
    }
    let mut pointer = String::new();
    for level in levels {
        match level {
            Level::Array { index } => push_token(&mut pointer, &index.to_string()),
            Level::Object { key: Some(raw), .. } => push_token(&mut pointer, &unescaped(raw)),
            Level::Object { key: None, .. } => {}
        }
    }
    pointer
}

/// Index of the quote that ends the string whose opening quote is at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    loop {
        match bytes.get(at) {
            Some(b'"') | None => return at,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
        }
    }
}

fn unescaped(raw: &str) -> String {
    if raw.contains('\\') {
        serde_json::from_str(&format!("\"{raw}\"")).unwrap_or_else(|_| raw.into())
    } else {
        raw.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_lead_to_the_marked_value() {
        for (marked, expected) in [
            ("^5", ""),
            ("[1, ^2]", "/1"),
            (r#"{"a": ^1}"#, "/a"),
            (r#"{"a": 1, "b": [[], [3, ^4]]}"#, "/b/1/1"),
            (r#"{"a": 1, ^"b": 2}"#, "/b"),
            (r#"{"a": [{"x": 1}, {"x": ^2}]}"#, "/a/1/x"),
            (r#"{"a/b~c": ^1}"#, "/a~1b~0c"),
            (r#"{"\"\\,[": ^1}"#, r#"/"\,["#),
            (r#"{"a": "],{:", "b": ^1}"#, "/b"),
            (r#"{"a": ^{"b": 1}}"#, "/a"),
        ] {
            let offset = marked.find('^').unwrap();
            assert_eq!(pointer(&marked.replacen('^', "", 1), offset), expected, "{marked}");
        }
    }

    #[test]
    fn any_offset_of_any_text_has_a_pointer_and_a_position() {
        let text = "{\"a\": [1,\n \"x\\\"\", {\"é\": 2}], \"b\"";
        for offset in 0..text.len() + 3 {
            let _ = (pointer(text, offset), position(text, offset));
        }
        assert_eq!(position(text, 11), Position { offset: 11, line: 2, column: 2 });
    }
}
