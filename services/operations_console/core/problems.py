"""What is answered where a request cannot be granted: RFC 9457 problem details."""

from pydantic import BaseModel, ConfigDict, Field

CONTENT_TYPE = "application/problem+json"


class Problem(BaseModel):
    """A problem as it is sent."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(default="about:blank", description="A name of the kind of problem.")
    title: str = Field(description="The kind, in words.")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What happened, then what to do.")


class ProblemError(Exception):
    """Ends a request with a problem; `headers` go with the answer."""

    def __init__(self, status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.problem = Problem(title=title, status=status, detail=detail, type=f"urn:driftloop:problem:{_slug(title)}")
        self.headers = headers or {}


def not_found(what: str) -> ProblemError:
    """404 with a sentence."""
    return ProblemError(404, "Not found", what)


def unprocessable(why: str) -> ProblemError:
    """422 with a sentence."""
    return ProblemError(422, "Not acceptable as it stands", why)


def away(why: str) -> ProblemError:
    """503: the broker did not confirm; the request may be sent again under the same key."""
    return ProblemError(503, "The broker is away", why, {"Retry-After": "5"})


def _slug(title: str) -> str:
    return title.lower().replace(" ", "-")
