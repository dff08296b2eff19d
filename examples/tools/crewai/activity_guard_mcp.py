"""Claims through `activity-guard mcp`, by the official client of MCP (`pip install mcp`)."""

from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta

from anyio.from_thread import start_blocking_portal
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


class McpClaims:
    """The server runs as a child of this process while the context is open: `with McpClaims([...], env) as claims`.

    Its calls may come from any thread, and from inside of an event loop. A server that has died is not started again.
    """

    def __init__(self, command, env=None, timeout=30):
        self._server = StdioServerParameters(command=command[0], args=command[1:], env=env)
        self._timeout = timedelta(seconds=timeout)

    def __enter__(self):
        with ExitStack() as stack:
            self._portal = stack.enter_context(start_blocking_portal())
            self._session = stack.enter_context(self._portal.wrap_async_context_manager(self._connected()))
            self._open = stack.pop_all()
        return self

    def __exit__(self, *error):
        return self._open.__exit__(*error)

    @asynccontextmanager
    async def _connected(self):
        async with stdio_client(self._server) as streams, ClientSession(*streams) as session:
            await session.initialize()
            yield session

    def call(self, operation, arguments):
        """Claims or settles. A call that fails is UNAVAILABLE: nobody may act on it."""
        try:
            result = self._portal.call(self._session.call_tool, operation, arguments, self._timeout)
        except Exception:
            return {"answer": "UNAVAILABLE"}
        told = result.structuredContent or {}
        return {"answer": told.get("status", "INVALID"), **told}
