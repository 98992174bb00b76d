#!/usr/bin/env python3
"""Times `authsvc migrate` and `status` beside their peers: interleaved in one run, medians, ratios.

  benches/peers.sh                 installs the peers into target/peers
  cargo build --release --locked --bin authsvc --example bare
  benches/migrate.py [--rounds 40] [--fresh-rounds 15]

A private PostgreSQL (the newest in /usr/lib/postgresql) is started in a temporary directory and removed. All tools run the
same SQL on it: what `authsvc migrate` runs on an empty database, that is, without CONCURRENTLY. A peer that is not
installed is an error, not a gap.
"""
import argparse
import os
import pathlib
import re
import shutil
import statistics
import sys
import tempfile
import time

from cluster import AUTHSVC, ROOT, Cluster, run

PEERS = ROOT / "target/peers"
BARE = ROOT / "target/release/examples/bare"


def folders(work):
    """The same SQL in each tool's form."""
    for name in ("sqlx", "dbmate", "refinery"):
        os.makedirs(work / name)
    for file in sorted((ROOT / "migration/postgres").glob("*.sql")):
        if file.name.endswith(".down.sql"):
            continue
        sql = re.sub(r"\bINDEX CONCURRENTLY\b", "INDEX", file.read_text())
        (work / "sqlx" / file.name).write_text(sql)
        (work / "dbmate" / file.name).write_text(f"-- migrate:up\n{sql}\n-- migrate:down\n")
        number, name = file.stem.split("_", 1)
        (work / "refinery" / f"V{int(number)}__{name}.sql").write_text(sql)


def commands(cluster, work, database):
    url = cluster.url(database)
    refinery = work / f"{database}.toml"
    refinery.write_text(f'[main]\ndb_type = "Postgres"\ndb_host = "127.0.0.1"\ndb_port = "{cluster.port}"\ndb_user = "postgres"\n'
                        f'db_name = "{database}"\ndb_pass = ""\n')
    return {
        "authsvc migrate": ([AUTHSVC, "migrate"], {"DATABASE_URL": url}),
        "sqlx migrate run": ([PEERS / "bin/sqlx", "migrate", "run", "--source", work / "sqlx"], {"DATABASE_URL": url}),
        "dbmate up": ([PEERS / "node_modules/.bin/dbmate", "--no-dump-schema", "--migrations-dir", work / "dbmate", "up"], {"DATABASE_URL": url}),
        "refinery migrate": ([PEERS / "bin/refinery", "migrate", "-c", refinery, "-p", work / "refinery"], {}),
    }


def milliseconds(command, environment):
    env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment}
    begin = time.perf_counter()
    run(command, env=env)
    return (time.perf_counter() - begin) * 1000


def table(title, times, base):
    print(f"\n{title}\n\n| command | median ms | spread (p10–p90) | over {base} |\n|---|---|---|---|")
    floor = statistics.median(times[base])
    for name, values in times.items():
        deciles = statistics.quantiles(values, n=10)
        middle = statistics.median(values)
        print(f"| `{name}` | {middle:.1f} | {deciles[0]:.1f}–{deciles[-1]:.1f} | {middle / floor:.2f} |")


def nothing_pending(cluster, work, rounds):
    candidates = {"bare: connect and one query": ([BARE, cluster.url("postgres")], {}),
                  "psql -c 'SELECT 1'": ([f"{cluster.bin}/psql", "-qX", cluster.url("postgres"), "-c", "SELECT 1"], {})}
    for index, name in enumerate(commands(cluster, work, "postgres")):
        cluster.sql(f"CREATE DATABASE current{index}")
        candidates[name] = commands(cluster, work, f"current{index}")[name]
        run(candidates[name][0], env={**os.environ, **candidates[name][1]})
    candidates["authsvc status"] = ([AUTHSVC, "status"], {"DATABASE_URL": cluster.url("current0")})
    times = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, (command, environment) in candidates.items():
            times[name].append(milliseconds(command, environment))
    table(f"Nothing pending, {rounds} rounds", times, "bare: connect and one query")


def fresh(cluster, work, rounds):
    times = {}
    names = list(commands(cluster, work, "postgres"))
    for turn in range(rounds):
        # each round in another order: what comes after a DROP DATABASE pays for its checkpoint
        for index, name in enumerate(names[turn % len(names):] + names[:turn % len(names)]):
            database = f"fresh{turn}_{index}"
            cluster.sql(f"CREATE DATABASE {database}")
            command, environment = commands(cluster, work, database)[name]
            times.setdefault(name, []).append(milliseconds(command, environment))
            cluster.sql(f"DROP DATABASE {database}")
    table(f"An empty database, {rounds} rounds", times, "authsvc migrate")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--fresh-rounds", type=int, default=15)
    arguments = parser.parse_args()
    for needed in (AUTHSVC, BARE, PEERS / "bin/sqlx", PEERS / "bin/refinery", PEERS / "node_modules/.bin/dbmate"):
        if not needed.exists():
            sys.exit(f"{needed} is not there: {__doc__}")
    cluster = Cluster()
    work = pathlib.Path(tempfile.mkdtemp(prefix="authsvc-bench-sql-"))
    try:
        folders(work)
        nothing_pending(cluster, work, arguments.rounds)
        fresh(cluster, work, arguments.fresh_rounds)
    finally:
        cluster.stop()
        shutil.rmtree(work)


main()
