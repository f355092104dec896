"""Delivers what is to be told, in threads: Slack, PagerDuty, webhooks, mail."""

import hashlib
import hmac
import smtplib
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from email.message import EmailMessage
from pathlib import Path

import structlog
import yaml
from prometheus_client import CollectorRegistry, Counter
from pydantic import ValidationError

from driftloop.errors import ExitCode, UserError
from operations_console.core.notify.rules import Channel, Rules
from operations_console.core.notify.wording import Telling, pagerduty_body, slack_body, webhook_body

PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
_TIMEOUT_S = 10.0
_AT_ONCE = 4
log = structlog.get_logger()


def read_rules(path: Path) -> Rules:
    """The rules in a file. Raises UserError where it is not there or makes no sense."""
    try:
        return Rules.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except FileNotFoundError as error:
        raise UserError(f"{path} is not there: it says who is told of what.", ExitCode.NOT_FOUND) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the rules"
        raise UserError(f"{path}: {where}: {first['msg']}.", ExitCode.USAGE) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not YAML: {str(error).splitlines()[0]}.", ExitCode.USAGE) from error


class Delivery:
    """See `operations_console.core.notify.processor.Deliverer`."""

    def __init__(self, channels: Mapping[str, Channel], registry: CollectorRegistry) -> None:
        self._channels = channels
        self._told = Counter(
            "driftloop_notifications", "Notifications, by channel and end.", ["channel", "end"], registry=registry
        )
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="deliver")
        self._lock = threading.Lock()
        self._under_way: set[tuple[str, str]] = set()
        self._ended: list[tuple[Telling, bool]] = []

    def start(self, told: Telling) -> None:
        """Begin to deliver."""
        key = told.idempotency_key, told.channel
        with self._lock:
            if key in self._under_way:
                return
            self._under_way.add(key)
        self._pool.submit(deliver, self._channels[told.channel], told).add_done_callback(
            lambda done: self._end(told, done)
        )

    def results(self) -> list[tuple[Telling, bool]]:
        """What has ended since the last call."""
        with self._lock:
            ended, self._ended = self._ended, []
            self._under_way -= {(told.idempotency_key, told.channel) for told, _ in ended}
        return ended

    def close(self) -> None:
        """Begin nothing any more; what is on its way may be sent again by the next process."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _end(self, told: Telling, done: "Future[None]") -> None:
        error = None if done.cancelled() else done.exception()
        if error is not None:
            log.warning("not delivered, to be tried again", channel=told.channel, title=told.title, why=str(error))
        delivered = not done.cancelled() and error is None
        self._told.labels(told.channel, "delivered" if delivered else "failed").inc()
        with self._lock:
            self._ended.append((told, delivered))


def deliver(channel: Channel, told: Telling) -> None:
    """Tell a channel now; raises whatever keeps it from being told (URLError, OSError, SMTPException)."""
    if channel.kind == "mail":
        _mail(channel, told)
    elif channel.kind == "slack":
        _post(_address(channel), slack_body(told), {})
    elif channel.kind == "pagerduty":
        _post(channel.url or PAGERDUTY, pagerduty_body(told, _secret(channel.key_file)), {})
    else:
        body, key = webhook_body(told), _secret(channel.key_file) if channel.key_file else ""
        signed = {"X-Driftloop-Signature": f"sha256={_signature(key, body)}"} if key else {}
        _post(_address(channel), body, {"Idempotency-Key": told.idempotency_key, **signed})


def _signature(key: str, body: bytes) -> str:
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def _address(channel: Channel) -> str:
    return channel.url or _secret(channel.url_file)


def _secret(path: str | None) -> str:
    return Path(path or "").read_text(encoding="utf-8").strip()


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    if not url.startswith(("http://", "https://")):
        raise ValueError("the channel's address is no http address")
    request = urllib.request.Request(  # noqa: S310  (http only, checked above)
        url, data=body, headers={"Content-Type": "application/json", "User-Agent": "driftloop", **headers}
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
        answer.read(10_000)


def _mail(channel: Channel, told: Telling) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = told.title, channel.sender, ", ".join(channel.to)
    message["Message-ID"] = f"<{told.idempotency_key}@driftloop>"
    message.set_content(told.text + (f"\n\n{told.link}" if told.link else ""))
    host, _, port = (channel.host or "").partition(":")
    with smtplib.SMTP(host, int(port or 25), timeout=_TIMEOUT_S) as server:
        if server.has_extn("starttls"):
            server.starttls()
        if channel.user and channel.password_file:
            server.login(channel.user, _secret(channel.password_file))
        server.send_message(message)
