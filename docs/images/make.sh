#!/usr/bin/env bash
# Makes the pictures of the README again, from a built program: docs/images/make.sh [PROGRAM]
#
# PROGRAM is target/debug/authsvc if it is not given. The script needs chromium, curl and python3.
set -euo pipefail
images=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "${1:-$images/../../target/debug/authsvc}")
folder=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server"; wait "$server" || true; fi; rm -rf "$folder"' EXIT
cd "$folder"
mkdir bin
ln -s "$program" bin/authsvc
export PATH="$folder/bin:$PATH" AUTHSVC_LISTEN=127.0.0.1:28080 AUTHSVC_ADMIN_LISTEN=127.0.0.1:29090

# a terminal session on a new SQLite database
python3 "$images/terminal.py" "$images/terminal.svg" \
    -3 'authsvc migrate' \
    'authsvc seed' \
    -3 'authsvc backup' \
    'authsvc verify-backup --restore backups/backup_*.sql.gz' \
    -2 'authsvc restore --yes backups/backup_*.sql.gz' \
    -3 'authsvc status --check' \
    +14 'authsvc detailed-health'

# the status page of a service with some logins, a cleanup and the backups of the session
authsvc serve 2>serve.log &
server=$!
fetch() { curl --silent --fail --output answer.json --retry 50 --retry-all-errors --retry-delay 1 "http://$1"; }
log_in() {
    curl --silent --output answer.json "http://$AUTHSVC_LISTEN/auth/login" --json "{\"email\":\"$1\",\"password\":\"$2\"}"
}
fetch "$AUTHSVC_LISTEN/readyz"
for name in ada grace barbara; do log_in "$name@example.com" correct-horse-battery; done
log_in ada@example.com wrong-horse-battery
authsvc cleanup >cleanup.txt 2>&1
for _ in 1 2 3; do fetch "$AUTHSVC_ADMIN_LISTEN/health/detailed"; sleep 2; done
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$folder/profile" \
    --window-size=1200,800 --screenshot="$folder/status-page.png" "http://$AUTHSVC_ADMIN_LISTEN/" 2>chromium.log
cp status-page.png "$images/"
