from __future__ import annotations

import re

import pytest

from foretaste import metrics
from foretaste.errors import ConfigError
from foretaste.metrics import Metric, Ndcg, RootMeanSquaredError, builtin_metrics, parse_metric

KNOWN = "coverage, hit, mae, map, mrr, ndcg, novelty, precision, recall, rmse"


def parse(text):
    return parse_metric(text, builtin_metrics())


def refusal(text):
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return str(caught.value)


def test_a_name_with_a_cutoff_makes_the_metric():
    assert parse("ndcg@10") == Ndcg(10)


def test_a_rating_metric_is_a_bare_name():
    assert parse("rmse") == RootMeanSquaredError()


@pytest.mark.parametrize("name", builtin_metrics())
def test_the_label_of_a_metric_names_it_again(name):
    metric = builtin_metrics()[name](7 if builtin_metrics()[name].takes_cutoff else None)
    assert parse(metric.label) == metric


def test_equal_names_with_other_cutoffs_are_other_metrics():
    assert parse("ndcg@10") != parse("ndcg@5")


def test_equal_cutoffs_with_other_names_are_other_metrics():
    assert parse("ndcg@10") != parse("recall@10")


def test_a_misspelt_metric_names_the_nearest():
    assert refusal("ndgc@10") == f"unknown metric 'ndgc@10'; known: {KNOWN}; did you mean 'ndcg'?"


def test_capitals_are_seen_through_in_the_suggestion():
    assert refusal("NDCG@10").endswith("did you mean 'ndcg'?")


def test_a_metric_like_no_other_gets_no_suggestion():
    assert refusal("serendipity@10") == f"unknown metric 'serendipity@10'; known: {KNOWN}"


def test_a_ranking_metric_without_a_cutoff_is_an_error():
    assert refusal("ndcg") == "metric 'ndcg' needs a cutoff, such as ndcg@10"


@pytest.mark.parametrize("cutoff", ["0", "-1", "1.5", "ten", "", "10@5", " 10", "٣"])
def test_a_cutoff_that_is_no_positive_whole_number_is_an_error(cutoff):
    text = f"ndcg@{cutoff}"
    assert refusal(text) == f"metric '{text}': the cutoff must be a positive whole number"


def test_a_metric_made_in_code_with_a_zero_cutoff_is_the_same_error():
    with pytest.raises(ConfigError, match=re.escape("metric 'ndcg@0': the cutoff must be a positive whole")):
        Ndcg(0)


def test_a_cutoff_for_a_rating_metric_is_an_error():
    assert refusal("rmse@5") == "metric 'rmse@5' takes no cutoff"


def test_a_registered_metric_is_found_beside_the_built_in_ones():
    class First(Metric):
        name = "first"

        def values(self, seen, /):
            return seen.hits[:, 0].astype(float)

    assert parse_metric("first@3", {**builtin_metrics(), "first": First}) == First(3)


def test_every_built_in_metric_is_public():
    public = {getattr(metrics, name) for name in metrics.__all__}
    assert set(builtin_metrics().values()) <= public


def test_a_cutoff_that_nobody_reads_to_is_refused():
    with pytest.raises(ConfigError, match="metric 'ndcg@1000000000': the cutoff must be at most 10000"):
        parse_metric("ndcg@1000000000", builtin_metrics())
