"""A crew that charges an order: python crew.py '{"guard": {"url": …, "key": …}, "provider": …, "turns": […]}'.

Its model is scripted, so that it needs no network; the tool is guarded as any other crew's would be.
"""

import json
import os
import sys
from contextlib import nullcontext
from urllib.parse import urlencode
from urllib.request import urlopen

os.environ.update(CREWAI_DISABLE_TELEMETRY="true", OTEL_SDK_DISABLED="true", CREWAI_TRACING_ENABLED="false")

from crewai import Agent, BaseLLM, Crew, Task
from crewai.tools import tool

from activity_guard import HttpClaims, Refusal, guarded, request_id
from activity_guard_mcp import McpClaims


def charge_tool(claims, provider, lease_for="2m"):
    @tool("charge")
    @guarded(
        claims,
        action="charge",
        request_id=lambda args: f"charge:{args['order']}",
        fingerprint=lambda args: [args["order"], args["cents"]],  # not the note, which the model words anew
        lease_for=lease_for,
    )
    def charge(order: str, cents: int, note: str) -> str:
        """Charges the customer of an order."""
        query = urlencode({"order": order, "amount": cents, "reference": request_id()})
        with urlopen(f"{provider}/charge?{query}", timeout=30) as answer:
            return f"charged as {json.load(answer)['id']}"

    # A crew with cache=True would go on telling what was so before somebody found out.
    charge.cache_function = lambda _args, result: not isinstance(result, Refusal)
    return charge


class ScriptedModel(BaseLLM):
    """Calls the tool with the arguments of each turn, then answers. Keeps what it reads of each call."""

    turns: list = []
    read: list = []

    def call(self, messages, *_args, **_kwargs):
        said = messages[-2]["content"] if messages[-1]["role"] == "user" and len(messages) > 2 else messages[-1]["content"]
        if "Observation:" in said:
            # CrewAI adds its instructions to every third one.
            self.read.append(said.split("Observation:", 1)[1].split("\n\n")[0].strip())
        if not self.turns:
            return "Thought: that is all\nFinal Answer: done"
        return f"Thought: charge it\nAction: charge\nAction Input: {json.dumps(self.turns.pop(0))}"


def kick_off(charge, turns):
    """Runs the crew, and returns what its model read of its calls."""
    model = ScriptedModel(model="scripted", turns=list(turns))
    agent = Agent(role="cashier", goal="Charge orders", backstory="Careful", llm=model, tools=[charge])
    task = Task(description="Charge the order", expected_output="What became of it", agent=agent)
    Crew(agents=[agent], tasks=[task], cache=True).kickoff()
    return model.read


def claims_of(guard):
    return nullcontext(HttpClaims(**guard)) if "url" in guard else McpClaims(**guard)


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    with claims_of(told["guard"]) as claims:
        charge = charge_tool(claims, told["provider"], told.get("leaseFor", "2m"))
        print(json.dumps(kick_off(charge, told["turns"])))
