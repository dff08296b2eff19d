"""One intent acts once: guards a Python function with the receipts of activity-guard.

A file to copy; it needs Python's standard library only. Claims go through `activity-guard serve` (HttpClaims) or through
`activity-guard mcp` (McpClaims in activity_guard_mcp.py).
"""

import functools
import inspect
import json
import logging
import time
from contextvars import ContextVar
from http.client import HTTPException
from urllib.parse import quote
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, Request

log = logging.getLogger("activity_guard")
_running = ContextVar("activity_guard.running")


class NotCommitted(Exception):
    """Raise it when the act surely did not happen: the next call does it."""


class Rejected(Exception):
    """Raise it when the provider finally said no: every later call is told so."""


class Refusal(str):
    """What the model reads in place of a result."""


def request_id():
    """The id of the claim that runs: hand it to the provider as its idempotency key."""
    return _running.get()


def guarded(claims, *, action, request_id, fingerprint=dict, lease_for="2m", wait_for=10):
    """Guards a function. Every later call with the same request id gets its result, or a Refusal.

    request_id and fingerprint take the arguments by name: the first names the intent, the second says what must not differ
    under one id, such as an amount (all arguments unless given). wait_for: seconds to wait for another call of the intent.
    """

    def decorate(act):
        if inspect.iscoroutinefunction(act) or inspect.isgeneratorfunction(act) or inspect.isasyncgenfunction(act):
            raise TypeError("guarded: the act is not over when this function returns; guard a plain one")
        signature = inspect.signature(act)

        @functools.wraps(act)
        def call(*args, **kwargs):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            content = json.loads(json.dumps(fingerprint(bound.arguments), allow_nan=False))
            terms = {"requestId": request_id(bound.arguments), "action": action, "payload": content, "leaseFor": lease_for}
            asked, reply = _claim(claims, terms, wait_for)
            if reply["answer"] != "PROCEED":
                return _told(reply)
            return _act(claims, reply, asked, functools.partial(act, *args, **kwargs))

        return call

    return decorate


def _claim(claims, terms, wait_for):
    deadline = time.monotonic() + wait_for
    while True:
        asked = time.monotonic()
        reply = claims.call("claim", terms)
        if reply["answer"] != "IN_FLIGHT" or asked >= deadline:
            return asked, reply
        time.sleep(1)


def _act(claims, claim, asked, act):
    def settle(outcome, **result):
        said = {"requestId": claim["requestId"], "token": claim["token"], "outcome": outcome, **result}
        for pause in (0, 1, 3):
            time.sleep(pause)
            reply = claims.call("settle", said)
            if reply["answer"] != "UNAVAILABLE":
                break
        if reply["answer"] != "SETTLED":
            log.warning("%s: %s was answered %s", claim["requestId"], outcome, reply["answer"])
        return reply["answer"] == "SETTLED"

    if time.monotonic() - asked > claim["leaseMs"] / 2000:
        # The answer came so late that the claim may lapse, and nothing has been done under it.
        return _refusal("NOT_DONE" if settle("not-committed") else "UNKNOWN", claim)
    token = _running.set(claim["requestId"])
    try:
        result = act()
        if inspect.isawaitable(result):
            raise TypeError("the act is not over")
    except Rejected as no:
        return _refusal("REFUSED" if settle("rejected", result=str(no)) else "UNKNOWN", claim, str(no))
    except NotCommitted:
        return _refusal("NOT_DONE" if settle("not-committed") else "UNKNOWN", claim)
    except Exception as error:
        # It proves nothing: the act may have happened before it.
        log.warning("%s: %s, and nobody knows the outcome", claim["requestId"], type(error).__name__)
        settle("unknown")
        return _refusal("UNKNOWN", claim)
    finally:
        _running.reset(token)
    try:
        result = json.loads(json.dumps(result, allow_nan=False))  # as every later call gets it
    except (TypeError, ValueError):
        result = str(result)
    settle("committed", result=result)  # it happened, whatever is answered to that
    return result


def _told(reply):
    if reply["answer"] != "SKIP":
        return _refusal(reply.get("code") if reply.get("code") in _texts else reply["answer"], reply)
    if reply["state"] == "rejected":
        return _refusal("REFUSED", reply, reply["error"]["message"])
    return _refusal("NO_RESULT", reply) if reply.get("resultUnavailable") else reply["result"]


def _refusal(what, reply, why=""):
    text = _texts.get(what, _texts["INVALID"])
    return Refusal(text.format(id=reply.get("requestId", "unknown"), why=why or reply.get("detail", "")).strip())


_texts = {
    "REFUSED": "Refused for good (request id {id}): {why}. Nothing was done. Calling again gives the same answer; do not try it in another way without asking.",
    "NOT_DONE": "This surely did not happen (request id {id}). You may call the tool again with the same arguments.",
    "NO_RESULT": "This has been done already (request id {id}), and its result is not kept here. Do not call the tool again for it.",
    "IN_FLIGHT": "Another call is doing exactly this (request id {id}). Nothing was done now. Do not do it in another way; if you need its result, call the tool again later.",
    "UNKNOWN": "It is unknown whether this happened (request id {id}). It was not done again. Do not call the tool again and do not do it in another way: it could happen twice. Tell the user that somebody has to find out first.",
    "CONFLICT": "The request id {id} belongs to something else that was asked for before. Nothing was done. Ask the user what is meant.",
    "ReceiptPruned": "This was settled long ago (request id {id}), and what became of it is no longer kept. Nothing was done. Ask the user.",
    "UNAVAILABLE": "The receipts cannot be reached, so nothing was done. You may call the tool again later with the same arguments.",
    "INVALID": "This call cannot be guarded, so nothing was done. Calling again cannot help; tell the user. {why}",
}


class HttpClaims:
    """Claims through `activity-guard serve`."""

    def __init__(self, url, key, timeout=30):
        self._url, self._timeout = url.rstrip("/"), timeout
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._opener = OpenerDirector()  # no proxy, and no redirect that would carry the key elsewhere
        for handler in (HTTPHandler(), HTTPSHandler()):
            self._opener.add_handler(handler)

    def call(self, operation, arguments):
        """Claims or settles. A call that fails is UNAVAILABLE: nobody may act on it."""
        body = dict(arguments)
        path = "/claim" if operation == "claim" else f"/settle/{quote(body.pop('requestId'), safe='')}"
        request = Request(self._url + path, json.dumps(body).encode(), self._headers)
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                told = json.load(response)
                refused = "UNAVAILABLE" if response.status >= 500 else "INVALID"
        except (OSError, HTTPException, ValueError):
            return {"answer": "UNAVAILABLE"}
        return {"answer": refused, **told} if isinstance(told, dict) else {"answer": refused}
