from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from evaluation.toy_experiment import Popular, Rare, Taste, Toy, experiment, platform, run, shop
from foretaste.data import Domain, Features, Overlap, Transfer
from foretaste.platform._compare import permuted
from foretaste.platform._run import without_twins


def test_the_guard_replaces_a_choice_that_loses_on_validation(shops):
    (result,) = run(shops, {"strategy": "toy/bad"}).transfers
    assert (result.rule_choice, result.chosen) == ("toy/bad", "toy/popular")
    (line,) = [line for line in result.trace if " on validation, " in line]
    assert line.startswith("guard: toy/bad has ndcg@5 0.")
    assert line.endswith(": replaced by toy/popular")
    assert set(result.handed_on.served_by.values()) == {"toy/popular"}


def test_the_guard_keeps_a_choice_that_wins(shops):
    (result,) = run(shops).transfers
    assert (result.rule_choice, result.chosen) == ("toy/taste", "toy/taste")
    (line,) = [line for line in result.trace if " on validation, " in line]
    assert line.endswith(": kept")
    assert set(result.handed_on.served_by.values()) == {"toy/taste"}


def test_the_guard_has_nothing_to_say_of_a_baseline(shops):
    (result,) = run(shops, {"strategy": "toy/popular"}).transfers
    assert result.chosen == "toy/popular"
    assert result.trace == ["toy/popular named by the experiment"]


def test_a_tie_is_not_lost(shops):
    assert run(shops, {"strategy": "toy/plain"}).transfers[0].chosen == "toy/plain"


# The permuted control ------------------------------------------------------------------------------------------


def controlled(shops, strategy, kinds):
    made = platform(kinds=kinds).run(experiment({"strategy": strategy}), folder=shops, control="permuted")
    return made.transfers[0].entry(strategy)


def test_taste_helps_and_its_control_does_not(shops):
    entry = controlled(shops, "toy/taste", [Popular, Taste])
    assert entry.verdict == "helps"
    assert entry.control.verdict != "helps"
    assert entry.control.lift.value < entry.lift.value / 3
    assert entry.control.beyond.value == pytest.approx(entry.lift.value - entry.control.lift.value)
    assert entry.control.beyond.over == "permuted"


def test_what_helps_as_much_with_shuffled_people_is_not_said_to_help(shops):
    entry = controlled(shops, "toy/plain", [Rare, Toy])
    assert entry.lift.low > 0
    assert entry.control.verdict == "helps"
    assert entry.control.beyond.value == 0
    assert entry.verdict == "no evidence"


def test_what_helps_more_than_with_shuffled_people_helps_though_these_gain_too(shops):
    entry = controlled(shops, "toy/taste", [Rare, Taste])
    assert entry.control.verdict == "helps"
    assert entry.control.beyond.low > 0
    assert entry.verdict == "helps"


class Doubtful(Taste):
    """A way to carry taste for which little speaks beforehand."""

    name = "toy/doubtful"
    needs_control = True


def test_what_needs_the_control_helps_only_beside_it(shops):
    asked, host = experiment({"strategy": "toy/doubtful"}), platform(kinds=[Popular, Doubtful])
    (alone,) = host.run(asked, folder=shops, output=shops / "alone").transfers
    (beside,) = host.run(asked, folder=shops, output=shops / "beside", control="permuted").transfers
    assert alone.entry("toy/doubtful").lift.low > 0
    assert [one.entry("toy/doubtful").verdict for one in (alone, beside)] == ["no evidence", "helps"]
    told = "toy/doubtful: what it gains is evidence beside the control only: --control permuted"
    assert (told in alone.notes, told in beside.notes) == (True, False)


def test_without_a_control_it_is_said_that_it_was_not_run(shops):
    (result,) = run(shops).transfers
    assert {entry.control for entry in result.leaderboard} == {"not run"}


def test_permuting_changes_whose_history_it_is_and_nothing_else():
    source, target = (Domain.from_frame(shop(n, name), name) for n, name in ((1, "g"), (2, "d")))
    before = Transfer.of(source, target, Overlap("users"))
    after = permuted(before, 3)
    here, there = before.pair.source.interactions, after.pair.source.interactions
    assert there.popularity_of_rows.tolist() == here.popularity_of_rows.tolist()
    assert sorted(there.history) == sorted(here.history)
    assert (there.user_rows != here.user_rows).mean() > 0.9
    assert after.target is before.target
    assert after.shared_people.tolist() == before.shared_people.tolist()


def test_what_is_declared_of_people_goes_with_their_history():
    source, target = (Domain.from_frame(shop(n, name), name) for n, name in ((1, "g"), (2, "d")))
    users = source.interactions.users
    had = source.interactions.preference
    table = pl.DataFrame({"user_id": users.ids, "history": [str(had[row].indices) for row in range(len(users))]})
    described = replace(source, user_features=Features.from_frame(table, users, "user_id", {}, "people"))
    after = permuted(Transfer.of(described, target, Overlap("users")), 3).pair.source
    now = after.interactions.preference
    assert after.user_features.table["history"].to_list() == [str(now[row].indices) for row in range(len(users))]
    assert after.user_features.table["history"].to_list() != table["history"].to_list()


