"""Pages of what is data already: topics and exit codes."""

from driftloop.contracts.topics import topics
from driftloop.errors import ExitCode
from driftloop.tools.reference.tables import NOTICE, table
from driftloop.waits import WAITS

EXIT_CODES = {
    ExitCode.OK: "The command did what it was asked for; a service was asked to stop and did.",
    ExitCode.ERROR: "Something that a person can mend: the last line of stderr says what and how.",
    ExitCode.USAGE: "A wrong option or argument.",
    ExitCode.BROKER_AWAY: "Kafka does not answer. A service is to be started again; nothing is lost.",
    ExitCode.NOT_FOUND: "A file, a model, a version or a topic that was named is not there.",
    ExitCode.TOO_MANY_DEAD_LETTERS: "The service itself fails on all that comes: the last log line says how.",
    ExitCode.FENCED: "Another process took this replica's place. A supervisor starts it again.",
    ExitCode.STUCK: "A call into the Kafka client did not return: the watchdog ended the process. Start it again.",
    ExitCode.NO_ACCESS: "The console does not know the token (missing, wrong, expired), or it may not do this.",
    ExitCode.STATE_MISMATCH: "State, offsets and log do not belong together: see `driftloop recover`.",
}


def exit_codes_page() -> str:
    """The page of exit codes."""
    rows = [(str(int(code)), code.name, meaning) for code, meaning in EXIT_CODES.items()]
    rows += [("130", "", "Ended by Ctrl-C."), ("143", "", "Ended by SIGTERM (commands; a service ends with 0).")]
    return NOTICE + "# Exit codes\n\n" + table(("code", "name", "meaning"), rows)


def topics_page() -> str:
    """The page of topics."""
    rows = [
        (
            f"`{topic.name}`",
            topic.key,
            ", ".join(topic.encodings),
            "compacted" if topic.cleanup == "compact" else _retention(topic.retention_days),
            ", ".join(topic.producers),
            ", ".join(topic.consumers),
            topic.description,
        )
        for topic in topics().values()
    ]
    titles = ("topic", "key", "encodings", "kept", "written by", "read by", "what")
    return NOTICE + "# Topics\n\n`driftloop topics apply` creates and checks them.\n\n" + table(titles, rows)


def waits_page() -> str:
    """The page of all ways to wait."""
    rows = [
        (
            f"`{wait.name}`",
            wait.service,
            wait.status,
            f"`{wait.metric}`",
            f"[{wait.alert}](../operations/alerts/{wait.alert}.md)",
            wait.ends,
        )
        for wait in WAITS
    ]
    titles = ("wait", "who", "in `driftloop status`", "metric", "alert", "what ends it")
    return (
        NOTICE
        + "# Waits\n\nNothing waits in silence: each way in which a model or a service can wait is shown by a line "
        "of `driftloop status`, a metric and, after a while, an alert. A model can wait for several things at once; "
        "`driftloop_model_waits` has one series for each, with the name as label `waits_for`.\n\n" + table(titles, rows)
    )


def _retention(days: float | None) -> str:
    return "for ever" if days is None else f"{days:g} days"
