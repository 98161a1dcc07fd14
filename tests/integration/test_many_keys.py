"""Ten thousand wrapped keys: each is opened once for its uses, and what was changed is not used.

Each test has keys of its own to damage, or puts back what it changed: any of them runs alone."""

import sqlite3

import pytest

from harness import many_keys
from harness.appliance import Appliance, wait_until
from harness.leaves import read_events

COUNT = 10_000
SIGNING = [f"w.{number}" for number in range(8)]  # the fillers have their rows only
SWAPPED = ["swapped.0", "swapped.1"]
ROTATED = {says: f"rotated.{says}.0" for says in ("1", "2")}


@pytest.fixture(scope="module", name="appliance")
def appliance_with_many_keys():
    with Appliance() as appliance:
        many_keys.make_wrapping_keys(appliance)
        many_keys.make(appliance, "w.", len(SIGNING))
        many_keys.make(appliance, "swapped.", len(SWAPPED))
        for says, name in ROTATED.items():
            many_keys.make(appliance, f"rotated.{says}.", 1)
            rotate(appliance, name)
        many_keys.fill(appliance, SIGNING[0], "filler.", COUNT - len(SIGNING))
        wait_until(lambda: sign(appliance, SIGNING[0]).status == 200, 60, "a signature")
        yield appliance


def state_of(appliance, name, number):
    versions = appliance.client().get(f"/v1/keys/{name}").json()["versions"]
    return next((version["state"] for version in versions if version["version"] == number), None)


def rotate(appliance, name):
    for verb, state in (("rotate", "pre-activation"), ("activate", "active")):
        many_keys.done(appliance.change("POST", f"/v1/keys/{name}/{verb}", {}))
        wait_until(lambda wanted=state: state_of(appliance, name, 2) == wanted, 60, f"it to {verb}")


def sign(appliance, name):
    return appliance.client().post("/v1/jws/sign", {"key": name, "payload": "YQ"})


def figures(appliance, start):
    text = appliance.management().get("/metrics").body.decode()
    return {line.rsplit(" ", 1)[0]: int(line.rsplit(" ", 1)[1]) for line in text.splitlines()
            if line.startswith(start)}


