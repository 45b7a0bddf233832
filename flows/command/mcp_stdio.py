"""`freshet mcp`: the tools of the service for a program on this machine, over standard input and output."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from freshet.flows.command.answering import DONE, Config
from freshet.tasks.settings.file import load_project


def mcp(
    *,
    as_: Annotated[
        list[str] | None, Parameter(name="--as", negative="", help="As whom it asks: user:NAME, group:NAME.")
    ] = None,
    config: Config = None,
) -> int:
    """Serve the tools search, ask and read_document over standard input and output, for a program that starts this.

    Without --as, only from what everyone may see. It ends when its input ends.
    """
    project = load_project(config)
    from freshet.tasks.service.mcp_http import need_mcp

    need_mcp()
    import asyncio

    from freshet.tasks.service.caller import Caller
    from freshet.tasks.service.desk import Desk
    from freshet.tasks.service.limits import Limits
    from freshet.tasks.service.mcp_tools import make_server

    desk, caller = Desk(project), Caller("stdio", tuple(as_ or ()))
    desk.asker(caller)  # says now if a name is no principal
    # The package writes the protocol to standard output, and leads everything else that is written there elsewhere.
    asyncio.run(make_server(desk, Limits(project.settings.service.limits), caller).run_stdio_async())
    return DONE
