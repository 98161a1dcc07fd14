"""The catalog is a cache of the log: what someone writes behind our back is found."""

import os
import shutil
import signal
import sqlite3

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
    wait_until(lambda: set(appliance.pids("keeper")) - {keeper}, 10, "a new keeper")


def kinds(connection):
    return {name for (name,) in connection.execute("select distinct kind from row")}


def wait_state(appliance, state, what):
    wait_until(lambda: ready(appliance)[1].get("state") == state, 20, what)


def change(appliance, statement, *values):
    with sqlite3.connect(catalog_path(appliance), 60) as connection:
        count = connection.execute(statement, values).rowcount
        assert count == 1, kinds(connection)


@pytest.mark.parametrize("what", ["grant", "client", "key", "version", "policy", "roster"])
def test_a_row_changed_behind_our_back_is_failed(appliance, what):
    """Noticed while it runs and by the next start, and over when the row is as it was."""
    assert sign(appliance).status == 200
    one = "where kind = ? and name = (select min(name) from row where kind = ?)"
    spoil = f"update row set body = body || ' ' {one}"
    mend = f"update row set body = rtrim(body) {one}"
    change(appliance, spoil, what, what)
    wait_state(appliance, "failed", "the change to be noticed")
    assert sign(appliance).status == 503
    restart_keeper(appliance)
    wait_state(appliance, "failed", "the check at start")
    assert sign(appliance).status == 503
    change(appliance, mend, what, what)
    restart_keeper(appliance)
    wait_state(appliance, "operational", "the row that is as it was")
    assert sign(appliance).status == 200


def test_a_grant_added_behind_our_back_gives_no_right(appliance):
    added = "f" * 32
    with sqlite3.connect(catalog_path(appliance), 60) as connection:
        columns = [row[1] for row in connection.execute("pragma table_info(row)")]
        (name, *_), *_ = rows_of(connection, "grant")
        row = dict(zip(columns, connection.execute(
            f"select {', '.join(columns)} from row where kind = 'grant' and name = ?",
            (name,)).fetchone()))
        row["name"] = added
        connection.execute(f"insert into row ({', '.join(columns)}) values "
                           f"({', '.join('?' * len(columns))})", [row[c] for c in columns])
    wait_state(appliance, "failed", "the row to be noticed")
    held = appliance.client().get("/v1/whoami").json()["grants"]
    assert added not in {grant["id"] for grant in held}
    change(appliance, "delete from row where name = ?", added)
    wait_state(appliance, "operational", "the row that is gone again")


def test_a_removed_catalog_stops_signing(running):
    path = catalog_path(running)
    os.unlink(path)
    wait_until(lambda: sign(running).status == 503, 10, "the loss to be noticed")
    wait_state(running, "failed", "the loss to be told")


def test_a_replaced_catalog_stops_signing(running):
    """The same octets in another file: what is written to ours would be lost with the process."""
    path = catalog_path(running)
    copy = path.with_suffix(".copy")
    shutil.copy2(path, copy)
    os.chown(copy, path.stat().st_uid, path.stat().st_gid)
    os.replace(copy, path)
    wait_until(lambda: sign(running).status == 503, 10, "the other file to be noticed")
    wait_state(running, "failed", "the other file to be told")


def test_an_older_disk_image_is_found_by_the_anchor(running):
    directory = running.directory
    running.stop()
    shutil.copytree(directory / "data", directory / "data.older", symlinks=True)
    running.start()
    for number in range(3):
        answer = running.change("POST", "/v1/clients", {"name": f"later-{number}",
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
