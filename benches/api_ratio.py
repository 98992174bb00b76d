#!/usr/bin/env python3
"""Two builds of the program side by side: requests a second of NEW over OLD, in many short rounds whose order alternates.

    python3 benches/api_ratio.py OLD NEW [rounds] [seconds] [operations]

Each build has a database of its own on one server. A machine that is busy with other things slows both, so that the ratios of rounds
are of use where their rates are not. The processor time of a request, in the service and in its database server, depends on load least. Sessions begin by logging in, because formats of stored tokens may differ. Logins send no cookie, so that each of
them stores a known device.
"""
import json
import os
import pathlib
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import urllib.request

import cluster
from cluster import Cluster, free_port, run, serve

OLD, NEW = (os.path.abspath(program) for program in sys.argv[1:3])
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 20
SECONDS = int(sys.argv[4]) if len(sys.argv) > 4 else 2
OPERATIONS = sys.argv[5].split(",") if len(sys.argv) > 5 else ("me", "refresh", "login", "register")
# of real size: what PostgreSQL plans for a few rows says nothing about a service
FILL = """
INSERT INTO users (email, username, password_hash)
  SELECT 'filled' || g || '@example.com', 'filled' || g, 'x' FROM NUMBERS;
INSERT INTO refresh_tokens (user_id, token_hash, expires_at)
  SELECT users.id, 'filled' || users.id || '.' || t, LATER FROM users, (SELECT 1 AS t UNION SELECT 2 UNION SELECT 3) s;
"""
ROWS = 20_000
ACCOUNTS = 16  # each with a client of its own: one row that all requests lock would measure waiting, which no real load does
PASSWORD = "correct-horse-battery"
FORWARDED = "X-Forwarded-For"
HEADERS = 'local headers = {["Content-Type"] = "application/json"}\n'
ME = HEADERS + """local tokens, number = {%s}, 0
function request()
    number = number %% #tokens + 1
    return wrk.format("GET", "/api/me", {["Authorization"] = "Bearer " .. tokens[number]})
end
"""
LOGIN = HEADERS + """local number = 0
function request()
    number = number %% %d + 1
    headers["X-Forwarded-For"] = "198.51.100." .. number
    return wrk.format("POST", "/auth/login", headers, '{"email":"bench' .. number .. '@example.com","password":"correct-horse-battery"}')
end
"""
REGISTER = HEADERS + """local number = 0
function request()
    number = number + 1
    local name = "%s-" .. number
    headers["X-Forwarded-For"] = "198.51.100." .. number %% 200 + 1
    return wrk.format("POST", "/auth/register", headers, '{"email":"' .. name .. '@example.com","username":"' .. name .. '","password":"correct-horse-battery"}')
end
"""
REFRESH = HEADERS + """local tokens = {%s}
local first, last = 1, #tokens
local queue = tokens
function request()
    local token = queue[first]
    if not token then return wrk.format("GET", "/livez") end
    queue[first] = nil
    first = first + 1
    return wrk.format("POST", "/auth/refresh", headers, '{"refresh_token":"' .. token .. '"}')
end
function response(status, headers, body)
    local token = body:match('"refresh_token":"([^"]+)"')
    if token then last = last + 1; queue[last] = token end
end
"""


def processor_time(*processes):
    """Seconds that these processes have used, from /proc."""
    total = 0
    for process in processes:
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def children(process):
    return [int(child) for child in pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()]


