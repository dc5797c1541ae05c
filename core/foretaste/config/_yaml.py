"""The door for YAML: a file or a text in, a Document out, and every problem a ConfigError of one line."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from foretaste.config._document import Document, Plain
from foretaste.config._nodes import MAX_BYTES, YamlProblemError, load, position
from foretaste.errors import ConfigError

_MAPPING: Final = ": lines such as name: value"


def read_yaml(path: Path) -> Document:
    """Read a YAML file whose top level is a mapping; whatever is wrong with it is a ConfigError."""
    return parse_yaml(read_text(path), str(path))


def read_text(path: Path) -> str:
    """Read a file of UTF-8 text, its ends of lines as they are; ConfigError for what is none, or too long for YAML."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: found a folder, expected a file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{path}: found a file larger than 1 MiB, expected a smaller one")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = position(content[: error.start].decode("utf-8"))
        found = f"0x{content[error.start]:02x}"
        raise ConfigError(f"{path}:{line}:{column}: found the byte {found}, expected UTF-8 text") from error


def parse_yaml(text: str, origin: str) -> Document:
    """Parse a YAML text whose top level is a mapping; ``origin`` names it in messages."""
    try:
        data, places = load(text)
    except YamlProblemError as problem:
        raise ConfigError(f"{origin}:{problem.line}:{problem.column}: {problem}") from problem.__cause__
    if data is None:
        raise ConfigError(f"{origin}: found nothing, expected a mapping{_MAPPING}")
    if not isinstance(data, dict):
        found = "a list" if isinstance(data, list) else _shortened(repr(data))
        raise ConfigError(f"{origin}:{places[()]}:1: found {found}, expected a mapping{_MAPPING}")
    return Document(data, origin, places)


def parse_value(text: str, origin: str) -> Plain:
    """Parse a value that stands alone, of any kind."""
    try:
        return load(text)[0]
    except YamlProblemError as problem:
        raise ConfigError(f"{origin}: {problem}") from problem.__cause__


def _shortened(text: str) -> str:
    """Return the beginning of what may be a whole file of another kind."""
    return text if len(text) <= 60 else f"{text[:50]}..."
