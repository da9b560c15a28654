"""Where the source zone finds its things. Read once from the environment; nothing below reads it again."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crossing.carriers import DIRECTORY, carrier
from crossing.errors import PersonMustAct
from crossing.policy import Policy, policy_folder


class SettingMissing(PersonMustAct):
    """A setting that has no safe default is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The source zone's folders. There is no store among them: this zone has no way to reach one."""

    keys: Path
    spool: Path
    memory: Path
    incoming: Path
    landing: Path  # deliveries that were fetched, until their parcels have left
    outbox: Path
    lineage: Path | None
    policy_folder: Path
    receipts: Path | None = None  # where the centre's answers come to lie, if they come here
    practice_answers: Path | None = None  # where practices are told of cases of re-identification
    outbox_carrier: str = DIRECTORY  # how parcels get to central: lying in the outbox, or sent over MESH

    def policy(self) -> Policy:
        return Policy(self.policy_folder)


def keys_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Raises SettingMissing."""
    return _folder(environment, "GP_SOURCE_KEYS_DIR")


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises SettingMissing, naming the variable."""
    lineage, receipts = environment.get("GP_LINEAGE_DIR"), environment.get("GP_CENTRAL_RECEIPTS_DIR")
    answers = environment.get("GP_PRACTICE_ANSWERS_DIR")
    return Settings(
        keys=keys_folder(environment),
        spool=_folder(environment, "GP_SOURCE_WORK_DIR"),
        memory=_folder(environment, "GP_SOURCE_STATE_DIR"),
        incoming=_folder(environment, "GP_INCOMING_DIR"),
        landing=Path(environment.get("GP_LANDING_DIR") or _folder(environment, "GP_SOURCE_STATE_DIR") / ".landing"),
        outbox=_folder(environment, "GP_OUTBOX_DIR"),
        lineage=Path(lineage) if lineage else None,
        policy_folder=policy_folder(),
        receipts=Path(receipts) if receipts else None,
        practice_answers=Path(answers) if answers else None,
        outbox_carrier=carrier(environment, "GP_OUTBOX_CARRIER"),
    )


def _folder(environment: Mapping[str, str], name: str) -> Path:
    value = environment.get(name)
    if not value:
        raise SettingMissing(f"{name} is not set. Name the folder in the source zone's environment.")
    return Path(value)
