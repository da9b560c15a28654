"""python -m demo.people FILE: Airflow's own tables, our roles, and a person of each with a password that is made now.

One process, since starting Airflow costs seconds. In life `python -m airflow_roles --migrate` makes tables and roles, and
people come from the organisation's own directory.
"""

import json
import os
import secrets
import sys
from pathlib import Path

from airflow_roles.__main__ import run

# A name to sign in with, and the role. Two stewards, since some decisions take two people; the stranger has no role at all.
PEOPLE = {
    "engineer": "engineer",
    "steward": "steward",
    "second_steward": "steward",
    "responder": "responder",
    "auditor": "auditor",
    "stranger": None,
}


def make_people(file: Path) -> None:
    from airflow.providers.fab.www.security_appless import ApplessAirflowSecurityManager  # noqa: PLC0415  (only in this process)
    from airflow.utils.session import create_session  # noqa: PLC0415  (it opens Airflow's database)
    from werkzeug.security import generate_password_hash  # noqa: PLC0415  (only in this process)

    run(migrate=True)
    passwords = {name: secrets.token_urlsafe(12) for name in PEOPLE}
    with create_session() as session:
        manager = ApplessAirflowSecurityManager(session=session)
        for name, role in PEOPLE.items():
            has = [found] if role and (found := manager.find_role(role)) else []
            hashed = generate_password_hash(passwords[name])
            manager.add_user(
                name, name, "of the demonstration", f"{name}@example.invalid", role=has, hashed_password=hashed
            )
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(passwords, out)


if __name__ == "__main__":
    make_people(Path(sys.argv[1]))
