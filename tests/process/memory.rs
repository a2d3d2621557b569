//! Memory comes back: a model that is loaded, used and dropped again and again leaves the process no larger than the first
//! few times did. Measured in a process of its own, which is this test's program started once more; how much of what is
//! free the allocator keeps for later is its affair, that it does not become more with each model is ours.

use std::process::Command;

use onnxd::engine::tract::Tract;
use onnxd::engine::{Engine, ModelSource};
use onnxd::tensor::{DataType, Shape, Tensor};

/// The weights of each of as many products as the second says: 24 MiB together.
const SIDE: usize = 1024;
const LAYERS: usize = 6;
/// What the allocator keeps goes up and down by more than a model from round to round: of so many the most says little by
/// chance. `ONNXD_SOAK` asks for more.
const ROUNDS: usize = 160;

#[test]
fn a_model_that_is_dropped_gives_its_memory_back() {
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program);
    let output = child.args(["--exact", "memory::load_and_drop", "--ignored", "--nocapture"]).output();
    let output = output.expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let residents: Vec<usize> = said.lines().filter_map(|line| line.strip_prefix("pages ")?.parse().ok()).collect();
    assert!(residents.len() >= ROUNDS, "{said}");
    let (early, late) = residents.split_at(residents.len() / 2);
    let model = SIDE * SIDE * 4 * LAYERS / 4096;
    let most = |pages: &[usize]| pages.iter().copied().max().unwrap_or_default();
    assert!(most(late) <= most(early) + model / 2, "a model has {model} pages, and the process {residents:?}");
}

#[test]
#[ignore = "the child of the test above"]
#[allow(clippy::print_stdout, reason = "its answer to the parent")]
fn load_and_drop() {
    let rounds = std::env::var("ONNXD_SOAK").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let source = ModelSource { bytes: model().into(), directory: None };
    println!();
    for _ in 0..rounds {
        let session = Tract::default().load(&source).expect("it loads");
        for rows in [1, 5] {
            let input = Tensor::made_up(DataType::Fp32, &Shape::from_slice(&[rows, SIDE]), 1.0).expect("it fits");
            session.run(&[input]).expect("it runs");
        }
        drop(session);
        println!("pages {}", resident());
    }
}

/// Pages of this process that are in memory.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).expect("a number")
}

/// A chain of products with different weights, as ONNX has it on disk.
fn model() -> Vec<u8> {
    let value = |name: &str| {
        let any = field(1, &field(2, b"N"));
        let side = field(1, &number(1, SIDE));
        let tensor = [number(1, 1), field(2, &[any, side].concat())].concat();
        [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
    };
    let layers = (0..LAYERS).flat_map(|layer| {
        let names = [format!("x{layer}"), format!("w{layer}"), format!("x{}", layer + 1)];
        let [input, weight, output] = &names;
        let values = (0..SIDE * SIDE).map(|at| ((at * 31 + layer * 7) % 97) as f32 / 5e4 - 1e-3);
        let raw: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
        let node = [field(1, input.as_bytes()), field(1, weight.as_bytes()), field(2, output.as_bytes())].concat();
        let tensor = [number(1, SIDE), number(1, SIDE), number(2, 1), field(8, weight.as_bytes()), field(9, &raw)];
        [field(1, &[node, field(4, b"MatMul")].concat()), field(5, &tensor.concat())]
    });
    let graph: Vec<u8> = layers.collect::<Vec<_>>().concat();
    let ends = [field(11, &value("x0")), field(12, &value(&format!("x{LAYERS}")))].concat();
    [number(1, 8), field(7, &[field(2, b"chain"), graph, ends].concat()), field(8, &number(2, 17))].concat()
}

/// A field of bytes in protobuf's encoding, and one that is a number.
fn field(tag: usize, bytes: &[u8]) -> Vec<u8> {
    [varint(tag << 3 | 2), varint(bytes.len()), bytes.to_vec()].concat()
}

fn number(tag: usize, value: usize) -> Vec<u8> {
    [varint(tag << 3), varint(value)].concat()
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
