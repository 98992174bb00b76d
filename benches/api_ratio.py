#!/usr/bin/env python3
"""Two builds of the program side by side: requests a second of NEW over OLD, in many short rounds whose order alternates.

    python3 benches/api_ratio.py OLD NEW [rounds] [seconds]

Each build has a database of its own on one server. A machine that is busy with other things slows both, so that the ratios of rounds
are of use where their rates are not. Sessions begin by logging in, because formats of stored tokens may differ.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import urllib.request

import cluster
from cluster import Cluster, free_port, run, serve

OLD, NEW = sys.argv[1:3]
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 20
SECONDS = int(sys.argv[4]) if len(sys.argv) > 4 else 2
CLIENTS = 16
CHAINS = 16  # sessions that one thread of wrk refreshes in turn
BODY = '{"email":"ada@example.com","password":"correct-horse-battery"}'
LOGIN = f"""wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{BODY}'
"""
REFRESH = """local tokens = {%s}
local first, last, threads = 1, #tokens, 0
local queue = tokens
function request()
    local token = queue[first]
    if not token then return wrk.format("GET", "/livez") end
    queue[first] = nil
    first = first + 1
    return wrk.format("POST", "/auth/refresh", {["Content-Type"] = "application/json"}, '{"refresh_token":"' .. token .. '"}')
end
function response(status, headers, body)
    local token = body:match('"refresh_token":"([^"]+)"')
    if token then last = last + 1; queue[last] = token end
end
"""


class Build:
    def __init__(self, program, url, folder):
        self.port = free_port()
        environment = {"DATABASE_URL": url, "AUTHSVC_ENV": "test", "AUTHSVC_RATE_LIMIT": "off", "AUTHSVC_PASSWORD_RATE_LIMIT": "off",
                       "AUTHSVC_TRUSTED_PROXIES": "127.0.0.1", "AUTHSVC_CLEANUP_INTERVAL": "off"}
        run([program, "migrate"], env={**os.environ, **environment}, cwd=folder)
        run([program, "seed"], env={**os.environ, **environment}, cwd=folder)
        cluster.AUTHSVC = program
        self.process = serve(self.port, free_port(), environment, cwd=folder)

    def session(self):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/auth/login", BODY.encode(), {"Content-Type": "application/json"})
        return json.load(urllib.request.urlopen(request))

    def rate(self, script, path, connections):
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
            file.write(script)
            file.flush()
            out = run(["wrk", f"-c{connections}", "-t1", f"-d{SECONDS}s", "-s", file.name, f"http://127.0.0.1:{self.port}{path}"])
        if "Non-2xx" in out:
            sys.exit(out)
        return float(out.split("Requests/sec:")[1].split()[0])

    def measure(self, what):
        if what == "me":
            token = self.session()["access_token"]
            return self.rate(f'wrk.headers["Authorization"] = "Bearer {token}"\n', "/api/me", CLIENTS)
        if what == "login":
            return self.rate(LOGIN, "/auth/login", 4)
        tokens = ", ".join(f'"{self.session()["refresh_token"]}"' for _ in range(CHAINS))
        return self.rate(REFRESH % tokens, "/auth/refresh", CHAINS // 2)


def compare(engine, builds):
    for what in ("me", "refresh", "login"):
        found = []
        for number in range(ROUNDS):
            rates = {}
            for name in sorted(builds, reverse=number % 2 == 0):
                rates[name] = builds[name].measure(what)
            found.append((rates["new"] / rates["old"], rates["new"], rates["old"]))
        ratios = sorted(ratio for ratio, _, _ in found)
        new, old = (statistics.median(rate[at] for rate in found) for at in (1, 2))
        quarter = len(ratios) // 4
        print(f"{engine:10} {what:8} new/old {statistics.median(ratios):5.2f}  (middle half {ratios[quarter]:.2f} to {ratios[-1 - quarter]:.2f},"
              f" all {ratios[0]:.2f} to {ratios[-1]:.2f})  medians {new:.0f} and {old:.0f} a second", flush=True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        server = Cluster("shared_buffers=256MB")
        builds = {}
        try:
            for name, program in (("old", OLD), ("new", NEW)):
                server.sql(f"CREATE DATABASE {name}")
                builds[name] = Build(program, server.url(name), folder)
            compare("PostgreSQL", builds)
        finally:
            for build in builds.values():
                build.process.terminate()
                build.process.wait()
            server.stop()
        builds = {name: Build(program, f"sqlite:{folder}/{name}.db?mode=rwc", folder) for name, program in (("old", OLD), ("new", NEW))}
        try:
            compare("SQLite", builds)
        finally:
            for build in builds.values():
                build.process.terminate()
                build.process.wait()


main()
