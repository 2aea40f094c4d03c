"""Tests of precisekit.report: figures against their definitions, and a table that fits."""

import json

import numpy as np
import pytest

import precisekit as pk
from precisekit.report import errors, split_report


@pytest.fixture
def report(fitted, plane):
    X, y = plane
    return split_report(fitted, X[:300], y[:300], X[300:], y[300:])


def test_figures_by_definition(report, fitted, plane):
    X, y = plane
    residual = fitted.predict(X[300:]) - y[300:]
    assert report.test_max_error == np.max(np.abs(residual))
    expected = np.linalg.norm(residual) / np.linalg.norm(y[300:])
    assert report.test_relative_rmse == pytest.approx(expected, rel=1e-12)
    assert (report.n_train, report.n_test) == (300, 100)
    assert report.train_relative_rmse == pytest.approx(
        np.linalg.norm(fitted.predict(X[:300]) - y[:300]) / np.linalg.norm(y[:300]), rel=1e-12
    )


def test_figures_of_the_fit(report, fitted):
    fit = fitted.report_
    assert report.rounding_floor == fit.rounding_floor
    assert (report.stop_reason, report.seconds, report.n_iter) == (
        fit.stop_reason,
        fit.seconds,
        fit.n_iter,
    )
    assert (report.network, report.activation, report.input_map) == ("4-8-1", "tanh", "both")
    assert report.n_params == fitted.theta_.size


def test_training_error_is_that_of_the_fit(fitted, plane):
    report = split_report(fitted, *plane, *plane)
    assert report.train_relative_rmse == pytest.approx(fitted.report_.relative_rmse, rel=1e-6)
    assert report.train_max_error == fitted.report_.max_error


def test_two_outputs_count_alike(plane):
    X, y = plane
    Y = np.column_stack([y, 1e6 * y])
    model = pk.MLPRegressor(hidden_layer_sizes=(3,), input_map="linear", max_iter=5).fit(X, Y)
    rmse, _ = errors(model, X, Y)
    assert rmse == pytest.approx(model.report_.relative_rmse, rel=1e-9)


def test_text(report):
    text = str(report)
    assert max(map(len, text.splitlines())) <= 80
    for word in ("4-8-1", "both", "49", f"{report.test_relative_rmse:.2e}", report.stop_reason):
        assert word in text
    rows = {line[:16].strip(): line[16:].split() for line in text.splitlines()}
    assert rows["samples"] == ["300", "100"]
    assert [float(x) for x in rows["relative RMSE"]] == pytest.approx(
        [report.train_relative_rmse, report.test_relative_rmse], rel=0.01
    )


def test_dict_is_json(report):
    assert json.loads(json.dumps(report.as_dict())) == report.as_dict()
