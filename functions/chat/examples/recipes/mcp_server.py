"""A small MCP server over standard input and output, for the recipe `mcp_local`."""

from __future__ import annotations

from mcp.server import MCPServer

server = MCPServer("stock")


@server.tool()
def in_stock(coffee: str) -> str:
    """Return how much of a coffee is in stock."""
    return f"{coffee}: 40 kilos"


if __name__ == "__main__":
    server.run()
