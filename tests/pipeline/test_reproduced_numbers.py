"""The scripts beside a report name every number once, hold nobody's answers, and find what was altered."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM

from analysis.commands.source import encoding_in_r
from analysis.commands.validate import run_command
from analysis.disclosure.shared import to_share
from analysis.pipeline import Validation, validate
from analysis.pipeline.topics import TOPICS
from analysis.simulation.simulate_study import simulate_study
from analysis.twins.again import differing, told
from analysis.twins.analysed import write_analysed
from analysis.twins.parts import METHOD, VALUES, Reason, TwinError, Twins, numbers_of, sort_numbers
from analysis.twins.script import LIBRARY, literal, places, r_script, section_script
from instrument.definition import Instrument
from instrument.errors import DefinitionError
from instrument.loading import load
from instrument.scoring.score import reverse_key
from instrument.study import as_study

CALL = re.compile(r'^twin\("(\w+)", (.*), "(\w+)", ([^,(]+|c\([\d, ]+\)),$')
LEFT = re.compile(r'^without\("(\w+)", c\((.*?)\), ([\d:]+|c\([\d, ]+\)), "(.*)"\)$')


def rows_of(text: str) -> list[int]:
    if ":" in text:
        first, last = text.split(":")
        return list(range(int(first), int(last) + 1))
    return [int(number) for number in re.findall(r"\d+", text)]


def listed(lines: list[str]) -> Counter[tuple[str, str, str, int]]:
    """Numbers that the lines of a script name, by section, table, column and row."""
    found: Counter[tuple[str, str, str, int]] = Counter()
    section, table, rows = "", "", [0]
    for line in lines:
        if line.startswith("section("):
            section = json.loads(line[len("section(") : -1])
        elif line.startswith("twin("):
            match = CALL.match(line)
            assert match is not None, line
            table, rows = match[3], rows_of(match[4])
        elif line.startswith("  numbers = c("):
            inside = line[len("  numbers = c(") : line.index("), digits")]
            columns = [part.split(" = ")[0].strip("`") for part in inside.split(", ")]
            found.update((section, table, column, row - 1) for column in columns for row in rows)
        elif line.startswith("without("):
            match = LEFT.match(line)
            assert match is not None, line
            columns = json.loads(f"[{match[2]}]")
            found.update(
                (section, match[1], column, row - 1) for column in columns for row in rows_of(match[3])
            )
    return found


def lines_of(tree: dict[str, Any]) -> list[str]:
    return [line for name, section in tree["sections"].items() for line in section_script(name, section)]


def test_every_number_is_listed_exactly_once(tree: dict[str, Any]) -> None:
    stands = {
        (name, *address): cell
        for name, section in tree["sections"].items()
        for address, cell in numbers_of(section)
    }
    found = listed(lines_of(tree))
    assert not set(stands) - set(found)
    assert not [address for address in stands if found[address] != 1]
    assert len(stands) > 900


def test_numbers_of_the_first_sections_have_calls_of_r(tree: dict[str, Any]) -> None:
    for name, at_least in (
        ("items", 250),
        ("scores", 30),
        ("reliability", 90),
        ("models", 100),
        ("retest", 20),
    ):
        calls = list(sort_numbers(tree["sections"][name]).calls)
        count = sum(
            sum(1 for address, _ in numbers_of(tree["sections"][name]) if _claims(call, address))
            for call in calls
        )
        assert count >= at_least, name


def _claims(call: Any, address: tuple[str, str, int]) -> bool:
    return call["table"] == address[0] and address[1] in call["numbers"] and address[2] in call["rows"]


def test_places_without_a_number_are_told_to_r_and_no_other(tree: dict[str, Any]) -> None:
    """R takes a place that is empty now, and was not when the script was written, for a number that was lost."""
    told = 0
    for name, section in tree["sections"].items():
        held = {address for address, _ in numbers_of(section)}
        calls = [line for line in section_script(name, section) if line.startswith("  numbers = c(")]
        for line, call in zip(calls, sort_numbers(section).calls, strict=True):
            expected = {
                column: [row + 1 for row in call["rows"] if (call["table"], column, row) not in held]
                for column in call["numbers"]
            }
            expected = {column: rows for column, rows in expected.items() if rows}
            wanted = f", empty = {literal(expected)})" if expected else ")"
            assert line.endswith(f"exact = {literal(call['exact'])}{wanted}")
            told += len(expected)
    assert told > 0


def test_two_calls_for_one_number_are_refused() -> None:
    twins = Twins()
    twins.add("n", {"n": "n"}, table=METHOD)
    twins.add("n", {"n": "n"}, table=METHOD)
    section = {"tables": {}, "values": {}, "method": {"n": 3}, "captions": {}, "twins": twins.plain()}
    with pytest.raises(TwinError, match=r"two calls of R claim method\.n\.0"):
        sort_numbers(section)


def test_a_number_of_which_nothing_is_said_is_listed_as_such() -> None:
    section = {
        "tables": {"new": {"label": ["a"], "cell": [1.5]}},
        "values": {"one": 2, "yes": True},
        "method": {"n": None},
        "captions": {"new": {}},
    }
    found = sort_numbers(section)
    assert found.reasons == {Reason.NOT_WRITTEN: [("new", "cell", 0), (VALUES, "one", 0)]}


def balanced(script: str) -> bool:
    """Whether brackets close in their order, outside of texts and comments."""
    closing, stack, quote, at = {")": "(", "]": "[", "}": "{"}, [], "", 0
    while at < len(script):
        sign = script[at]
        if quote:
            at += 1 if sign == "\\" else 0
            quote = "" if sign == quote else quote
        elif sign == "#":
            at = script.find("\n", at)
        elif sign in "\"'`":
            quote = sign
        elif sign in "([{":
            stack.append(sign)
        elif sign in closing and (not stack or stack.pop() != closing[sign]):
            return False
        at += 1
    return not stack and not quote


def test_the_script_is_balanced_ascii_and_calls_only_functions_it_holds(tree: dict[str, Any]) -> None:
    script = r_script(tree)
    assert balanced(script)
    assert not balanced(script + ")")
    assert script.isascii()
    called = set(re.findall(r'^twin\("(\w+)"', script, re.MULTILINE))
    held = set(re.findall(r"^twin_(\w+) <- function", script, re.MULTILINE))
    assert called <= held
    assert len(called) > 15


@pytest.mark.parametrize(
    "text",
    [
        'a "quoted" one',
        "back\\slash",
        "line\nbreak",
        "O'Neill",
        "naïve",
        "🙂 x",
        "\\U0001",
        "{x}",
        "`tick`",
        "",
    ],
)
def test_any_label_is_one_text_of_r(text: str) -> None:
    written = literal(text)
    assert written.isascii() and "\n" not in written and balanced(written)
    back = re.sub(r"(?<!\\)\\U([0-9a-f]{8})", lambda match: chr(int(match[1], 16)), written)

    assert json.loads(back) == text
    assert balanced(literal({text or "x": [text, text]}))


@pytest.mark.parametrize(
    "word", ["if", "TRUE", "NULL", "Inf", "NaN", "NA", "NA_integer_", "next", "in", "else"]
)
def test_words_of_r_are_quoted_as_names(word: str) -> None:
    assert literal({word: 1, f"{word}_": 2}) == f"list(`{word}` = 1, {word}_ = 2)"


@pytest.mark.parametrize(
    ("python", "iconv"),
    [
        ("latin-1", "iso8859-1"),
        ("latin9", "iso8859-15"),
        ("utf_8", "UTF-8-BOM"),
        ("windows-1252", "cp1252"),
        ("mac_roman", "MACINTOSH"),
        ("euc_jp", "euc-jp"),
    ],
)
def test_encodings_are_named_as_iconv_knows_them(python: str, iconv: str) -> None:
    assert encoding_in_r(python) == iconv


def test_rows_are_counted_from_one() -> None:
    assert [rows_of(places(rows)) for rows in ([0], [0, 1], [2, 4], [3, 2])] == [[1], [1, 2], [3, 5], [4, 3]]


def test_scripts_hold_no_person_and_no_path(
    tree: dict[str, Any], answers: pd.DataFrame, tmp_path: Path
) -> None:
    Validation(tree=tree).write(tmp_path / "out", forms=())
    for name in ("reproduce.R", "reproduce.py"):
        text = (tmp_path / "out" / name).read_text("utf-8")
        assert not [person for person in answers["participant"].unique() if f'"{person}"' in text]
        assert str(tmp_path) not in text


def test_a_report_made_to_be_shared_has_no_script(validation: Validation, tmp_path: Path) -> None:
    shared = to_share(validation)
    assert "twins" not in json.dumps(shared.tree)
    shared.write(tmp_path / "out", forms=())
    assert not list((tmp_path / "out").glob("reproduce*"))


def test_every_topic_says_which_numbers_r_can_make(tree: dict[str, Any]) -> None:
    silent = {topic.name for topic in TOPICS if not topic.twins.__doc__}
    assert not silent & {
        "flow",
        "items",
        "scores",
        "reliability",
        "models",
        "groups",
        "irt",
        "validity",
        "retest",
    }


@pytest.fixture
def files(tmp_path: Path, scale: Instrument, answers: pd.DataFrame) -> Path:
    """Answers of one wave and an instrument, as files."""
    folder = tmp_path / "data"
    folder.mkdir()
    answers[answers["wave"] == 1].head(90).to_csv(folder / "answers.csv", index=False)
    (folder / "scale.yaml").write_text(
        yaml.safe_dump(scale.model_dump(mode="json", by_alias=True, exclude_defaults=True)), encoding="utf-8"
    )
    return folder


def altered(tree: dict[str, Any], path: list[Any], change: float) -> dict[str, Any]:
    made = copy.deepcopy(tree)
    at: Any = made
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] += change
    return made


@pytest.mark.parametrize(
    "path",
    [
        ["sections", "reliability", "tables", "alpha", "alpha", 1],
        ["sections", "items", "values", "item_rest_lowest"],
        ["sections", "models", "method", "n"],
        ["sections", "scores", "findings", 0, "value"],
        ["meta", "participants"],
    ],
    ids=lambda path: path[1],
)
def test_one_altered_number_is_named(tree: dict[str, Any], path: list[Any], capsys: Any) -> None:
    assert told(tree, tree) == 0
    assert told(altered(tree, path, 1), tree) == 1
    last = path[-1]
    name = f"{path[-2]}[{last}]" if isinstance(last, int) else str(last)
    assert f"{name}: " in capsys.readouterr().out
    assert len(list(differing(altered(tree, path, 1e-6), tree))) == 1


def test_what_stands_in_one_tree_only_is_named(tree: dict[str, Any]) -> None:
    fewer = copy.deepcopy(tree)
    del fewer["sections"]["items"]["tables"]["statistics"]["mean"][3]
    assert "12 entries" in " ".join(differing(tree, fewer))
    fewer = copy.deepcopy(tree)
    fewer["sections"]["items"]["values"]["item_rest_lowest"] = None
    assert "no number again" in " ".join(differing(tree, fewer))


def test_the_script_of_a_command_makes_the_report_again(
    files: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    out = tmp_path / "out"
    monkeypatch.chdir(files)
    run_command(
        ["validate", "answers.csv", "-i", "scale.yaml", "--out", str(out), "--forms", "", "--seed", "4"]
    )
    script = (out / "reproduce.R").read_text("utf-8")
    assert 'files <- list(responses = "answers.csv")' in script
    command = [sys.executable, str(out / "reproduce.py"), str(files)]
    results = json.loads((out / "results.json").read_text("utf-8"))
    wrong = altered(results, ["sections", "reliability", "tables", "alpha", "omega_ci_lower", 0], 0.001)
    (out / "results.json").write_text(json.dumps(wrong), encoding="utf-8")
    again = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert again.returncode == 1, again.stdout + again.stderr
    assert "sections.reliability.tables.alpha.omega_ci_lower[0]" in again.stdout
    assert "\n1 differ." in again.stdout


def test_tables_as_analysed_stay_apart_from_the_report(
    answers: pd.DataFrame, scale: Instrument, tmp_path: Path
) -> None:
    inputs: dict[str, pd.DataFrame] = {}
    validate(answers, scale, topics=["flow"], analysed=inputs.update)
    for folder in (tmp_path / "out", tmp_path / "out" / "data", tmp_path):
        with pytest.raises(DefinitionError, match="hold people's answers"):
            write_analysed(inputs, folder, tmp_path / "out")
    (tmp_path / "file").write_text("kept", encoding="utf-8")
    with pytest.raises(DefinitionError, match="file is a file"):
        write_analysed(inputs, tmp_path / "file", tmp_path / "out")
    assert (tmp_path / "file").read_text("utf-8") == "kept"
    (path,) = write_analysed(inputs, tmp_path / "data", tmp_path / "out")
    assert path.stat().st_mode & 0o077 == 0
    back, given = pd.read_csv(path), answers.sort_values("participant", kind="stable", ignore_index=True)
    assert back.shape == answers.shape
    pd.testing.assert_frame_equal(
        back[scale.item_ids].astype("Float64"), given[scale.item_ids].astype("Float64"), check_exact=True
    )


@pytest.fixture(scope="module")
def later() -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """The section on later use of a study with people in clinics, and the tables as analysed."""
    drawn = simulate_study("dta_example", n=240, seed=4)
    covariates = drawn.covariates.assign(clinic=[f"c{k % 10}" for k in range(len(drawn.covariates))])
    inputs: dict[str, pd.DataFrame] = {}
    data = replace(
        drawn.data,
        covariates=covariates,
        study=as_study(drawn.study).model_copy(update={"cluster": "clinic"}),
    )
    found = validate(data, topics=["adherence"], analysed=inputs.update)
    return found.tree["sections"]["adherence"], inputs


def test_people_at_the_landmark_go_out_with_the_answers_and_give_the_effect_again(
    later: tuple[dict[str, Any], dict[str, pd.DataFrame]],
) -> None:
    section, inputs = later
    people = inputs["later_use"]
    effects = pd.DataFrame(section["tables"]["effects"]).set_index("predictor")
    assert len(people) == effects.loc["total", "n"] and people["participant"].is_unique
    at = list(people.columns).index
    held = [name for name in people.columns[at("using") :] if at(name) < at("done")]
    held = held[held.index(next(name for name in held if "," in name)) :]
    z = (people["total"] - people["total"].mean()) / people["total"].std()
    x = np.column_stack([np.ones(len(people)), z, people[held]])
    done, due = people["done"].to_numpy(float), people["due"].to_numpy(float)
    model = GLM(done / due, x, Binomial(), var_weights=due).fit(tol=1e-12)
    assert model.params[1] == pytest.approx(effects.loc["total", "coefficient"], abs=1e-7)
    assert people[".cluster"].nunique() == 10
    assert set(people["at_risk"]) | set(people["disengaged"]) | set(people["adherent_after"]) <= {0, 1}
    assert (people.loc[people["at_risk"] == 1, "disengaged_after"] > 0).all()
    assert (people["days_watched"] >= people["active_days_after"]).all()


def held_by(section: dict[str, Any], score: str) -> list[str]:
    """Columns that the main model of a score holds constant, as the calls of R have them."""
    calls = (call["arguments"] for call in sort_numbers(section).calls if call["call"] == "use")
    return next(one["terms"] for one in calls if (one["model"], one["predictor"]) == ("remaining", score))


def test_gaps_as_they_were_filled_go_out_and_give_the_pooled_effect_again(
    later: tuple[dict[str, Any], dict[str, pd.DataFrame]],
) -> None:
    section, inputs = later
    models = pd.DataFrame(section["tables"]["models"]).set_index(["model", "predictor"])
    row = models.loc[("remaining use, imputed", "humanness")]
    watched, filled = inputs["later_use_watched"], inputs["later_use_imputed"]
    columns = ["humanness", *held_by(section, "humanness")]
    filled = filled[filled["predictor"] == "humanness"]
    own = []
    for _, part in filled.groupby("imputation"):
        table = watched.set_index("participant")[columns].astype(float)
        for participant, column, value in part[["participant", "column", "value"]].itertuples(index=False):
            assert np.isnan(table.loc[participant, column])
            table.loc[participant, column] = value
        z = (table - table.mean()) / table.std()
        x, due = np.column_stack([np.ones(len(z)), z]), watched["due"].to_numpy(float)
        share = watched["done"].to_numpy(float) / due
        own.append(GLM(share, x, Binomial(), var_weights=due).fit(tol=1e-12).params[1])
    assert len(own) == 20
    assert row["n"] == len(watched) > len(inputs["later_use"])
    assert np.mean(own) == pytest.approx(row["coefficient"], abs=1e-9)


def test_everyone_watched_goes_out_and_gives_the_weighted_effect_again(
    later: tuple[dict[str, Any], dict[str, pd.DataFrame]],
) -> None:
    section, inputs = later
    models = pd.DataFrame(section["tables"]["models"]).set_index(["model", "predictor"])
    row = models.loc[("remaining use, weighted", "total")]
    held, people = held_by(section, "total"), inputs["later_use"]
    watched = inputs["later_use_watched"].query("complete == 1")
    assert list(watched.loc[watched["answered"] == 1, "participant"]) == list(people["participant"])
    x = np.column_stack([np.ones(len(watched)), watched[held], 1 - watched["at_risk"]])
    answered = watched["answered"].to_numpy(float)
    chance = GLM(answered, x, Binomial()).fit(tol=1e-12).fittedvalues[answered == 1]
    weights = np.minimum(answered.mean() / chance, np.quantile(answered.mean() / chance, 0.99))
    z = people[["total", *held]].astype(float)
    z = z.where(z.isin([0, 1]).all(), (z - z.mean()) / z.std())
    done, due = people["done"].to_numpy(float), people["due"].to_numpy(float)
    design = np.column_stack([np.ones(len(z)), z])
    model = GLM(done / due, design, Binomial(), var_weights=due * weights).fit(tol=1e-12)
    assert model.params[1] == pytest.approx(row["coefficient"], abs=1e-7)


def test_models_of_later_use_have_calls_of_r_with_what_they_hold_constant(
    later: tuple[dict[str, Any], dict[str, pd.DataFrame]],
) -> None:
    section, inputs = later
    sorted_out = sort_numbers(section)
    calls = [call for call in sorted_out.calls if call["call"] == "use" and call["table"] != "fits"]
    named = Counter(call["arguments"]["model"] for call in calls)
    scores = section["tables"]["effects"]["predictor"]
    assert set(named) == {
        "remaining",
        "hazard",
        "weekly",
        "days",
        "reached",
        "outcome",
        "counts",
    }
    more = [call for call in sorted_out.calls if call["call"] == "use_further"]
    assert {call["arguments"]["model"] for call in more} == {"beta", "weighted", "imputed", "chosen"}
    models = section["tables"]["models"]["model"]
    without = {
        models[row] for every in sorted_out.reasons.values() for table, _, row in every if table == "models"
    }
    assert without == {"remaining use, linear with a random intercept by cluster"}
    assert set(named.values()) == {len(scores)}
    for call in calls:
        row = section["tables"][call["table"]]
        (place,) = call["rows"]
        assert row["predictor"][place] == call["arguments"]["predictor"]
        assert set(call["arguments"]["terms"]) <= set(inputs["later_use"].columns)
    weekly = [call for call in calls if call["arguments"]["model"] == "weekly"]
    assert not any(term.startswith("(") for call in weekly for term in call["arguments"]["terms"])
    adjusted = [call for call in sorted_out.calls if call["call"] == "adjusted"]
    for call in adjusted:
        assert [row + 1 for row in call["rows"]] == call["arguments"]["at"]
        of = {section["tables"][call["table"]]["predictor"][row] == "total" for row in call["rows"]}
        assert len(of) == 1  # the total is no part of the family of themes


def test_answers_that_gaps_were_filled_with_give_the_pooled_alpha_again(
    answers: pd.DataFrame, scale: Instrument
) -> None:
    inputs: dict[str, pd.DataFrame] = {}
    plan = {"imputations": 3, "topics": ["flow"]}
    section = validate(answers, scale, plan=plan, analysed=inputs.update).tree["sections"]["imputed"]
    table = pd.DataFrame(section["tables"]["consistency"]).set_index(["theme", "coefficient"])
    sorted_out = sort_numbers(section)
    calls = {call["call"]: call for call in sorted_out.calls if call["table"] != METHOD}
    assert set(calls) == {"imputed_consistency", "alpha", "imputed_changes"}
    assert set(sorted_out.reasons) == {Reason.GIVEN}
    theme = table.index[0][0]
    items = scale.theme_items(theme)
    rows = answers[answers["wave"].astype(str) == str(section["method"]["options"]["wave"])]
    first = reverse_key(rows, scale).set_index("participant")[scale.item_ids].astype(float)
    first = first.dropna(how="all")[items]
    own = inputs["imputed"][inputs["imputed"]["item"].isin(items)]
    logs = []
    for _, part in own.groupby("imputation"):
        whole = first.copy()
        for participant, item, value in part[["participant", "item", "value"]].itertuples(index=False):
            assert np.isnan(whole.loc[participant, item])
            whole.loc[participant, item] = value
        v = whole.cov().to_numpy()
        logs.append(np.log(1 - len(items) / (len(items) - 1) * (1 - np.trace(v) / v.sum())))
    assert len(logs) == 3
    assert table.loc[(theme, "alpha"), "n"] == len(whole)
    assert table.loc[(theme, "alpha"), "estimate"] == pytest.approx(1 - np.exp(np.mean(logs)), abs=1e-9)


def test_a_study_without_use_has_no_people_at_a_landmark(answers: pd.DataFrame, scale: Instrument) -> None:
    inputs: dict[str, pd.DataFrame] = {}
    validate(answers, scale, topics=["flow", "adherence"], analysed=inputs.update)
    assert list(inputs) == ["responses"]


def test_the_library_of_r_is_installed_with_the_package() -> None:
    from importlib import resources

    texts = [
        resources.files("analysis.twins").joinpath("library", f"{name}.R").read_text("utf-8")
        for name in LIBRARY
    ]
    assert all(balanced(text) for text in texts)
    names = re.findall(r"^(twin_\w+) <- function", "\n".join(texts), re.MULTILINE)
    assert len(names) == len(set(names))
    assert load("dta").item_ids


def test_means_of_waves_are_made_again_before_those_of_groups(
    answers: pd.DataFrame, scale: Instrument
) -> None:
    """The order is that of the report in every process: results of two runs are the same bytes."""
    people = pd.DataFrame({"participant": answers["participant"].unique()})
    people["half"] = ["one", "other"] * (len(people) // 2) + ["one"] * (len(people) % 2)
    plan = {"topics": ["items"], "smallest_group": 20}
    section = validate(answers, scale, covariates=people, plan=plan).tree["sections"]["items"]
    calls = section["twins"]["calls"]
    tables = [call["table"] for call in calls if call["call"] == "item_means"]
    assert list(dict.fromkeys(tables)) == ["by_wave", "by_group"]
    assert tables.count("by_group") == 2


def test_people_of_a_single_answer_are_counted_in_r_as_in_the_report(
    answers: pd.DataFrame, scale: Instrument
) -> None:
    """One answer is no pair, and none of another theme."""
    frame = answers.copy()
    frame[scale.item_ids] = frame[scale.item_ids].astype("Int64")
    for row, theme in zip(frame.index, scale.dimension_themes, strict=False):
        only = scale.theme_items(theme)[0]
        frame.loc[row, [item for item in scale.item_ids if item != only]] = pd.NA
    wave = frame["wave"].iloc[0]
    first = frame[frame["wave"] == wave]
    tree = validate(frame, scale, plan={"topics": ["sampling", "irt"]}).tree["sections"]
    for name in ("sampling", "irt"):
        (call,) = (c for c in tree[name]["twins"]["calls"] if c["call"] == "n")
        asked = call["arguments"]
        assert asked["where"] == {"wave": str(wave)}
        answered = first[asked["items"]].notna().sum(axis=1)
        n = int((answered > (1 if asked.get("paired") else 0)).sum())
        assert n == tree[name]["method"]["n"] < len(first)


def test_the_script_knows_why_an_option_beside_the_scale_is_no_answer() -> None:
    """Without it R took what does not apply for unanswered, and prorated other people's scores."""
    beside = [
        {"code": 8, "label": "Does not apply to me", "reason": "not_applicable"},
        {"code": 9, "label": "I would rather not say", "reason": "skipped"},
    ]
    options = {1: "No", 2: "Little", 3: "Much", 4: "Very"}
    definition = {
        "schema": 1,
        "id": "beside",
        "version": "1.0",
        "title": "Beside the scale",
        "status": "candidate",
        "missing_codes": {"not_seen": -7},
        "response_scales": {"with": {"options": options, "outside": beside}, "bare": {"options": options}},
        "default_scale": "with",
        "themes": [
            {
                "id": "one",
                "title": "One",
                "role": "dimension",
                "items": [
                    {"id": f"q{k}", "text": f"Statement {k}.", **({"scale": "bare"} if k == 4 else {})}
                    for k in range(1, 5)
                ],
            }
        ],
    }
    scale = Instrument.model_validate(definition)
    codes = np.random.default_rng(2).integers(1, 5, (60, 4))
    answers = pd.DataFrame(codes, columns=scale.item_ids).astype("Int64")
    answers.insert(0, "participant", [f"p{k}" for k in range(60)])
    tree = validate(answers.assign(wave=1), scale, topics=["scores"]).to_dict()
    items = tree["meta"]["twins"]["items"]
    shared = {"-7": "not_seen"}
    with_both = {**shared, "8": "not_applicable", "9": "skipped"}
    assert [items[item]["reasons"] for item in scale.item_ids] == [with_both] * 3 + [shared]
    said = 'list(`-7` = "not_seen", `8` = "not_applicable", `9` = "skipped")'
    assert f"q1 = {said}" in r_script(tree) and 'q4 = list(`-7` = "not_seen")' in r_script(tree)
