"""What somebody sees of practices that are in the ledger: a visitor of the pages, with a store, a policy and runs."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from central_zone.settings import Settings
from gp_collect_pages import reading
from support.airflow_account import Account
from support.england_nights import NOW, England
from support.opened_pages import Visitor
from support.postgres import Postgres, psycopg_url

COLLECT = "collect__gpdpr"
SAID = {
    "practice_code": "X00001",
    "step": "pull",
    "error": "DeliveryRefused",
    "who_acts": "person",
    "message": "A file of the delivery is cut off. Ask the supplier to send it again.",
}


@dataclass(frozen=True, slots=True)
class Watched:
    """One practice failed tonight, and nothing came of it."""

    visitor: Visitor
    register: Path
    store: str  # its URL


def watched(folder: Path, postgres: Postgres, account: Account, england: England) -> Watched:
    url = postgres.a_store()
    england.fill(psycopg_url(url))
    policy = england.policy(folder / "policy")
    values = {"GP_STORE_URL": url, "GP_REGISTER_DIR": str(folder / "register")}
    run = account.run(COLLECT, "night", NOW - timedelta(hours=2))
    account.word(run, COLLECT, "night", "each_shard.pull", NOW, [SAID], map_index=4)
    visitor = Visitor().allowed()
    visitor.handed(
        {
            reading.settings: lambda: Settings(values),
            reading.now: lambda: NOW,
            reading.policy: lambda: type(policy)(policy.folder),
            reading.airflow_session: lambda: account.session,
        }
    )
    return Watched(visitor, folder / "register", url)
