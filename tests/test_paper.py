"""Tests of the Feynman campaign: its table, its picture, and what it refuses."""

import csv

import pytest

from precisekit.paper import feynman
from precisekit.paper.__main__ import main

QUICK = ["feynman", "--time-limit", "5", "--target", "1e-8"]


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    folder = tmp_path_factory.mktemp("campaign")
    asked = ["--equations", "I.12.5", "Z.001", "--peers", "--output", str(folder)]
    assert main([*QUICK, *asked]) == 0
    return folder


def rows(folder):
    with open(folder / "feynman.csv", newline="") as file:
        assert file.readline().startswith("# time_limit=5.0 target=1e-08 seed=0 peers=True")
        return {row["id"]: row for row in csv.DictReader(file)}


def test_table(campaign):
    table = rows(campaign)
    assert set(table) == {"I.12.5", "Z.001"}
    for row in table.values():
        assert float(row["test"]) <= 1e-7
        assert float(row["test"]) <= float(row["bfgs"])
        assert 0 < float(row["sklearn"]) < 1
    assert table["I.12.5"]["variables"] == "2" and table["I.12.5"]["variables_left"] == "1"
    assert table["I.12.5"]["structure"].endswith(")")


def test_picture(campaign):
    assert (campaign / "feynman.png").read_bytes().startswith(b"\x89PNG")


def test_page(campaign):
    page = (campaign / "feynman.md").read_text()
    assert "2 equations: " in page
    assert page.count("\n| ") == 4  # headings, rule and two rows


def test_what_is_there_is_not_fitted_again(campaign, monkeypatch, capsys):
    monkeypatch.setattr(feynman, "fit_equation", None)
    asked = ["--equations", "I.12.5", "--peers", "--output", str(campaign)]
    assert main([*QUICK, *asked]) == 0
    assert "2 equations: " in capsys.readouterr().out


def test_a_row_cut_short_is_fitted_again(campaign, tmp_path, monkeypatch):
    text = (campaign / "feynman.csv").read_text()
    (tmp_path / "feynman.csv").write_text(text[: text.rindex(",")])
    fitted = []

    def fit(equation, settings):
        fitted.append(equation)
        return feynman.Row(equation, 1, 1, 1, 1e-9, 1e-9, 0, 0, 1, "", "", "", "")

    monkeypatch.setattr(feynman, "fit_equation", fit)
    main([*QUICK, "--peers", "--equations", "I.12.5", "Z.001", "--output", str(tmp_path)])
    assert fitted == [text.splitlines()[-1].split(",")[0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--equations", "I.99.9"], "no equation 'I.99.9' in the table"),
        (["--time-limit", "0"], "--time-limit must be positive"),
        (["--target", "-1"], "--target must be positive"),
        (["--workers", "0"], "--workers must be positive"),
    ],
)
def test_bad_arguments(arguments, message, tmp_path, capsys):
    assert main(["feynman", *arguments, "--output", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_results_of_other_settings_are_kept(campaign, capsys):
    before = (campaign / "feynman.csv").read_bytes()
    assert main(["feynman", "--time-limit", "6", "--output", str(campaign)]) == 2
    error = capsys.readouterr().err
    assert "holds results of other settings" in error and "time_limit=5.0" in error
    assert (campaign / "feynman.csv").read_bytes() == before


def test_an_output_that_cannot_be_made(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["feynman", "--output", str(tmp_path / "file" / "out")]) == 2
    assert "file" in capsys.readouterr().err
