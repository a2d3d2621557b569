//! Parts of the server by themselves: `cargo bench --bench parts`.

fn main() {
    divan::main();
}
