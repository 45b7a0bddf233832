"""What the tests of this folder share: projects that run with `freshet up`."""

from tests.servers import running, site

__all__ = ["running", "site"]
