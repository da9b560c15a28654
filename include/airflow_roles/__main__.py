"""python -m airflow_roles [--check]: makes the roles, or says where they are not as policy has them, and ends with 4."""

import argparse
import sys

from airflow_roles.wanted import wanted_roles
from crossing.errors import run_command
from crossing.policy import Policy


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m airflow_roles", description="People's roles in Airflow.")
    parser.add_argument("--check", action="store_true", help="change nothing; end with 4 where something differs")
    check = parser.parse_args().check
    return run_command(lambda: _run(check=check))


def _run(*, check: bool) -> int:
    wanted = wanted_roles(Policy())
    from airflow.utils.session import create_session  # noqa: PLC0415  (it opens Airflow's database)

    from airflow_roles.give_roles import differences, give_roles, in_words  # noqa: PLC0415

    with create_session() as session:
        changes = (differences if check else give_roles)(session, wanted)
    sys.stdout.writelines(f"{line}\n" for line in in_words(changes))
    return 4 if check and any(change.is_one for change in changes) else 0


if __name__ == "__main__":
    sys.exit(main())
