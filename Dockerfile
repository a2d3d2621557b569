# The images of onnxd, for any user id and a read-only root:
#
#   onnxd      one static binary and the bundled models on an empty base; what is built when nothing else is asked for
#   onnxd-ort  the same with ONNX Runtime as second engine, on a base with the C and C++ libraries that it needs
#
#   docker build -t onnxd .
#   docker build -t onnxd-ort --target onnxd-ort .
#   docker run --rm -p 8080:8080 onnxd
#   docker run --rm -p 8080:8080 -v "$PWD/my-models:/models:ro" onnxd
#
# Works with BuildKit and with the classic builder alike, so it uses neither mounts nor automatic platform arguments.
# (The classic builder makes the stages of onnxd-ort for onnxd, too: two minutes more.)
# Base images are pinned by tag; where a registry is at hand, pin the digest too, by putting `@sha256:...` after the tag.
# The toolchain's version is that of rust-toolchain.toml (`tests/deployment.rs` compares them); that file itself stays
# out of the image, where it would only make rustup download components that nothing here uses.
ARG RUST_VERSION=1.95.0

# The dependencies alone, behind an empty program: a layer of ten minutes that only a change of the two files redoes. Both
# images share it, so how the C library is linked is said later, for the last step alone.
FROM rust:${RUST_VERSION}-slim-bookworm AS dependencies
WORKDIR /build
ENV CARGO_TERM_COLOR=never
COPY Cargo.toml Cargo.lock ./
# (Cargo wants every program that the manifest names to be there; the benchmarks stay empty.)
RUN mkdir -p src benches/parts benches/compare \
    && touch src/lib.rs benches/trees.rs benches/parts/main.rs benches/compare/floor.rs && echo 'fn main() {}' > src/main.rs \
    && cargo build --profile dist --locked --bin onnxd \
    && cargo clean --profile dist --package onnxd \
    && rm -r src

# Whatever the modes in the checkout, an arbitrary user id has to be able to read the models.
FROM dependencies AS source
COPY src src
COPY models /image/models
RUN chmod -R a+rX /image
# Packed relocations are a twentieth of the binary less, and functions of the same code kept once a thirtieth: nothing tells
# functions apart by where they are. The latter is an option of LLD, with which Rust links for x86-64 alone.
RUN { echo '-C link-arg=-Wl,-z,pack-relative-relocs' \
    && if [ "$(uname -m)" = x86_64 ]; then echo '-C link-arg=-Wl,--icf=all'; fi; } > /link-arguments

# --- onnxd-ort

# The library as its makers publish it, for x86-64 and for ARM.
FROM debian:bookworm-slim AS onnxruntime
RUN apt-get update && apt-get install -y --no-install-recommends python3-pip && rm -rf /var/lib/apt/lists/*
RUN printf '%s\n' 'onnxruntime==1.31.1 \\' \
        '--hash=sha256:5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f \\' \
        '--hash=sha256:da05378364c44d4407e463982d2bf8d5e4cfea873283757e48beeb41df97b7f3' > /requirements.txt \
    && pip download --quiet --no-deps --only-binary=:all: --require-hashes --requirement /requirements.txt --dest /wheel \
    && python3 -m zipfile --extract /wheel/*.whl /wheel \
    && install -D -m 0755 /wheel/onnxruntime/capi/libonnxruntime.so.* /image/usr/lib/libonnxruntime.so \
    && install -D -m 0644 --target-directory /image/usr/share/doc/onnxruntime \
        /wheel/onnxruntime/LICENSE /wheel/onnxruntime/ThirdPartyNotices.txt

FROM source AS build-ort
RUN cargo rustc --profile dist --locked --features onnxruntime --bin onnxd -- $(cat /link-arguments) \
    && install -D -m 0755 target/dist/onnxd /image/onnxd

FROM gcr.io/distroless/cc-debian12:nonroot AS onnxd-ort
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="onnxd-ort" \
      org.opencontainers.image.description="A model server with two engines, tract and ONNX Runtime: give it ONNX files, it answers over HTTP." \
      org.opencontainers.image.source="https://github.com/onnxd/onnxd" \
      org.opencontainers.image.documentation="https://github.com/onnxd/onnxd/blob/main/README.md" \
      org.opencontainers.image.licenses="(MIT OR Apache-2.0) AND MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
COPY --from=onnxruntime /image/ /
COPY --from=build-ort /image/ /
# Whoever takes this image has models that tract refuses.
ENV ONNXD_MODELS=/models \
    ONNXD_ENGINE=auto \
    ONNXD_ONNXRUNTIME_LIB=/usr/lib/libonnxruntime.so
# All below as for onnxd.
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 CMD ["/onnxd", "probe"]
ENTRYPOINT ["/onnxd"]
CMD ["serve"]

# --- onnxd

# The C library is linked into the binary, which lets the image do without one: a third of the size of one with. That
# rules out looking up host names at run time, which the server never does: it listens, and probes an address.
FROM source AS build
RUN cargo rustc --profile dist --locked --bin onnxd -- -C target-feature=+crt-static $(cat /link-arguments) \
    && install -D -m 0755 target/dist/onnxd /image/onnxd

FROM gcr.io/distroless/static-debian12:nonroot AS onnxd
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="onnxd" \
      org.opencontainers.image.description="A small, fast model server: give it ONNX files, it answers over HTTP." \
      org.opencontainers.image.source="https://github.com/onnxd/onnxd" \
      org.opencontainers.image.documentation="https://github.com/onnxd/onnxd/blob/main/README.md" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
COPY --from=build /image/ /
# The address is left to its default, 0.0.0.0:8080: naming it here would win over a platform that sets PORT.
ENV ONNXD_MODELS=/models
# A number, because Kubernetes cannot tell from a name that it is not root. Any other works as well.
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 CMD ["/onnxd", "probe"]
ENTRYPOINT ["/onnxd"]
CMD ["serve"]
