"""All generated pages by file name."""

from functools import cache

from driftloop.tools.reference.alerts import alerts_page
from driftloop.tools.reference.command_line import command_line_page
from driftloop.tools.reference.declared import exit_codes_page, topics_page, waits_page
from driftloop.tools.reference.metrics import metrics_page
from driftloop.tools.reference.models import policy_page, source_page, spec_page
from driftloop.tools.reference.settings import settings_page
from driftloop.tools.reference.version_life import version_life_page


@cache
def pages() -> dict[str, str]:
    """File name → text of each page."""
    return {
        "alerts.md": alerts_page(),
        "cli.md": command_line_page(),
        "exit-codes.md": exit_codes_page(),
        "metrics.md": metrics_page(),
        "policy.md": policy_page(),
        "settings.md": settings_page(),
        "sources.md": source_page(),
        "spec.md": spec_page(),
        "topics.md": topics_page(),
        "version-life.md": version_life_page(),
        "waits.md": waits_page(),
    }
