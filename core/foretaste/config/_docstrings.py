"""What stands under the fields of a class, read from its source where somebody asks, as start-up does not."""

from __future__ import annotations

import ast
import inspect
import textwrap


def field_docstrings(kind: type) -> dict[str, str]:
    """Return the docstring under each annotated field of a class and its bases; a class without source has none."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__[:-1]):
        found |= _own(base)
    return found


def _own(kind: type) -> dict[str, str]:
    if not inspect.get_annotations(kind):
        return {}
    try:
        (made,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return {}
    assert isinstance(made, ast.ClassDef)
    found = {}
    for field, text in zip(made.body, made.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            assert isinstance(field.target, ast.Name)
            found[field.target.id] = inspect.cleandoc(str(text.value.value))
    return found
