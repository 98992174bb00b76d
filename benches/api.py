#!/usr/bin/env python3
"""The API under wrk, beside the same SQL by pgbench on as many connections; and the use of processor time by a login.

    cargo build --release && python3 benches/api.py [rounds] [seconds]
"""
import glob
import hashlib
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from cluster import AUTHSVC, Cluster, free_port, run, serve

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 3
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 8
USERS = 100_000
CONNECTIONS = 10  # of the service's pool, and of pgbench
CLIENTS = 32
CHAINS = 200  # sessions that one thread of wrk refreshes in turn
TICK = os.sysconf("SC_CLK_TCK")

USER = ("SELECT id, email, username, password_hash, avatar_url, provider, provider_id, last_login, email_verified, active,"
        " failed_login_count, locked_until, created_at, updated_at, deleted_at FROM users"
        " WHERE deleted_at IS NULL AND id = {id} AND active = TRUE;")
ME = f"\\set id random(1, {USERS})\n{USER.format(id=':id')}\n"
REFRESH = f"""\\set next :n + 1
BEGIN;
UPDATE refresh_tokens SET revoked = TRUE, revoked_at = now() WHERE revoked = FALSE AND token_hash = 'p-' || :client_id || '-' || :n
    AND expires_at > now() RETURNING id, user_id, token_hash, family_id, expires_at, created_at, revoked, revoked_at, ip, user_agent;
{USER.format(id=':client_id + 1')}
INSERT INTO refresh_tokens (user_id, token_hash, family_id, expires_at, created_at, ip, user_agent)
    VALUES (:client_id + 1, 'p-' || :client_id || '-' || :next, NULL, now() + INTERVAL '7 days', now(), '127.0.0.1', NULL) RETURNING id;
INSERT INTO auth_events (occurred_at, kind, user_id, email, ip, user_agent, detail)
    VALUES (now(), 'token_refreshed', :client_id + 1, NULL, '127.0.0.1', NULL, NULL);
COMMIT;
\\set n :next
"""

LUA = {
    "me": 'wrk.headers["Authorization"] = "Bearer %(token)s"\n',
    "login": """wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"email":"ada@example.com","password":"correct-horse-battery"}'
""",
    # each thread passes on what it was given: a token that comes back is used by a later request
    "refresh": """local queue, first, last, number = {}, 1, 0, 0
local threads = 0
function setup(thread) thread:set("id", threads); threads = threads + 1 end
function init()
    for at = 1, %(chains)d do queue[at] = "w-%(round)s-" .. id .. "-" .. at end
    last = %(chains)d
end
function request()
    local token = queue[first]
    queue[first] = nil
    first = first + 1
    return wrk.format("POST", "/auth/refresh", {["Content-Type"] = "application/json"}, '{"refresh_token":"' .. token .. '"}')
end
function response(status, headers, body)
    local token = body:match('"refresh_token":"([^"]+)"')
    if token then last = last + 1; queue[last] = token end
end
""",
}


class Service:
    def __init__(self, url, folder):
        self.port = free_port()
        environment = {"DATABASE_URL": url, "AUTHSVC_ENV": "test", "AUTHSVC_RATE_LIMIT": "off", "AUTHSVC_PASSWORD_RATE_LIMIT": "off",
                       "AUTHSVC_TRUSTED_PROXIES": "127.0.0.1", "AUTHSVC_CLEANUP_INTERVAL": "off"}
        self.process = serve(self.port, free_port(), environment, cwd=folder)

    def token(self):
        body = b'{"email":"ada@example.com","password":"correct-horse-battery"}'
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/auth/login", body, {"Content-Type": "application/json"})
        return re.search(rb'"access_token":"([^"]+)"', urllib.request.urlopen(request).read())[1].decode()

    def threads(self):
        """Processor seconds by thread id."""
        found = {}
        for path in glob.glob(f"/proc/{self.process.pid}/task/*/stat"):
            fields = pathlib.Path(path).read_text().rsplit(")", 1)
            rest = fields[1].split()
            found[path.split("/")[4]] = (fields[0].split("(", 1)[1], (int(rest[11]) + int(rest[12])) / TICK)
        return found

    def wrk(self, script, path):
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
            file.write(script)
            file.flush()
            out = run(["wrk", f"-c{CLIENTS}", "-t2", f"-d{SECONDS}s", "--latency", "-s", file.name, f"http://127.0.0.1:{self.port}{path}"])
        if "Non-2xx" in out:
            print(out, file=sys.stderr)
        return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), re.search(r"99%\s+(\S+)", out)[1]

    def stop(self):
        self.process.terminate()
        self.process.wait()


