"""What the page of the night shows of each practice, as somebody with a browser reads it."""

import re

_ROW = re.compile(
    r'<tr>\s*<th scope="row"><a href="[^"]*/practice/(?P<code>\w+)[^"]*">(?P=code)</a></th>(?P<cells>.*?)</tr>',
    re.DOTALL,
)
_CELL = re.compile(r'<td class="cell is-(\w+)">')


def shown_on(html: str) -> dict[str, set[str]]:
    """By practice, the states of all the nights that are shown; of the heat map alone."""
    heat = html.partition('<table class="heat">')[2].partition("</table>")[0]
    return {row["code"]: set(_CELL.findall(row["cells"])) for row in _ROW.finditer(heat)}
