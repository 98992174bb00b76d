#!/usr/bin/env python3
"""Times `authsvc backup` beside pg_dump and sqlite3's .dump: interleaved, medians, ratios, CPU, peak memory and size.

  apt-get install pigz sqlite3 zstd
  cargo build --release --locked --bin authsvc
  benches/backup.py [--rounds 5] [--users 500000] [--links 200000] [--tokens 2000000] [--generate FILE]

A private PostgreSQL is started, migrated and filled by the data generator (../shared/perf/generate.sql), then removed; a SQLite
file gets the same rows.
"""
import argparse
import csv
import os
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile

from cluster import AUTHSVC, ROOT, Cluster, measure

TABLES = ("users", "oauth_providers", "refresh_tokens")
# as the program writes them into a SQLite file
FORMS = {"boolean": "({})::int", "timestamp with time zone": "to_char({}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"')"}


def copy_to_sqlite(cluster, url, file):
    """Fills a migrated SQLite file with the rows of the PostgreSQL database."""
    psql = [f"{cluster.bin}/psql", "-qXAt", "-d", url, "-c"]
    database = sqlite3.connect(file)
    database.execute("PRAGMA synchronous = OFF")
    for table in TABLES:
        facts = subprocess.run([*psql, f"SELECT column_name || '|' || data_type FROM information_schema.columns WHERE table_name = '{table}'"],
                               check=True, capture_output=True, text=True).stdout
        columns = dict(line.split("|") for line in facts.splitlines())
        select = ", ".join(FORMS.get(kind, "{}").format(name) for name, kind in columns.items())
        export = subprocess.Popen([*psql, f"SET TimeZone = 'UTC'; COPY (SELECT {select} FROM {table} ORDER BY id) TO STDOUT (FORMAT csv, NULL '\\N')"],
                                  stdout=subprocess.PIPE, text=True)
        rows = ([None if value == "\\N" else value for value in row] for row in csv.reader(export.stdout))
        database.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", rows)
        database.commit()
        if export.wait():
            sys.exit(f"reading {table} failed")
    database.close()


def compare(candidates, url, rounds, work):
    """Runs the commands in turn and prints a table; the ratios are of the first over each."""
    results = {name: [] for name in candidates}
    for turn in range(rounds):
        for name, command in candidates.items():
            output = work / f"{turn}"
            results[name].append(measure(command.replace("@FILE@", str(output)), {"DATABASE_URL": url}, output))
            for file in work.iterdir():
                file.unlink()
    base = statistics.median(row[0] for row in next(iter(results.values())))
    print("| command | wall s | client CPU s | client MB | file MB | backup --no-validate over it |\n|---|---|---|---|---|---|")
    for name, rows in results.items():
        wall, cpu, memory, size = (statistics.median(row[column] for row in rows) for column in range(4))
        print(f"| `{name}` | {wall:.2f} | {cpu:.2f} | {memory:.0f} | {size / 1e6:.0f} | {base / wall:.2f} |", flush=True)


OURS = {
    "authsvc backup --no-validate": f"{AUTHSVC} backup --no-validate --output @FILE@",
    "authsvc backup": f"{AUTHSVC} backup --output @FILE@",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--users", type=int, default=500_000)
    parser.add_argument("--links", type=int, default=200_000)
    parser.add_argument("--tokens", type=int, default=2_000_000)
    parser.add_argument("--generate", type=pathlib.Path, default=ROOT.parent / "shared/perf/generate.sql")
    arguments = parser.parse_args()
    for tool in ("pigz", "sqlite3", "zstd"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not installed: {__doc__}")
    cluster = Cluster()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="authsvc-bench-backup-"))
    work, file = folder / "work", folder / "bench.db"
    work.mkdir()
    try:
        url, sqlite_url = cluster.url("postgres"), f"sqlite:{file}?mode=rwc"
        for target in (url, sqlite_url):
            subprocess.run([AUTHSVC, "migrate"], env={**os.environ, "DATABASE_URL": target}, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([f"{cluster.bin}/psql", "-qX", "-v", f"nu={arguments.users}", "-v", f"no={arguments.links}", "-v",
                        f"nr={arguments.tokens}", "-d", url, "-f", arguments.generate], check=True, stdout=subprocess.DEVNULL)
        copy_to_sqlite(cluster, url, file)
        dump = f"{cluster.bin}/pg_dump '{url}'"
        compare({
            **OURS,
            "pg_dump -Z9": f"{dump} -Z9 -f @FILE@",
            "pg_dump -Z6": f"{dump} -Z6 -f @FILE@",
            "pg_dump | pigz -p2": f"{dump} | pigz -p2 > @FILE@",
            "pg_dump | zstd -3 -T2": f"{dump} | zstd -q -3 -T2 > @FILE@",
            "floor: COPY of all tables to nothing": " ; ".join(
                f"{cluster.bin}/psql -qX '{url}' -c 'COPY {table} TO STDOUT' > /dev/null" for table in TABLES),
        }, url, arguments.rounds, work)
        print()
        compare({
            **OURS,
            ".dump | gzip -6": f"sqlite3 {file} .dump | gzip -6 > @FILE@",
            ".dump | zstd -3 -T2": f"sqlite3 {file} .dump | zstd -q -3 -T2 > @FILE@",
            "VACUUM INTO": f"sqlite3 {file} \"VACUUM INTO '@FILE@'\"",
        }, sqlite_url, arguments.rounds, work)
    finally:
        cluster.stop()
        shutil.rmtree(folder)


main()
