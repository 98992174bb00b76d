#!/bin/sh
# Builds target/release/authsvc. The same commit and compiler give the same bytes in any directory of the sources and the
# crates. docs/OPERATIONS.md, "Reproducible builds", explains the check.
set -eu
cd "$(dirname "$0")/.."

if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 0)
fi
export SOURCE_DATE_EPOCH
# Without this, messages of panics and assertions of C sources contain the paths of the sources and of the crates.
crates=${CARGO_HOME:-$HOME/.cargo}
here=$(pwd -P)
export RUSTFLAGS="--remap-path-prefix=$here=/src --remap-path-prefix=$crates=/cargo"
export CFLAGS="-ffile-prefix-map=$here=/src -ffile-prefix-map=$crates=/cargo"
export CARGO_INCREMENTAL=0 LC_ALL=C TZ=UTC

cargo build --release --locked --bin authsvc "$@"
