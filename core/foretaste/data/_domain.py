"""A domain: one set of items with its people's feedback."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl
from scipy import sparse

from foretaste.config import validation_lines
from foretaste.data._door import enter
from foretaste.data._features import FeatureKind, Features
from foretaste.data._index import Index
from foretaste.data._interactions import Interactions
from foretaste.data._readers import frame_to_polars, read_sql, read_table
from foretaste.data._spec import DomainSpec, FeatureFile, MinimumSpec
from foretaste.errors import ConfigError

_ELSEWHERE = {"kind", "path", "url", "query", "item_features", "user_features", "options"}


@dataclass(frozen=True, eq=False)
class Domain:
    """Interactions of one place, with what is known about its people and items.

    ``notes`` says what was done to the table at the door, each with its count. ``minimum`` is applied to training
    rows only, after a hold-out. ``candidates`` (users, items) are the only items that a given hold-out ranks for a
    person: nothing that is trained ever sees them.
    """

    name: str
    interactions: Interactions
    user_features: Features | None = None
    item_features: Features | None = None
    minimum: MinimumSpec = field(default_factory=MinimumSpec)
    notes: tuple[str, ...] = ()
    candidates: sparse.csr_matrix | None = None

    @classmethod
    def from_frame(cls, frame: Any, name: str = "domain", **options: Any) -> Domain:
        """Make a domain from a pandas, polars or pyarrow table.

        ``options`` are those of a domain in experiment.yaml (``columns``, ``feedback``, ``positive``, ``weighting``,
        ``duplicates``, ``missing``, ``minimum``). Raises ConfigError for a wrong option, DataError for a wrong table.
        """
        for option in _ELSEWHERE & set(options):
            raise ConfigError(f"{name}: {option}: a domain made from a table in memory has no {option}")
        import pydantic

        try:
            spec = DomainSpec.model_validate({"kind": "frame", **options})
        except pydantic.ValidationError as error:
            raise ConfigError("\n".join(validation_lines(error, DomainSpec, name))) from error
        return _enter(frame_to_polars(frame, name), name, spec, name)

    @classmethod
    def load(cls, name: str, spec: DomainSpec, folder: Path) -> Domain:
        """Read a domain that experiment.yaml describes; paths are relative to ``folder``."""
        if spec.kind in ("file", "sql") and spec.options:
            raise ConfigError(
                f"{name}: options: found {', '.join(spec.options)}, expected none: they are for kinds of plugins"
            )
        if spec.kind == "sql":
            domain = _enter(read_sql(spec.url or "", spec.query or "", name, folder), name, spec, name)
        elif spec.kind == "file":
            path = folder / (spec.path or "")
            domain = _enter(read_table(path), name, spec, str(path))
        else:
            raise ConfigError(
                f"{name}: kind: found '{spec.kind}', expected 'file', 'sql' or a kind that a plugin's load_domain reads"
            )
        return domain.with_features(spec, folder)

    def with_features(self, spec: DomainSpec, folder: Path) -> Domain:
        """Return this domain with the tables of features that ``spec`` names, read for the ids it has now."""
        users, items = self.interactions.users, self.interactions.items
        return replace(
            self,
            user_features=_features(spec.user_features, users, "user_id", folder),
            item_features=_features(spec.item_features, items, "item_id", folder),
        )

    def with_interactions(self, interactions: Interactions) -> Domain:
        """Return this domain with other rows over the same indexes."""
        return replace(self, interactions=interactions)

    def for_users(self, users: Index) -> Domain:
        """Return this domain over an index that starts with its users; of the others no feature is known."""
        features = None if self.user_features is None else self.user_features.for_index(users)
        return replace(self, interactions=self.interactions.for_users(users), user_features=features)

    def onto(self, users: Index, items: Index) -> Domain:
        """Return this domain over other indexes, without the rows of ids that these do not hold, and no candidates.

        DataError where ids are of another type.
        """
        features = (self.user_features, users), (self.item_features, items)
        user_features, item_features = (one and one.for_index(index) for one, index in features)
        return replace(
            self,
            interactions=self.interactions.onto(users, items),
            user_features=user_features,
            item_features=item_features,
            candidates=None,
        )

    def noted(self, note: str) -> Domain:
        """Return this domain with one more note."""
        return replace(self, notes=(*self.notes, note))


def _enter(frame: pl.DataFrame, name: str, spec: DomainSpec, origin: str) -> Domain:
    entered = enter(frame, spec, origin)
    return Domain(name, entered.interactions, minimum=spec.minimum, notes=entered.notes)


def _features(file: str | FeatureFile | None, index: Index, key: str, folder: Path) -> Features | None:
    if file is None:
        return None
    path, kinds = (file, {}) if isinstance(file, str) else (file.path, dict[str, FeatureKind](file.kinds))
    origin = folder / path
    return Features.from_frame(read_table(origin), index, key, kinds, str(origin))
