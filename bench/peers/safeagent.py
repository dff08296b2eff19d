"""One turn of safeagent-exec-guard on Postgres, set up as its documentation says; prints it as JSON."""

import json
import sys
import threading
import time
import uuid

from safeagent_exec_guard import SettlementRequestRegistry

dsn, concurrency, warm_ms, ms = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
registry = SettlementRequestRegistry(postgres_dsn=dsn)
assert registry.pg is not None, "the registry would keep its receipts in memory"

payload = {"order": "x" * 180}
lock = threading.Lock()
effects = 0
intents = 0
latencies = []
failures = []


def effect(_payload):
    global effects
    with lock:
        effects += 1
    return payload


opens = time.monotonic() + warm_ms / 1000
closes = opens + ms / 1000


def lane():
    global intents
    while not failures:
        begun = time.monotonic()
        if begun >= closes:
            return
        with lock:
            intents += 1
        receipt = registry.execute(request_id=str(uuid.uuid4()), action="charge", payload=payload, execute_fn=effect)
        ended = time.monotonic()
        if not receipt["ok"]:
            failures.append(receipt["reason"])
        if opens <= ended < closes:
            with lock:
                latencies.append((ended - begun) * 1000)


threads = [threading.Thread(target=lane) for _ in range(concurrency)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
if failures:
    sys.exit(failures[0])
latencies.sort()


def quantile(q):
    return latencies[min(len(latencies) - 1, int(len(latencies) * q))] if latencies else 0


sample = {"opsPerS": len(latencies) / ms * 1000, "p50Ms": quantile(0.5), "p99Ms": quantile(0.99)}
print(json.dumps({"sample": sample, "intents": intents, "effects": effects}))
