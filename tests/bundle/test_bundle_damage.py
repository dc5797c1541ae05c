from __future__ import annotations

import hashlib
import json
import shutil
from io import BytesIO

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file, save_file

from foretaste.bundle import load_bundle, read_manifest, save_bundle
from foretaste.bundle._manifest import manifest_id
from foretaste.errors import BundleError
from recommender.toy_recommenders import USERS, factor_model, history_model

FILES = ["arrays.safetensors", "users.arrow", "items.arrow", "items.1.arrow"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    save_bundle(history_model("sparse"), folder, strategy="toy/strategy", params={})
    return folder


@pytest.fixture
def bundle(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "bundle")


def rewrite(bundle, **changes):
    """Change the manifest as somebody would who knows how its id is made."""
    place = bundle / "v1" / "manifest.json"
    manifest = json.loads(place.read_text()) | changes
    manifest["id"] = manifest_id(manifest)
    place.write_text(json.dumps(manifest))


def rewrite_arrays(bundle, **changes):
    place = bundle / "v1" / "arrays.safetensors"
    arrays = load_file(place) | changes
    save_file({name: array for name, array in arrays.items() if array is not None}, place)
    entry = {"sha256": hashlib.sha256(place.read_bytes()).hexdigest(), "bytes": place.stat().st_size}
    rewrite(bundle, files=json.loads((bundle / "v1" / "manifest.json").read_text())["files"] | {place.name: entry})


def refused(path, words):
    with pytest.raises(BundleError, match=words) as caught:
        load_bundle(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_named_with_both_sizes(bundle, name):
    place = bundle / "v1" / name
    whole = place.read_bytes()
    place.write_bytes(whole[:-3])
    refused(bundle, rf"{name}: found {len(whole) - 3} bytes, expected {len(whole)}; is it truncated\?")


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_found_wherever_it_is(bundle, name):
    place = bundle / "v1" / name
    whole = place.read_bytes()
    for position in range(0, len(whole), max(1, len(whole) // 20)):
        changed = bytearray(whole)
        changed[position] ^= 1 << position % 8
        place.write_bytes(changed)
        refused(bundle, f"{name}: changed since it was written: found SHA-256 .*, expected ")


def test_a_flipped_bit_in_the_manifest_is_found_wherever_it_is(bundle):
    place = bundle / "v1" / "manifest.json"
    whole = place.read_bytes()
    for position in range(0, len(whole), 5):
        changed = bytearray(whole)
        changed[position] ^= 1 << position % 8
        place.write_bytes(changed)
        refused(bundle, "manifest")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(bundle, name):
    (bundle / "v1" / name).unlink()
    refused(bundle, f"{name}: is missing, expected [0-9]+ bytes")


def test_a_missing_manifest_is_named(bundle):
    (bundle / "v1" / "manifest.json").unlink()
    refused(bundle, "CURRENT: names v1, but v1/manifest.json is missing")
    refused(bundle / "v1", "v1: not a bundle: manifest.json is missing")


@pytest.mark.parametrize(
    "text", ["", "{", "\x00\x01", '{"a": NaN}', "[" * 100_000, '{"format_version": 1, "a": 1e999}']
)
def test_a_manifest_that_is_not_json_is_an_error(bundle, text):
    (bundle / "v1" / "manifest.json").write_text(text)
    refused(bundle, r"manifest\.json: ")


@pytest.mark.parametrize("text", ["[]", "{}", "3", '{"format_version": "1"}', '{"format_version": true}'])
def test_json_that_is_no_manifest_is_an_error(bundle, text):
    (bundle / "v1" / "manifest.json").write_text(text)
    refused(bundle, "not a bundle's manifest: expected format_version 1")


def test_a_newer_format_is_refused_naming_both(bundle):
    (bundle / "v1" / "manifest.json").write_text('{"format_version": 2, "new": {}}')
    refused(bundle, "found format_version 2, expected 1 at most; a newer foretaste reads it")


def test_a_manifest_changed_by_hand_is_an_error(bundle):
    place = bundle / "v1" / "manifest.json"
    place.write_text(place.read_text().replace("toy/strategy", "my/strategy"))
    refused(bundle, "damaged: its id is '[0-9a-f]{64}', its contents have '[0-9a-f]{64}'")
    with pytest.raises(BundleError, match="damaged"):
        read_manifest(bundle)


@pytest.mark.parametrize("asked", ["out", "out/bundles"])
def test_the_folder_of_a_run_names_the_bundle_in_it(saved, tmp_path, asked):
    within = shutil.copytree(saved, tmp_path / "out" / "bundles" / "books__films")
    refused(tmp_path / asked, f"did you mean '{within}'")


def test_what_is_no_bundle_at_all_says_what_was_expected(tmp_path):
    refused(tmp_path, r"not a bundle: expected CURRENT or manifest\.json in it")
    refused(tmp_path / "nowhere", "not a bundle: expected a folder, found nothing")
    (tmp_path / "file").write_text("x")
    refused(tmp_path / "file", "not a bundle: expected a folder, found a file")
    refused(tmp_path / ("a" * 300), "a: cannot be read: File name too long")


@pytest.mark.parametrize("text", ["", "../v1", "v1/../../v1", "/etc", "v0", "version 1", "\xff"])
def test_a_pointer_that_names_no_version_is_an_error(bundle, text):
    (bundle / "CURRENT").write_text(text)
    refused(bundle, "CURRENT: found .* expected a version such as v1")


def test_a_pointer_to_a_version_that_is_not_there_is_an_error(bundle):
    (bundle / "CURRENT").write_text("v7\n")
    refused(bundle, r"CURRENT: names v7, but v7/manifest\.json is missing")


@pytest.mark.parametrize("name", ["../users.arrow", "/etc/passwd", "a/b.arrow", "..", ".", "", "a\\b.arrow"])
def test_a_file_name_that_leads_out_of_the_folder_is_refused(bundle, name):
    files = json.loads((bundle / "v1" / "manifest.json").read_text())["files"]
    rewrite(bundle, files=files | {name: files["users.arrow"]})
    refused(bundle, "expected a plain name such as arrays.safetensors, without a folder")


def test_a_link_that_leads_out_of_the_folder_is_refused(bundle):
    place = bundle / "v1" / "users.arrow"
    place.rename(bundle / "users.arrow")
    place.symlink_to(bundle / "users.arrow")
    refused(bundle, "users.arrow: leads out of the bundle")


def test_a_file_that_is_used_must_be_listed(bundle):
    manifest = json.loads((bundle / "v1" / "manifest.json").read_text())
    rewrite(bundle, users=manifest["users"] | {"file": "others.arrow"})
    refused(bundle, r"file 'others\.arrow' is needed but not listed")


def test_an_unknown_kind_or_key_is_refused(bundle):
    rewrite(bundle, kind="pickle")
    refused(bundle, "found kind 'pickle', expected one of .*factors, history")
    rewrite(bundle, kind="history", code="import os")
    refused(bundle, "manifest.json: code: ")


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("model.item_bias", np.zeros(3, np.float32), r"item_bias: found shape \(3,\), expected \(30,\)"),
        ("model.item_bias", None, "'item_bias' is missing"),
        ("roster.paths", np.zeros(3, np.uint8), r"paths: found shape \(3,\), expected \(52,\)"),
        ("roster.paths", np.full(len(USERS), 9, np.uint8), "paths: found 9, expected 0 to 3"),
        ("roster.popularity", np.zeros((2, 2)), r"popularity: found shape \(2, 2\), expected \(30,\)"),
        ("roster.seen.indices", np.zeros(3, np.int32), "."),
        ("history.books.indptr", np.zeros(3, np.int32), "."),
        ("model.side.books.offset", np.zeros(3, np.float32), "offset: found shape"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(bundle, name, array, words):
    rewrite_arrays(bundle, **{name: array})
    refused(bundle, f"its parts do not fit together: .*{words}")


@pytest.mark.parametrize("name", ["roster.seen", "history.books", "model.side.books"])
@pytest.mark.parametrize("wrong", [-1, 10_000_000])
def test_an_index_out_of_bounds_is_refused_before_it_is_followed(bundle, name, wrong):
    indices = load_file(bundle / "v1" / "arrays.safetensors")[f"{name}.indices"].copy()
    indices[-1] = wrong
    rewrite_arrays(bundle, **{f"{name}.indices": indices})
    refused(bundle, "its parts do not fit together")


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"sides": 3},
        {"sides": {"games": {"power": 0, "form": "dense"}}},
        {"sides": {"books": {"power": "x", "form": "sparse"}}},
        {"sides": {"books": {"power": [[1]], "form": "sparse"}}},
        {"sides": {"books": {"power": 0.5, "form": "pickle"}}},
        {"sides": {"books": None}},
    ],
)
def test_facts_that_do_not_fit_are_refused(bundle, facts):
    rewrite(bundle, facts=facts)
    refused(bundle, "its parts do not fit together")


@pytest.mark.parametrize("facts", [{"kappa": None}, {"kappa": -1}, {"encoders": {"books": {"regularization": 0}}}])
def test_facts_that_do_not_fit_a_factor_model_are_refused(tmp_path, facts):
    save_bundle(factor_model(), tmp_path, strategy="toy/strategy", params={})
    found = json.loads((tmp_path / "v1" / "manifest.json").read_text())["facts"]
    rewrite(tmp_path, facts=found | facts)
    refused(tmp_path, "its parts do not fit together")


def test_a_map_of_a_factor_model_that_is_no_matrix_is_refused(tmp_path):
    save_bundle(factor_model(), tmp_path, strategy="toy/strategy", params={})
    rewrite_arrays(tmp_path, **{"model.encoder.books.matrix": np.zeros(20, np.float32)})
    refused(tmp_path, "its parts do not fit together")


def test_a_shape_beyond_all_numbers_is_refused(bundle):
    matrices = json.loads((bundle / "v1" / "manifest.json").read_text())["matrices"]
    rewrite(bundle, matrices=matrices | {"roster.seen": [10**30, 30]})
    refused(bundle, "its parts do not fit together")


def test_ids_of_another_number_or_type_than_recorded_are_refused(bundle):
    manifest = json.loads((bundle / "v1" / "manifest.json").read_text())
    rewrite(bundle, users=manifest["users"] | {"rows": 3})
    refused(bundle, "users.arrow: found 52 String, expected 3 String")
    rewrite(bundle, users=manifest["users"] | {"file": "items.arrow"})
    refused(bundle, "items.arrow: found 30 Int64, expected 52 String")


def ids_in_another_column() -> bytes:
    written = BytesIO()
    pl.DataFrame({"name": USERS}).write_ipc(written)
    return written.getvalue()


@pytest.mark.parametrize("content", [b"not arrow at all", b"", ids_in_another_column()])
def test_a_file_of_ids_that_is_no_arrow_file_of_ids_is_refused(bundle, content):
    place = bundle / "v1" / "users.arrow"
    place.write_bytes(content)
    files = json.loads((bundle / "v1" / "manifest.json").read_text())["files"]
    entry = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    rewrite(bundle, files=files | {"users.arrow": entry})
    refused(bundle, "its parts do not fit together: users.arrow: not an Arrow file of ids")
