#!/usr/bin/env python3
"""Times `authsvc restore` beside psql, pg_restore and sqlite3: interleaved in one run, medians and ratios.

  apt-get install sqlite3
  cargo build --release --locked --bin authsvc
  benches/restore.py [--rounds 5] [--users 500000] [--links 200000] [--tokens 2000000] [--generate FILE]

A private PostgreSQL is started, migrated and filled by the data generator (../shared/perf/generate.sql), then removed. Every
restore uses a new, empty database.
"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

from cluster import AUTHSVC, ROOT, Cluster, measure


def shell(command, **environment):
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], env={**os.environ, **environment}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command}\n{done.stderr}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--users", type=int, default=500_000)
    parser.add_argument("--links", type=int, default=200_000)
    parser.add_argument("--tokens", type=int, default=2_000_000)
    parser.add_argument("--generate", type=pathlib.Path, default=ROOT.parent / "shared/perf/generate.sql")
    arguments = parser.parse_args()
    cluster = Cluster()
    work = pathlib.Path(tempfile.mkdtemp(prefix="authsvc-bench-restore-"))
    work.chmod(0o755)
    try:
        sizes = f"-v nu={arguments.users} -v no={arguments.links} -v nr={arguments.tokens}"
        for name, options in (("now", ""), ("earlier", "--to 004")):
            cluster.sql(f"CREATE DATABASE {name}")
            url = cluster.url(name)
            shell(f"{AUTHSVC} migrate {options}", DATABASE_URL=url)
            shell(f"{cluster.bin}/psql -qX {sizes} -d '{url}' -f {arguments.generate}")
            shell(f"{cluster.bin}/pg_dump '{url}' | gzip -1 > {work}/{name}.sql.gz")
        shell(f"{cluster.bin}/pg_dump -Fd -j2 -Z1 -f {work}/directory '{cluster.url('now')}'")
        shell(f"{AUTHSVC} backup --output {work}/backup.sql.gz", DATABASE_URL=cluster.url("now"))
        shell(f"{AUTHSVC} restore --yes {work}/backup.sql.gz", DATABASE_URL=f"sqlite:{work}/source.db?mode=rwc")
        shell(f"{AUTHSVC} backup --output {work}/sqlite.sql.gz", DATABASE_URL=f"sqlite:{work}/source.db")
        shell(f"sqlite3 {work}/source.db .dump | gzip -1 > {work}/sqlite_dump.sql.gz")
        psql = f"{cluster.bin}/psql -qX -v ON_ERROR_STOP=1 -d '@URL@'"
        candidates = {
            "authsvc restore": f"{AUTHSVC} restore --yes {work}/backup.sql.gz",
            "gunzip -c | psql, of pg_dump": f"gunzip -c {work}/now.sql.gz | {psql}",
            "pg_restore -j2, of pg_dump -Fd": f"{cluster.bin}/pg_restore -j2 -d '@URL@' {work}/directory",
            "gunzip -c | psql, the legacy manager's schema": f"gunzip -c {work}/earlier.sql.gz | {psql}",
            "authsvc restore, SQLite": f"{AUTHSVC} restore --yes {work}/sqlite.sql.gz",
            "gunzip -c | sqlite3, of .dump": f"gunzip -c {work}/sqlite_dump.sql.gz | sqlite3 {work}/new.db",
        }
        results = {name: [] for name in candidates}
        for turn in range(arguments.rounds):
            for name, command in candidates.items():
                if "sqlite" in command:
                    url = f"sqlite:{work}/new.db?mode=rwc"
                else:
                    cluster.sql("CREATE DATABASE target")
                    url = cluster.url("target")
                cluster.sql("CHECKPOINT")
                results[name].append(measure(command.replace("@URL@", url), {"DATABASE_URL": url}, work / "nothing"))
                if "sqlite" not in command:
                    cluster.sql("DROP DATABASE target")
                for file in work.glob("new.db*"):
                    file.unlink()
        print("| command | wall s | client CPU s | client MB | ours over it |\n|---|---|---|---|---|")
        for name, rows in results.items():
            wall, cpu, memory = (statistics.median(row[column] for row in rows) for column in range(3))
            ours = "authsvc restore, SQLite" if "sqlite" in name.lower() else "authsvc restore"
            base = statistics.median(row[0] for row in results[ours])
            spread = f"{min(row[0] for row in rows):.1f}–{max(row[0] for row in rows):.1f}"
            print(f"| `{name}` | {wall:.2f} ({spread}) | {cpu:.2f} | {memory:.0f} | {base / wall:.2f} |", flush=True)
    finally:
        cluster.stop()
        shutil.rmtree(work)


main()
