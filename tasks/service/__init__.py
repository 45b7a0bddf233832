"""The service: HTTP, chat, MCP and one page, each for whoever may."""
