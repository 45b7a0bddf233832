"""The steps of Freshet: plain functions, with a thin Prefect task beside those that a flow runs.

Importing this package does one thing: it switches off the telemetry of the libraries that Freshet
builds on. They read these variables while they are imported, so nothing later would be early enough.
"""

import os

os.environ["DO_NOT_TRACK"] = "1"
os.environ["GX_ANALYTICS_ENABLED"] = "false"
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
