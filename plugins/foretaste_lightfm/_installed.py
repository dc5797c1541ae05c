"""Which distribution brings lightfm: several do, and overwrite each other's files."""

from __future__ import annotations

from importlib.metadata import packages_distributions


def clash() -> str | None:
    """Say that more than one distribution brings lightfm, or None."""
    several = sorted(set(packages_distributions().get("lightfm", [])))
    if len(several) < 2:
        return None
    return (
        f"needs lightfm from one distribution, found {' and '.join(several)}, which overwrite each other:"
        " uninstall all, then install lightfm-next"
    )
