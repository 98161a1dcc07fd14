"""Runs files of tests side by side, in processes that are forked once all tests have been collected.

So what tests import is imported once. Who has done with a file takes the next one, and none waits for
a process that is busy.
"""

import collections
import multiprocessing
import multiprocessing.connection
import traceback

import pytest

FORK = multiprocessing.get_context("fork")


def pytest_addoption(parser):
    parser.addoption("--forks", type=int, default=0, metavar="N",
                     help="run the tests in N processes, those of one file in the same")


def files_of(items):
    """The tests by file, in the order in which they were named."""
    files = collections.defaultdict(list)
    for item in items:
        files[item.path].append(item)
    return list(files.values())


# In a child

class Sender:
    """Tells who forked what is reported; nothing is written here."""

    def __init__(self, config, line):
        self.config = config
        self.line = line

    def pytest_runtest_logreport(self, report):
        self.line.send(("report", self.config.hook.pytest_report_to_serializable(
            config=self.config, report=report)))

    def pytest_runtest_logfinish(self, nodeid):
        self.line.send(("finished", nodeid))


def take_turns(session, files, line):
    """Until there is no other file."""
    while True:
        line.send(("next", None))
        number = line.recv()
        if number is None:
            return
        items = files[number]
        for item, following in zip(items, [*items[1:], session]):
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


def work(session, files, line, others):
    """`others`: what only the parent reads from."""
    for other in others:
        other.close()
    plugins = session.config.pluginmanager
    plugins.unregister(name="terminalreporter")
    plugins.register(Sender(session.config, line))
    capture = plugins.getplugin("capturemanager")
    capture.start_global_capturing()
    capture.suspend_global_capture()
    try:
        try:
            take_turns(session, files, line)
        finally:
            session._setupstate.teardown_exact(None)
        line.send(("done", None))
    except (EOFError, BrokenPipeError):
        pass  # nobody is there any more
    except BaseException:  # whatever ended it is told where it is seen
        line.send(("broken", traceback.format_exc()))


# In the parent

class Child:
    """One of those processes; `left`: of the file that it has, the tests that have not finished."""

    def __init__(self, session, files, others):
        self.line, its_line = FORK.Pipe()
        self.left = {}
        self.said = "the process in which it ran has ended"
        self.process = FORK.Process(target=work, args=(session, files, its_line,
                                                       [*others, self.line]))
        self.process.start()
        its_line.close()


class Parent:
    def __init__(self, session, count):
        self.session = session
        self.files = files_of(session.items)
        self.waiting = collections.deque(range(len(self.files)))
        self.children = {}
        for _ in range(min(count, len(self.files))):
            child = Child(session, self.files, list(self.children))
            self.children[child.line] = child

    def run(self):
        while self.children:
            for line in multiprocessing.connection.wait(list(self.children)):
                self.hear(self.children[line])
        for number in self.waiting:
            self.fail(self.files[number], "there was no process left in which it could run")

    def hear(self, child):
        try:
            kind, value = child.line.recv()
        except EOFError:
            del self.children[child.line]
            child.process.join()
            self.fail(child.left.values(), child.said)
            return
        if kind == "report":
            self.report(self.session.config.hook.pytest_report_from_serializable(
                config=self.session.config, data=value))
        elif kind == "finished":
            child.left.pop(value)
        elif kind == "broken":
            child.said = value
            self.broken(value)
        elif kind == "next":
            self.give(child)

    def give(self, child):
        number = self.waiting.popleft() if self.waiting else None
        child.left = {item.nodeid: item for item in self.files[number]} if number is not None else {}
        child.line.send(number)

    def broken(self, text):
        """What failed in none of the tests."""
        where = "what tests share", None, "what tests share"
        self.report(pytest.TestReport(where[0], where, {}, "failed", text, "teardown"))

    def fail(self, items, text):
        for item in items:
            self.report(pytest.TestReport(item.nodeid, item.location, {}, "failed", text, "call"))

    def report(self, report):
        self.session.config.hook.pytest_runtest_logreport(report=report)


def pytest_runtestloop(session):
    config = session.config
    if not config.option.forks or session.testsfailed or config.option.collectonly:
        return None  # pytest's own loop
    # Made here, it is the same for all, and goes when the parent's time is over.
    config._tmp_path_factory.getbasetemp()
    config.pluginmanager.getplugin("capturemanager").stop_global_capturing()
    Parent(session, config.option.forks).run()
    return True
