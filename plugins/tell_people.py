"""Tells people what a zone found: what is new, to whom policy says, by notifiers of Airflow's kind. A load never waits for it.

What was told is remembered in an Airflow Variable of practice codes, our own sentences and times: it is nothing the store
would have to keep, and where it is lost people are told once more.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import BaseNotifier, Context, Variable
from airflow.sdk.exceptions import AirflowRuntimeError

from crossing.alerts import Alert, AlertPolicy, Message, Receiver, Told, noted, read_alert_policy, to_tell
from crossing.errors import GPCollectError, TryAgain
from crossing.policy import Policy
from send_alerts import NoSuchWay, ReceiverRefused, SomebodyNotTold, send
from stop_for_a_person import stop_for_a_person

_log = logging.getLogger(__name__)


class AlertNotifier(BaseNotifier):
    """One message to one receiver, by mail or webhook. Raises TryAgain or PersonMustAct."""

    template_fields = ()

    def __init__(self, message: Message) -> None:
        super().__init__()
        self.message = message

    def notify(self, context: Context) -> None:
        send(self.message)


def as_data(alerts: Iterable[Alert]) -> list[dict[str, str]]:
    """As one task hands them to the next."""
    return [asdict(alert) for alert in alerts]


@stop_for_a_person
def tell_people(zone: str, found: Iterable[Mapping[str, str]]) -> int:
    """How many messages went. Raises SomebodyNotTold where one could not: the others have gone, and are not sent again."""
    return Telling(read_alert_policy(Policy()), told_before(zone), datetime.now(UTC)).tell(
        [Alert(**alert) for alert in found], lambda told: Variable.set(_name(zone), json.dumps(told))
    )


class Telling:
    """One round: what is new goes out, and whatever went is noted at once."""

    def __init__(self, policy: AlertPolicy, told: Told, now: datetime) -> None:
        self.policy, self.told, self.now = policy, told, now

    def tell(self, alerts: list[Alert], note: Any) -> int:
        messages, failed = to_tell(alerts, self.told, self.policy, self.now), []
        for message in messages:
            try:
                self._send(message)
            except GPCollectError as error:
                failed.append((message.receiver, error))
                continue
            self.told = noted(self.told, message, self.now, self.policy.quiet)
            note(self.told)
        if failed:
            raise _not_told(failed)
        return len(messages)

    def _send(self, message: Message) -> None:
        try:
            AlertNotifier(message).notify({})  # type: ignore[arg-type]  (nothing of the context is used)
        except NoSuchWay as nowhere:
            _log.warning("%s: %s\n%s", message.receiver.name, nowhere, message.text)


def _not_told(failed: list[tuple[Receiver, GPCollectError]]) -> GPCollectError:
    told = " | ".join(f"{receiver.name}: {error}" for receiver, error in failed)
    if all(isinstance(error, TryAgain) for _, error in failed):
        return SomebodyNotTold(told)
    return ReceiverRefused(told)


def told_before(zone: str) -> Told:
    try:
        return dict(json.loads(Variable.get(_name(zone))))
    except (KeyError, AirflowRuntimeError, ValueError):  # never told, or not readable: told once more
        return {}


def _name(zone: str) -> str:
    return f"gp_collect_alerts_told_{zone}"
