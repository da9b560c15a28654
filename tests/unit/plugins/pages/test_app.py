"""Every route of ours asks Airflow first, nothing is loaded from elsewhere, and what is refused is told as a page."""

import ast
import re
import sys
from pathlib import Path

import pytest
from fastapi import HTTPException
from fastapi.routing import APIRoute

import gp_collect_plugin
from gp_collect_pages import access, app
from gp_collect_pages.access import CHECKS
from gp_collect_plugin import PREFIX, GPCollectPlugin
from support.opened_pages import Visitor

pytestmark = pytest.mark.airflow

FOLDER = Path(app.__file__).parent


def without_a_check(routes: list[object]) -> list[str]:
    """Paths of routes that anybody may ask, and of whatever is no route of one function at all."""
    return [
        getattr(route, "path", repr(route))
        for route in routes
        if not isinstance(route, APIRoute) or not {each.call for each in route.dependant.dependencies} & set(CHECKS)
    ]


def test_every_route_asks_airflow_whether_this_person_may() -> None:
    made = app.pages()
    assert len(made.routes) > 1
    assert without_a_check(made.routes) == [], "Give the route dependencies=[Depends(...)] of gp_collect_pages.access."


def test_a_route_that_does_not_ask_is_found() -> None:
    made = app.pages()
    made.get("/open")(lambda: "anybody")
    assert without_a_check(made.routes) == ["/open"]


@pytest.mark.parametrize("status", [401, 403])
def test_whom_airflow_refuses_is_told_so_and_shown_nothing(status: int) -> None:
    def refuse() -> None:
        raise HTTPException(status)

    answer = Visitor().handed({access.may_look: refuse}).opens("/night")
    assert answer.status_code == status
    assert "Practices" not in answer.text
    assert ("Sign in to Airflow" in answer.text) == (status == 401)


@pytest.mark.parametrize("path", ["/static/pages.css", "/static/frame.js"])
def test_our_style_and_script_are_ours(path: str) -> None:
    assert Visitor().allowed().opens(path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/static/app.py", "/static/..%2Fapp.py", "/static/nothing.css", "/docs", "/openapi.json"]
)
def test_nothing_else_is_answered(path: str) -> None:
    assert Visitor().allowed().opens(path).status_code == 404


def test_a_browser_is_told_to_load_and_run_nothing_of_others() -> None:
    policy = Visitor().allowed().opens("/static/pages.css").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("file", sorted((FOLDER / "templates").glob("*.j2")), ids=lambda file: file.name)
def test_no_template_names_an_address_outside_or_writes_style_or_script_in_place(file: Path) -> None:
    text = file.read_text()
    assert re.findall(r"(?:https?:)?//[\w.]+", text) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?! src)", text) == []
    assert "|safe" not in text.replace(" ", "")


def test_the_plugin_alone_brings_neither_pages_nor_zone() -> None:
    """Airflow imports it in every process, the source zone's workers and the DAG processor among them."""
    at_once = [node for node in ast.parse(Path(gp_collect_plugin.__file__).read_text()).body if is_an_import(node)]
    assert {name.partition(".")[0] for node in at_once for name in imported(node)} <= {
        *sys.stdlib_module_names,
        "airflow",
    }


def is_an_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def imported(node: ast.stmt) -> list[str]:
    return (
        [node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in getattr(node, "names", ())]
    )


def test_each_page_that_airflow_names_is_there() -> None:
    paths = {getattr(route, "path", "") for route in app.pages().routes}
    assert {view["href"].removeprefix(PREFIX) for view in GPCollectPlugin.external_views} <= paths
