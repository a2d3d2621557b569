# The image of onnxd: one static binary and the bundled models on an empty base, for any user id and a read-only root.
#
#   docker build -t onnxd .
#   docker run --rm -p 8080:8080 onnxd
#   docker run --rm -p 8080:8080 -v "$PWD/my-models:/models:ro" onnxd
#
# Works with BuildKit and with the classic builder alike, so it uses neither mounts nor automatic platform arguments.
# Base images are pinned by tag; where a registry is at hand, pin the digest too, by putting `@sha256:...` after the tag.
# The toolchain's version is that of rust-toolchain.toml (`tests/deployment.rs` compares them); that file itself stays
# out of the image, where it would only make rustup download components that nothing here uses.
ARG RUST_VERSION=1.95.0

FROM rust:${RUST_VERSION}-slim-bookworm AS toolchain
WORKDIR /build
# glibc is linked into the binary, which lets the final image do without a C library: a third of the size of one with.
# That rules out looking up host names at run time, which the server never does: it listens, and probes an address.
# Packed relocations are a twentieth of the binary less. Naming the target, even though it is the host's own, keeps these
# flags away from build scripts and macros, which have to stay dynamic. It is asked of rustc so that the same file builds
# on x86-64 and on ARM.
ENV RUSTFLAGS="-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs" CARGO_TERM_COLOR=never
RUN rustc -vV | sed -n 's/^host: //p' > target-triple

# The dependencies alone, behind an empty program: a layer of ten minutes that only a change of the two files redoes.
FROM toolchain AS dependencies
COPY Cargo.toml Cargo.lock ./
RUN mkdir src && touch src/lib.rs && echo 'fn main() {}' > src/main.rs \
    && cargo build --release --locked --bin onnxd --target "$(cat target-triple)" \
    && cargo clean --release --package onnxd --target "$(cat target-triple)" \
    && rm -r src

FROM dependencies AS build
COPY src src
RUN cargo build --release --locked --bin onnxd --target "$(cat target-triple)" \
    && install -D -m 0755 "target/$(cat target-triple)/release/onnxd" /image/onnxd
# Whatever the modes in the checkout, an arbitrary user id has to be able to read the models.
COPY models /image/models
RUN chmod -R a+rX /image

FROM gcr.io/distroless/static-debian12:nonroot
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
