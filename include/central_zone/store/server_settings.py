"""What the store's server must be set to, as policy/store_settings.toml promises; setting it, and seeing what is not so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from crossing.policy import Policy, PolicyRefused

FILE = "store_settings.toml"
LOGS = "logs"
_SUBJECTS = frozenset({"encryption", LOGS, "audit log", "durability", "code"})
_RULES = ("is", "one_of", "is_not", "contains", "is_something")
LACKS, ADMINISTRATOR = "lacks", "administrator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One setting of PostgreSQL: `rule` says how `words` are meant."""

    name: str
    rule: str
    words: tuple[str, ...]
    about: str
    why: str
    init_sets: str = ""
    restart: bool = False
    by: str = ""
    instead: str = ""
    demonstration: str = ""

    def holds(self, settings: Mapping[str, str]) -> bool:
        """Whether the server keeps it; `settings` are by name, as pg_settings has them."""
        value = settings.get(self.name, "")
        match self.rule:
            case "is" | "one_of":
                return value in self.words
            case "is_not":
                return value not in self.words
            case "contains":
                return set(self.words) <= set(_listed(value))
            case _:
                return bool(value or settings.get(self.instead))

    def to_set(self, present: str) -> str:
        """What init sets; a list keeps what it has."""
        if self.rule == "contains":
            return ",".join(dict.fromkeys([*_listed(present), *self.words]))
        return self.init_sets or self.words[0]

    def in_words(self) -> str:
        words = " or ".join(repr(word) for word in self.words)
        return {
            "is": words, "one_of": words, "is_not": f"anything but {words}", "contains": f"a list with {words}",
        }.get(self.rule, "something")  # fmt: skip


def read_promises(policy: Policy) -> tuple[Promise, ...]:
    """Every promise, in the file's order. Raises PolicyRefused for one that we would not understand as it was meant."""
    return tuple(_promise(name, dict(said)) for name, said in policy.table(FILE).items())


def keeping_values_out_of_logs(policy: Policy) -> dict[str, str]:
    """What every server of ours is set to, however it is run, so that no value gets into its log."""
    promises = [each for each in read_promises(policy) if each.about == LOGS and each.demonstration != LACKS]
    return {each.name: each.to_set("") for each in promises}


def _promise(name: str, said: dict[str, object]) -> Promise:
    rules = [rule for rule in _RULES if rule in said]
    if len(rules) != 1:
        raise PolicyRefused(f"policy/{FILE}, {name}: say exactly one of {', '.join(_RULES)}. Correct the file.")
    words = said.pop(rules[0])
    said["instead"] = said.pop("or", "")
    known = {each.name for each in fields(Promise)} - {"name", "rule", "words"}
    _check(name, said, known)
    return Promise(name=name, rule=rules[0], words=_words(words), **said)  # type: ignore[arg-type]  # checked just before


def _check(name: str, said: Mapping[str, object], known: set[str]) -> None:
    if unknown := sorted(set(said) - known):
        raise PolicyRefused(f"policy/{FILE}, {name}: unknown keys {unknown}. Correct the file.")
    closed = {"about": _SUBJECTS, "by": {ADMINISTRATOR, ""}, "demonstration": {LACKS, ""}, "restart": {True, False}}
    for key, allowed in closed.items():
        if said.get(key, "" if key != "restart" else False) not in allowed:
            raise PolicyRefused(f"policy/{FILE}, {name}: {key} is none of its words. Correct the file.")
    if not said.get("why"):
        raise PolicyRefused(f"policy/{FILE}, {name}: it has no reason. Add why.")


def _words(words: object) -> tuple[str, ...]:
    if isinstance(words, list):
        return tuple(str(word) for word in words)
    return () if isinstance(words, bool) else (str(words),)


def _listed(value: str) -> Sequence[str]:
    return [word.strip().strip('"') for word in value.split(",") if word.strip()]
