"""The freshet command: a thin face over the flows and the queries."""
