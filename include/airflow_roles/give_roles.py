"""Makes Airflow's roles what policy says, no less and no more. Run again it changes nothing.

Airflow's own `roles import` adds a role that is missing, and leaves one that is there as it is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from airflow.providers.fab.www.security_appless import ApplessAirflowSecurityManager
from sqlalchemy.orm import Session

from airflow_roles.wanted import Permission


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Of one role."""

    role: str
    given: frozenset[Permission]
    taken_away: frozenset[Permission]

    @property
    def is_one(self) -> bool:
        return bool(self.given or self.taken_away)


def give_roles(session: Session, wanted: Mapping[str, frozenset[Permission]]) -> list[Change]:
    """What was changed, role by role. Other roles, Airflow's own among them, are left as they are."""
    manager = ApplessAirflowSecurityManager(session=session)
    return [_give(manager, name, permissions) for name, permissions in sorted(wanted.items())]


def differences(session: Session, wanted: Mapping[str, frozenset[Permission]]) -> list[Change]:
    """What `give_roles` would change."""
    manager = ApplessAirflowSecurityManager(session=session)
    return [_change(name, _has(manager, name), permissions) for name, permissions in sorted(wanted.items())]


def _give(manager: ApplessAirflowSecurityManager, name: str, wanted: frozenset[Permission]) -> Change:
    role = manager.add_role(name)
    change = _change(name, _has(manager, name), wanted)
    for action, resource in sorted(change.given):
        manager.add_permission_to_role(role, manager.create_permission(action, resource))
    for action, resource in sorted(change.taken_away):
        if permission := manager.get_permission(action, resource):
            manager.remove_permission_from_role(role, permission)
    return change


def _change(name: str, has: frozenset[Permission], wanted: frozenset[Permission]) -> Change:
    return Change(role=name, given=wanted - has, taken_away=has - wanted)


def _has(manager: ApplessAirflowSecurityManager, name: str) -> frozenset[Permission]:
    role = manager.find_role(name)
    return frozenset((each.action.name, each.resource.name) for each in role.permissions) if role else frozenset()


def in_words(changes: list[Change]) -> Iterator[str]:
    for change in changes:
        yield from (f"{change.role}: given {action} on {resource}" for action, resource in sorted(change.given))
        yield from (
            f"{change.role}: taken away {action} on {resource}" for action, resource in sorted(change.taken_away)
        )
    if not any(change.is_one for change in changes):
        yield f"{', '.join(change.role for change in changes)}: as policy has them."