def test_few_of_them_are_in_memory(appliance):
    assert appliance.management().get("/v1/system").json()["keys"] >= COUNT
    wait_until(lambda: figures(appliance, "privyseal_keys{")['privyseal_keys{place="memory"}']
               < COUNT // 2, 60, "keys to leave the memory")


def test_each_is_opened_once_for_its_uses(appliance):
    appliance.stop()
    appliance.start()
    wait_until(lambda: sign(appliance, SIGNING[0]).status == 200, 60, "a signature")
    for name in SIGNING[1:]:
        before = sum(figures(appliance, "privyseal_token_unwraps_total{").values())
        assert sign(appliance, name).status == 200
        assert sum(figures(appliance, "privyseal_token_unwraps_total{").values()) == before + 1


def test_pages_go_through_all_of_them(appliance):
    names = []
    query = "limit=1000"
    while query is not None:
        page = appliance.management().get(f"/v1/keys?{query}").json()
        names += [item["name"] for item in page["items"]]
        query = f"limit=1000&after={page['next']}" if "next" in page else None
    assert names == sorted(set(names)) and len(names) >= COUNT
    assert appliance.client().get("/v1/keys/filler.9000").json()["residence"] == "wrapped"


def test_a_set_of_all_of_them_is_refused_and_said_so_where_it_is_made(appliance):
    answer = appliance.client().get("/v1/jwks")
    assert answer.status == 413 and "make a set `default`" in answer.json()["detail"]
    shared = {"type": "ec-p256", "usage": "sign", "formats": ["jws"]}
    answer = appliance.change("POST", "/v1/keys", {**shared, "name": "one.more"})
    assert answer.status == 422 and "make a set `default`" in answer.json()["detail"]
    answer = appliance.change("PUT", "/v1/jwks-sets/default", {"keys": ["w.*", "filler.*"]})
    assert answer.status == 422 and "512" in answer.json()["detail"]
    assert appliance.change("PUT", "/v1/jwks-sets/default", {"keys": ["w.*"]}).status == 201
    assert len(appliance.client().get("/v1/jwks").json()["keys"]) == len(SIGNING)
    assert appliance.change("POST", "/v1/keys", {**shared, "name": "one.more"}).status == 201
    answer = appliance.change("DELETE", "/v1/jwks-sets/default")
    assert answer.status == 422 and "make a set `default`" in answer.json()["detail"]


def alarms(appliance):
    return [leaf["data"]["alarm"] for leaf in read_events(appliance.directory / "data" / "log")
            if leaf["kind"] == "alarm"]


def assert_refused_with_an_alarm(appliance, name):
    before = alarms(appliance).count("record-damaged")
    answer = sign(appliance, name)
    assert answer.status == 503 and answer.json()["code"] == "record-damaged"
    wait_until(lambda: alarms(appliance).count("record-damaged") > before, 60, "the alarm's leaf")


def test_a_record_that_opens_nothing_is_refused_with_an_alarm(appliance):
    assert_refused_with_an_alarm(appliance, "filler.77")


def database(appliance):
    return sqlite3.connect(appliance.directory / "data" / "catalog.sqlite", timeout=60)


def test_a_record_of_another_key_is_refused_with_an_alarm(appliance):
    appliance.stop()
    with database(appliance) as rows:
        blobs = dict(rows.execute("select json_extract(body, '$.key'), body from row "
                                  "where kind = 'wrapped' and body like '%\"swapped.%'"))
        mine, other = SWAPPED
        rows.execute("update row set body = ? where kind = 'wrapped' and body = ?",
                     (blobs[other].replace(f'"{other}"', f'"{mine}"'), blobs[mine]))
    appliance.start()
    wait_until(lambda: sign(appliance, SIGNING[0]).status == 200, 60, "a signature")
    assert_refused_with_an_alarm(appliance, mine)


@pytest.mark.parametrize("says", sorted(ROTATED))
def test_a_record_of_an_older_version_is_refused_with_an_alarm(appliance, says):
    """Whole as it was, or with the number of the version in whose place it is."""
    name = ROTATED[says]
    assert sign(appliance, name).status == 200
    appliance.stop()
    with database(appliance) as rows:
        records = dict(rows.execute("select json_extract(body, '$.version'), body from row "
                                    "where kind = 'wrapped' and json_extract(body, '$.key') = ?", (name,)))
        older = records[1].replace('"version":1,', f'"version":{says},')
        rows.execute("update row set body = ? where kind = 'wrapped' and body = ?", (older, records[2]))
    appliance.start()
    wait_until(lambda: sign(appliance, SIGNING[0]).status == 200, 60, "a signature")
    assert_refused_with_an_alarm(appliance, name)


def set_state(appliance, name, before, after):
    """In its row, and nowhere else."""
    with database(appliance) as rows:
        rows.execute("update row set body = replace(body, ?, ?) where kind = 'key' and name = ?",
                     (f'"state":"{before}"', f'"state":"{after}"', name))


def test_a_row_that_was_changed_is_not_used(appliance):
    before = alarms(appliance).count("catalog")
    set_state(appliance, "filler.4321", "active", "suspended")
    try:
        assert sign(appliance, "filler.4321").status in (409, 503)
        wait_until(lambda: alarms(appliance).count("catalog") > before, 60, "the alarm's leaf")
        wait_until(lambda: sign(appliance, SIGNING[0]).status == 503, 60, "it to sign no more")
    finally:
        set_state(appliance, "filler.4321", "suspended", "active")
    wait_until(lambda: sign(appliance, SIGNING[0]).status == 200, 60, "it to sign again")
