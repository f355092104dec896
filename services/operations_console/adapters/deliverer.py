"""Delivers what is to be told, in threads: Slack, PagerDuty, webhooks, mail."""

import hashlib
import hmac
import smtplib
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import closing, suppress
from email.message import EmailMessage
from http.client import HTTPException
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, Counter

from driftloop.errors import ExitCode, UserError
from driftloop.rest import open_url
from driftloop.secret_files import secret_in
from driftloop.spec.yaml_text import read_file
from operations_console.core.notify.rules import Channel, Rules
from operations_console.core.notify.sending import AT_ONCE, End, PassedOver
from operations_console.core.notify.wording import Telling, pagerduty_body, slack_body, webhook_body

PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
_TIMEOUT_S = 10.0
_SMTPS = "465"
_SEE_OTHER = frozenset({302, 303})
"""Some receivers say so of what they have taken, and login pages of what they have not."""
_BETWEEN = frozenset({502, 504})
"""A gateway's words about the server behind it."""
log = structlog.get_logger()


def read_rules(path: Path) -> Rules:
    """The rules in a file. Raises UserError where it is not there or makes no sense."""
    try:
        return read_file(path, Rules, "the rules", empty=True)
    except FileNotFoundError as error:
        raise UserError(f"{path} is not there: it says who is told of what.", ExitCode.NOT_FOUND) from error


class UnsureError(Exception):
    """A message was sent, and nobody said that it arrived or that it did not."""


class Delivery:
    """See `operations_console.core.notify.sending.Deliverer`. Each channel has threads of its own."""

    def __init__(self, channels: Mapping[str, Channel], registry: CollectorRegistry) -> None:
        self._channels = channels
        self._told = Counter(
            "driftloop_notifications", "Notifications, by channel and end.", ["channel", "end"], registry=registry
        )
        for channel in channels:  # told as 0 before the first one: an alert sees what changes
            for end in ("delivered", "failed", "unknown", "unsure", "given_up"):
                self._told.labels(channel, end)
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._lock = threading.Lock()
        self._ended: list[tuple[Telling, End]] = []

    def start(self, told: Telling) -> None:
        """Begin to deliver."""
        pool = self._pools.get(told.channel)
        if pool is None:
            pool = self._pools[told.channel] = ThreadPoolExecutor(AT_ONCE, thread_name_prefix=f"to {told.channel}")
        pool.submit(deliver, self._channels[told.channel], told).add_done_callback(lambda done: self._end(told, done))

    def results(self) -> list[tuple[Telling, End]]:
        """What has ended since the last call."""
        with self._lock:
            ended, self._ended = self._ended, []
        return ended

    def passed_over(self, told: Telling, why: PassedOver) -> None:
        """Say that a message will not be sent any more."""
        words = {
            "given_up": "not delivered in three days, and not tried any more",
            "unsure": "sent twice without knowing whether it arrived, and not sent a third time",
        }
        log.error(words[why], channel=told.channel, title=told.title, incident=told.incident_id, what=told.what)
        self._told.labels(told.channel, why).inc()

    def close(self) -> None:
        """Begin nothing any more; what is on its way may be sent again by the next process."""
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)

    def _end(self, told: Telling, done: "Future[None]") -> None:
        error = CancelledError() if done.cancelled() else done.exception()
        end: End = "delivered" if error is None else "unknown" if isinstance(error, UnsureError) else "refused"
        if error is not None:
            log.warning("not delivered, to be tried again", channel=told.channel, title=told.title, why=str(error))
        self._told.labels(told.channel, "failed" if end == "refused" else end).inc()
        with self._lock:
            self._ended.append((told, end))


def deliver(channel: Channel, told: Telling) -> None:
    """Tell a channel now. Raises UnsureError where it may have been told, anything else where it was not."""
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
    return secret_in(path or "")


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    if not url.startswith(("http://", "https://")):
        raise ValueError("the channel's address is no http address")
    request = urllib.request.Request(  # noqa: S310  (http only, checked above)
        url, data=body, headers={"Content-Type": "application/json", "User-Agent": "driftloop", **headers}
    )
    try:
        with open_url(request, _TIMEOUT_S) as answer:
            answer.read(10_000)
    except urllib.error.HTTPError as refused:
        if refused.code in _BETWEEN:
            raise UnsureError(f"{refused}: what stands between may have passed it on") from refused
        if refused.code in _SEE_OTHER:
            raise UnsureError(
                f"{refused}; whether it was taken is not known: name an address that answers 2xx"
            ) from refused
        raise
    except urllib.error.URLError:
        raise  # it was never sent whole
    except (OSError, HTTPException) as cut:
        raise UnsureError(f"it was sent, and no answer came: {cut!r}") from cut


def _mail(channel: Channel, told: Telling) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = told.title, channel.sender, ", ".join(channel.to)
    message["Message-ID"] = f"<{told.idempotency_key}@driftloop>"
    message.set_content(told.text + (f"\n\n{told.link}" if told.link else ""))
    with closing(_mail_server(channel)) as server:
        try:
            server.send_message(message)
        except smtplib.SMTPServerDisconnected as cut:
            raise UnsureError(f"it was sent, and the server's answer did not come: {cut}") from cut
        except smtplib.SMTPException:
            raise  # the server has said no
        except OSError as cut:
            raise UnsureError(f"it was sent, and the server's answer did not come: {cut!r}") from cut
        with suppress(smtplib.SMTPException, OSError):  # the message is accepted, whatever is said at parting
            server.quit()


def _mail_server(channel: Channel) -> smtplib.SMTP:
    """Connected, encrypted where the server can, logged in. A password is never sent in the clear."""
    host, _, port = (channel.host or "").partition(":")
    if port == _SMTPS:
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, int(port), timeout=_TIMEOUT_S)
    else:
        server = smtplib.SMTP(host, int(port or 25), timeout=_TIMEOUT_S)
    try:
        server.ehlo_or_helo_if_needed()  # only then it is known what the server can
        encrypted = port == _SMTPS or server.has_extn("starttls")
        if port != _SMTPS and encrypted:
            server.starttls()
        if channel.user and channel.password_file and encrypted:
            server.login(channel.user, _secret(channel.password_file))
    except BaseException:
        server.close()
        raise
    if channel.user and not encrypted:
        server.close()
        raise ValueError(f"{host} offers no encryption (STARTTLS): the password is not sent")
    return server
