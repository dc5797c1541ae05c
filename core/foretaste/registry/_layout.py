"""A rule put into the text of a registry, and every other character of it left where it is.

ruamel.yaml keeps comments when it writes a file anew, but indents and folds by rules of its own; so only its tokens are
used, which say where in the text each rule begins and ends.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.tokens import (
    BlockEntryToken,
    DocumentEndToken,
    FlowEntryToken,
    FlowMappingEndToken,
    FlowMappingStartToken,
    FlowSequenceEndToken,
    FlowSequenceStartToken,
    KeyToken,
    ScalarToken,
    Token,
    ValueToken,
)

_OPENS: Final = (FlowSequenceStartToken, FlowMappingStartToken)
_CLOSES: Final = (FlowSequenceEndToken, FlowMappingEndToken)
_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#[^\r\n]*", re.MULTILINE)
_COMMENT_LINES: Final = re.compile(r"(?:^[ \t]*#[^\n]*\n)+\Z", re.MULTILINE)
_BLANK_LINE: Final = re.compile(r"\n[ \t]*\r?\n")


@dataclass(frozen=True)
class _Item:
    """Where a rule stands: from its dash, or first character, to the end of its last value."""

    start: int
    end: int
    comments: tuple[str, ...]
    """Those that stand between."""


def with_rule(text: str, at: int, rule: Mapping[str, Any], *, replace: bool) -> str:
    """Return a registry's text with a rule before the one at a place, or in the place of it.

    Comments right above a rule stay with it; those inside a rule that is replaced are moved above it.
    """
    tokens = [token for token in _tokens(text) if token.end_mark.index > token.start_mark.index or _is_key(token)]
    value = next(n for n, token in enumerate(tokens) if isinstance(token, ValueToken) and _is_rules(tokens[n - 1])) + 1
    while not isinstance(tokens[value], BlockEntryToken | FlowSequenceStartToken):
        value += 1  # an anchor
    newline = "\r\n" if "\r\n" in text else "\n"
    if isinstance(tokens[value], FlowSequenceStartToken):
        if isinstance(tokens[value + 1], FlowSequenceEndToken):
            return _first(text, tokens, value, rule, newline)
        item = list(_flow_items(text, tokens, value))[at]
        return _spliced(text, item.start, item.end if replace else item.start, _in_flow(rule) + ", " * (not replace))
    items = list(_block_items(text, tokens, value))
    line = text.rfind("\n", 0, items[at].start) + 1
    indent = " " * (items[at].start - line)
    written = _in_block(rule, indent, newline)
    if replace:
        comments = "".join(f"{comment}{newline}{indent}" for comment in items[at].comments)
        return _spliced(text, items[at].start, items[at].end, comments + written)
    before = items[at - 1].end if at else tokens[value - 1].end_mark.index
    above = _above(text, before, line)
    apart = any(_BLANK_LINE.search(text[one.end : two.start]) for one, two in pairwise(items))
    return _spliced(text, above, above, indent + written + newline * (1 + apart))


def _tokens(text: str) -> list[Token]:
    return list(YAML(typ="safe", pure=True).scan(text))


def _is_key(token: Token) -> bool:
    return isinstance(token, KeyToken)


def _is_rules(token: Token) -> bool:
    return isinstance(token, ScalarToken) and token.value == "rules"


def _spliced(text: str, start: int, end: int, middle: str) -> str:
    return text[:start] + middle + text[end:]


def _item(text: str, tokens: list[Token]) -> _Item:
    start = tokens[0].start_mark.index
    kept = [token for token in tokens if not _is_key(token)]
    end = start + len(text[start : kept[-1].end_mark.index].rstrip())  # a text block ends behind its last line
    between = (text[one.end_mark.index : two.start_mark.index] for one, two in pairwise(kept))
    return _Item(start, end, tuple(comment.rstrip() for gap in between for comment in _COMMENT.findall(gap)))


def _block_items(text: str, tokens: list[Token], value: int) -> Iterator[_Item]:
    column, depth, mine = tokens[value].start_mark.column, 0, tokens[value : value + 1]
    for token in tokens[value + 1 :]:
        first = depth == 0 and token.start_mark.column == column and isinstance(token, BlockEntryToken)
        if first:
            yield _item(text, mine)
            mine = []
        elif isinstance(token, DocumentEndToken) or (
            depth == 0 and _is_key(token) and token.start_mark.column <= column
        ):
            break  # the next key of the file
        depth += isinstance(token, _OPENS) - isinstance(token, _CLOSES)
        mine.append(token)
    yield _item(text, mine)


def _flow_items(text: str, tokens: list[Token], value: int) -> Iterator[_Item]:
    depth = 1
    mine: list[Token] = []
    for token in tokens[value + 1 :]:
        depth += isinstance(token, _OPENS) - isinstance(token, _CLOSES)
        if depth == 0 or (depth == 1 and isinstance(token, FlowEntryToken)):
            if mine:
                yield _item(text, mine)
            mine = []
        else:
            mine.append(token)
        if depth == 0:
            return


def _first(text: str, tokens: list[Token], value: int, rule: Mapping[str, Any], newline: str) -> str:
    """Return a text whose list of rules was empty with one in it."""
    start, end = tokens[value].start_mark.index, tokens[value + 1].end_mark.index
    line = text.find("\n", end) + 1
    if text[start:end] != "[]" or isinstance(tokens[0], FlowMappingStartToken) or not line:
        return _spliced(text, end - 1, end - 1, _in_flow(rule))
    rest = text[end:line]  # a comment, perhaps
    return _spliced(text, len(text[:start].rstrip(" ")), line, f"{rest}  {_in_block(rule, '  ', newline)}{newline}")


def _above(text: str, end: int, line: int) -> int:
    """Return where the comments begin that stand right above a line; ``end`` is that of what stands before them."""
    after = end if text[end - 1 : end] == "\n" else text.find("\n", end) + 1
    lines = _COMMENT_LINES.search(text[after:line])
    return line if lines is None else after + lines.start()


def _in_flow(rule: Mapping[str, Any]) -> str:
    return json.dumps(rule, default=str, ensure_ascii=False)


def _in_block(rule: Mapping[str, Any], indent: str, newline: str) -> str:
    """Return a rule as the lines of a list's item, without the first indent and the last end of line."""
    writer, stream = YAML(), io.StringIO()
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.width = 118 - len(indent)
    writer.dump(_styled(rule), stream)
    lines = stream.getvalue().rstrip("\n").split("\n")
    return newline.join([f"- {lines[0]}", *(f"{indent}  {line}" for line in lines[1:])])


def _styled(value: Any, depth: int = 0) -> Any:
    """Return what ruamel writes with what is two levels deep, and a list of plain values, on one line."""
    if isinstance(value, Mapping):
        found: Any = CommentedMap({key: _styled(inner, depth + 1) for key, inner in value.items()})
    elif isinstance(value, list):
        found = CommentedSeq([_styled(inner, depth + 1) for inner in value])
    else:
        return value
    if depth > 1 or (depth == 1 and isinstance(value, list) and not any(isinstance(one, Mapping) for one in value)):
        found.fa.set_flow_style()
    return found
