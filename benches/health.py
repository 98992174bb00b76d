#!/usr/bin/env python3
"""`health`: the command against psql and pg_isready, the listeners under wrk, and what reaches the database. Ratios of one run.

    cargo build --release && python3 benches/health.py [users]
"""
import json
import os
import re
import statistics
import subprocess
import sys
import time

from cluster import AUTHSVC, ROOT, Cluster, free_port, run, serve

USERS = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
ROUNDS = 40


def wall(command, environment):
    begin = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - begin) * 1000


def commands(cluster, url):
    environment = {**os.environ, "DATABASE_URL": url, "AUTHSVC_LOG": "error"}
    psql, ready = f"{cluster.bin}/psql", f"{cluster.bin}/pg_isready"
    what = {
        "authsvc health": [AUTHSVC, "health"],
        "authsvc detailed-health": [AUTHSVC, "detailed-health"],
        "psql -c 'SELECT 1'": [psql, "-qX", url, "-c", "SELECT 1"],
        "pg_isready": [ready, "-q", "-d", url],
    }
    times = {name: [] for name in what}
    for _ in range(ROUNDS):
        for name, command in what.items():
            if name == "authsvc detailed-health" and len(times[name]) >= 5:
                continue
            time.sleep(0.05)  # the server's process of the one before is leaving
            times[name].append(wall(command, environment))
    base = statistics.median(times["psql -c 'SELECT 1'"])
    print(f"{'command':28} {'median ms':>9} {'p10':>7} {'p90':>7} {'over psql':>9}")
    for name, found in times.items():
        found.sort()
        median = statistics.median(found)
        print(f"{name:28} {median:9.1f} {found[len(found) // 10]:7.1f} {found[len(found) * 9 // 10]:7.1f} {median / base:9.2f}")


def statements(cluster, database):
    """Calls and milliseconds of execution and planning per statement, as the server counts them."""
    rows = run([f"{cluster.bin}/psql", "-qXAt", cluster.url(database), "-c",
                "SELECT json_build_array(calls, total_exec_time + total_plan_time, left(query, 60)) FROM pg_stat_statements"
                " WHERE query NOT LIKE '%pg_stat_statements%'"])
    return [json.loads(row) for row in rows.splitlines()]


def served(cluster, url):
    public, admin = free_port(), free_port()
    service = serve(public, admin, {"DATABASE_URL": url})
    try:
        time.sleep(3)
        print(f"\n{'wrk -c64 -t2 -d10s':28} {'requests/s':>10} {'p99 ms':>7} {'calls/s':>8} {'server ms/s':>11}")
        for path, port in [("/readyz", public), ("/health", admin), ("/health", public)]:
            run([f"{cluster.bin}/psql", "-qX", url, "-c", "SELECT pg_stat_statements_reset()"])
            out = run(["wrk", "-c64", "-t2", "-d10s", "--latency", f"http://127.0.0.1:{port}{path}"])
            found = statements(cluster, "bench")
            rate = re.search(r"Requests/sec:\s+([\d.]+)", out)[1]
            p99 = re.search(r"99%\s+(\S+)", out)[1]
            if "Non-2xx" in out:
                sys.exit(out)
            name = f"{path} ({'admin' if port == admin else 'public'})"
            print(f"{name:28} {rate:>10} {p99:>7} {sum(row[0] for row in found) / 10:8.1f} {sum(row[1] for row in found) / 10:11.2f}")
    finally:
        service.terminate()
        service.wait()


def main():
    cluster = Cluster("shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track_planning=on")
    try:
        cluster.sql("CREATE DATABASE bench")
        url = cluster.url("bench")
        run([AUTHSVC, "migrate"], env={**os.environ, "DATABASE_URL": url})
        sizes = {"nu": USERS, "no": USERS * 2 // 5, "nr": USERS * 4}
        run([f"{cluster.bin}/psql", "-qX", *[f"-v{name}={count}" for name, count in sizes.items()], url,
             "-f", str(ROOT.parent / "shared/perf/generate.sql")])
        run([f"{cluster.bin}/psql", "-qX", url, "-c", "CREATE EXTENSION pg_stat_statements", "-c", "VACUUM ANALYZE"])
        commands(cluster, url)
        served(cluster, url)
    finally:
        cluster.stop()


main()
