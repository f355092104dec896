"""Every setting of every process, as the environment variable that sets it."""

from importlib import import_module

from pydantic_settings import BaseSettings

from driftloop.tools.reference.docstrings import attribute_docstrings, description
from driftloop.tools.reference.tables import NOTICE, bounds_words, default_words, table, type_words

SETTINGS = {
    "Kafka, for all processes": "driftloop.kafka.settings:KafkaSettings",
    "Telemetry, for all processes": "driftloop.telemetry.settings:TelemetrySettings",
    "outcome_ingestion": "outcome_ingestion.settings:Settings",
    "drift_detection": "drift_detection.settings:Settings",
    "retrain_coordinator": "retrain_coordinator.settings:Settings",
    "operations_console": "operations_console.settings:Settings",
    "trainer_worker": "trainer_worker.settings:Settings",
}
"""Title of a section → the class that it documents."""


def settings_page() -> str:
    """The page of settings."""
    intro = (
        "# Settings\n\nEvery setting is an environment variable. A value that does not fit is refused at the start,\n"
        "with the name of the variable.\n"
    )
    return NOTICE + intro + "".join(_section(title, _class(place)) for title, place in SETTINGS.items())


def _class(place: str) -> type[BaseSettings]:
    module, _, name = place.partition(":")
    found: type[BaseSettings] = getattr(import_module(module), name)
    return found


def _section(title: str, settings: type[BaseSettings]) -> str:
    prefix = str(settings.model_config.get("env_prefix", ""))
    texts = attribute_docstrings(settings)
    rows = [
        (
            f"`{(prefix + name).upper()}`",
            type_words(field.annotation),
            default_words(field),
            " ".join(filter(None, [field.description or texts.get(name, ""), bounds_words(field)])),
        )
        for name, field in settings.model_fields.items()
    ]
    return f"\n## {title}\n\n{description(settings)}\n\n" + table(("variable", "type", "default", "meaning"), rows)
