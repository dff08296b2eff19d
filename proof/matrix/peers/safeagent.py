"""safeagent-exec-guard on Postgres as a process that is killed; asked on standard input, one JSON line a call."""

import json
import sys
import threading
import urllib.parse
import urllib.request

from safeagent_exec_guard import SettlementRequestRegistry

config = json.loads(sys.argv[1])
registry = SettlementRequestRegistry(postgres_dsn=config["databaseUrl"])
assert registry.pg is not None, "the registry would keep its receipts in memory"
lock = threading.Lock()


def send(answer):
    with lock:
        print(json.dumps(answer), flush=True)


def post(path, **query):
    url = f"{config['providerUrl']}/{path}?{urllib.parse.urlencode(query)}"
    request = urllib.request.Request(url, method="POST")
    with urllib.request.urlopen(request, timeout=config["requestMs"] / 1000) as response:
        return json.load(response)


def effect(payload):
    post("at", point="after-claim", intent=payload["intent"])
    return post("charge", intent=payload["intent"], key=payload["intent"])


def call(to, intent):
    try:
        post("at", point="before-claim", intent=intent)
        receipt = registry.execute(
            request_id=intent, action="charge", payload={"intent": intent}, execute_fn=effect
        )
        post("at", point="settled", intent=intent)
        # A receipt holds no result: that it is settled is all that a caller is told.
        send({"to": to, "value": None} if receipt["ok"] else {"to": to, "error": receipt["reason"]})
    except Exception as error:
        send({"to": to, "error": type(error).__name__})


send({"to": 0})
for line in sys.stdin:
    asked = json.loads(line)
    threading.Thread(target=call, args=(asked["to"], asked["intent"]), daemon=True).start()
