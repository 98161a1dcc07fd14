"""What `./bench` draws and counts; how fast anything is is no matter of a test."""

import json
import os
import pathlib
import signal
import sys

import pytest

from harness.appliance import PATIENCE_S, wait_until
from harness.places import TOP

sys.path.insert(0, str(TOP / "tests" / "bench"))

import bench  # noqa: E402
import chain  # noqa: E402
import programs  # noqa: E402

RATIO = {"id": "es256-single", "ratio": 0.55, "value": 9000.0}
LESS = {"id": "pdf-2mib", "ratio": 0, "value": 40.0}
MORE = {"id": "logins-es256", "ratio": 0, "value": 1000.0, "more_is_better": True}

COMPLETE = {"operations": 5, "dropped": 0, "verified": 5, "leaves": 5}


def until_it_counts(measure):
    """Rounds are so short here that the machine may stall for a whole one: that is none."""
    def measured(*arguments, **named):
        def round_with_something():
            result = measure(*arguments, **named)
            return result if result["rate"] > 0 else None

        return wait_until(round_with_something, PATIENCE_S, "a round in which something was done")

    return measured


@pytest.fixture(scope="module")
def measuring():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench, "KEYS", {"es256": bench.KEYS["es256"]})
        patch.setattr(bench, "ROUND_S", 0.2)
        with bench.Bench(1) as running:
            for name in ("direct", "load", "chain"):
                patch.setattr(running, name, until_it_counts(getattr(running, name)))
            yield running


@pytest.mark.parametrize("results", [[RATIO], [LESS], [MORE, LESS], [LESS, RATIO, MORE]],
                         ids=["ratio", "less", "values", "both"])
def test_whatever_was_measured_is_drawn(results, tmp_path):
    drawn = pathlib.Path(tmp_path) / "cases.svg"
    bench.plot(drawn, results)
    text = drawn.read_text(encoding="utf-8")
    assert text.rstrip().endswith("</svg>")
    for one in results:
        assert one["id"] in text
    assert ("appliance / token alone" in text) == (RATIO in results)


def test_a_value_is_drawn_as_how_many_times_it_is_as_good_as_its_floor():
    assert bench.bar(RATIO) == (0.55, *bench.CASES["es256-single"][1:3])
    floor = bench.CASES["pdf-2mib"][1]
    assert bench.bar(LESS)[0] == floor / 40 and bench.bar(LESS)[1] == 1
    floor = bench.CASES["logins-es256"][1]
    assert bench.bar(MORE)[0] == 1000 / floor and bench.bar(MORE)[1] == 1


def test_who_goes_first_changes_from_round_to_round():
    sides = ["direct", "here", "chain"]
    assert [bench.in_turn(sides, number)[0] for number in range(4)] == [*sides, "direct"]
    assert all(sorted(bench.in_turn(sides, number)) == sorted(sides) for number in range(4))


def test_a_ratio_is_the_median_of_the_rounds_and_none_to_nothing():
    assert bench.median_ratio([(10, 5), (20, 4), (10, 9)]) == 0.5
    assert bench.median_ratio([(10, 5), (0, 4), (-1, 9)]) == 0


@pytest.mark.parametrize("side", ["here", "chain"])
@pytest.mark.parametrize("missing", [{"dropped": 1}, {"verified": 4}, {"leaves": 4}],
                         ids=["dropped", "unverified", "unrecorded"])
def test_a_line_is_complete_when_both_sides_are(side, missing):
    line = {**RATIO, **COMPLETE, "chain_alone": dict(COMPLETE)}
    assert bench.judge(line["id"], line)[2]
    (line if side == "here" else line["chain_alone"]).update(missing)
    assert not bench.judge(line["id"], line)[2]


