"""Files and databases to tables. Parsing is left to polars; here only the kind of file is told apart."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any, cast

import polars as pl

from foretaste.errors import DataError, MissingPackageError

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_WORDS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
_COMPRESSED = {".gz", ".zst", ".zstd"}
_ADDRESS = re.compile("[A-Za-z0-9]{2,}:/")
_UTF_8 = "save it as UTF-8 (in Excel, as CSV UTF-8)"


def read_table(path: Path) -> pl.DataFrame:
    """Read one CSV, TSV or Parquet file, compressed or not, or a folder of parts.

    In text files, whole numbers written with leading zeros (007) or beyond 64 bits stay text: as ids they must come
    back as they went in. Raises DataError, naming the file, when it is missing, empty or cannot be parsed.
    """
    if _is_folder(path):
        return _read_folder(path)
    suffix = _suffix(path)
    if suffix != ".parquet" and suffix not in _SEPARATORS:
        raise DataError(
            f"{path}: found '{path.name}', expected .csv, .tsv or .parquet (also .gz, .zst), or a folder of them"
        )
    try:
        # a path is a name and no pattern: copies are called shop[1].csv
        return pl.read_parquet(path, glob=False) if suffix == ".parquet" else _read_text(path, _SEPARATORS[suffix])
    except pl.exceptions.NoDataError as error:
        raise DataError(f"{path}: the file is empty") from error
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        if "utf-8" in str(error).lower():
            raise DataError(f"{path}: found bytes that are no UTF-8 text; {_UTF_8}") from error
        raise DataError(f"{path}: cannot be read as {suffix.lstrip('.')}: {_first_line(error)}") from error


def _is_folder(path: Path) -> bool:
    """Say whether there is a folder and not a file; DataError where there is neither, or nobody lets us look."""
    try:
        found = stat.S_ISDIR(path.stat().st_mode)
        if found:
            next(path.iterdir(), None)  # it may be closed to us
    except (FileNotFoundError, NotADirectoryError, ValueError):
        address = "; addresses are not read: download it first" if _ADDRESS.match(str(path)) else ""
        raise DataError(f"{path}: no such file{address}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    return found


def _read_text(path: Path, separator: str) -> pl.DataFrame:
    _check_header(path, separator)
    table = pl.read_csv(path, separator=separator, infer_schema_length=None, glob=False)
    whole = [name for name in table.columns if table[name].dtype.is_integer()]
    if not whole:
        return table
    written = pl.read_csv(path, separator=separator, columns=whole, infer_schema=False, glob=False)
    as_text = [
        name for name in whole if table[name].dtype == pl.Int128 or written[name].str.contains(r"^[+-]?0\d").any()
    ]
    return table.with_columns(written.select(as_text))


def _check_header(path: Path, separator: str) -> None:
    header = pl.read_csv(path, separator=separator, n_rows=0, glob=False).columns
    if any("\0" in name for name in header):
        raise DataError(f"{path}: found null characters in the header, as UTF-16 text has; {_UTF_8}")
    found = next((other for other in _WORDS if other != separator and other in header[0]), None)
    if len(header) == 1 and found:
        raise DataError(
            f"{path}: found columns separated by {_WORDS[found]}, expected {_WORDS[separator]} in a file of this name"
            " (.csv has commas, .tsv has tabs)"
        )


def _suffix(path: Path) -> str:
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _read_folder(folder: Path) -> pl.DataFrame:
    found = sorted(p for p in folder.iterdir() if not p.name.startswith((".", "_")))
    parts = [p for p in found if p.is_file()]
    if parts != found:
        inner = next(p for p in found if not p.is_file())
        raise DataError(f"{folder}: found the folder '{inner.name}' among its parts, expected files alone")
    if not parts:
        raise DataError(f"{folder}: the folder holds no parts")
    kinds = {_suffix(p) or p.name for p in parts}
    if len(kinds) > 1:
        raise DataError(f"{folder}: found parts of kinds {', '.join(sorted(kinds))}, expected one kind")
    tables = [read_table(p) for p in parts]
    for part, table in zip(parts, tables, strict=True):
        if table.columns != tables[0].columns:
            raise DataError(
                f"{part}: found columns {', '.join(table.columns)},"
                f" expected {', '.join(tables[0].columns)} as in {parts[0].name}"
            )
    # the type of a column is known from its values: a part that has none must not decide it
    filled = [_untyped_where_empty(table) for table in tables if table.height] or tables[:1]
    if kinds == {".parquet"}:
        _refuse_text_and_numbers(folder, filled)
    try:
        return pl.concat(filled, how="vertical_relaxed")
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{folder}: the parts do not fit together: {_first_line(error)}") from error


def _refuse_text_and_numbers(folder: Path, tables: list[pl.DataFrame]) -> None:
    for name in tables[0].columns:
        types = {table[name].dtype for table in tables} - {pl.Null}
        if pl.String in types and any(found.is_numeric() for found in types):
            raise DataError(
                f"{folder}: column '{name}': found text in one part and numbers in another, expected one type"
            )


def _untyped_where_empty(table: pl.DataFrame) -> pl.DataFrame:
    empty = [name for name in table.columns if table[name].null_count() == table.height]
    return table.with_columns(pl.col(empty).cast(pl.Null)) if empty else table


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def read_sql(url: str, query: str, origin: str, folder: Path = Path()) -> pl.DataFrame:
    """Read the rows that a query selects, through SQLAlchemy (the ``sql`` extra).

    The file of a sqlite address is relative to ``folder``. Messages never show the address: it may hold a password.
    """
    try:
        import sqlalchemy
    except ModuleNotFoundError as error:
        raise MissingPackageError(f"{origin}: kind sql needs sqlalchemy: pip install 'foretaste[sql]'") from error
    try:
        address = sqlalchemy.make_url(url)
        file = address.database if address.get_backend_name() == "sqlite" else None
        if file and file != ":memory:" and not file.startswith("file:"):
            if not (folder / file).exists():
                raise DataError(f"{origin}: url: no such file {folder / file}")
            address = address.set(database=str(folder / file))
        engine = sqlalchemy.create_engine(address)
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise DataError(f"{origin}: url: {_first_line(error)}") from error
    except ModuleNotFoundError as error:
        raise MissingPackageError(f"{origin}: url: this kind of database needs {error.name}: install it") from error
    try:
        with engine.connect() as connection:
            return _selected(connection.execute(sqlalchemy.text(query)), origin)
    except (sqlalchemy.exc.SQLAlchemyError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{origin}: the query failed: {_first_line(error)}") from error
    finally:
        engine.dispose()


def _selected(result: Any, origin: str) -> pl.DataFrame:
    if not result.returns_rows:
        raise DataError(f"{origin}: the query returns no rows, expected a select")
    names = list(result.keys())
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{origin}: the query selects column '{name}' more than once, expected one")
    rows = [tuple(row) for row in result]
    for name, values in zip(names, zip(*rows, strict=True), strict=False):
        types = {type(value).__name__ for value in values} - {"NoneType"}
        if "str" in types and len(types) > 1:
            raise DataError(f"{origin}: column '{name}': found mixed types ({', '.join(sorted(types))}), expected one")
    try:
        return pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{origin}: the rows of the query do not fit a table: {_first_line(error)}") from error


def frame_to_polars(frame: Any, origin: str) -> pl.DataFrame:
    """Turn a pandas, polars or pyarrow table into polars, through narwhals."""
    import narwhals.stable.v2 as nw

    try:
        table = nw.from_native(frame, eager_only=True)
    except TypeError as error:
        found = type(frame).__name__
        raise DataError(f"{origin}: found {found}, expected a pandas, polars or pyarrow table") from error
    except nw.exceptions.DuplicateError as error:
        raise DataError(f"{origin}: {_repeated_column(frame)}") from error
    try:
        return cast("pl.DataFrame", table.to_polars())
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"{origin}: tables of this kind need {error.name}: pip install 'foretaste[pandas]'"
        ) from error
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{origin}: {_odd_column(table)}") from error


def _repeated_column(frame: Any) -> str:
    names = list(getattr(frame, "column_names", None) or frame.columns)  # pyarrow calls them column_names
    twice = next((name for name in names if names.count(name) > 1), "")
    return f"column '{twice}' stands more than once, expected one"


def _odd_column(table: Any) -> str:
    for name in table.columns:
        try:
            table[name].to_polars()
        except (TypeError, ValueError, pl.exceptions.PolarsError):
            types = sorted({type(value).__name__ for value in table[name].to_list()})
            return f"column '{name}': found mixed types ({', '.join(types)}), expected one"
    return "the table cannot be read"
