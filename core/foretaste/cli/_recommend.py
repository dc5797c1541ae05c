"""``foretaste recommend``: ask a bundle. Loads no plugin."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from foretaste.cli._options import AsJson
from foretaste.cli._output import console, write_json
from foretaste.cli._show import table
from foretaste.errors import ConfigError, DataError, did_you_mean

if TYPE_CHECKING:
    from rich.console import Console

    from foretaste.data import Index
    from foretaste.recommender import Reason, Reasons, Recommended, Recommender


MOST: Final = 1_000_000
"""Items that one list may hold: nobody reads more, and beyond 64 bits there is no such number."""


class Unknown(StrEnum):
    """What to do about people that a bundle does not know."""

    popular = "popular"
    error = "error"


def recommend(
    bundle: Annotated[
        Path, typer.Argument(metavar="BUNDLE", help="A folder that run wrote: out/bundles/a__b.", readable=False)
    ],
    users: Annotated[list[str] | None, typer.Argument(metavar="USER", help="User ids.")] = None,
    k: Annotated[int, typer.Option("-k", help="How many items.")] = 10,
    why: Annotated[
        bool,
        typer.Option(
            "--why", help="Say which part of a history speaks for each item, and what members of a blend weigh."
        ),
    ] = False,
    on_unknown: Annotated[Unknown, typer.Option(help="What to do about users that the bundle does not know.")] = (
        Unknown.popular
    ),
    history: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DOMAIN=ID,ID",
            help="What a person who is not in the bundle had, ID:RATING where they are ratings; may be given again.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recommend items to people by id, or to somebody new by a history."""
    if not users and not history:
        raise ConfigError("recommend: found no USER and no --history, expected one of them")
    if history and why:
        raise ConfigError("--why: found a --history, expected users of the bundle")
    if not 1 <= k <= MOST:
        raise ConfigError(f"-k: found {k}, expected a whole number from 1 to {MOST:,}")
    from foretaste.bundle import load_bundle

    recommender = load_bundle(bundle)
    lists: list[Recommended] = []
    if users:
        ids = typed_ids(users, recommender.roster.users, "user ids")
        lists.extend(recommender.recommend(ids, k, on_unknown=on_unknown.value))
    if history:
        lists.append(recommender.recommend_for(_histories(history, recommender), k))
    reasons = [_reasons(recommender, one) for one in lists] if why else None
    if as_json:
        write_json({"recommendations": [_document(one, reasons, at) for at, one in enumerate(lists)]})
        return
    out = console()
    for at, one in enumerate(lists):
        # what no history accounts for
        rest = "the item itself" if recommender.predicts_ratings else "popularity"
        _show(out, one, reasons[at] if reasons else None, rest)
        if one is not lists[-1]:
            out.print()


def typed_ids(texts: list[str], index: Index, what: str) -> list[Any]:
    """Return ids given as text in the type of an index; DataError where one is no whole number and must be."""
    numbers = index.ids.dtype.is_integer()
    if "" in texts:
        raise DataError(
            f"{what}: found an empty text, expected {'whole numbers, as in the data' if numbers else 'ids'}"
        )
    if not numbers:
        return list(texts)
    ids = []
    for text in texts:
        try:
            ids.append(int(text))
        except ValueError:
            raise DataError(f"{what}: found '{text}', expected whole numbers, as in the data") from None
    return ids


def _histories(given: list[str], recommender: Recommender) -> dict[str, Any]:
    roster, rated = recommender.roster, recommender.rated_domains
    readable = {roster.target: roster.items, **recommender.indexes()}
    known = dict.fromkeys((*readable, *roster.sources))
    histories: dict[str, Any] = {}
    for text in given:
        domain, equals, listed = text.partition("=")
        if not equals:
            raise DataError(f"--history {text}: found no '=', expected domain=id,id")
        if domain not in known:
            raise DataError(
                f"--history {text}: unknown domain '{domain}'; this recommender knows {', '.join(known)}"
                f"{did_you_mean(domain, known)}"
            )
        texts = [one.strip() for one in listed.split(",") if one.strip()]
        if not texts:
            raise DataError(f"--history {text}: found no id, expected {domain}=id,id")
        if domain in rated:
            texts, ratings = _rated(texts, domain)
            ids = typed_ids(texts, readable[domain], f"--history {domain}")
            histories.setdefault(domain, {}).update(zip(ids, ratings, strict=True))
        else:
            index = readable.get(domain)  # none where a guard chose a model that does not read this source
            ids = texts if index is None else typed_ids(texts, index, f"--history {domain}")
            histories.setdefault(domain, []).extend(ids)
    return histories


def _rated(texts: list[str], domain: str) -> tuple[list[str], list[float]]:
    """Return ids and ratings; an id may hold colons itself."""
    ids, ratings = [], []
    for text in texts:
        one, _, rating = text.rpartition(":")
        try:
            ratings.append(float(rating))
        except ValueError:
            one = ""
        if not one:
            raise DataError(f"--history {domain}: found '{text}', expected a rating with it, as in {domain}=id:4,id:2")
        ids.append(one.strip())
    return ids, ratings


def _reasons(recommender: Recommender, one: Recommended) -> list[Reasons] | None:
    (row,) = recommender.roster.users.rows([one.user])
    return [recommender.explain(one.user, item) for item in one.items] if row >= 0 else None


def _document(one: Recommended, reasons: list[list[Reasons] | None] | None, at: int) -> dict[str, Any]:
    items = [{"item": item, "score": score, "reasons": None} for item, score in zip(one.items, one.scores, strict=True)]
    mine = reasons[at] if reasons else None
    for line, why in zip(items, mine or [], strict=False):
        line["reasons"] = [asdict(reason) for reason in why.reasons]
    weights = dict(mine[0].weights) if mine else None  # a person's, whatever the item
    return {"user": one.user, "path": one.path, "weights": weights, "items": items}


def _show(out: Console, one: Recommended, reasons: list[Reasons] | None, rest: str) -> None:
    who = "the history given" if one.user is None else f"user {one.user}"
    out.print(f"{who} ({one.path})", style="bold")
    if reasons and reasons[0].weights:
        out.print(f"weights: {', '.join(f'{name} {weight:.3g}' for name, weight in reasons[0].weights.items())}")
    lines = table("rank", "item", "score", *(["why"] if reasons else []), numbers=("rank", "score"))
    for rank, (item, score) in enumerate(zip(one.items, one.scores, strict=True), 1):
        why = [_sentence(reasons[rank - 1], rest)] if reasons else []
        lines.add_row(str(rank), str(item), f"{score:.4g}", *why)
    out.print(lines)


def _sentence(reasons: Reasons, rest: str) -> str:
    return ", ".join(f"{_cause(reason, rest)} {reason.share:+.3g}" for reason in reasons.reasons)


def _cause(reason: Reason, rest: str) -> str:
    if reason.domain is None:
        cause = rest
    else:
        cause = f"rest of {reason.domain}" if reason.item is None else f"{reason.domain}: {reason.item}"
    return cause if reason.member is None else f"{cause} ({reason.member})"
