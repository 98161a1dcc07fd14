"""What `./bench` draws; what it measures is no matter of a test."""

import pathlib
import sys

import pytest

from harness.places import TOP

sys.path.insert(0, str(TOP / "tests" / "bench"))

import bench  # noqa: E402

RATIO = {"id": "es256-single", "ratio": 0.55, "value": 9000.0}
LESS = {"id": "pdf-2mib", "ratio": 0, "value": 40.0}
MORE = {"id": "logins-es256", "ratio": 0, "value": 1000.0, "more_is_better": True}


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
