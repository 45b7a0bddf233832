"""The ordinary parser process, but dying of its first call to the outside, so that tests show that there is none."""

from __future__ import annotations

import os
import sys
from typing import Any

from freshet.tasks.documents.parse.worker import main


def _die_of_sockets(event: str, _: tuple[Any, ...]) -> None:
    # urllib3 binds a local socket while it is imported, to see whether there is IPv6; that leaves no machine.
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"):
        os._exit(99)


if __name__ == "__main__":
    sys.addaudithook(_die_of_sockets)
    main()
