# Shortcuts for what is done every day; `just` lists them. Everything works without just, too: these are plain commands.

_list:
    @just --list --unsorted

# Serve the bundled models on port 8080.
serve *flags:
    cargo run --release -- serve {{ flags }}

# All tests.
test *filter:
    cargo test --release {{ filter }}

# Formatting and lints, as the checks want them.
lint:
    cargo fmt --check
    cargo clippy --release --all-targets --locked -- -D warnings

# Put the sources into the form that `lint` wants.
format:
    cargo fmt

# Everything that has to hold before a change goes in, or only the parts that are named.
check *parts:
    .ci/run {{ parts }}

# Speed beside a floor and beside FastAPI with ONNX Runtime; `just compare --quick` tries whether it works.
compare *flags:
    benches/compare/run {{ flags }}

# The image, and trying it out.
image:
    docker build --tag onnxd .

# onnxd and Prometheus in containers.
up:
    docker compose up --build

# What would be applied to a cluster.
manifests overlay="production":
    kubectl kustomize k8s/overlays/{{ overlay }}

# Train the bundled models again; the files should come out the same.
models:
    "$(.ci/venv models/requirements.txt)/bin/python" models/train.py
