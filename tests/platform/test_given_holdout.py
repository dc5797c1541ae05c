"""A run whose test rows and candidates stand in files."""

import polars as pl
import pytest
from pydantic import ValidationError

from evaluation.toy_experiment import ITEMS, Popular, Taste, experiment, platform, run
from foretaste import hookimpl
from foretaste.errors import OutputError

GIVEN = {"kind": "given", "files": {"test": "test.parquet", "validation": "valid.tsv"}}
AMONG = GIVEN | {"candidates": "lists.csv"}
NOTE = "drugstore: ranked among given candidates, 6 per person (median), not over the full catalogue"


@pytest.fixture
def split(shops):
    """People 0 to 29 are tested on all their rows, 30 to 59 on none, but they serve to tune."""
    table = pl.read_parquet(shops / "drugstore.parquet")
    number = pl.col("user_id").str.slice(1).cast(pl.Int64)
    test, valid = table.filter(number < 30), table.filter(number.is_between(30, 59))
    table.filter(number >= 60).write_parquet(shops / "drugstore.parquet")
    test.write_parquet(shops / "test.parquet")
    valid.write_csv(shops / "valid.tsv", separator="\t")
    pl.concat([test, valid.head(12)]).write_csv(shops / "lists.csv")
    return shops


def figures(result):
    (one,) = result.transfers
    return {entry.strategy: entry.metrics["ndcg@5"] for entry in one.leaderboard}


def test_people_who_stand_only_in_the_test_file_are_newcomers_by_their_source_rows(split):
    (found,) = run(split, holdout=GIVEN).transfers
    assert [(group.population, group.people) for group in found.populations] == [("newcomer", 30)]
    assert found.entry("toy/taste").verdict == "helps"
    assert found.facts[0]["shared_users"] == 70  # the 40 of the table, and those of the validation file
    assert any("test.parquet: 180 rows joined as test rows; 30 users and" in note for note in found.notes)


def test_figures_are_those_of_a_split_column(split):
    from_files = figures(run(split, holdout=GIVEN))
    tables = {
        "train": pl.read_parquet(split / "drugstore.parquet"),
        "test": pl.read_parquet(split / "test.parquet"),
        "validation": pl.read_csv(split / "valid.tsv", separator="\t"),
    }
    joined = pl.concat([table.with_columns(split=pl.lit(name)) for name, table in tables.items()])
    joined.write_parquet(split / "drugstore.parquet")
    from_column = figures(run(split, holdout={"kind": "given"}, output="other"))
    assert from_files == pytest.approx(from_column)


def test_figures_among_candidates_are_marked(split):
    full, among = run(split, holdout=GIVEN), run(split, holdout=AMONG, output="among")
    assert NOTE in among.transfers[0].notes
    assert not any("candidates" in note for note in full.transfers[0].notes)
    # only answers are candidates here
    assert set(figures(among).values()) == {1.0}
    assert max(figures(full).values()) < 1


def test_the_recommender_says_what_its_figures_are_of(split):
    from foretaste.bundle import read_manifest

    (found,) = run(split, holdout=AMONG).transfers
    manifest = read_manifest(split / "out" / found.bundle)
    assert manifest.metadata["metrics_among"] == "given candidates"


def test_a_control_is_measured_among_the_same_candidates(split):
    result = platform().run(experiment(holdout=AMONG), folder=split, control="permuted")
    control = result.transfers[0].entry("toy/taste").control
    assert control.lift.value == 0  # everything is right among answers alone


class Peeping:
    """Notes what every fit was shown."""

    foretaste_api = 1

    def __init__(self):
        self.shown = []

    @hookimpl(wrapper=True)
    def adapt(self, transfer):
        self.shown += [transfer.target.candidates, *(pair.target.candidates for pair in transfer.pairs)]
        return (yield)


def test_no_fit_sees_a_candidate_the_last_one_on_all_rows_neither(split):
    peeping = Peeping()
    run(split, holdout=AMONG, plugins=[peeping])
    assert len(peeping.shown) > 2
    assert set(peeping.shown) == {None}


def test_other_candidates_are_another_run(split):
    run(split, holdout=AMONG)
    run(split, holdout=AMONG)
    table = pl.read_csv(split / "lists.csv")
    pl.concat([table, table.with_columns(item_id=pl.lit("d00"))]).write_csv(split / "lists.csv")
    with pytest.raises(OutputError, match="holds another run"):
        run(split, holdout=AMONG)


def test_an_explanation_reads_the_files_too(split):
    (found,) = platform(kinds=(Popular, Taste)).explain(experiment(holdout=AMONG), folder=split)
    assert found.facts[0].target_users == 70
    assert found.facts[0].target_items <= ITEMS


@pytest.mark.parametrize(
    ("holdout", "words"),
    [
        (GIVEN, "holdout.files is about one target, found drugstore, grocery; make an experiment of each"),
        (
            {"kind": "given", "candidates": "lists.csv"},
            "holdout.candidates is about one target, found drugstore, grocery; make an experiment of each",
        ),
    ],
)
def test_files_are_of_one_target(holdout, words):
    with pytest.raises(ValidationError) as caught:
        experiment({}, {"source": "drugstore", "target": "grocery"}, holdout=holdout)
    assert words in str(caught.value)


def test_a_split_column_may_serve_several_targets():
    found = experiment({}, {"source": "drugstore", "target": "grocery"}, holdout={"kind": "given"})
    assert len(found.transfers) == 2


def test_test_and_validation_rows_have_two_names():
    with pytest.raises(ValidationError, match="test and validation are both called 'dev'"):
        experiment(holdout={"kind": "given", "test": "dev", "validation": "dev"})
