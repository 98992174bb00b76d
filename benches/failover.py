#!/usr/bin/env python3
"""Failovers of a PostgreSQL under Patroni and etcd, under a stream of refreshes: how long, and whether anything was lost.

    cargo build --release && python3 benches/failover.py [rounds]

Needs etcd (Debian etcd-server) and Patroni: /usr/bin/python3 -m venv target/patroni && target/patroni/bin/pip install 'patroni[etcd3]' psycopg2-binary
"""
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from cluster import AUTHSVC, ROOT, run

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 3
CLIENTS = 8
PATRONI = ROOT / "target/patroni/bin/patroni"
BIN = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="failover-", dir=ROOT / "target"))
USER = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
ETCD, PEER = 12379, 12380
PUBLIC, ADMIN = 18080, 18090
# the smallest value that Patroni accepts: the loss of a leader is noticed after ttl
SETTINGS = {"ttl": 20, "loop_wait": 1, "retry_timeout": 3, "synchronous_mode": True, "primary_start_timeout": 0,
            "maximum_lag_on_failover": 1048576, "postgresql": {"parameters": {"max_connections": 60, "shared_buffers": "64MB"}}}


def start(command, log, **options):
    return subprocess.Popen([*map(str, command)], stdin=subprocess.DEVNULL, stdout=open(FOLDER / log, "ab"), stderr=subprocess.STDOUT,
                            start_new_session=True, **options)


def wait(what, ask, patience=120):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            if answer := ask():
                return answer
        except (OSError, http.client.HTTPException, ValueError, KeyError, StopIteration):
            pass
        time.sleep(0.05)
    sys.exit(f"waited in vain: {what}; see {FOLDER}")


class Node:
    def __init__(self, number):
        self.name, self.port, self.rest = f"n{number}", 15430 + number, 18000 + number
        config = {
            "scope": "bench", "name": self.name, "restapi": {"listen": f"127.0.0.1:{self.rest}", "connect_address": f"127.0.0.1:{self.rest}"},
            "etcd3": {"hosts": f"127.0.0.1:{ETCD}"},
            "bootstrap": {"dcs": SETTINGS, "initdb": [{"encoding": "UTF8"}, {"auth": "trust"}, "no-sync"]},
            "postgresql": {
                "listen": f"127.0.0.1:{self.port}", "connect_address": f"127.0.0.1:{self.port}", "bin_dir": str(BIN),
                "data_dir": str(FOLDER / self.name), "pgpass": str(FOLDER / f"{self.name}.pgpass"),
                "parameters": {"unix_socket_directories": str(FOLDER)}, "use_pg_rewind": True,
                "pg_hba": ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"],
                "authentication": {"superuser": {"username": "postgres"}, "replication": {"username": "replicator"}}}}
        self.config = FOLDER / f"{self.name}.json"
        self.config.write_text(json.dumps(config))
        self.process = None

    def start(self):
        self.process = start([*USER, PATRONI, self.config], f"{self.name}.log", cwd="/")

    def kill(self, with_patroni):
        """kill -9 of every process of the server, and of Patroni."""
        server = int((FOLDER / self.name / "postmaster.pid").read_text().split()[0])
        children = subprocess.run(["pgrep", "-P", str(server)], capture_output=True, text=True).stdout.split()
        patroni = [self.process.pid] if with_patroni else []
        for process in [*patroni, server, *map(int, children)]:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if with_patroni:
            self.process.wait()


def members():
    for node in NODES:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{node.rest}/cluster", timeout=2) as answer:
                return {member["name"]: member for member in json.load(answer)["members"]}
        except OSError:
            continue
    return {}


def complete():
    """All members run, one leads, one is synchronous."""
    states = [(member["role"], member["state"]) for member in members().values()]
    roles = [role for role, _ in states]
    well = all(state in ("running", "streaming") for _, state in states)
    return len(states) == len(NODES) and well and "leader" in roles and "sync_standby" in roles


def leader():
    name = next(member["name"] for member in members().values() if member["role"] == "leader")
    return next(node for node in NODES if node.name == name)


