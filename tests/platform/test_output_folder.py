import json

import polars as pl
import pytest

from evaluation.toy_experiment import Shelf, Taste, Watch, experiment, platform, run, shop, write_shops
from foretaste import ConfigError, DataError, Experiment, OutputError, Platform, load_bundle
from foretaste.bundle import read_manifest
from foretaste.platform._output import Output, bundle_names


def watched(folder, watch, *transfers, new=False, **changed):
    return platform(watch).run(experiment(*transfers, **changed), folder=folder, new=new)


def test_an_equal_run_is_resumed_without_a_fit(shops):
    first = watched(shops, Watch())
    again = Watch()
    second = watched(shops, again)
    assert (again.pretrained, again.adapted, again.finished) == ([], [], [])
    assert second == first


def test_an_unfinished_run_goes_on(shops):
    two = ({"strategy": "toy/taste"}, {"source": "drugstore", "target": "grocery", "strategy": "toy/plain"})
    first = watched(shops, Watch(), *two)
    (shops / "out" / "transfers" / "1-drugstore__grocery.json").unlink()
    again = Watch()
    second = watched(shops, again, *two)
    assert [result.target for result in again.finished] == ["grocery"]
    assert set(again.adapted) == {"toy/popular", "toy/plain"}
    assert second.transfers[0] == first.transfers[0]


def test_a_transfer_whose_bundle_is_gone_is_run_again(shops):
    first = watched(shops, Watch())
    (shops / "out" / first.transfers[0].bundle).rename(shops / "elsewhere")
    again = Watch()
    second = watched(shops, again)
    assert again.adapted
    assert (shops / "out" / second.transfers[0].bundle).is_dir()


@pytest.mark.parametrize("change", ["seed", "data", "links", "features", "registry", "plugins"])
def test_another_run_in_the_same_folder_is_refused(shops, change):
    """Whatever a result depends on makes another run."""
    write = {"links": shops / "links.csv", "features": shops / "items.csv", "registry": shops / "mine.yaml"}
    write["links"].write_text("from_id,to_id\np000,p000\np001,p001\np002,p002\np004,p004\n")
    write["features"].write_text("item_id,colour\nd00,red\nd01,blue\n")
    write["registry"].write_text("version: 1\nrules:\n  - use: [{strategy: toy/taste}]\n")
    domains = {name: {"path": f"{name}.parquet"} for name in ("grocery", "drugstore")}
    domains["drugstore"]["item_features"] = "items.csv"
    spec = {"strategy": "toy/taste", "shared": "none", "links": {"users": "links.csv"}}

    def go(new=False, plugins=(), **changed):
        made = Platform([Shelf(*toys), *plugins], registry=write["registry"], entry_points=False)
        return made.run(experiment(spec, domains=domains, **changed), folder=shops, new=new)

    toys = platform()._host.catalog.strategies.values()
    go()
    changed, plugins = {}, ()
    if change == "seed":
        changed = {"seed": 8}
    elif change == "plugins":
        plugins = (Watch(),)
    elif change == "data":
        shop(3, "d").write_parquet(shops / "drugstore.parquet")
    else:
        write[change].write_text(
            write[change]
            .read_text()
            .replace("d01", "d02")
            .replace("p001", "p003")
            .replace("version: 1", "version: 1\n# said otherwise")
        )
    with pytest.raises(OutputError) as caught:
        go(plugins=plugins, **changed)
    assert str(caught.value) == (
        f"{shops / 'out'}: holds another run (other configuration, data or versions);"
        " choose another output folder, or --new to replace it"
    )
    go(new=True, plugins=plugins, **changed)
    go(plugins=plugins, **changed)


def test_a_plugin_file_that_was_changed_makes_another_run(shops):
    code = shops / "mine.py"
    code.write_text(
        "from foretaste import hookimpl\nforetaste_api = 1\n\n@hookimpl\ndef run_finished(result):\n    pass\n"
    )

    def go():
        toys = platform()._host.catalog.strategies.values()
        made = Platform([Shelf(*toys), "mine.py"], folder=shops, entry_points=False)
        return made.run(experiment(), folder=shops)

    assert go() == go()
    code.write_text(code.read_text() + "    return None\n")
    with pytest.raises(OutputError, match="holds another run"):
        go()


