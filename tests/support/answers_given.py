"""Stewards who do the first thing that is offered, whatever is asked, once the question has stood for a while."""

import time
from dataclasses import dataclass, field

from support.people_asking import Person

QUIET_SECONDS = 5  # Airflow 3.3.2 loses an answer given within a second of the question


@dataclass(slots=True)
class Steward:
    """Called again and again. `another` answers where one has approved and it takes two."""

    person: Person
    another: Person
    since: dict[str, float] = field(default_factory=dict)
    asked_at: float = 0

    def answer(self) -> None:
        if time.monotonic() - self.asked_at < 1:
            return
        self.asked_at = time.monotonic()
        for question in self.person.questions():
            asked = question["task_instance"]["id"]
            if time.monotonic() - self.since.setdefault(asked, time.monotonic()) > QUIET_SECONDS:
                who = self.another if "**another** must" in question["body"] else self.person
                who.answer(question, question["options"][0], "A night of few rows.")
                self.since[asked] = time.monotonic() + 3600
