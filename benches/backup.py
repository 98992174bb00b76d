#!/usr/bin/env python3
"""Times `authsvc backup` beside pg_dump: interleaved in one run, medians, ratios, CPU, peak memory and size.

  apt-get install pigz zstd
  cargo build --release --locked --bin authsvc
  benches/backup.py [--rounds 5] [--users 500000] [--links 200000] [--tokens 2000000] [--generate FILE]

A private PostgreSQL is started, migrated and filled by the data generator (../shared/perf/generate.sql), then removed.
"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from cluster import AUTHSVC, ROOT, Cluster


def measure(command, environment, output):
    """Wall seconds, CPU seconds of the client, its peak memory in MB, bytes written."""
    begin = time.perf_counter()
    process = subprocess.Popen(["bash", "-c", f"set -o pipefail; {command}"], env={**os.environ, **environment},
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command}: {process.stderr.read().decode()}")
    return time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, \
        output.stat().st_size if output.exists() else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--users", type=int, default=500_000)
    parser.add_argument("--links", type=int, default=200_000)
    parser.add_argument("--tokens", type=int, default=2_000_000)
    parser.add_argument("--generate", type=pathlib.Path, default=ROOT.parent / "shared/perf/generate.sql")
    arguments = parser.parse_args()
    for tool in ("pigz", "zstd"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not installed: {__doc__}")
    cluster = Cluster()
    work = pathlib.Path(tempfile.mkdtemp(prefix="authsvc-bench-backup-"))
    try:
        url = cluster.url("postgres")
        subprocess.run([AUTHSVC, "migrate"], env={**os.environ, "DATABASE_URL": url}, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([f"{cluster.bin}/psql", "-qX", "-v", f"nu={arguments.users}", "-v", f"no={arguments.links}", "-v",
                        f"nr={arguments.tokens}", "-d", url, "-f", arguments.generate], check=True, stdout=subprocess.DEVNULL)
        dump = f"{cluster.bin}/pg_dump '{url}'"
        candidates = {
            "authsvc backup --no-validate": f"{AUTHSVC} backup --no-validate --output @FILE@",
            "authsvc backup": f"{AUTHSVC} backup --output @FILE@",
            "pg_dump -Z9": f"{dump} -Z9 -f @FILE@",
            "pg_dump -Z6": f"{dump} -Z6 -f @FILE@",
            "pg_dump | pigz -p2": f"{dump} | pigz -p2 > @FILE@",
            "pg_dump | zstd -3 -T2": f"{dump} | zstd -q -3 -T2 > @FILE@",
            "floor: COPY of all tables to nothing": " ; ".join(
                f"{cluster.bin}/psql -qX '{url}' -c 'COPY {table} TO STDOUT' > /dev/null" for table in ("users", "oauth_providers", "refresh_tokens")),
        }
        results = {name: [] for name in candidates}
        for turn in range(arguments.rounds):
            for name, command in candidates.items():
                output = work / f"{turn}"
                results[name].append(measure(command.replace("@FILE@", str(output)), {"DATABASE_URL": url}, output))
                for file in work.iterdir():
                    file.unlink()
        base = statistics.median(row[0] for row in results["authsvc backup --no-validate"])
        print("| command | wall s | client CPU s | client MB | file MB | backup --no-validate over it |\n|---|---|---|---|---|---|")
        for name, rows in results.items():
            wall, cpu, memory, size = (statistics.median(row[column] for row in rows) for column in range(4))
            print(f"| `{name}` | {wall:.2f} | {cpu:.2f} | {memory:.0f} | {size / 1e6:.0f} | {base / wall:.2f} |")
    finally:
        cluster.stop()
        shutil.rmtree(work)


main()
