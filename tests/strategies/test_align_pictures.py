"""Pictures of an alignment."""

from pathlib import Path

import numpy as np
import pytest

from foretaste import DataError, OutputError, load_bundle, save_bundle
from foretaste.testing import fit_once, item_world, rating_world, taste_world, two_source_world, unrelated_world
from foretaste_align import Prior, Ratings, Ridge, Similarity
from foretaste_align.pictures import draw_alignment, views
from foretaste_baseline import Popular

SMALL = {"factors": 8, "source_factors": 8, "regularization": 0.5, "source_regularization": 0.5}


@pytest.mark.parametrize("kind", [Ridge, Prior])
def test_a_picture_is_drawn_from_a_bundle(kind, tmp_path: Path):
    save_bundle(fit_once(kind(**SMALL), taste_world()), tmp_path / "bundle", strategy=kind.name, params={})
    place = draw_alignment(load_bundle(tmp_path / "bundle"), tmp_path / "alignment.png")
    assert place.read_bytes().startswith(b"\x89PNG")


def test_each_source_has_a_row_of_panels(tmp_path: Path):
    model = fit_once(Ridge(**SMALL), two_source_world())
    assert list(views(model)) == [name for name in model.encoders if name != model.roster.target]
    draw_alignment(model, tmp_path / "alignment.svg")


def test_the_map_leaves_little_where_taste_carries_over_and_all_where_it_does_not():
    def left(world):
        (view,) = views(fit_once(Ridge(**SMALL), world)).values()
        return float(np.average(view.residual, weights=view.people))

    assert left(taste_world()) < 0.85 * left(unrelated_world())


def test_groups_hold_everybody_with_both_histories_once():
    world = taste_world()
    (view,) = views(fit_once(Ridge(**SMALL), world)).values()
    assert view.people.sum() == len(world.shared_people) == len(view.target) == len(view.mapped) == len(view.source)
    assert (np.diff(view.activity) > 0).all()


def test_after_alignment_mapped_people_lie_near_their_own_vectors():
    (view,) = views(fit_once(Ridge(**SMALL, map_regularization=1e-3), taste_world())).values()
    near = np.linalg.norm(view.mapped - view.target, axis=1).mean()
    shuffled = np.linalg.norm(view.mapped - view.target[::-1], axis=1).mean()
    assert near < 0.7 * shuffled


def test_what_cannot_be_drawn_is_told(tmp_path: Path):
    model = fit_once(Ridge(**SMALL), taste_world())
    with pytest.raises(DataError, match="found a recommender of kind 'history' that maps no vectors"):
        draw_alignment(fit_once(Popular(), taste_world()), tmp_path / "no.png")
    with pytest.raises(DataError, match="found a recommender of ratings, whose maps are not between vectors"):
        draw_alignment(fit_once(Ratings(), rating_world()), tmp_path / "no.png")
    with pytest.raises(DataError, match="found one space of all domains, and no map between two"):
        draw_alignment(fit_once(Similarity(), item_world()), tmp_path / "no.png")
    save_bundle(model, tmp_path / "lean", strategy="align/ridge", params={}, histories=False)
    with pytest.raises(DataError, match="expected an alignment saved with histories"):
        draw_alignment(load_bundle(tmp_path / "lean"), tmp_path / "no.png")
    with pytest.raises(OutputError, match=r"nowhere.no\.png: cannot be written"):
        draw_alignment(model, tmp_path / "nowhere" / "no.png")
    with pytest.raises(OutputError, match=r"no\.poem: cannot be written"):
        draw_alignment(model, tmp_path / "no.poem")
    assert not list(tmp_path.glob("no*"))
