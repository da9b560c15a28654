"""Dashboards ask only for what is exported, what is exported is named in docs/metrics.md, and the compose file has all of it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from central_zone.metrics.names import METRICS

CHECKOUT = Path(__file__).parents[2]
MONITORING = CHECKOUT / "include" / "monitoring"
BOARDS = sorted((MONITORING / "dashboards").glob("*.json"))
EXPORTED = {metric.name: metric for metric in METRICS}


def queries(board: dict[str, Any]) -> list[str]:
    """Everything a dashboard asks Prometheus."""
    panels = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return panels + [each["query"]["query"] for each in board["templating"]["list"]]


def named_in(query: str) -> set[str]:
    return set(re.findall(r"\bgp_collect_\w+", query))


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_every_panel_asks_for_metrics_that_there_are_by_labels_that_they_have(path: Path) -> None:
    for query in queries(json.loads(path.read_text())):
        assert named_in(query), query
        assert named_in(query) <= set(EXPORTED), query
        labels = set(re.findall(r"(\w+)=\"|by \((\w+)\)", query))
        known = {label for name in named_in(query) for label in EXPORTED[name].labels}
        assert {each for pair in labels for each in pair if each} <= known, query


def test_every_metric_is_drawn_and_documented_with_its_unit() -> None:
    drawn = {name for path in BOARDS for query in queries(json.loads(path.read_text())) for name in named_in(query)}
    assert drawn == set(EXPORTED)
    page = (CHECKOUT / "docs" / "metrics.md").read_text()
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "none"
        assert f"| `{metric.name}` | {metric.means} | {metric.unit} | {labels} |" in page, metric.name


def test_names_and_help_are_as_prometheus_asks() -> None:
    for metric in METRICS:
        assert re.fullmatch(r"gp_collect_[a-z_]+", metric.name)
        assert metric.unit in metric.help
        assert not {"practice", "token", "patient"} & set(metric.labels), (
            "Nothing by practice or person leaves this way."
        )


def test_what_grafana_and_prometheus_read_is_what_the_compose_file_gives_them() -> None:
    source = yaml.safe_load((MONITORING / "grafana" / "datasources" / "prometheus.yml").read_text())["datasources"][0]
    assert source["url"] == "http://prometheus:9090"
    for path in BOARDS:
        board = json.loads(path.read_text())
        assert {panel["datasource"]["uid"] for panel in board["panels"]} == {source["uid"]}
    provider = yaml.safe_load((MONITORING / "grafana" / "dashboards" / "gp_collect.yml").read_text())["providers"][0]
    services = yaml.safe_load((CHECKOUT / "docker-compose.yaml").read_text())["services"]
    assert f"./include/monitoring/dashboards:{provider['options']['path']}:ro" in services["grafana"]["volumes"]
    targets = yaml.safe_load((MONITORING / "prometheus.yml").read_text())["scrape_configs"][0]["static_configs"][0][
        "targets"
    ]
    assert [target.partition(":")[0] for target in targets] == ["node-exporter"]
    assert "node-exporter" in services