def ask(method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", PUBLIC, timeout=30)
    connection.request(method, path, json.dumps(body) if body else None, {"content-type": "application/json"} if body else {})
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.getheader("retry-after")


class Client(threading.Thread):
    def __init__(self, number):
        super().__init__(daemon=True)
        self.who = {"email": f"client{number}@example.com", "password": "correct-horse-battery"}
        self.issued, self.used, self.unanswered, self.times = [], [], 0, []

    def run(self):
        self.note(*ask("POST", "/auth/register", {**self.who, "username": self.who["email"].split("@")[0]}))
        in_doubt = False
        while not STOP.is_set():
            token = self.issued[-1]
            status, body, retry = ask("POST", "/auth/refresh", {"refresh_token": token})
            if status == 200:
                self.used.append(token)
            elif status == 401 and in_doubt:  # done, and not acknowledged: the session is over
                status, body, retry = ask("POST", "/auth/login", self.who)
            in_doubt = not self.note(status, body, retry)

    def note(self, status, body, retry):
        if status in (200, 201):
            self.issued.append(json.loads(body)["refresh_token"])
            self.times.append(time.monotonic())
            return True
        if status != 503 or retry is None:
            print(f"{status} {retry} {body}", file=sys.stderr)
            os._exit(1)
        self.unanswered += 1
        time.sleep(0.1)
        return False


def gap(since):
    """The longest time after this in which nothing was acknowledged."""
    times = sorted([since, *(at for client in CLIENT for at in client.times if at > since)])
    return max(later - earlier for earlier, later in zip(times, times[1:]))


def fail_over(with_patroni):
    wait("three members", complete)
    old, killed = leader(), time.monotonic()
    old.kill(with_patroni)
    wait("unready", lambda: ask("GET", "/readyz")[0] == 503)
    unready = time.monotonic() - killed
    reason = json.loads(ask("GET", "/readyz")[1]).get("reason")
    new = wait("another leader", lambda: (now := leader()) is not old and now)
    led = time.monotonic() - killed
    wait("ready", lambda: ask("GET", "/readyz")[0] == 200)
    ready = time.monotonic() - killed
    time.sleep(3)
    print(f"| {'server and Patroni' if with_patroni else 'server'} | {old.name} → {new.name} | {unready:.1f} | {led:.1f} | {ready:.1f} "
          f"| {gap(killed):.1f} | {reason} |", flush=True)
    if with_patroni:
        old.start()


def check():
    wait("three members", complete)
    stored = run(["psql", "-qXAt", f"postgres://postgres@127.0.0.1:{leader().port}/postgres", "-c",
                  "SELECT token_hash || ' ' || revoked FROM refresh_tokens"]).split("\n")
    stored = dict(line.split() for line in stored if line)
    digest = lambda token: hashlib.sha256(token.encode()).hexdigest()
    lost = sum(digest(token) not in stored for client in CLIENT for token in client.issued)
    undone = sum(stored.get(digest(token)) != "true" for client in CLIENT for token in client.used)
    issued, used = sum(len(client.issued) for client in CLIENT), sum(len(client.used) for client in CLIENT)
    print(f"\n{issued} acknowledged tokens, {lost} lost; {used} acknowledged uses, {undone} lost; "
          f"{sum(client.unanswered for client in CLIENT)} answers 503; {len(stored) - issued} rows without an answer")
    return lost + undone


if USER:
    FOLDER.chmod(0o755)
    shutil.chown(FOLDER, "postgres")
NODES, CLIENT, STOP, PARTS = [Node(number) for number in (1, 2, 3)], [Client(number) for number in range(CLIENTS)], threading.Event(), []
try:
    PARTS.append(start(["etcd", "--data-dir", FOLDER / "etcd", "--listen-client-urls", f"http://127.0.0.1:{ETCD}", "--advertise-client-urls",
                        f"http://127.0.0.1:{ETCD}", "--listen-peer-urls", f"http://127.0.0.1:{PEER}", "--unsafe-no-fsync"], "etcd.log"))
    for node in NODES:
        node.start()
    wait("three members", complete)
    hosts = ",".join(f"127.0.0.1:{node.port}" for node in NODES)
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": f"postgres://postgres@{hosts}/postgres?target_session_attrs=read-write&connect_timeout=2",
                   "AUTHSVC_ENV": "test", "AUTHSVC_RATE_LIMIT": "off", "AUTHSVC_PASSWORD_RATE_LIMIT": "off",
                   "AUTHSVC_LISTEN": f"127.0.0.1:{PUBLIC}", "AUTHSVC_ADMIN_LISTEN": f"127.0.0.1:{ADMIN}"}
    (FOLDER / "serve").mkdir()
    PARTS.append(start([AUTHSVC, "serve"], "serve.log", env=environment, cwd=FOLDER / "serve"))
    wait("ready", lambda: ask("GET", "/readyz")[0] == 200)
    for client in CLIENT:
        client.start()
    time.sleep(3)
    print("| killed | leader | unready after s | other leader after s | ready after s | longest time without a refresh s | reason |\n|---|---|---|---|---|---|---|")
    for _ in range(ROUNDS):
        for with_patroni in (False, True):
            fail_over(with_patroni)
    STOP.set()
    for client in CLIENT:
        client.join()
    failed = check()
finally:
    for node in NODES:
        if node.process:
            node.process.terminate()
            node.process.wait()
    for part in PARTS:
        part.terminate()
        part.wait()
shutil.rmtree(FOLDER, ignore_errors=True)
sys.exit(bool(failed))
