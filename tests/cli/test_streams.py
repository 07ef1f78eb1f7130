"""Standard streams that are closed, full or without a reader: the exit status tells the truth all the same."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading

import pytest

import rocoin_opt as ro
from examples import pairs
from rocoin_opt.cli import app, streams
from rocoin_opt.cli.streams import OutputError, ReaderGoneError
from samples import cases

PROGRAM = f"{sys.executable} -c 'from rocoin_opt.cli import main; main()'"


@pytest.fixture
def folder(tmp_path):
    ro.write_instance(tmp_path / "i.json", pairs())
    ro.write_plan(tmp_path / "p.json", pairs(), ro.solve(pairs()))
    return tmp_path


def shell(command, folder):
    """Run a line of bash, in which P is the program."""
    line = command.replace("P ", f"{PROGRAM} ", 1)
    return subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("command", "status"),
    cases(
        [("P check i.json p.json <&- >&- 2>&-", 0)],
        [
            ("P check no.json p.json <&- >&- 2>&-", 2),
            ("P check i.json p.json 1</dev/null", 2),
            ("P solve i.json --json >/dev/full 2>&1", 2),
        ],
    ),
)
def test_the_status_is_that_of_the_work(folder, command, status):
    assert_status(folder, command, status)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("P check no.json p.json 2>/dev/full", 2),
        ("P check i.json p.json >/dev/full", 2),
        ("P solve i.json --json 2>/dev/full", 0),
        ("P --help >/dev/full", 2),
        ("P check i.json p.json >&-", 0),
        ("P check i.json i.json 2>&-", 2),
        ("P solve no.json 2>&-", 2),
        ("P solve i.json --objective best 2>/dev/full", 2),
        ("P compare i.json --methods greedy >/dev/full", 2),
        ("P schema >/dev/full", 2),
        ("P --nonsense 2>/dev/full", 2),
    ],
)
def test_the_status_is_that_of_the_work_wherever_it_is_told(folder, command, status):
    assert_status(folder, command, status)


def assert_status(folder, command, status):
    """The status of a line of bash, and no traceback."""
    found = shell(command, folder)
    assert found.returncode == status, found.stderr
    assert "Traceback" not in found.stderr


@pytest.fixture
def unread():
    """A pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.mark.parametrize(
    ("arguments", "stream", "status"),
    cases(
        [
            (["--help"], "stdout", 141),
        ],
        [
            (["check", "no.json", "p.json"], "stderr", 2),
            (["solve", "i.json", "--out", "x.json", "--quiet"], "stdout", 141),
            (["schema"], "stdout", 141),
            (["check", "i.json", "p.json"], "stderr", 0),
        ],
    ),
)
def test_a_reader_that_has_gone_is_no_fault(folder, unread, arguments, stream, status):
    places = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: unread}
    command = [sys.executable, "-c", "from rocoin_opt.cli import main; main()", *arguments]
    found = subprocess.run(command, cwd=folder, check=False, **places)
    assert (found.returncode, found.stderr or b"") == (status, b"")
    # What was found is kept although nobody reads of it.
    assert (folder / "x.json").exists() == ("--out" in arguments)


def test_no_file_of_the_program_takes_the_place_of_a_closed_stream(folder):
    # What a solver prints by itself goes to number 1, and must not end up in a plan.
    code = (
        "import os\n"
        "from rocoin_opt.cli.streams import reserve_streams\n"
        "reserve_streams()\n"
        "with open('x', 'w') as stream: assert stream.fileno() > 2\n"
        "assert all(os.get_inheritable(number) for number in range(3))\n"
        "assert all(os.path.samestat(os.fstat(number), os.stat(os.devnull)) for number in range(3))\n"
    )
    closed = f'{sys.executable} -c "{code}" <&- >&- 2>&-'
    assert subprocess.run(["bash", "-c", closed], cwd=folder, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{}, {"PYTHONUNBUFFERED": "1"}])
def test_all_of_a_long_output_arrives_whoever_shares_the_pipe(environment):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    command = [sys.executable, "-c", "from rocoin_opt.cli import main; main()", "schema"]
    with subprocess.Popen(command, stdout=writing, env={**os.environ, **environment}) as process:
        os.close(writing)
        with os.fdopen(reading, encoding="utf-8") as stream:
            assert json.loads(stream.read()) == ro.instance_schema()
    assert process.returncode == 0


def test_faults_have_the_status_of_where_they_arose(run, folder, monkeypatch):
    for fault, status, word in (
        (FileNotFoundError(2, "No such file", "code.txt"), 2, "code.txt"),
        # Not from our output: of a pipe to somebody else.
        (BrokenPipeError(32, "Broken pipe"), 2, "Broken pipe"),
        (EOFError("more was expected"), 70, "defect of rocoin-opt"),
        (KeyError("x"), 70, "defect of rocoin-opt"),
        (OutputError("cannot write the output: full"), 2, "cannot write the output"),
        (ReaderGoneError("gone"), 141, ""),
    ):

        def broken(path, fault=fault):
            raise fault

        monkeypatch.setattr("rocoin_opt.instance.read_instance", broken)
        found, out, err = run("check", folder / "i.json", folder / "p.json")
        assert (found, out) == (status, "")
        assert word in err
        assert ("cannot write the output" in err) == (word == "cannot write the output")
        assert ("Traceback" in err) == (status == 70)


@pytest.fixture
def prepared(monkeypatch):
    """Prepare streams that are those of the process as far as anybody can see, at other numbers."""

    def prepare(stdout, stderr, *, unbuffered=False):
        for name, number in (("stdout", stdout), ("stderr", stderr)):
            stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=unbuffered)
            for place in (name, f"__{name}__"):
                monkeypatch.setattr(sys, place, stream)
            monkeypatch.setattr(streams, name.upper(), number)
        streams.prepare_streams()

    return prepare


@pytest.mark.parametrize("unbuffered", [False, True])
def test_only_faults_of_the_output_are_told(prepared, unread, unbuffered):
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        for stdout, fault in ((full, OutputError), (unread, ReaderGoneError)):
            prepared(stdout, full, unbuffered=unbuffered)
            print("nobody hears that", file=sys.stderr)
            with pytest.raises(fault):
                print("Gerät", flush=True)
            streams.abandon_output()
            print("nor that", flush=True)
    finally:
        os.close(full)


def test_a_pipe_that_does_not_wait_is_waited_for(prepared):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    prepared(writing, writing)
    received = []
    with os.fdopen(reading, "rb") as stream:
        reader = threading.Thread(target=lambda: received.append(stream.read()))
        reader.start()
        print("x" * 1_000_000, flush=True)
        os.close(writing)
        reader.join()
    assert received == [b"x" * 1_000_000 + b"\n"]


def test_what_is_closed_is_opened(monkeypatch):
    def closed(number):
        raise OSError(9, "Bad file descriptor")

    opened = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", closed)
        patch.setattr(os, "open", lambda *arguments: opened.append(arguments))
        patch.setattr(os, "set_inheritable", lambda _, wanted: opened.append(wanted))
        streams.reserve_streams()
    assert opened == [(os.devnull, os.O_RDWR), True] * 3


def test_streams_of_others_are_theirs(monkeypatch):
    mine = io.StringIO()
    monkeypatch.setattr(sys, "stdout", mine)
    streams.prepare_streams()
    assert sys.stdout is mine
    streams.abandon_output()
    assert app.UNREAD == 141