def test_the_place_of_the_files_makes_no_other_run(shops, tmp_path):
    first = run(shops)
    (tmp_path / "moved").mkdir()
    write_shops(tmp_path / "moved")
    assert run(tmp_path / "moved").fingerprint == first.fingerprint


def test_new_replaces_another_run(shops):
    run(shops, {"strategy": "toy/taste"}, {"strategy": "toy/plain"})
    watched(shops, Watch(), new=True)
    found = sorted(path.name for path in (shops / "out" / "transfers").iterdir())
    assert found == ["0-grocery__drugstore.json", "0-grocery__drugstore.people.parquet"]


@pytest.mark.parametrize("text", ["", "[]", "{}", "\x00"])
def test_a_damaged_run_is_an_error_and_new_replaces_it(shops, text):
    run(shops)
    (shops / "out" / "run.json").write_text(text)
    with pytest.raises(OutputError, match="is not a run of foretaste; choose another output folder, or --new"):
        run(shops)
    watched(shops, Watch(), new=True)


def test_a_damaged_transfer_is_an_error(shops):
    run(shops)
    (shops / "out" / "transfers" / "0-grocery__drugstore.json").write_text("{")
    with pytest.raises(OutputError, match="is damaged; run again with --new"):
        run(shops)


def test_files_of_others_stay(shops):
    """The output folder may be one that has a folder ``transfers`` of its own."""
    mine = shops / "transfers" / "money.json"
    mine.parent.mkdir()
    (mine.parent / "more").mkdir()
    mine.write_text("{}")
    for new in (False, True):
        platform().run(experiment(output="."), folder=shops, new=new)
        assert mine.exists()


@pytest.mark.parametrize("place", ["out", "out/transfers"])
def test_a_folder_that_cannot_be_written_is_an_error_before_any_fit(shops, place):
    blocked = shops / place
    blocked.parent.mkdir(exist_ok=True)
    blocked.write_text("a file stands here")
    watch = Watch()
    with pytest.raises(OutputError, match="out: cannot be written: "):
        watched(shops, watch)
    assert watch.adapted == []


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError("odd")])
def test_a_write_that_fails_midway_leaves_nothing(shops, monkeypatch, error):
    def half(table, path):
        path.write_bytes(b"half of it")
        raise error

    monkeypatch.setattr(pl.DataFrame, "write_parquet", half)
    expected = OutputError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected) as caught:
        run(shops)
    assert list((shops / "out" / "transfers").iterdir()) == []
    assert not (shops / "out" / "result.json").exists()
    if expected is OutputError:
        assert str(caught.value).endswith("people.parquet: cannot be written: No space left on device")


def test_a_run_that_failed_can_be_run_again(shops, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Output, "publish", lambda *_: (_ for _ in ()).throw(OutputError("full")))
        with pytest.raises(OutputError, match="full"):
            run(shops)
    assert run(shops).transfers[0].chosen == "toy/taste"


def test_what_lies_in_the_folder(shops):
    result = run(shops)
    out = shops / "out"
    assert sorted(path.name for path in out.iterdir()) == ["bundles", "result.json", "run.json", "transfers"]
    assert json.loads((out / "result.json").read_text())["fingerprint"] == result.fingerprint
    assert result.transfers[0].bundle == "bundles/grocery__drugstore/v1"
    served = load_bundle(out / "bundles" / "grocery__drugstore")
    assert served.recommend(["p000"], 3).lists[0].items


def test_the_output_may_be_named_apart(shops, tmp_path):
    result = platform().run(experiment(), folder=shops, output=tmp_path / "else" / "where")
    assert (tmp_path / "else" / "where" / result.transfers[0].bundle).is_dir()
    assert not (shops / "out").exists()


@pytest.mark.parametrize("name", ["Käse & Brot", "shop[1]"])
def test_names_beyond_plain_words_are_written_and_resumed(shops, name):
    (shops / "grocery.parquet").rename(shops / "g.parquet")
    domains = {name: {"path": "g.parquet"}, "drugstore": {"path": "drugstore.parquet"}}
    spec = {"source": name, "strategy": "toy/taste"}
    assert run(shops, spec, domains=domains) == run(shops, spec, domains=domains)
    assert [path.name for path in (shops / "out" / "bundles" / f"{name}__drugstore").glob("v*")] == ["v1"]