def test_where_items_are_shared_what_the_source_knows_of_them_is_shuffled_too():
    source, target = (Domain.from_frame(shop(n, "g"), name) for n, name in ((1, "here"), (2, "there")))
    before = Transfer.of(source, target, Overlap("both"))
    here, there = (one.pair.source.interactions for one in (before, permuted(before, 3)))
    assert (there.user_rows != here.user_rows).mean() > 0.9
    assert (there.item_rows != here.item_rows).mean() > 0.8
    assert sorted(there.popularity_of_rows) == sorted(here.popularity_of_rows)
    assert sorted(there.history) == sorted(here.history)


# Twins ---------------------------------------------------------------------------------------------------------

TWINS = ["d00", "d01", "d02", "d03"]


@pytest.fixture
def twin_shops(shops):
    """The grocery also sells four items of the drugstore; five people go there for nothing else."""
    target = shop(2, "d")
    sold = target.filter(pl.col("item_id").is_in(TWINS)).with_columns(pl.concat_str(pl.lit("g-"), "item_id"))
    only = sold["user_id"].unique().sort().head(5)
    grocery = shop(1, "g").filter(~pl.col("user_id").is_in(only.implode()))
    names = ["user_id", "item_id", "timestamp"]
    renamed = sold.drop("item_id").rename({sold.columns[-1]: "item_id"})
    pl.concat([grocery, renamed.select(names)]).write_parquet(shops / "grocery.parquet")
    return shops


def judged(folder, policy):
    (result,) = run(folder, {"strategy": "toy/taste", "twins": policy}, output=policy).transfers
    rows = pl.read_parquet(folder / policy / "transfers" / "0-grocery__drugstore.people.parquet")
    return result, rows.filter(pl.col("strategy") == "toy/popular").drop("strategy")


def test_reported_twins_make_the_verdict_leak(twin_shops):
    result, _ = judged(twin_shops, "report")
    assert result.audit["leak"]
    assert result.entry("toy/taste").verdict == "leak"
    assert result.entry("toy/popular").verdict == "baseline"
    assert "so the source leaks the test" in result.audit["sentence"]


def test_copies_under_one_id_are_a_leak_too(twin_shops):
    """That equal ids are the same items is said, and does not make fewer copies of the rows."""
    grocery = pl.read_parquet(twin_shops / "grocery.parquet")
    grocery.with_columns(pl.col("item_id").str.strip_prefix("g-")).write_parquet(twin_shops / "grocery.parquet")
    (result,) = run(twin_shops, {"strategy": "toy/taste", "shared": "both"}).transfers
    assert result.audit["pairs"]["grocery"]["twins"] == len(TWINS)
    assert result.entry("toy/taste").verdict == "leak"


@pytest.mark.parametrize("policy", ["drop", "merge"])
def test_a_remedy_takes_the_leak_away_and_leaves_the_test_alone(twin_shops, policy):
    leaky, before = judged(twin_shops, "report")
    result, after = judged(twin_shops, policy)
    assert result.entry("toy/taste").verdict != "leak"
    assert result.entry("toy/taste").metrics["ndcg@5"] < leaky.entry("toy/taste").metrics["ndcg@5"]
    assert after["user_id"].to_list() == before["user_id"].to_list()
    # popularity of the target is the same, and so is what it is worth to each person
    assert np.array_equal(after["ndcg@5"], before["ndcg@5"])


def test_under_merge_no_copy_is_kept_or_missing_by_what_is_hidden(twin_shops):
    """Whoever has target rows has no source row on a twin left: neither its presence nor its absence tells."""
    domains = platform()._domains(experiment(), twin_shops)
    whole = Transfer.of(domains["grocery"], domains["drugstore"], Overlap("users"))
    merged, twins = without_twins(whole, "merge")
    held = merged.pair.source_history[whole.shared_people][:, twins["grocery"].source_rows]
    assert len(twins["grocery"])
    assert held.nnz == 0
    assert merged.pair.item_links.nnz == len(twins["grocery"])


def test_facts_are_those_of_what_is_trained_on(twin_shops):
    whole, _ = judged(twin_shops, "report")
    dropped, _ = judged(twin_shops, "drop")
    assert dropped.facts[0]["source_interactions"] < whole.facts[0]["source_interactions"]


def test_explain_sees_the_facts_that_a_run_sees(twin_shops):
    asked = {"strategy": "toy/taste", "twins": "drop"}
    (explained,) = platform().explain(experiment(asked), folder=twin_shops)
    result, _ = judged(twin_shops, "drop")
    assert explained.facts[0].as_dict() == result.facts[0]
