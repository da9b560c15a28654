"""Alerts: what a zone finds that somebody must know, and which of it is to be told now, to whom, in which words.

An alert holds codes, counts and our own sentences, never a value. This module sends nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crossing.policy import Policy, PolicyRefused

FILE = "alerts.toml"
KINDS = ("deadline_missed", "practice_failed", "parcels_held", "opt_out_source_stale", "keys_expiring", "disk_filling")
NUMBERS = {"practice_failed": "nights", "keys_expiring": "days", "disk_filling": "percent"}
_MAIL, _WEBHOOK = "mail", "webhook"
# (receiver, alert) -> when it was told, and in which words.
Told = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """`about` is whom or what it is about: a practice code, a key's name, a folder's setting."""

    kind: str
    about: str
    what: str
    where: str

    @property
    def name(self) -> str:
        return f"{self.kind} {self.about}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Somebody to tell."""

    name: str
    by: str
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPolicy:
    """policy/alerts.toml."""

    quiet: timedelta
    lines: int
    receivers: Mapping[str, Receiver]
    kinds: Mapping[str, Mapping[str, Any]]

    def number(self, kind: str) -> int:
        """The threshold of a kind that has one."""
        return int(self.kinds[kind][NUMBERS[kind]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """All that is new for one receiver."""

    receiver: Receiver
    alerts: tuple[Alert, ...]
    subject: str
    text: str


def read_alert_policy(policy: Policy) -> AlertPolicy:
    """Raises PolicyRefused."""
    content = policy.table(FILE)
    _check(set(content) == {"quiet_hours", "lines_in_a_message", "receivers", "alerts"}, "an unknown or missing part")
    _check(set(content["alerts"]) == set(KINDS), f"`alerts` is one line each for {', '.join(KINDS)}")
    receivers = {name: _receiver(name, line) for name, line in content["receivers"].items()}
    for kind, line in content["alerts"].items():
        wanted = {"to", "whose_move", "why"} | ({NUMBERS[kind]} if kind in NUMBERS else set())
        _check(set(line) == wanted, f"{kind} has {', '.join(sorted(wanted))} and nothing else")
        _check(bool(line["to"]) and set(line["to"]) <= set(receivers), f"{kind} is told to a receiver that is there")
    return AlertPolicy(
        quiet=timedelta(hours=content["quiet_hours"]),
        lines=content["lines_in_a_message"],
        receivers=receivers,
        kinds=content["alerts"],
    )


def to_tell(alerts: Iterable[Alert], told: Told, policy: AlertPolicy, now: datetime) -> list[Message]:
    """A message for each receiver to whom something is new: first seen, in other words, or going on for so long."""
    found: dict[str, list[Alert]] = {}
    for alert in alerts:
        for receiver in policy.kinds[alert.kind]["to"]:
            if _is_new(told.get(f"{receiver} {alert.name}"), alert, policy, now):
                found.setdefault(receiver, []).append(alert)
    return [_message(policy, policy.receivers[name], new) for name, new in sorted(found.items())]


def noted(told: Told, message: Message, now: datetime, quiet: timedelta) -> Told:
    """What has been told once this message has gone; what is older than it matters is forgotten."""
    kept = {name: word for name, word in told.items() if now - datetime.fromisoformat(word["at"]) < quiet}
    new = {
        f"{message.receiver.name} {alert.name}": {"at": now.isoformat(timespec="seconds"), "what": alert.what}
        for alert in message.alerts
    }
    return kept | new


def _is_new(word: Mapping[str, str] | None, alert: Alert, policy: AlertPolicy, now: datetime) -> bool:
    return word is None or word["what"] != alert.what or now - datetime.fromisoformat(word["at"]) >= policy.quiet


def _message(policy: AlertPolicy, receiver: Receiver, alerts: list[Alert]) -> Message:
    kinds = {kind: [alert for alert in alerts if alert.kind == kind] for kind in KINDS}
    counts = [f"{len(of)} {kind.replace('_', ' ')}" for kind, of in kinds.items() if of]
    paragraphs = [_paragraph(policy, kind, of) for kind, of in kinds.items() if of]
    return Message(
        receiver=receiver,
        alerts=tuple(alerts),
        subject=f"GP Collect: {', '.join(counts)}",
        text="\n\n".join(paragraphs) + "\n",
    )


def _paragraph(policy: AlertPolicy, kind: str, alerts: list[Alert]) -> str:
    line = policy.kinds[kind]
    shown = [f"- {alert.what} See {alert.where}." for alert in alerts[: policy.lines]]
    if len(alerts) > policy.lines:
        shown.append(f"- and {len(alerts) - policy.lines} more, all on the pages of GP Collect.")
    head = f"{kind.replace('_', ' ').capitalize()}. Why this is told: {line['why']} Whose move: {line['whose_move']}"
    return "\n".join([head, *shown])


def _receiver(name: str, line: Mapping[str, Any]) -> Receiver:
    wanted = {"by", "why"} | ({"to"} if line.get("by") == _MAIL else set())
    _check(
        line.get("by") in (_MAIL, _WEBHOOK) and set(line) == wanted, f"receiver {name} has {', '.join(sorted(wanted))}"
    )
    return Receiver(name=name, by=line["by"], to=tuple(line.get("to", ())))


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise PolicyRefused(f"policy/{FILE}: {what}. Correct the file.")
