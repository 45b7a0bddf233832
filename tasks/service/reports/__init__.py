"""Report pages and dataset cards of the store, for owners."""

from freshet.tasks.service.reports.routes import add_reports

__all__ = ["add_reports"]
