"""The one table of REST calls: the server answers by it, and the OpenAPI document is made from it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from operations_console.adapters.web import asking, presets, reading
from operations_console.adapters.web.desk import Call, Desk
from operations_console.core import asked, told
from operations_console.core.access import Role
from operations_console.core.report import Report

Handler = Callable[[Desk, Call], Awaitable[BaseModel]]


@dataclass(frozen=True, slots=True)
class Route:
    """A call: who may make it at least, what it takes, and what it answers with `status`.

    A command may need more than `role`: its handler says so by 403.
    """

    method: Literal["GET", "POST"]
    path: str
    summary: str
    role: Role
    handler: Handler
    answer: type[BaseModel]
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    status: int = 200
    tag: str = "fleet"
    keyed: bool = False
    """Whether it takes an Idempotency-Key."""

    @property
    def name(self) -> str:
        """The operation's id."""
        return self.handler.__name__


MODEL = "/api/models/{model_id}"
NEWEST = reading.NewestQuery

ROUTES: tuple[Route, ...] = (
    Route("GET", "/api/fleet", "Every model, what needs a person first", "viewer", reading.fleet, told.FleetTold,
          query=reading.FleetQuery),
    Route("GET", MODEL, "A model in full", "viewer", reading.model, told.ModelDetailTold, tag="model"),
    Route("GET", f"{MODEL}/versions", "A model's versions", "viewer", reading.versions, told.VersionsTold, tag="model"),
    Route("GET", MODEL + "/versions/{version}", "Where a version comes from", "viewer", reading.lineage,
          told.LineageTold, tag="model"),
    Route("GET", f"{MODEL}/signals", "Drift signals", "viewer", reading.signals, told.SignalsTold, query=NEWEST,
          tag="model"),
    Route("GET", f"{MODEL}/decisions", "Decisions, refusals too", "viewer", reading.decisions, told.DecisionsTold,
          query=reading.DecisionsQuery, tag="model"),
    Route("GET", f"{MODEL}/history", "What became of a model's versions", "viewer", reading.history, told.EventsTold,
          query=NEWEST, tag="model"),
    Route("GET", f"{MODEL}/status", "The newest statuses, segment by segment", "viewer", reading.statuses,
          told.StatusesTold, tag="model"),
    Route("GET", f"{MODEL}/challenges", "Challenges and their evidence", "viewer", reading.challenges,
          told.ChallengesTold, tag="model"),
    Route("GET", f"{MODEL}/runs", "A model's training runs", "viewer", reading.runs, told.RunsTold, query=NEWEST,
          tag="model"),
    Route("GET", "/api/runs", "Training runs of the fleet", "viewer", reading.all_runs, told.RunsTold, query=NEWEST,
          tag="runs"),
    Route("GET", "/api/runs/{run_id}", "A run with its steps", "viewer", reading.run, told.RunTold, tag="runs"),
    Route("GET", f"{MODEL}/commands", "Commands and their answers", "viewer", reading.commands, told.CommandsTold,
          query=NEWEST, tag="commands"),
    Route("GET", MODEL + "/commands/{command_id}", "A command and its answer", "viewer", reading.command,
          told.CommandTold, tag="commands"),
    Route("POST", f"{MODEL}/commands", "Send a command", "operator", asking.order, told.CommandTold,
          body=asked.CommandAsked, status=202, tag="commands", keyed=True),
    Route("GET", "/api/mutes", "Of whom nobody is told for a while", "viewer", reading.mutes, told.MutesTold,
          tag="notifications"),
    Route("POST", "/api/mutes", "Have nobody told for a while, or again", "operator", asking.mute, told.MuteTold,
          body=asked.MuteAsked, status=202, tag="notifications"),
    Route("GET", "/api/dead-letters", "Dead letters, the newest first", "viewer", reading.letters, told.LettersTold,
          query=reading.LettersQuery, tag="dead letters"),
    Route("GET", "/api/dead-letters/{place}", "A dead letter whole", "operator", reading.letter, told.LetterWholeTold,
          tag="dead letters"),
    Route("POST", "/api/dead-letters/replay", "Send dead letters once more", "operator", asking.replay,
          told.ReplayTold, body=asked.ReplayAsked, status=202, tag="dead letters"),
    Route("GET", f"{MODEL}/spec", "The declared spec", "viewer", reading.spec, told.SpecTold, tag="specs"),
    Route("GET", "/api/report", "A report on the fleet", "viewer", reading.fleet_report, Report,
          query=reading.ReportQuery, tag="reports"),
    Route("GET", f"{MODEL}/report", "A report on a model", "viewer", reading.model_report, Report,
          query=reading.ReportQuery, tag="reports"),
    Route("POST", "/api/specs/validate", "Whether a spec makes sense", "viewer", asking.validate_spec,
          told.SpecCheckedTold, body=asked.SpecAsked, tag="specs"),
    Route("POST", "/api/specs/diff", "What a spec changes", "viewer", asking.diff_spec, told.SpecCheckedTold,
          body=asked.SpecAsked, tag="specs"),
    Route("POST", "/api/specs", "Declare a model, or change what is declared", "approver", asking.apply_spec,
          told.SpecAppliedTold, body=asked.SpecAsked, status=202, tag="specs"),
    Route("POST", "/api/feedback", "Write a label", "operator", asking.feedback, told.LabelTold,
          body=asked.FeedbackAsked, status=202, tag="labels"),
    Route("POST", "/api/performance/trigger-retraining", "Preset agent-outcomes: ask for a retraining", "operator",
          presets.trigger, told.TriggerTold, body=asked.TriggerAsked, tag="presets", keyed=True),
    Route("GET", "/api/performance/report", "Preset agent-outcomes: a model's report with its agents", "viewer",
          presets.agents_report, Report, query=reading.AgentsQuery, tag="presets"),
    Route("POST", "/api/adaptive/{model_id}/update", "Preset adaptive-feedback: ask for an update", "operator",
          presets.adapt, told.CommandTold, body=asked.ReasonAsked, status=202, tag="presets", keyed=True),
    Route("GET", "/api/adaptive/{model_id}/summary", "Preset adaptive-feedback: what became of a model", "viewer",
          presets.adaptation, told.AdaptationTold, tag="presets"),
    Route("POST", "/api/continuous-learning/{model_id}/trigger", "Preset document-extraction: ask for a job",
          "operator", presets.start_job, told.JobTold, body=asked.ReasonAsked, status=202, tag="presets", keyed=True),
    Route("GET", "/api/jobs/{job_id}", "Preset document-extraction: a job's status", "viewer", presets.job,
          told.JobTold, tag="presets"),
    Route("GET", "/api/registry/statistics", "Preset document-extraction: counts over the registry", "viewer",
          presets.statistics, told.StatisticsTold, tag="presets"),
    Route("POST", "/api/registry/{model_id}/rollback", "Preset document-extraction: the predecessor serves again",
          "approver", presets.roll_back, told.CommandTold, body=asked.ReasonAsked, status=202, tag="presets",
          keyed=True),
)  # fmt: skip
