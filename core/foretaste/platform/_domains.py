"""What an experiment says of a domain, with its paths where they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from foretaste.data import Domain, DomainSpec, with_given
from foretaste.experiment import GivenHoldout

_SQLITE_FILE = re.compile(r"(sqlite(?:\+\w+)?:///)([^/:].*)")
"""The address of a file that is not absolute (nor ``:memory:``)."""


def absolute(spec: DomainSpec, folder: Path) -> dict[str, Any]:
    """Return what changes in a domain's entry when its paths are taken relative to ``folder``."""
    folder = folder.absolute()
    changed: dict[str, Any] = {}
    if spec.path is not None and "://" not in spec.path:  # a plugin's kind may read from elsewhere
        changed["path"] = str(folder / spec.path)
    if spec.url is not None and (file := _SQLITE_FILE.fullmatch(spec.url)):
        changed["url"] = f"{file[1]}{folder / file[2]}"
    for name in ("item_features", "user_features"):
        file = getattr(spec, name)
        if isinstance(file, str):
            changed[name] = str(folder / file)
        elif file is not None:
            changed[name] = file.model_copy(update={"path": str(folder / file.path)})
    return changed


def given_to(domain: Domain, spec: DomainSpec, holdout: GivenHoldout, folder: Path) -> Domain:
    """Return a domain with the files of a given hold-out."""
    files = {}
    if holdout.files is not None:
        if holdout.files.validation is not None:
            files[holdout.validation] = holdout.files.validation
        files[holdout.test] = holdout.files.test  # named last: a row that stands in both is a test row
    if not files and holdout.candidates is None:
        return domain
    return with_given(domain, spec, folder, files=files, candidates=holdout.candidates, test=holdout.test)
