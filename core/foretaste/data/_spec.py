"""How a domain is written in experiment.yaml."""

from typing import Any, Literal

from pydantic import Field, model_validator

from foretaste.config import StrictModel
from foretaste.data._features import FeatureKind


class ColumnNames(StrictModel):
    """What the canonical columns are called in the user's table."""

    user_id: str | None = None
    item_id: str | None = None
    weight: str | None = None
    timestamp: str | None = None
    split: str | None = None


class PositiveSpec(StrictModel):
    """Which ratings count as a preference."""

    min: float = 4.0


class MinimumSpec(StrictModel):
    """Fewest training interactions that a user or item must have to be learnt from."""

    user: int = Field(default=1, ge=1)
    item: int = Field(default=1, ge=1)


class FeatureFile(StrictModel):
    """A table of features and how its columns are read."""

    path: str
    kinds: dict[str, FeatureKind] = Field(default_factory=dict)


class DomainSpec(StrictModel):
    """One domain. Exactly one of ``path`` (a file or folder) and ``query`` (with ``kind: sql``) is needed."""

    kind: str = "file"
    """Who reads it: ``file``, ``sql``, or a kind that a plugin's ``load_domain`` knows."""
    path: str | None = None
    """CSV, TSV or Parquet, also compressed (gz, zst), or a folder of parts of one format."""
    url: str | None = None
    """``kind: sql``: a SQLAlchemy address such as ``sqlite:///shop.db``."""
    query: str | None = None
    """``kind: sql``: the statement that selects the rows."""
    columns: ColumnNames = ColumnNames()
    feedback: Literal["auto", "explicit", "implicit"] = "auto"
    """``auto``: explicit where the value column is a rating, else implicit."""
    positive: PositiveSpec = PositiveSpec()
    weighting: Literal["binary", "log1p", "raw"] = "binary"
    duplicates: Literal["sum", "last", "max", "error"] | None = None
    """What to do with a second row of one user and item; left out: ``last`` for explicit, ``sum`` for implicit."""
    missing: Literal["drop", "error"] = "error"
    """What to do with rows where a used column has no value."""
    minimum: MinimumSpec = MinimumSpec()
    item_features: str | FeatureFile | None = None
    user_features: str | FeatureFile | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    """For kinds that plugins bring."""

    @model_validator(mode="after")
    def _complete(self) -> "DomainSpec":
        if self.kind == "file" and (self.url or self.query):
            raise ValueError("url and query are for kind: sql, and this is kind: file")
        if self.kind == "file" and not self.path:
            raise ValueError("a domain needs a path (or a kind that a plugin reads)")
        if self.kind == "sql" and not (self.url and self.query):
            raise ValueError("kind sql needs url and query")
        if self.kind == "sql" and self.path:
            raise ValueError("path is for kind: file, and this is kind: sql")
        return self
