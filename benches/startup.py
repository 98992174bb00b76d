#!/usr/bin/env python3
"""Size of a program, and how long `serve` takes until /readyz is 200: benches/startup.py PROGRAM

Eleven runs on a new SQLite file each: the first start makes and migrates it, the second finds it as it is.
"""
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

PROGRAM = pathlib.Path(sys.argv[1]).resolve()
PUBLIC, ADMIN = "127.0.0.1:28081", "127.0.0.1:28091"


def is_ready() -> bool:
    try:
        return urllib.request.urlopen(f"http://{PUBLIC}/readyz", timeout=1).status == 200
    except OSError:
        return False


def start(folder: str) -> tuple[float, float]:
    """Milliseconds until ready, and MiB of memory then."""
    environment = {
        "DATABASE_URL": f"sqlite:{folder}/a.db?mode=rwc",
        "AUTHSVC_JWT_KEY_FILE": f"{folder}/key.pem",
        "AUTHSVC_LISTEN": PUBLIC,
        "AUTHSVC_ADMIN_LISTEN": ADMIN,
    }
    begin = time.perf_counter()
    process = subprocess.Popen([PROGRAM, "serve"], cwd=folder, env=environment, stderr=subprocess.DEVNULL)
    while not is_ready():
        time.sleep(0.0005)
    took = (time.perf_counter() - begin) * 1000
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    memory = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024
    process.terminate()
    process.wait()
    return took, memory


first, again = [], []
for _ in range(11):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", f"{folder}/key.pem"], check=True)
        first.append(start(folder))
        again.append(start(folder))
print(f"size            {PROGRAM.stat().st_size / 1e6:8.1f} MB")
for name, runs in (("empty database", first), ("as it is", again)):
    times = [took for took, _ in runs]
    print(f"{name:15} {statistics.median(times):8.1f} ms until ready (best {min(times):.1f}, worst {max(times):.1f})")
print(f"memory          {statistics.median(memory for _, memory in again):8.1f} MiB when ready")