def postgres_cpu():
    total = 0
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            name, rest = pathlib.Path(path).read_text().rsplit(")", 1)
        except OSError:
            continue
        if "(postgres" in name:
            total += sum(map(int, rest.split()[11:15]))
    return total / TICK


def hashes(prefix, threads):
    tokens = [f"{prefix}-{thread}-{at}" for thread in range(threads) for at in range(1, CHAINS + 1)]
    return [(at % 1000 + 100, hashlib.sha256(token.encode()).hexdigest()) for at, token in enumerate(tokens)]


def insert_tokens(rows, later):
    values = ", ".join(f"({user}, '{digest}', {later})" for user, digest in rows)
    return f"INSERT INTO refresh_tokens (user_id, token_hash, expires_at) VALUES {values};"


def pgbench(cluster, url, script, *options):
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        os.chmod(file.name, 0o644)
        out = run([f"{cluster.bin}/pgbench", "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j2", "-T", str(SECONDS), "-f", file.name, *options, url])
    return float(re.search(r"tps = ([\d.]+)", out)[1])


def login_split(service, name, database_cpu):
    before, cpu_before = service.threads(), database_cpu()
    rate, p99 = service.wrk(LUA["login"], "/auth/login")
    after, cpu_after = service.threads(), database_cpu()
    spent = {thread: cpu - before.get(thread, ("", 0))[1] for thread, (_, cpu) in after.items()}
    workers = sorted((int(thread), thread) for thread, (called, _) in after.items() if called.startswith("tokio"))
    # the runtime's own threads come first, those that hash passwords after them
    runtime = {thread for _, thread in workers[:os.cpu_count()]} | {thread for thread, (called, _) in after.items() if called.startswith("authsvc")}
    sqlite = {thread for thread, (called, _) in after.items() if called.startswith("sqlx")}
    argon2 = sum(cpu for thread, cpu in spent.items() if thread not in runtime | sqlite)
    database = sum(spent[thread] for thread in sqlite) + cpu_after - cpu_before
    rest = sum(spent[thread] for thread in runtime)
    total = argon2 + database + rest
    print(f"{name:10} {rate:8.1f} logins/s  p99 {p99:>9}  processor: argon2 {argon2 / total:.1%}  database {database / total:.1%}  rest {rest / total:.1%}"
          f"   {argon2 / (rate * SECONDS) * 1000:.1f} ms of argon2 each; bound {os.cpu_count() / (argon2 / (rate * SECONDS)):.1f}/s")


def who_is_there(service):
    """A wrong password for an account and for an unknown address, in turn, each once: a client must not distinguish them by time."""
    times = {"known": [], "unknown": []}
    for number in range(60):
        for kind, name in [("known", "user"), ("unknown", "nobody")]:
            body = f'{{"email":"{name}{number + 1}@example.com","password":"a wrong password"}}'.encode()
            request = urllib.request.Request(f"http://127.0.0.1:{service.port}/auth/login", body, {
                "Content-Type": "application/json", "X-Forwarded-For": f"192.0.2.{number}"})
            begin = time.perf_counter()
            try:
                urllib.request.urlopen(request)
            except urllib.error.HTTPError as error:
                assert error.code == 401, error.code
            times[kind].append((time.perf_counter() - begin) * 1000)
    for kind, found in times.items():
        found.sort()
        print(f"wrong password, {kind:8} address: median {statistics.median(found):6.2f} ms, p10 {found[6]:6.2f}, p90 {found[54]:6.2f}")


