#!/usr/bin/env bash
# Installs the tools that benches/migrate.py compares with, into target/peers.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo install sqlx-cli --locked --no-default-features --features postgres,rustls --root target/peers
cargo install refinery_cli --locked --no-default-features --features postgresql --root target/peers
npm install --no-save --prefix target/peers dbmate
