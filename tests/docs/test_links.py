"""Links between pages lead somewhere, and the README names every page."""

import re
from pathlib import Path

import pytest

from docs.page import DOCS, Page

ROOT = Path(__file__).parents[2]
PAGES = sorted(path.name for path in DOCS.glob("*.md"))


@pytest.mark.parametrize("name", PAGES)
def test_every_link_of_a_page_leads_somewhere(name):
    assert Page(name).dead_links() == []


def test_every_page_is_named_in_the_readme():
    named = re.findall(r"\]\(docs/([\w-]+\.md)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert sorted(named) == PAGES
