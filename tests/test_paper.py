"""Tests of the paper's figures and of the Feynman campaign: tables, pictures, what is refused."""

import csv
import math
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import OptimizeResult

from precisekit import cli, io
from precisekit.network import MLP
from precisekit.optimize._result import CTRL_C
from precisekit.paper import (
    FIGURES,
    Value,
    _curves,
    _figures,
    _results,
    _scaling,
    _training,
    _values,
    feynman,
    figure1,
    figure2,
    figure3,
    figure4,
    figure6,
    figure7,
    figure8,
    figure9,
    figure10,
    run,
)
from precisekit.paper.__main__ import main
from precisekit.paper._figures import Reproduction
from precisekit.paper._training import Data, simplex_rmse, torch_init

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


def test_ctrl_c_ends_the_campaign(campaign, tmp_path, monkeypatch, capsys):
    """With a page of what is done, and nothing of the fit that was cut short."""

    def stopped(equation, settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(feynman, "fit_equation", stopped)
    asked = [*QUICK, "--peers", "--output", str(tmp_path)]
    assert main([*asked, "--equations", "I.12.5"]) == 130
    assert "goes on from here" in capsys.readouterr().err
    (tmp_path / "feynman.csv").write_bytes((campaign / "feynman.csv").read_bytes())
    assert main([*asked, "--equations", "I.9.18"]) == 130
    assert "2 equations: " in (tmp_path / "feynman.md").read_text()
    assert set(rows(tmp_path)) == {"I.12.5", "Z.001"}


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


# -- figures ---------------------------------------------------------------------------------------

SCALING = dict(
    samples=(20, 40), steps=5, seeds=2, test_points=200, taylor_widths=(2,), taylor_iterations=5
)
TINY = {
    "fig1": figure1.Settings(steps=20, test_every=10),
    "fig2": _scaling.SettingsWithSizes(**SCALING, sizes=1),
    "fig3": figure3.Settings(**SCALING, dense_widths=(6,), modular_widths=(6,), same_width_steps=1),
    "fig5": _scaling.SettingsWithSizes(**SCALING, sizes=1),
    "fig6": _scaling.SettingsWithSizes(**SCALING, sizes=1),
    "fig4": figure4.Settings(line=14, plane=13, cube=1024, radial=100),
    "fig7": figure7.Settings(samples=50, steps=20, seeds=2),
    "fig8": figure8.Settings(100, 10, 10, 2, 10, (1e-2, 1e-3), polynomials=1, points=50, steps=2),
    "fig9": figure9.Settings(100, 10, 0, 2, 10, (1e-2, 1e-3)),
    "fig10": figure10.Settings(seconds=0.1, dimensions=2),
}


@pytest.fixture
def tiny(monkeypatch):
    """Both scales of all figures, shrunk to seconds."""
    for name, settings in TINY.items():
        module = Reproduction.module_of(name)
        monkeypatch.setattr(module, "SCALES", {"quick": settings, "full": settings})


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """Figure 1, shrunk, with its values and its folder."""
    folder = tmp_path_factory.mktemp("figures")
    reproduction = Reproduction("fig1", "quick", folder, TINY["fig1"])
    reproduction.carry_out()
    return reproduction.finish(), folder


def test_every_figure_is_tested():
    assert set(TINY) == set(FIGURES)


@pytest.fixture(scope="module", params=FIGURES)
def complete(request, tmp_path_factory):
    """A figure, shrunk, all of whose runs are done."""
    folder = tmp_path_factory.mktemp(request.param)
    reproduction = Reproduction(request.param, "quick", folder, TINY[request.param])
    reproduction.run()
    return reproduction


def test_figure(complete):
    name = complete.figure
    assert complete.path(".png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in complete.path(".svg").read_text()[:1000]
    page = complete.path(".md").read_text()
    assert f"]({name}.png)" in page and f"precisekit paper {name} --scale quick" in page
    for value in complete.values:
        assert value.name in page
    assert complete.table.done == {run.name for run in complete.runs}
    assert "runs done" not in page and "not run yet" not in page


def finished_in_part(complete, runs, folder):
    """What a figure that is stopped after these runs leaves behind: its page."""
    part = Reproduction(complete.figure, "quick", folder, TINY[complete.figure])
    names = {run.name for run in runs}
    part.table.rows = [row for row in complete.table.rows if row.run in names]
    values = part.finish()
    assert [value.name for value in values] == [value.name for value in complete.values]
    page = part.path(".md").read_text()
    assert f"{len(runs)} of {len(complete.runs)} runs done: " in page
    return page


def test_a_figure_without_runs(complete, tmp_path):
    page = finished_in_part(complete, [], tmp_path)
    assert page.count("| not run yet |") == len(complete.values)
    assert (tmp_path / f"{complete.figure}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("share", [0.4, 0.8])
def test_part_of_a_figure(complete, share, tmp_path, monkeypatch):
    """The first runs only, or only the last; drawn without files, which take seconds."""

    def sketch(picture, path):
        picture.set_layout_engine("none")
        picture.draw_without_rendering()

    monkeypatch.setattr(_figures, "save_figure", sketch)
    monkeypatch.setattr(_figures, "_save_png", lambda picture, path: None)
    n = int(share * len(complete.runs))
    for runs in (complete.runs[:n], complete.runs[len(complete.runs) - n :]):
        finished_in_part(complete, runs, tmp_path)


def test_a_stopped_figure_goes_on(first, tmp_path, monkeypatch):
    values, folder = first
    lines = (folder / "fig1.csv").read_text().splitlines(keepends=True)
    (tmp_path / "fig1.csv").write_text("".join(lines[:4]))
    done = []
    carry_out = figure1.carry_out

    def counted(run, settings):
        done.append(run.name)
        return carry_out(run, settings)

    monkeypatch.setattr(figure1, "carry_out", counted)
    reproduction = Reproduction("fig1", "quick", tmp_path, TINY["fig1"])
    reproduction.carry_out()
    assert len(done) == len(lines) - 4 and not any(line.startswith(done[0]) for line in lines[:4])
    assert reproduction.finish() == values  # the same bits, stopped or not


def test_a_training_that_was_stopped_goes_on(tmp_path, monkeypatch):
    """To the same bits: what it had come to is beside the table."""
    settings = replace(TINY["fig2"], steps=40)

    def figure(folder):
        return Reproduction("fig2", "quick", tmp_path / folder, settings, only=["Z.001 relu"])

    whole = figure("whole")
    whole.carry_out()
    limits, minimize = [], _training.minimize

    def half(*arguments, maxiter, **options):
        limits.append(maxiter)
        result = minimize(*arguments, maxiter=20, **options)
        result.status = CTRL_C[0]
        return result

    with monkeypatch.context() as patch:
        patch.setattr(_training, "minimize", half)
        with pytest.raises(KeyboardInterrupt):
            figure("cut").carry_out()
    name = whole.table.rows[0].run
    assert [path.name for path in (tmp_path / "cut").iterdir() if path.suffix != ".csv"] == [
        f"fig2 {name}.unfinished"
    ]

    def rest(*arguments, maxiter, **options):
        limits.append(maxiter)
        return minimize(*arguments, maxiter=maxiter, **options)

    monkeypatch.setattr(_training, "minimize", rest)
    cut = figure("cut")
    cut.carry_out()
    assert limits == [40, 20] + [40] * (len(whole.table.rows) - 1)
    assert [path.name for path in (tmp_path / "cut").iterdir()] == ["fig2.csv"]
    for row, other in zip(cut.table.rows, whole.table.rows, strict=True):
        assert replace(row, seconds=0.0) == replace(other, seconds=0.0)


_CUT = replace(TINY["fig8"], low_curvature=12, adam=12, steps=12)


@pytest.mark.parametrize(
    ("name", "run", "settings"),
    [
        ("fig8", "teacher: BFGS, low curvature, boosting", _CUT),
        ("fig8", "x^2: Adam, rate 0.01", _CUT),
        ("fig8", "polynomial: 0", _CUT),
        ("fig7", "seed 0", replace(TINY["fig7"], steps=36)),
    ],
)
def test_a_run_of_several_stages_goes_on(name, run, settings, tmp_path, monkeypatch):
    """Ctrl-C after each five records of low curvature and of Adam, and the same rows."""
    monkeypatch.setattr(figure7, "_STUDENT", [1, 8, 8, 1])
    monkeypatch.setattr(figure7, "_APART", 3)

    def figure(folder):
        return Reproduction(name, "quick", tmp_path / folder, settings, only=[run])

    whole = figure("whole")
    whole.carry_out()
    minimize = _training.minimize

    def stopped(objective, theta, method, *, callback, **options):
        seen = 0

        def watch(state):
            nonlocal seen
            seen += 1
            stop = seen == 6 and method != "bfgs"
            if stop and stops % 2:  # before it is recorded, or after that
                signal.raise_signal(signal.SIGINT)
            callback(state)
            if stop:
                signal.raise_signal(signal.SIGINT)

        return minimize(objective, theta, method, callback=watch, **options)

    monkeypatch.setattr(_training, "minimize", stopped)
    stops = 0
    while not figure("cut").table.rows:
        try:
            figure("cut").carry_out()
        except KeyboardInterrupt:
            stops += 1
        assert stops < 100
    assert stops >= 2
    assert [path.name for path in (tmp_path / "cut").iterdir()] == [f"{name}.csv"]
    rows = figure("cut").table.rows
    for row, other in zip(rows, whole.table.rows, strict=True):
        if name == "fig8":
            row.seconds = other.seconds = 0.0
        assert repr(row) == repr(other)  # NaN where there are no test samples


def test_what_other_settings_left_is_refused(tmp_path, monkeypatch):
    def follow(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(_training, "minimize", follow)
    name = "x^2: Adam, rate 0.01"
    with pytest.raises(KeyboardInterrupt):
        Reproduction("fig8", "quick", tmp_path, TINY["fig8"], only=[name]).carry_out()
    (tmp_path / "fig8.csv").unlink()
    other = Reproduction("fig8", "quick", tmp_path, replace(TINY["fig8"], adam=11), only=[name])
    with pytest.raises(ValueError, match=r"0\.01\.unfinished is of other settings"):
        other.carry_out()
    (tmp_path / f"fig8 {name}.unfinished").write_text("{")
    with pytest.raises(ValueError, match=r"0\.01\.unfinished is damaged"):
        other.carry_out()


def test_rows_are_written_as_they_come(tmp_path, monkeypatch):
    carry_out = figure1.carry_out

    def stopped(run, settings):
        if run.panel == "1b":
            raise KeyboardInterrupt
        return carry_out(run, settings)

    monkeypatch.setattr(figure1, "carry_out", stopped)
    reproduction = Reproduction("fig1", "quick", tmp_path, TINY["fig1"])
    with pytest.raises(KeyboardInterrupt):
        reproduction.carry_out()
    assert (tmp_path / "fig1.csv").read_text().count("\n1a ") == 3


def test_ctrl_c(tiny, tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):  # what minimize() returns when Ctrl-C ends it
        return OptimizeResult(status=CTRL_C[0], x=np.zeros(46), fun=0.0)

    monkeypatch.setattr(_training, "minimize", interrupted)
    assert main(["fig1", "--output", str(tmp_path)]) == 130
    assert "goes on from here" in capsys.readouterr().err
    assert (tmp_path / "fig1.csv").read_text().count("\n") == 2  # half a run has no row
    assert (tmp_path / "fig1.png").exists()


# Networks that would train for days, and interpolation that is there at once.
ENDLESS = """
import sys
from precisekit.paper import figure1
from precisekit.paper.__main__ import main
figure1.SCALES["quick"] = figure1.Settings(steps=10**9, test_every=10**6)
sys.exit(main(["fig1", "--only", "1a", "--workers", "3", "--output", sys.argv[1]]))
"""


@pytest.mark.parametrize(
    "stop",
    [
        pytest.param(lambda process: process.send_signal(signal.SIGINT), id="SIGINT"),
        pytest.param(lambda process: process.send_signal(signal.SIGTERM), id="SIGTERM"),
        pytest.param(lambda process: os.killpg(process.pid, signal.SIGINT), id="Ctrl-C"),
        pytest.param(lambda process: os.killpg(process.pid, signal.SIGTERM), id="timeout"),
    ],
)
def test_a_stopped_command(stop, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert "1a simplex" in process.stdout.readline()
        stop(process)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "goes on from here" in error and "Traceback" not in error
    assert (tmp_path / "fig1.csv").read_text().count("\n1a simplex,") == 1
    assert (tmp_path / "fig1.png").exists()
    assert (
        "1 of 6 runs done: 1 of 1 values met, 5 not run yet" in (tmp_path / "fig1.md").read_text()
    )
    with pytest.raises(ProcessLookupError):  # none of its processes is left
        os.killpg(process.pid, 0)


def test_ctrl_c_while_rows_are_written(first, tmp_path, monkeypatch):
    _, folder = first
    table = Reproduction("fig1", "quick", folder, TINY["fig1"]).table
    table.path = tmp_path / "fig1.csv"
    write, stops = io.atomic_write, [KeyboardInterrupt]

    def interrupted(path):
        if stops:
            raise stops.pop()
        return write(path)

    monkeypatch.setattr(io, "atomic_write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        table.add()
    assert table.path.read_bytes() == (folder / "fig1.csv").read_bytes()


def test_two_commands_fill_one_table(first, tmp_path):
    tables = [Reproduction("fig1", "quick", tmp_path, TINY["fig1"]).table for _ in range(2)]
    _, folder = first
    found = Reproduction("fig1", "quick", folder, TINY["fig1"]).table.rows
    for table, row in zip(tables, found):
        table.add(row)
    tables[0].add(found[2])
    kept = Reproduction("fig1", "quick", tmp_path, TINY["fig1"]).table
    assert kept.done == {row.run for row in found[:3]} and len(kept.rows) == 3


def test_only_some_runs(tiny, tmp_path, capsys):
    asked = ["--only", "simplex", "1a norm", "--output", str(tmp_path)]
    assert main(["fig1", *asked]) == 0
    output = capsys.readouterr().out
    assert "3 of 3" in output and "3 not run yet" in output
    page = (tmp_path / "fig1.md").read_text()
    assert f"--only simplex '1a norm' --output {tmp_path}`" in page
    assert "3 of 6 runs done: " in page
    assert len(run("fig1", output=tmp_path)) == 6  # and the rest
    assert "runs done" not in (tmp_path / "fig1.md").read_text()


def test_only_runs_that_there_are(tmp_path, capsys):
    assert main(["fig1", "--only", "1a", "1c", "--output", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "only: fig1 has no run with '1c' in its name; the first is '1a unnormalised'" in error
    assert not list(tmp_path.iterdir())


def test_executor(first, tmp_path):
    values, _ = first
    with ThreadPoolExecutor(2) as executor:
        submitted = []
        submit = executor.submit
        executor.submit = lambda *args: submitted.append(args) or submit(*args)
        reproduction = Reproduction("fig1", "quick", tmp_path, TINY["fig1"])
        reproduction.carry_out(executor)
    assert len(submitted) == len(reproduction.table.rows) == 6
    assert reproduction.finish() == values


def test_workers(first, tmp_path, tiny):
    values, _ = first
    assert run("fig1", output=tmp_path, workers=2) == values


def test_a_failure_ends_the_others():
    begun = []

    def fails(task):
        begun.append(task)
        if task == 1:
            raise ArithmeticError("one")
        time.sleep(0.05)

    with ThreadPoolExecutor(1) as executor, pytest.raises(ArithmeticError, match="one"):
        list(_results.completed(fails, range(100), executor=executor))
    assert len(begun) < 100


def test_command(tiny, tmp_path, capsys):
    assert cli.main(["paper", "fig1", "--output", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    assert "1b simplex" in output and "6 of 6" in output and "| 1a simplex, test RMSE |" in output


def test_all(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(_figures, "FIGURES", {name: FIGURES[name] for name in ("fig1", "fig6")})
    assert main(["all", "--output", str(tmp_path)]) == 0
    page = (tmp_path / "index.html").read_text()
    assert page.count("data:image/png;base64,") == page.count("<h2 ") == 2
    assert "src=" not in page.replace('src="data:', "")  # nothing from elsewhere


def test_all_stopped(tiny, tmp_path, monkeypatch, capsys):
    def stopped(run, settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(_figures, "FIGURES", {name: FIGURES[name] for name in ("fig1", "fig4")})
    monkeypatch.setattr(figure4, "carry_out", stopped)
    assert main(["all", "--output", str(tmp_path)]) == 130
    assert "index.html has what is done" in capsys.readouterr().err
    page = (tmp_path / "index.html").read_text()
    assert page.count("<h2 ") == 2 and "0 of 19 runs done: " in page


def test_all_is_refused_before_anything_runs(tiny, tmp_path, monkeypatch, capsys):
    last = list(FIGURES)[-1]
    (tmp_path / f"{last}.csv").write_text("# steps=1\n")
    monkeypatch.setattr(figure1, "carry_out", None)
    assert main(["all", "--output", str(tmp_path)]) == 2
    assert f"{last}.csv holds results of other settings" in capsys.readouterr().err


@pytest.mark.parametrize("command", [main, lambda arguments: cli.main(["paper", *arguments])])
def test_unknown_figure(command, capsys):
    with pytest.raises(SystemExit) as stop:
        command(["fig11"])
    assert stop.value.code == 2
    assert "fig11" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"figure": "fig11"}, "there is no figure 'fig11'; there are fig1"),
        ({"figure": "fig1", "scale": "small"}, "scale must be 'quick' or 'full'"),
        ({"figure": "fig1", "workers": 0}, "workers must be positive, got 0"),
    ],
)
def test_bad_options(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        run(**options, output=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_figure_with_other_settings_is_kept(first, capsys):
    _, folder = first
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert main(["fig1", "--output", str(folder)]) == 2
    error = capsys.readouterr().err
    assert "holds results of other settings (steps=20" in error and "asked: steps=25000" in error
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_damaged_table(first, tmp_path, capsys):
    _, folder = first
    text = (folder / "fig1.csv").read_text()
    for damaged, message in [
        (text.replace("1a simplex,46", "1a simplex,many"), "fig1.csv:5 cannot be read"),
        (text.replace("parameters", "params"), "has other columns than run, parameters"),
    ]:
        (tmp_path / "fig1.csv").write_text(damaged)
        with pytest.raises(ValueError, match=message):
            Reproduction("fig1", "quick", tmp_path, TINY["fig1"])


def test_a_folder_that_cannot_be_made(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["fig1", "--output", str(tmp_path / "file" / "out")]) == 2
    assert "file/out cannot be made: Not a directory" in capsys.readouterr().err


def test_values():
    def met(kind, ours):
        return Value("x", 2.0, kind, ours).met

    assert [met("read", ours) for ours in (0.01, 1.0, 4.0, 4.01)] == [True, True, True, False]
    assert [met("graph", ours) for ours in (0.01, 0.7, 6.0, 6.1)] == [True, True, True, False]
    assert [met("goal", ours) for ours in (1e-9, 2.0, 2.1)] == [True, True, False]
    assert met("read", math.nan) is None and met("read", math.inf) is False
    values = [Value("x", 2.0, "read", ours) for ours in (1.0, 5.0, math.nan)]
    assert _values.summary(values) == "1 of 2 values met, 1 not run at this scale"
    assert _values.summary([Value("x", 2.0, "read", pending=True)]) == (
        "0 of 0 values met, 1 not run yet"
    )
    assert _values.cells(values[1]) == ("x", "2", "read", "5", "2.5", "within 2", "no")
    assert _values.markdown(values).splitlines()[-1].endswith("| not run at this scale |")


def test_errors_below_the_published():
    error = Value("error", 2.0, "read", 0.5)
    assert error.met and error.better and error.verdict == "yes, better"
    within = Value("error", 2.0, "read", 1.0)
    assert within.met and not within.better and within.verdict == "yes"
    assert _values.summary([error, within]) == "2 of 2 values met (1 better than published)"
    eigenvalue = Value("eigenvalue", 2.0, "read", 0.5, is_error=False)
    assert not eigenvalue.met and not eigenvalue.better and eigenvalue.verdict == "no"
    assert not Value("goal", 2.0, "goal", 0.01).better  # a bound of our own is to be passed


def test_data_of_the_paper():
    # the errors that SciPy's interpolation has on the paper's samples, in the titles of Figure 1
    panels = {"1a": (2.18e-2, 0), "1b": (1.88e-2, 0)}
    for panel, (published, _) in panels.items():
        test, dropped = simplex_rmse(figure1._PROBLEMS[panel].data)
        assert test == pytest.approx(published, rel=3e-3)
        assert dropped == 0
    data = Data.drawn(lambda X: X[:, 0] * X[:, 1] ** 2 / 2, [1, 1], [5, 5], 64, 0)
    assert data.X_test.min() >= 1.4 and data.X_test.max() <= 4.6
    test, dropped = simplex_rmse(data)
    assert test == pytest.approx(2.139e-1, rel=1e-3) and dropped == 77


def test_weights_of_torch():
    # torch.manual_seed(0); torch.nn.Linear(2, 2): its weights and biases in float64
    theta = torch_init([2, 2], np.random.RandomState(0))
    expected = [
        0.6647553301890121,
        0.29390167076471757,
        -0.05744119269283829,
        0.595027081222347,
        0.20509507754883882,
        0.411745297777725,
    ]
    np.testing.assert_allclose(theta, expected, rtol=1e-14)


def test_orders_of_splines():
    """Each halving of the grid's spacing divides the error by 2**(degree + 1)."""
    for degree in (1, 3):
        f, (fine, coarse) = figure4._PANELS["1-D"], (161, 81)
        errors = [f.error(figure4._interpolant(f"degree {degree}", f, n)) for n in (coarse, fine)]
        assert np.log2(errors[0] / errors[1]) == pytest.approx(degree + 1, abs=0.5)


def rows_of(run, **settings):
    return _scaling.carry_out(run, _scaling.Settings(**{**SCALING, **settings}))[0]


def test_networks_have_as_many_parameters_as_interpolation():
    # 64 samples in three dimensions are 256 parameters
    simplex = rows_of(_scaling.Run("I.30.5", "simplex", seed=0, samples=64), test_points=30_000)
    assert (simplex.parameters, simplex.dropped) == (256, 1906)
    assert simplex.test == pytest.approx(8.737e-3, rel=1e-3)  # SciPy's, for these samples
    network = rows_of(_scaling.Run("I.30.5", "relu", seed=0, depth=2, width=51, batch=10_000))
    assert (network.parameters, network.samples) == (256, 64)


def test_modular_networks_of_the_paper():
    # the published sizes of the check at equal width, and of the largest of Figure 3
    sizes = {
        ("I.8.14", "modular relu", 6, 100): 16_003,
        ("I.8.14", "relu", 6, 100): 41_001,
    }
    for (equation, method, depth, width), size in sizes.items():
        run = _scaling.Run(equation, method, seed=0, depth=depth, width=width)
        net = _scaling.Training.of(run, _scaling.Settings(**SCALING)).net
        assert net.n_params == size


def test_training_lowers_the_error():
    run = _scaling.Run("I.8.14", "modular relu", seed=0, depth=4, width=12, batch=30_000)
    few, many = (rows_of(run, steps=steps) for steps in (1, 1000))
    assert many.test < 0.5 * few.test and many.train < 0.5 * few.train


def test_figure_2_medians_and_best():
    def row(width, seed, test):
        return _scaling.Row("", "Z.001", "relu", 2, width, 10 * width, 1, seed, test, 0.0, 0, 0.0)

    rows = [row(1, 0, 3.0), row(1, 1, 1.0), row(1, 2, 2.0), row(2, 0, 5.0)]
    assert _curves.median(rows, width=1) == 2.0
    assert math.isnan(_curves.median(rows, width=3))
    assert _curves.best(rows, "Z.001", "relu", 2, widest=2) == 2.0
    assert math.isnan(_curves.best(rows, "Z.001", "relu", 2, widest=3))
    assert all(value.met is None for value in figure2.published(rows, TINY["fig2"]))


def test_a_network_that_multiplies():
    """But for rounding, it errs by the second power of its scale."""
    X = np.random.default_rng(0).uniform(1, 5, (500, 6))
    net, truth = MLP([6, 12, 1]), np.sum(X[:, :3] * X[:, 3:], axis=1)
    coarse, fine = (
        np.max(np.abs(net.forward(figure6._multiplying(scale), X) - truth))
        for scale in (1e-2, 1e-3)
    )
    assert coarse / fine == pytest.approx(100, rel=0.05) and fine < 2e-3
