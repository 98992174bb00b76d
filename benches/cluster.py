"""A private PostgreSQL for the benches, where things are, and what a command costs."""
import glob
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
AUTHSVC = os.environ.get("AUTHSVC_BENCH", ROOT / "target/release/authsvc")


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


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


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve(public, admin, environment, **options):
    """A service on these two ports, once it is ready."""
    environment = {**os.environ, "AUTHSVC_LOG": "error", "AUTHSVC_LISTEN": f"127.0.0.1:{public}",
                   "AUTHSVC_ADMIN_LISTEN": f"127.0.0.1:{admin}", **environment}
    service = subprocess.Popen([AUTHSVC, "serve"], env=environment, stdin=subprocess.DEVNULL, **options)
    for _ in range(200):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{public}/readyz")
            break
        except OSError:
            time.sleep(0.1)
    return service


class Cluster:
    def __init__(self, *settings):
        self.bin = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        self.folder = tempfile.mkdtemp(prefix="authsvc-bench-")
        os.chmod(self.folder, 0o755)
        self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        if self.user:
            shutil.chown(self.folder, "postgres")
        self.port = free_port()
        self.data = f"{self.folder}/data"
        run([*self.user, f"{self.bin}/initdb", "-A", "trust", "-U", "postgres", "-D", self.data], cwd="/")
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self.folder}"
        options += "".join(f" -c {setting}" for setting in settings)
        subprocess.run([*self.user, f"{self.bin}/pg_ctl", "-D", self.data, "-w", "-o", options, "-l", f"{self.folder}/log", "start"],
                       check=True, cwd="/", stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    def stop(self):
        run([*self.user, f"{self.bin}/pg_ctl", "-D", self.data, "-m", "immediate", "stop"], cwd="/")
        shutil.rmtree(self.folder, ignore_errors=True)

    def postmaster(self):
        return int(pathlib.Path(f"{self.data}/postmaster.pid").read_text().split()[0])

    def url(self, database):
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def sql(self, statement, database="postgres"):
        run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", self.url(database), "-c", statement])