class Build:
    def __init__(self, program, url, folder, postmaster=None):
        self.postmaster = postmaster
        self.port = free_port()
        environment = {"DATABASE_URL": url, "AUTHSVC_ENV": "test", "AUTHSVC_RATE_LIMIT": "off", "AUTHSVC_PASSWORD_RATE_LIMIT": "off",
                       "AUTHSVC_TRUSTED_PROXIES": "127.0.0.1", "AUTHSVC_CLEANUP_INTERVAL": "off"}
        run([program, "migrate"], env={**os.environ, **environment}, cwd=folder)
        cluster.AUTHSVC = program
        self.process = serve(self.port, free_port(), environment, cwd=folder)
        for number in range(1, ACCOUNTS + 1):
            self.post("register", number, username=f"bench{number}")

    def post(self, operation, number, **fields):
        body = json.dumps({"email": f"bench{number}@example.com", "password": PASSWORD, **fields}).encode()
        headers = {"Content-Type": "application/json", FORWARDED: f"198.51.100.{number}"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/auth/{operation}", body, headers)
        return json.load(urllib.request.urlopen(request))

    def tokens(self, kind):
        """One for each account, as Lua writes a list."""
        return ", ".join(f'"{self.post("login", number)[kind]}"' for number in range(1, ACCOUNTS + 1))

    def rate(self, script, path, connections):
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
            file.write(script)
            file.flush()
            out = run(["wrk", f"-c{connections}", "-t1", f"-d{SECONDS}s", "-s", file.name, f"http://127.0.0.1:{self.port}{path}"])
        if "Non-2xx" in out:
            sys.exit(out)
        return float(out.split("Requests/sec:")[1].split()[0])

    def used(self):
        """Processor seconds of the service and of the server."""
        backends = children(self.postmaster) if self.postmaster else []
        return processor_time(self.process.pid), processor_time(*backends)

    def rate_and_use(self, script, path, connections):
        """Requests a second; microseconds of the service and of the server for each."""
        before = self.used()
        rate = self.rate(script, path, connections)
        return rate, *((after - before) * 1e6 / (rate * SECONDS) for before, after in zip(before, self.used()))

    def measure(self, what, number):
        if what == "me":
            return self.rate_and_use(ME % self.tokens("access_token"), "/api/me", ACCOUNTS)
        if what == "refresh":
            return self.rate_and_use(REFRESH % self.tokens("refresh_token"), "/auth/refresh", ACCOUNTS // 2)
        script = LOGIN % ACCOUNTS if what == "login" else REGISTER % f"round{number}"
        return self.rate_and_use(script, f"/auth/{what}", 4)


def fill_postgres(server, name):
    numbers, later = f"generate_series(1, {ROWS}) g", "now() + INTERVAL '7 days'"
    server.sql(FILL.replace("NUMBERS", numbers).replace("LATER", later), name)
    server.sql("VACUUM ANALYZE", name)


def fill_sqlite(file):
    numbers = f"(WITH RECURSIVE s (g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s LIMIT {ROWS}) SELECT g FROM s)"
    later = "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '+7 days')"
    with sqlite3.connect(file) as connection:
        connection.executescript(FILL.replace("NUMBERS", numbers).replace("LATER", later))


def compare(engine, builds):
    for what in OPERATIONS:
        found = []
        for number in range(ROUNDS):
            rates = {}
            for name in sorted(builds, reverse=number % 2 == 0):
                rates[name] = builds[name].measure(what, number)
            found.append((rates["new"], rates["old"]))
        ratios = sorted(new[0] / old[0] for new, old in found)
        (new, new_service, new_server), (old, old_service, old_server) = (
            [statistics.median(round[build][at] for round in found) for at in range(3)] for build in (0, 1))
        quarter = len(ratios) // 4
        print(f"{engine:10} {what:8} new/old {statistics.median(ratios):5.2f}  (middle half {ratios[quarter]:.2f} to {ratios[-1 - quarter]:.2f},"
              f" all {ratios[0]:.2f} to {ratios[-1]:.2f})  medians {new:.0f} and {old:.0f} a second;"
              f" µs of processor a request: service {new_service:.0f} and {old_service:.0f}, server {new_server:.0f} and {old_server:.0f}", flush=True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        server = Cluster("shared_buffers=256MB")
        builds = {}
        try:
            for name, program in (("old", OLD), ("new", NEW)):
                server.sql(f"CREATE DATABASE {name}")
                builds[name] = Build(program, server.url(name), folder, server.postmaster())
                fill_postgres(server, name)
            compare("PostgreSQL", builds)
        finally:
            for build in builds.values():
                build.process.terminate()
                build.process.wait()
            server.stop()
        builds = {name: Build(program, f"sqlite:{folder}/{name}.db?mode=rwc", folder) for name, program in (("old", OLD), ("new", NEW))}
        for name in builds:
            fill_sqlite(f"{folder}/{name}.db")
        try:
            compare("SQLite", builds)
        finally:
            for build in builds.values():
                build.process.terminate()
                build.process.wait()


main()
