//! ONNX Runtime's messages as one line for a client: the node and what was wrong with it, without source files, function
//! signatures and the text of conditions.

use crate::engine::guard;

/// An error of a run or of a load in one line.
pub fn explain(message: &str) -> String {
    let Some((_, rest)) = message.split_once("while running ") else {
        return guard::one_line(&without_source(message));
    };
    let (operator, rest) = rest.split_once(" node.").unwrap_or(("", rest));
    let (name, status) = rest.split_once("Status Message: ").unwrap_or(("", rest));
    // A node inside a branch or a loop fails together with the node around it: the innermost one is told.
    if status.contains("while running ") {
        return explain(status);
    }
    let name: String = name.trim().trim_start_matches("Name:").trim_matches('\'').chars().take(80).collect();
    let what = guard::one_line(&without_source(status));
    match (name.is_empty(), operator.is_empty()) {
        (true, true) => what,
        (true, false) => format!("node {operator}: {what}"),
        _ => format!("node {name:?} ({operator}): {what}"),
    }
}

/// A message without `file.cc:12 function(arguments) condition was false. ` before it.
fn without_source(message: &str) -> String {
    let message = message.trim();
    let message = message.strip_prefix("Exception during initialization: ").unwrap_or(message);
    let Some((place, rest)) = message.split_once(' ') else { return message.to_owned() };
    if ![".cc:", ".h:", ".cpp:"].iter().any(|ending| place.contains(ending)) {
        return message.to_owned();
    }
    if let Some((_, told)) = rest.split_once(" was false. ") {
        return told.trim().to_owned();
    }
    let told = match rest.split_once(' ') {
        // A bare function name, or an operator.
        Some((function, told)) if !function.contains("::") && (!function.contains('(') || function == "operator()") => {
            if function.chars().next().is_some_and(char::is_alphabetic) && is_type(function) {
                signature(rest)
            } else {
                told
            }
        }
        _ => signature(rest),
    };
    let told = if told.trim().is_empty() { rest } else { told };
    told.trim().to_owned()
}

/// Words that begin a signature rather than name a function.
fn is_type(word: &str) -> bool {
    ["static", "virtual", "void", "int64_t", "size_t", "bool", "int", "const", "auto", "constexpr"].contains(&word)
}

/// What follows a C++ function's signature.
fn signature(text: &str) -> &str {
    let after = text.find('(').map_or(text, |open| after_group(&text[open..], '(', ')'));
    let after = after.trim_start();
    let after = after.strip_prefix("const").unwrap_or(after).trim_start();
    if after.starts_with("[with ") { after_group(after, '[', ']') } else { after }
}

/// What follows a group that opens at the beginning.
fn after_group(text: &str, open: char, close: char) -> &str {
    let mut depth = 0;
    for (at, character) in text.char_indices() {
        depth += i32::from(character == open) - i32::from(character == close);
        if depth == 0 {
            return &text[at + character.len_utf8()..];
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_become_sentences_about_a_node() {
        let node = "Non-zero status code returned while running";
        let cases = [
            (
                format!(
                    "{node} Gather node. Name:'/emb/Gather' Status Message: indices element out of data bounds, idx=7"
                ),
                "node \"/emb/Gather\" (Gather): indices element out of data bounds, idx=7",
            ),
            (
                format!(
                    "{node} Div node. Name:'' Status Message: element_wise_ops.cc:692 Compute Integer division by zero"
                ),
                "node Div: Integer division by zero",
            ),
            (
                format!(
                    "{node} Mod node. Name:'m' Status Message: element_wise_ops.cc:2256 operator() Integer modulo by zero"
                ),
                "node \"m\" (Mod): Integer modulo by zero",
            ),
            (
                format!(
                    "{node} GatherElements node. Name:'g' Status Message: /onnxruntime_src/onnxruntime/core/gather.cc:150 \
                     void onnxruntime::core_impl(const Tensor*, int64_t) [with T = std::vector<int>] GatherElements op: \
                     Value in indices must be within bounds [-2 , 1]. Actual value is 7"
                ),
                "node \"g\" (GatherElements): GatherElements op: Value in indices must be within bounds [-2 , 1]. \
                 Actual value is 7",
            ),
            (
                format!(
                    "{node} Reshape node. Name:'r' Status Message: /a/reshape_helper.h:33 onnxruntime::ReshapeHelper::\
                     ReshapeHelper(const TensorShape&, TensorShapeVector&, bool) size != 0 && (a % b) == 0 was false. The \
                     input tensor cannot be reshaped to the requested shape.\n"
                ),
                "node \"r\" (Reshape): The input tensor cannot be reshaped to the requested shape.",
            ),
            (
                format!(
                    "{node} If node. Name:'outer' Status Message: {node} Add node. Name:'inner' Status Message: no"
                ),
                "node \"inner\" (Add): no",
            ),
            ("Got invalid dimensions for input: x".into(), "Got invalid dimensions for input: x"),
        ];
        for (message, words) in cases {
            assert_eq!(explain(&message), words);
        }
    }

    #[test]
    fn nothing_makes_it_panic() {
        for odd in ["", "while running ", "while running  node.Status Message: ", "a.cc:1 ", "a.cc:1 f(", "é.cc:1 é(é"]
        {
            explain(odd);
        }
    }
}