@pytest.mark.parametrize("case", ["es256-single", "es256-half-load"])
def test_beside_the_appliance_the_bare_chain_signs_and_records_whatever_it_is_asked(
        case, measuring, capsys):
    line = bench.CASES[case][0](measuring)
    alone = line["chain_alone"]
    for side in (line, alone):
        assert 0 < side["operations"] == side["verified"] <= side["leaves"]
    assert set(alone["cpu_s_per_1000"]) == {"front", "keeper", "token"}
    assert len(line["chain_rounds"]) == len(line["rounds"])
    bench.print_row(case, line)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith(case) and any("the bare chain" in text for text in printed[1:])
    is_paced = case == "es256-half-load"
    assert any("the machine alone" in text for text in printed[1:]) == is_paced
    if is_paced:
        assert len(line["machine_rounds"]) == len(line["rounds"])
        # As long as one takes of the processors is the least; the direct call is taken away.
        assert line["machine_alone"]["p50_ms"] > 0.02 and line["machine"] > -line["direct"]


@pytest.mark.parametrize("work_us", [0, 5000])
def test_the_machine_alone_takes_as_long_as_it_computes(work_us):
    answered = programs.run_json([programs.MACHINE, 50, work_us, 0.5])
    assert answered["operations"] == 25
    # How long that is was found at the machine's quickest moment.
    assert answered["p50_ms"] > 0.9 * work_us / 1000
    assert answered["p50_ms"] <= answered["p95_ms"] <= answered["p99_ms"]


@pytest.mark.parametrize("arguments, said", [([0, 10, 1], "a rate"), ([50, 10, 0], "a time"), ([50, 10], "usage")],
                         ids=["rate", "time", "missing"])
def test_the_machine_alone_is_not_measured_without_a_rate_or_time(arguments, said):
    with pytest.raises(RuntimeError, match=said):
        programs.run_json([programs.MACHINE, *arguments])


@pytest.mark.parametrize("after, share", [((1000, 50), 0), ((2000, 50), 0), ((2000, 250), 0.2)])
def test_what_the_host_had_of_the_processors_is_a_share_of_the_time_between(after, share):
    assert programs.share_taken((1000, 50), after) == share


@pytest.mark.parametrize("share, is_said", [(0.009, False), (0.01, True), (0.2, True)])
def test_much_that_the_host_had_is_said_under_the_line(share, is_said, capsys):
    counts = {**COMPLETE, "direct": 1.0, "p50_ms": 1, "p95_ms": 1, "p99_ms": 1, "cpu_s_per_1000": {}}
    bench.print_row(RATIO["id"], {**RATIO, **counts, "taken_by_host": share})
    assert ("the host had" in capsys.readouterr().out) == is_said


def test_ticks_are_of_all_processors_and_only_grow():
    before = programs.host_ticks()
    after = programs.host_ticks()
    assert after[0] >= before[0] > before[1] >= 0 and after[1] >= before[1]


def test_the_bare_chain_answers_as_the_appliance_does_but_for_the_key(measuring):
    measuring.chain("es256", 1)
    here = chain.ask(measuring.appliance.environment["PRIVYSEAL_SOCKET"],
                     measuring.bare_chain.request.read_bytes())
    there = chain.ask(str(measuring.bare_chain.directory / "socket"),
                      measuring.bare_chain.request.read_bytes())
    bodies = [json.loads(answer.partition(b"\r\n\r\n")[2]) for answer in (here, there)]
    assert len(here) == len(there) and set(bodies[0]) == set(bodies[1])
    (header, payload, _), (other, same, _) = (body["jws"].split(".") for body in bodies)
    assert payload == same and header != other and len(header) == len(other)


def test_a_bare_chain_ends_as_a_whole_and_leaves_nothing(measuring):
    ended = measuring.bare_chain or chain.Chain(measuring.appliance, measuring.token["module"],
                                                measuring.processes,
                                                measuring.request_file("es256", 0, "jws"))
    measuring.bare_chain = None
    os.kill(ended.roles["token"][0], signal.SIGKILL)
    assert ended.process.wait() == 1
    ended.remove()
    assert not ended.directory.exists()
    assert measuring.chain("es256", 4)["leaves"] > 0
