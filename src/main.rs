//! The doorway.

fn main() -> std::process::ExitCode {
    onnxd::cli::run()
}
