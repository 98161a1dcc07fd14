"""The catalog is a cache of the log: what someone writes behind our back is found."""

import os
import shutil
import signal
import sqlite3
import time

import pytest

from harness.appliance import Appliance, wait_until

KEY = "certify.vc-jwt"


@pytest.fixture()
def running():
    with Appliance() as made:
        yield made


def ready(appliance):
    answer = appliance.client().get("/health/ready")
    return answer.status, answer.json()


def sign(appliance):
    return appliance.client().post("/v1/jws/sign", {"key": KEY, "payload": "YQ"})


def catalog_path(appliance):
    return appliance.directory / "data" / "catalog.sqlite"


def rows_of(connection, kind):
    return connection.execute("select name from row where kind = ?", (kind,)).fetchall()


def restart_keeper(appliance):
    keeper = appliance.pids("keeper")[0]
    os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: appliance.pids("keeper") and keeper not in appliance.pids("keeper"), 10,
               "a new keeper")


def kinds(connection):
    return {name for (name,) in connection.execute("select distinct kind from row")}


@pytest.mark.parametrize("what", ["grant", "client", "key", "version", "policy"])
def test_a_row_changed_behind_our_back_is_failed(running, what):
    assert sign(running).status == 200
    with sqlite3.connect(catalog_path(running)) as connection:
        changed = connection.execute(
            "update row set body = replace(body, '\"', '\"') || ' ' where kind = ? and name = "
            "(select min(name) from row where kind = ?)", (what, what)).rowcount
        assert changed == 1, kinds(connection)
    wait_until(lambda: ready(running)[1]["state"] == "failed", 10, "the change to be noticed")
    assert sign(running).status == 503
    restart_keeper(running)
    wait_until(lambda: ready(running)[1]["state"] == "failed", 10, "the check at start")
    assert sign(running).status == 503


def test_a_grant_added_behind_our_back_gives_no_right(running):
    with sqlite3.connect(catalog_path(running)) as connection:
        columns = [row[1] for row in connection.execute("pragma table_info(row)")]
        (name, *_), *_ = rows_of(connection, "grant")
        row = dict(zip(columns, connection.execute(
            f"select {', '.join(columns)} from row where kind = 'grant' and name = ?",
            (name,)).fetchone()))
        row["name"] = "ffffffffffffffffffffffffffffffff"
        connection.execute(f"insert into row ({', '.join(columns)}) values "
                           f"({', '.join('?' * len(columns))})", [row[c] for c in columns])
    wait_until(lambda: ready(running)[1]["state"] == "failed", 10, "the row to be noticed")


def test_a_removed_or_replaced_catalog_stops_signing(running):
    path = catalog_path(running)
    copy = path.with_suffix(".copy")
    shutil.copy2(path, copy)
    os.unlink(path)
    wait_until(lambda: sign(running).status == 503, 10, "the loss to be noticed")
    shutil.move(copy, path)
    time.monotonic()
    assert ready(running)[0] == 503


def test_an_older_disk_image_is_found_by_the_anchor(running):
    directory = running.directory
    running.stop()
    shutil.copytree(directory / "data", directory / "data.older", symlinks=True)
    running.start()
    for number in range(3):
        answer = running.management().post("/v1/clients", {"name": f"later-{number}",
                                                           "uids": [60000 + number]})
        assert answer.status == 201, answer
    running.stop()
    # The disk is set back; the token, where the anchor lies, is not.
    owner = os.stat(directory / "data")
    shutil.rmtree(directory / "data")
    shutil.copytree(directory / "data.older", directory / "data", symlinks=True)
    for root, names, files in os.walk(directory / "data"):
        for name in [root] + [os.path.join(root, name) for name in names + files]:
            os.chown(name, owner.st_uid, owner.st_gid)
    with pytest.raises(RuntimeError):
        running.start()
    assert "anchor" in running.log()
