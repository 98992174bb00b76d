#!/usr/bin/env python3
"""`cleanup` of one million expired of two million tokens, beside a stream of logins, against one DELETE and the usual batches.

    cargo build --release && python3 benches/cleanup.py [tokens] [rounds] [program …]

Each round copies one database for every way, so that all begin with the same pages, and begins with another way. The stream is
pgbench at a fixed rate; its latencies are those of its log, which count the waiting for a late start. "nothing" is as long as
the cleanup before it. Several programs are compared with each other.
"""
import glob
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from cluster import AUTHSVC, ROOT, Cluster, run

TOKENS = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
PROGRAMS = [os.path.abspath(path) for path in sys.argv[3:]] or [str(AUTHSVC)]
RATE = 1000

LOGIN = """\\set id random(1, 500000)
BEGIN;
UPDATE users SET last_login = now() WHERE id = :id;
INSERT INTO refresh_tokens (user_id, token_hash, expires_at) VALUES (:id, md5(random()::text), now() + interval '7 days');
COMMIT;
"""
ONE = "DELETE FROM refresh_tokens WHERE expires_at < now()"
USUAL = """DO $$ BEGIN LOOP
DELETE FROM refresh_tokens WHERE id IN (SELECT id FROM refresh_tokens WHERE expires_at < now() LIMIT 10000 FOR UPDATE SKIP LOCKED);
EXIT WHEN NOT FOUND; COMMIT; END LOOP; END $$"""


def stream(cluster, url, folder, seconds):
    script = pathlib.Path(folder, "login.sql")
    script.write_text(LOGIN)
    return subprocess.Popen([f"{cluster.bin}/pgbench", "-n", "-c4", "-j2", f"-R{RATE}", f"-T{seconds}", "-l", "--log-prefix",
                             f"{folder}/log", "-f", str(script), url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def latencies(folder, begin, end):
    """Milliseconds of the transactions that ended in this time."""
    found = []
    for log in glob.glob(f"{folder}/log.*"):
        for line in open(log):
            fields = line.split()
            # the last line may be cut off
            if len(fields) >= 6 and begin <= int(fields[4]) + int(fields[5]) / 1e6 <= end:
                found.append(int(fields[2]) / 1000)
    found.sort()
    return [found[int(len(found) * share)] for share in (0.5, 0.95, 0.99)] if found else [float("nan")] * 3


def measured(cluster, number, what, seconds):
    cluster.sql(f"CREATE DATABASE work{number} TEMPLATE filled STRATEGY file_copy")
    url = cluster.url(f"work{number}")
    run([f"{cluster.bin}/psql", "-qX", url, "-c", "CHECKPOINT"])
    note = {}
    with tempfile.TemporaryDirectory() as folder:
        logins = stream(cluster, url, folder, 120)
        time.sleep(1)
        begin = time.time()
        if what == "nothing":
            time.sleep(seconds)
        elif what in PROGRAMS:
            done = run([what, "cleanup", "--json"], env={**os.environ, "DATABASE_URL": url, "AUTHSVC_LOG": "error"})
            note = json.loads(done)
        else:
            run([f"{cluster.bin}/psql", "-qX", url, "-c", ONE if what == "one DELETE" else USUAL])
        end = time.time()
        logins.terminate()
        logins.wait()
        found = latencies(folder, begin, end)
    left = run([f"{cluster.bin}/psql", "-qXAt", url, "-c", "SELECT count(*) FROM refresh_tokens WHERE expires_at < now() - interval '1 hour'"])
    if what != "nothing" and left.strip() != "0":
        sys.exit(f"{what} left {left}")
    cluster.sql(f"DROP DATABASE work{number} WITH (FORCE)")
    return end - begin, found, note


def main():
    cluster = Cluster("max_wal_size=4GB")
    try:
        cluster.sql("CREATE DATABASE filled")
        url = cluster.url("filled")
        run([PROGRAMS[0], "migrate"], env={**os.environ, "DATABASE_URL": url})
        run([f"{cluster.bin}/psql", "-qX", "-vnu=500000", "-vno=1", f"-vnr={TOKENS}", url, "-f", str(ROOT.parent / "shared/perf/generate.sql")])
        run([f"{cluster.bin}/psql", "-qX", url, "-c",
             "UPDATE refresh_tokens SET revoked = FALSE, revoked_at = NULL, expires_at = now() + CASE WHEN id % 2 = 0 THEN interval '5 days' "
             "ELSE interval '-5 days' END", "-c", "VACUUM FULL refresh_tokens", "-c", "VACUUM ANALYZE"])
        ways = ["one DELETE", *PROGRAMS, "id IN (… SKIP LOCKED)", "nothing"]
        results, number, seconds = {way: [] for way in ways}, 0, 1
        for turn in range(ROUNDS):
            for way in ways[turn % len(ways):] + ways[:turn % len(ways)]:
                number += 1
                results[way].append(measured(cluster, number, way, seconds))
                if way in PROGRAMS:
                    seconds = results[way][-1][0]
        base = statistics.median(seconds for seconds, _, _ in results["one DELETE"])
        print(f"{'way':24} {'s':>7} {'over DELETE':>11} {'p50':>7} {'p95':>7} {'p99 ms':>8}")
        for way, found in results.items():
            seconds = statistics.median(each[0] for each in found)
            p50, p95, p99 = (statistics.median(each[1][at] for each in found) for at in range(3))
            print(f"{way[-24:]:24} {seconds:7.2f} {seconds / base:11.2f} {p50:7.1f} {p95:7.1f} {p99:8.1f}")
            notes = [each[2] for each in found if each[2]]
            if notes:
                longest = sorted(note["longest_batch_ms"] for note in notes)
                print(f"  longest batch of each round, ms: {longest}; batches: {statistics.median(note['batches'] for note in notes):.0f}")
    finally:
        cluster.stop()


main()
