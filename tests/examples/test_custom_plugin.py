"""examples/custom-plugin, as ``make test`` installs it. Its own tests, the contract among them, lie beside it."""

from __future__ import annotations

from foretaste import Platform


def test_it_comes_in_by_its_entry_point() -> None:
    found = {report.name: report for report in Platform().reports}
    assert "together" in found, "examples/custom-plugin is not installed: run make test"
    report = found["together"]
    assert (report.state, report.distribution) == ("loaded", "foretaste-together")
    assert report.strategies == ("together/cosine",)