def postgres(folder):
    cluster = Cluster("shared_buffers=512MB", "max_wal_size=4GB")
    service = None
    try:
        cluster.sql("CREATE DATABASE bench")
        url = cluster.url("bench")
        psql = [f"{cluster.bin}/psql", "-qX", url]
        run([AUTHSVC, "migrate"], env={**os.environ, "DATABASE_URL": url})
        run([AUTHSVC, "seed"], env={**os.environ, "DATABASE_URL": url, "AUTHSVC_ENV": "test"})
        run([*psql, "-c", "INSERT INTO users (email, username, password_hash) SELECT 'user' || n || '@example.com', 'user' || n, 'x'"
             f" FROM generate_series(1, {USERS}) AS numbers(n)", "-c", "VACUUM ANALYZE users"])
        service = Service(url, folder)
        token = service.token()
        rates = {"me": [], "me by pgbench": [], "refresh": [], "refresh by pgbench": []}
        for number in range(ROUNDS):
            later = "now() + INTERVAL '7 days'"
            subprocess.run(psql, input=insert_tokens(hashes(f"w-{number}", 2), later), text=True, check=True)
            run([*psql, "-c", f"DELETE FROM refresh_tokens WHERE token_hash LIKE 'p-%'; INSERT INTO refresh_tokens (user_id, token_hash, expires_at)"
                 f" SELECT n + 1, 'p-' || n || '-0', {later} FROM generate_series(0, {CONNECTIONS - 1}) AS numbers(n)"])
            rates["me"].append(service.wrk(LUA["me"] % {"token": token}, "/api/me")[0])
            rates["me by pgbench"].append(pgbench(cluster, url, ME))
            rates["refresh"].append(service.wrk(LUA["refresh"] % {"chains": CHAINS, "round": number}, "/auth/refresh")[0])
            rates["refresh by pgbench"].append(pgbench(cluster, url, REFRESH, "-D", "n=0"))
        report("PostgreSQL", rates)
        login_split(service, "PostgreSQL", postgres_cpu)
        run([*psql, "-c", "UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE username = 'ada') WHERE username ~ '^user[0-9]{1,2}$'"])
        who_is_there(service)
    finally:
        if service:
            service.stop()
        cluster.stop()


def report(engine, rates):
    for name, found in rates.items():
        peer = rates.get(f"{name} by pgbench")
        ratio = f"{statistics.median(a / b for a, b in zip(found, peer)):8.2f} of pgbench" if peer else ""
        print(f"{engine:10} {name:20} {statistics.median(found):9.0f}/s  ({min(found):.0f} to {max(found):.0f}) {ratio}")


def sqlite(folder):
    path = f"{folder}/bench.db"
    url = f"sqlite:{path}?mode=rwc"
    environment = {**os.environ, "DATABASE_URL": url, "AUTHSVC_ENV": "test"}
    run([AUTHSVC, "migrate"], env=environment)
    run([AUTHSVC, "seed"], env=environment)
    subprocess.run(["sqlite3", path], check=True, text=True, input="INSERT INTO users (email, username, password_hash) WITH RECURSIVE numbers(n) AS"
                   f" (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {USERS}) SELECT 'user' || n || '@example.com', 'user' || n, 'x' FROM numbers;")
    service = Service(url, folder)
    try:
        token = service.token()
        rates = {"me": [], "refresh": []}
        for number in range(ROUNDS):
            later = "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '+7 days')"
            subprocess.run(["sqlite3", path], check=True, text=True, input=".timeout 5000\n" + insert_tokens(hashes(f"w-{number}", 2), later))
            rates["me"].append(service.wrk(LUA["me"] % {"token": token}, "/api/me")[0])
            rates["refresh"].append(service.wrk(LUA["refresh"] % {"chains": CHAINS, "round": number}, "/auth/refresh")[0])
        report("SQLite", rates)
        login_split(service, "SQLite", lambda: 0)
    finally:
        service.stop()


with tempfile.TemporaryDirectory() as folder:
    postgres(folder)
    sqlite(folder)
