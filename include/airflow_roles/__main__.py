"""python -m airflow_roles [--check | --migrate]: makes the roles as policy has them, in Airflow's own database.

--check changes nothing, says where they differ, and ends with 4. --migrate first does what `airflow db migrate` does.
"""

import argparse
import sys

from airflow_roles.wanted import wanted_roles
from crossing.errors import run_command
from crossing.policy import Policy


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m airflow_roles", description="People's roles in Airflow.")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--check", action="store_true", help="change nothing; end with 4 where something differs")
    choice.add_argument(
        "--migrate", action="store_true", help="first make Airflow's own tables, or bring them up to date"
    )
    arguments = parser.parse_args()
    return run_command(lambda: run(check=arguments.check, migrate=arguments.migrate))


def run(*, check: bool = False, migrate: bool = False) -> int:
    """Raises PolicyRefused before anything is touched."""
    wanted = wanted_roles(Policy())
    from airflow.utils.session import create_session  # noqa: PLC0415  (it opens Airflow's database)

    from airflow_roles.give_roles import differences, give_roles, in_words  # noqa: PLC0415  (as above)

    if migrate:
        from airflow.utils.db import upgradedb  # noqa: PLC0415  (as above)

        upgradedb()
    with create_session() as session:
        changes = (differences if check else give_roles)(session, wanted)
    sys.stdout.writelines(f"{line}\n" for line in in_words(changes))
    return 4 if check and any(change.is_one for change in changes) else 0


if __name__ == "__main__":
    sys.exit(main())