def test_the_same_transfer_listed_twice_has_two_bundles(shops):
    made = run(shops, {"strategy": "toy/taste"}, {"strategy": "toy/popular"})
    folders = [shops / "out" / "bundles" / name for name in ("grocery__drugstore", "grocery__drugstore+2")]
    assert [one.bundle for one in made.transfers] == [f"bundles/{folder.name}/v1" for folder in folders]
    assert [read_manifest(folder).strategy for folder in folders] == ["toy/taste", "toy/popular"]
    assert len(list((shops / "out" / "transfers").iterdir())) == 4


def test_transfers_whose_names_join_to_one_have_two_bundles(shops):
    names = ["a__b", "c", "a", "b__c"]
    for number, name in enumerate(names):
        shop(number, name[0]).write_parquet(shops / f"{name}.parquet")
    two = [{"source": "a__b", "target": "c"}, {"source": "a", "target": "b__c"}]
    domains = {name: {"path": f"{name}.parquet"} for name in names}
    made = run(shops, *(one | {"strategy": "toy/plain"} for one in two), domains=domains)
    assert [one.bundle for one in made.transfers] == ["bundles/a__b__c/v1", "bundles/a__b__c+2/v1"]
    assert read_manifest(shops / "out" / "bundles" / "a__b__c+2").domains.target == "b__c"


def test_names_that_differ_in_case_alone_have_folders_apart_everywhere():
    assert bundle_names(["A__b", "x__y", "a__B", "a__b"]) == ["A__b", "x__y", "a__B+2", "a__b+3"]


def test_two_sources_are_joined_in_names(shops):
    shop(5, "b").write_parquet(shops / "bakery.parquet")
    domains = {name: {"path": f"{name}.parquet"} for name in ("grocery", "bakery", "drugstore")}
    spec = {"source": ["grocery", "bakery"], "strategy": "toy/taste"}
    (result,) = run(shops, spec, domains=domains).transfers
    assert (result.source, result.bundle) == ("grocery+bakery", "bundles/grocery+bakery__drugstore/v1")
    assert len(result.facts) == 2
    assert list(result.audit["pairs"]) == ["grocery", "bakery"]


@pytest.mark.parametrize(
    "name", ["../up", "a/b", "a\\b", "..", ".hidden", "a+b", "", " ", "nul\0", "line\n", "end ", "/", "\x7f"]
)
def test_a_domain_name_that_could_leave_the_folder_is_refused(name):
    data = {
        "domains": {name: {"path": "a.csv"}, "b": {"path": "b.csv"}},
        "transfers": [{"source": name, "target": "b"}],
    }
    with pytest.raises(ValueError, match="domains give files and folders their names: found"):
        Experiment.model_validate(data)


def test_names_that_make_too_long_a_file_name_are_refused():
    data = {
        "domains": {"a" * 120: {"path": "a.csv"}, "b" * 120: {"path": "b.csv"}},
        "transfers": [{"source": "a" * 120, "target": "b" * 120}],
    }
    with pytest.raises(ValueError, match="names of 242 letters, which are too many"):
        Experiment.model_validate(data)


def test_a_transfer_without_a_source_is_refused():
    data = {"domains": {"b": {"path": "b.csv"}}, "transfers": [{"source": [], "target": "b"}]}
    with pytest.raises(ValueError, match="no source is named"):
        Experiment.model_validate(data)


def test_config_errors_come_before_the_output_folder_is_touched(shops):
    with pytest.raises(ConfigError):
        run(shops, {"strategy": "toy/tast"})
    assert not (shops / "out").exists()
    assert Taste.name == "toy/taste"


def test_a_run_that_failed_does_not_hold_the_folder(shops):
    with pytest.raises(DataError, match="leaves nobody to evaluate"):
        run(shops, holdout={"kind": "newcomers", "visible": 500})
    assert run(shops).transfers
