"""Who may do what on the cluster: one principal a process, with the least that it needs.

The grants are data (`deploy/acls.yaml`), so that whoever answers for a cluster reads them before
they are applied.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)
from pydantic import BaseModel, ConfigDict, ValidationError

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.admin.topics import with_results
from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.settings import KafkaSettings
from driftloop.spec.yaml_text import read_yaml

_TIMEOUT_S = 30.0
_READ, _WRITE, _DESCRIBE = AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE
_TOPIC, _GROUP, _TRANSACTION = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID


class Grant(BaseModel):
    """What one principal may do.

    `groups` are the consumer groups it joins (with `*` at the end: all that begin so); it holds the
    transactional ids that begin with one of them. `own_groups` is the beginning of the names of groups that
    it makes, reads in and deletes. `administers` lets it create and configure every topic of driftloop.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    principal: str
    groups: tuple[str, ...] = ()
    own_groups: str | None = None
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    administers: bool = False


def read_grants(file: Path) -> tuple[Grant, ...]:
    """The grants in a file. Raises UserError where it is not there or is not one."""
    try:
        listed = read_yaml(file.read_text(encoding="utf-8"))["principals"]
        return tuple(Grant(principal=name, **grant) for name, grant in listed.items())
    except FileNotFoundError as error:
        raise UserError(f"{file} is not there", ExitCode.NOT_FOUND) from error
    except (yaml.YAMLError, ValidationError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{file} is not a list of grants: {error}", ExitCode.USAGE) from error


def bindings(grant: Grant, prefix: str = "") -> Iterator[AclBinding]:
    """The access control entries of a grant; `prefix` goes before every name, as with topics."""
    for topic in grant.reads:
        yield _allow(grant, _TOPIC, prefix + topic, _READ)
    if grant.reads:  # a reader outside every group asks for a coordinator all the same
        yield _allow(grant, _GROUP, f"{prefix}driftloop-reader", _DESCRIBE)
    for topic in grant.writes:
        yield _allow(grant, _TOPIC, prefix + topic, _WRITE)
    for group in grant.groups:
        stem = group.removesuffix("*")
        pattern = ResourcePatternType.LITERAL if stem == group else ResourcePatternType.PREFIXED
        yield _allow(grant, _GROUP, prefix + stem, _READ, pattern)
        owned = f"{prefix}{stem}-" if stem == group else prefix + stem
        for operation in (_WRITE, _DESCRIBE):
            yield _allow(grant, _TRANSACTION, owned, operation, ResourcePatternType.PREFIXED)
    if grant.own_groups is not None:
        for operation in (_READ, AclOperation.DELETE):
            yield _allow(grant, _GROUP, prefix + grant.own_groups, operation, ResourcePatternType.PREFIXED)
    if grant.administers:
        everything = prefix or "*"
        pattern = ResourcePatternType.PREFIXED if prefix else ResourcePatternType.LITERAL
        for operation in (AclOperation.CREATE, _DESCRIBE, AclOperation.DESCRIBE_CONFIGS, AclOperation.ALTER_CONFIGS):
            yield _allow(grant, _TOPIC, everything, operation, pattern)


def apply_grants(kafka: KafkaSettings, grants: Iterable[Grant]) -> int:
    """Give every principal its entries (those it has already stay); how many there are."""
    wanted = [binding for grant in grants for binding in bindings(grant, kafka.topic_prefix)]
    admin = admin_client(kafka)  # it must outlive its futures
    with_results(admin.create_acls(wanted, request_timeout=_TIMEOUT_S))
    return len(wanted)


def _allow(
    grant: Grant,
    kind: ResourceType,
    name: str,
    operation: AclOperation,
    pattern: ResourcePatternType = ResourcePatternType.LITERAL,
) -> AclBinding:
    principal = f"User:{grant.principal}"
    return AclBinding(kind, name, pattern, principal, "*", operation, AclPermissionType.ALLOW)
