"""A page of docs/, as tests read it: code blocks, tables, and a session at the Python prompt."""

from __future__ import annotations

import doctest
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"


@dataclass(frozen=True)
class Page:
    """One page, by the name of its file."""

    name: str

    @property
    def text(self) -> str:
        return (DOCS / self.name).read_text(encoding="utf-8")

    def blocks(self, language: str) -> list[str]:
        """All code blocks of a language."""
        return re.findall(rf"^```{language}\n(.*?)^```$", self.text, re.DOTALL | re.MULTILINE)

    def block(self, language: str, *, having: str) -> str:
        """The one code block that holds a text."""
        found = [block for block in self.blocks(language) if having in block]
        assert len(found) == 1, f"{self.name} has {len(found)} {language} blocks with {having!r}"
        return found[0]

    def table(self, heading: str) -> list[list[str]]:
        """The cells of the one table whose header line starts with a text such as ``key | default``."""
        assert self.text.count(f"\n| {heading}") == 1, f"{self.name} has not one table that starts with {heading!r}"
        lines = self.text[self.text.index(f"\n| {heading}") + 1 :].split("\n\n")[0].splitlines()[2:]
        return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])] for line in lines]

    def keys(self, heading: str) -> list[str]:
        """The first column of a table, without backticks."""
        return [row[0].strip("`") for row in self.table(heading)]

    def try_prompts(self, **names: Any) -> None:
        """Run every ``pycon`` block, in order, in one session; what is printed must be what stands there."""
        told: list[str] = []
        session = "\n".join(self.blocks("pycon"))
        test = doctest.DocTestParser().get_doctest(session, names, self.name, self.name, 0)
        doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=told.append)
        assert not told, "".join(told)
        assert test.examples, f"{self.name} has no prompt"

    def dead_links(self) -> list[str]:
        """Links to files that are not there, or to headings that their page has not."""
        return [link for link in re.findall(r"\]\(([^)\s]+)\)", self.text) if "://" not in link and self._is_dead(link)]

    def _is_dead(self, link: str) -> bool:
        file, _, heading = link.partition("#")
        place = DOCS / (file or self.name)
        return not place.exists() or bool(heading and heading not in _anchors(place))


def _anchors(place: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", place.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
