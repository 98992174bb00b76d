#!/bin/sh
# Builds target/release/authsvc so that anybody gets the same bytes from the same commit and compiler, wherever the sources and
# the crates lie. How to check: docs/OPERATIONS.md, "Reproducible builds".
set -eu
cd "$(dirname "$0")/.."

if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 0)
fi
export SOURCE_DATE_EPOCH
# Paths of the sources and of the crates would get into messages of panics; C sources have them in assertions.
crates=${CARGO_HOME:-$HOME/.cargo}
here=$(pwd -P)
export RUSTFLAGS="--remap-path-prefix=$here=/src --remap-path-prefix=$crates=/cargo"
export CFLAGS="-ffile-prefix-map=$here=/src -ffile-prefix-map=$crates=/cargo"
export CARGO_INCREMENTAL=0 LC_ALL=C TZ=UTC

cargo build --release --locked --bin authsvc "$@"
