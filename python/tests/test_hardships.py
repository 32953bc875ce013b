"""What must not happen to a script that reports, and what must not happen to its reports."""

from __future__ import annotations

import http.server
import json
import os
import pickle
import shutil
import threading
import time
from contextlib import contextmanager
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import milepost
from milepost._reporter import Reporter
from milepost._settings import Settings, load_settings
from milepost._spool import LARGE, PART, SpoolFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIMIT = 64 * 1024 * 1024


@contextmanager
def instead_of(server: Any, answer: Any) -> Iterator[list[str]]:
    """Something else that answers at the server's address while it is away; gives the paths that are asked for."""
    asked: list[str] = []

    class Other(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            answer(self)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server.kill()
    other = http.server.ThreadingHTTPServer(("127.0.0.1", server.port), Other)
    other.daemon_threads = True
    threading.Thread(target=other.serve_forever, daemon=True).start()
    try:
        yield asked
    finally:
        other.shutdown()
        other.server_close()
        server.start()


@pytest.mark.parametrize("status", [200, 301, 403, 404])
def test_what_stands_in_for_the_server_is_not_believed(run: Any, server: Any, status: int) -> None:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Location", "/elsewhere")
        request.send_header("Content-Length", "16")
        request.end_headers()
        request.wfile.write(b"<p>No backend</p>"[:16])

    text = """
        import milepost
        with milepost.job("kidney", id="NAME") as job:
            job.step("load")
    """.replace("NAME", f"proxy-{status}")
    with instead_of(server, answer) as asked:
        code, out, err = run(text).finish()
        assert (code, out) == (0, "")
        assert f"does not answer as a Milepost server does ({status})" in err
        assert len(asked) < 10
    assert run("import milepost; assert milepost.flush()").finish() == (0, "", "")
    assert [kind for kind, _, _ in server.told(f"proxy-{status}")] == ["step", "complete"]


def test_a_server_that_does_not_answer_harms_no_file_of_the_script(run: Any, server: Any) -> None:
    def answer(_: http.server.BaseHTTPRequestHandler) -> None:
        time.sleep(8)

    with instead_of(server, answer):
        begun = time.monotonic()
        script = run("""
            import atexit, milepost, time
            def own_files():
                files = [open(f"own-{number}", "w+") for number in range(20)]
                time.sleep(5)
                for file in files:
                    file.seek(0)
                    assert file.read() == ""
            atexit.register(own_files)
            import milepost
            for number in range(2):
                with milepost.job("kidney", id="hung") as job:
                    job.step("load")
        """)
        code, out, err = script.finish()
        assert (code, out) == (0, "")
        assert "Traceback" not in err
        # 5 s for the server, once, and 5 s of the script's own.
        assert time.monotonic() - begun < 13
    assert run("import milepost; assert milepost.flush()").finish() == (0, "", "")
    assert len(server.told("hung")) == 4


def test_values_of_any_kind_are_reported_or_left_out_but_never_raise(run: Any, server: Any) -> None:
    script = run("""
        import enum, fractions, milepost, uuid
        from unittest.mock import MagicMock
        class Steps(enum.Enum):
            LOAD = "load"
        class Odd:
            def __str__(self):
                raise RuntimeError("no text")
            def item(self):
                raise ValueError("only of size 1")
        with milepost.job("kidney", id=uuid.UUID(int=7)) as job:
            job.step(Steps.LOAD, Comment="x\\0" * 5000)
            job.step("left", Comment=Odd(), Density=10**400)
            job.step("right", Density=fractions.Fraction(1, 2), Comment=None)
            job.info(Odd(), Density=MagicMock())
            job.info("nan", step="report", fraction=float("nan"))
            job.error(ValueError("text of an exception"))
    """)
    assert script.finish() == (0, "", "")
    told = server.told("00000000-0000-0000-0000-000000000007")
    assert [(kind, tag) for kind, tag, _ in told] == [
        ("step", "load"), ("step", "left"), ("step", "right"), ("info", None),
        ("info", "report"), ("error", None), ("complete", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MILEPOST_SPOOL_LIMIT", "64M", "MILEPOST_SPOOL_LIMIT is a whole number of MiB"),
        ("MILEPOST_URL", "localhost:8080", "http:// or https:// and a host"),
        ("MILEPOST_URL", "http://ada:secret@127.0.0.1:1", "must name no user"),
        ("MILEPOST_API_KEY", "mp_ключ", "characters that no key has"),
        ("ALL_PROXY", "socks9://127.0.0.1:1", "nothing is reported"),
    ],
)
def test_a_bad_setting_is_told_and_stops_nothing(run: Any, name: str, value: str, said: str) -> None:
    text = """
        import milepost
        with milepost.job("kidney", id="settings") as job:
            with job.step("load"):
                print("goes on")
    """
    code, out, err = run(text, **{name: value}).finish()
    assert (code, out) == (0, "goes on\n")
    assert said in err
    assert "secret" not in err
    assert run(text, **{name: value}, MILEPOST_DISABLED="1").finish()[:2] == (0, "goes on\n")


def test_a_key_from_a_file_with_its_newline_is_as_good(run: Any, server: Any) -> None:
    text = 'import milepost\nwith milepost.job("kidney", id="newline"): pass'
    assert run(text, MILEPOST_API_KEY=f" {server.key}\n").finish() == (0, "", "")
    assert len(server.told("newline")) == 1


def test_a_key_that_was_saved_for_one_server_is_not_shown_to_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "milepost").mkdir()
    (tmp_path / "milepost" / "credentials.toml").write_text('url = "https://one.example/"\napi_key = "mp_one"\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("MILEPOST_URL", "MILEPOST_API_KEY", "MILEPOST_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    assert load_settings().api_key == "mp_one"
    assert load_settings(url="https://one.example/api/v1").api_key == "mp_one"
    assert load_settings(url="https://other.example").api_key is None
    assert "mp_one" not in repr(load_settings())


def test_a_signal_handler_may_report_whatever_it_interrupts(run: Any, server: Any) -> None:
    script = run("""
        import milepost, signal
        with milepost.job("kidney", id="signals") as job:
            seen = 0
            def interrupt(*_):
                global seen
                seen += 1
                job.info(f"signal {seen}")
            signal.signal(signal.SIGALRM, interrupt)
            signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
            for number in range(3000):
                job.info(str(number))
            signal.setitimer(signal.ITIMER_REAL, 0)
            print(seen)
    """)
    code, out, err = script.finish()
    assert (code, err) == (0, "")
    assert int(out) > 10
    run("import milepost; milepost.flush()").finish()
    texts = [text for kind, _, text in server.told("signals") if kind == "info"]
    assert [text for text in texts if text.isdigit()] == [str(number) for number in range(3000)]
    assert len(texts) == 3000 + int(out)


def test_nested_steps_are_waited_for_where_it_is_strict(run: Any, server: Any) -> None:
    script = run("""
        import milepost
        with milepost.job("kidney", id="nested", strict=True) as job:
            with job.step("load"):
                with job.step("left"):
                    job.info("inside")
    """)
    assert script.finish() == (0, "", "")
    assert [(kind, tag) for kind, tag, _ in server.told("nested")] == [
        ("info", None), ("step", "left"), ("step", "load"), ("complete", None),
    ]  # fmt: skip


def test_a_key_that_is_not_taken_is_raised_where_it_is_strict(run: Any) -> None:
    script = run("""
        import milepost
        try:
            with milepost.job("kidney", id="key", strict=True, api_key="mp_wrong"):
                pass
        except milepost.RefusedError as error:
            print(type(error).__name__)
    """)
    assert script.finish()[:2] == (0, "RefusedError\n")


def test_leaving_early_is_no_failure(run: Any, server: Any) -> None:
    script = run("""
        import milepost, sys
        def numbers():
            with milepost.job("kidney", id="generator") as job:
                for number in range(3):
                    yield number
        for number in numbers():
            break
        @milepost.tracked("kidney", id="tracked")
        def counted():
            yield milepost.current_job().id
        print(*counted())
        with milepost.job("kidney", id="exit-0") as job:
            with job.step("load"):
                sys.exit(0)
    """)
    assert script.finish() == (0, "tracked\n", "")
    for name in ("generator", "tracked", "exit-0"):
        assert [kind for kind, _, _ in server.told(name)] == ["complete"]


def test_what_was_recorded_under_another_clock_is_not_refused(run: Any, server: Any, spool: Path) -> None:
    server.kill()
    with_steps = """
        import milepost
        with milepost.job("kidney", id="twice") as job:
            job.step("load")
    """
    assert run(with_steps).finish()[0] == 0
    [kept] = spool.glob("*.jsonl")
    copy = spool.parent / kept.name
    shutil.copy(kept, copy)
    server.start()
    assert run("import milepost; assert milepost.flush()").finish() == (0, "", "")
    # Sent again by a machine that lost what it had noted, its clock a little off.
    lines = [json.loads(line) for line in copy.read_text(encoding="utf-8").splitlines()]
    for line in lines[1:]:
        line["at"] -= 0.25
    kept.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert run("import milepost; assert milepost.flush()").finish() == (0, "", "")
    assert len(server.told("twice")) == 2
    assert not (spool / "refused").exists()


def test_what_waits_for_another_key_is_told(run: Any, server: Any) -> None:
    server.kill()
    text = 'import milepost\nwith milepost.job("kidney", id="other-key"): pass'
    run(text, MILEPOST_API_KEY="mp_of_last_year").finish()
    server.start()
    code, out, err = run("import milepost; print(milepost.flush())").finish()
    assert (code, out) == (0, "False\n")
    assert "wait for another server or key: 1 files" in err


def test_a_script_may_go_elsewhere(run: Any, server: Any) -> None:
    script = run(
        """
        import milepost, os, tempfile
        with milepost.job("kidney", id="elsewhere") as job:
            os.chdir(tempfile.mkdtemp())
            job.step("load")
        """,
        MILEPOST_SPOOL="here",
    )
    assert script.finish() == (0, "", "")
    assert len(server.told("elsewhere")) == 2


def test_a_folder_that_others_may_write_to_is_not_used(run: Any, server: Any, spool: Path) -> None:
    spool.mkdir(exist_ok=True)
    spool.chmod(0o777)
    code, _, err = run('import milepost\nwith milepost.job("kidney", id="shared"): pass').finish()
    assert code == 0
    assert "others must not write into it" in err
    assert list(spool.iterdir()) == []
    assert len(server.told("shared")) == 1


def test_what_others_may_have_put_into_a_folder_is_not_sent(run: Any, server: Any, spool: Path) -> None:
    server.kill()
    assert run('import milepost\nwith milepost.job("kidney", id="planted"): pass').finish()[0] == 0
    spool.chmod(0o777)
    server.start()
    assert run('import milepost\nwith milepost.job("kidney", id="own"): pass').finish()[0] == 0
    assert (server.told("planted"), len(server.told("own"))) == ([], 1)
    spool.chmod(0o700)
    assert run("import milepost; assert milepost.flush()").finish() == (0, "", "")
    assert len(server.told("planted")) == 1


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("HTTPS://Jobs.Example:443/", "https://jobs.example"),
        ("http://jobs.example:80/api/v1/", "http://jobs.example"),
        ("http://[::1]:8080/milepost/", "http://[::1]:8080/milepost"),
        ("https://jobs.example:8443", "https://jobs.example:8443"),
        ("https://Bücher.example/ä b/./x/../", "https://xn--bcher-kva.example/%C3%A4%20b"),
    ],
)
def test_a_server_has_one_name(written: str, address: str) -> None:
    assert load_settings(url=written, api_key="mp_x").url == address


def test_a_report_that_is_taken_back_behind_the_end_of_a_part_is_not_sent(tmp_path: Path) -> None:
    spool = SpoolFile.create(tmp_path / "spool", "http://127.0.0.1:1", "key")
    body = {"provider_job_id": "j", "kind": "info", "name": "x" * 1000}
    while spool._size < PART - 2000:
        spool.append("event", body, LIMIT)
    # Whichever of these the part ends behind.
    for _ in range(30):
        number = spool.append("event", {"provider_job_id": "j", "kind": "step", "tag": "t"}, LIMIT)
        assert number
        spool.cancel(number)
    sent = []
    while entries := spool.read():
        sent += [entry.body["kind"] for entry in entries]
        spool.settle(entries[-1])
    assert set(sent) == {"info"}


def test_a_note_of_what_was_sent_that_cannot_be_is_not_believed(tmp_path: Path) -> None:
    spool = SpoolFile.create(tmp_path / "spool", "http://127.0.0.1:1", "key")
    spool.append("event", {"provider_job_id": "j", "kind": "info"}, LIMIT)
    spool.close()
    spool.path.with_suffix(".sent").write_text("99999999999999999999\n")
    left = SpoolFile.take_over(spool.path)
    assert left is not None
    assert len(left.read()) == 1


def test_signals_are_for_the_script(run: Any) -> None:
    script = run("""
        import milepost, os, signal
        with milepost.job("kidney", id="waited-for") as job:
            job.step("load")
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
            os.kill(os.getpid(), signal.SIGUSR1)
            print(signal.sigwait({signal.SIGUSR1}).name)
    """)
    assert script.finish() == (0, "SIGUSR1\n", "")


def test_a_connection_that_is_gone_ends_no_script_that_ends_at_a_broken_pipe(run: Any) -> None:
    script = run("""
        import httpx, milepost, os, signal
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        def request(*_, **__):
            reads, writes = os.pipe()
            os.close(reads)
            try:
                os.write(writes, b"x")
            except BrokenPipeError as error:
                raise httpx.WriteError(str(error))
        httpx.Client.request = request
        with milepost.job("kidney", id="pipe") as job:
            job.step("load")
        print("goes on")
    """)
    code, out, err = script.finish()
    assert (code, out) == (0, "goes on\n")
    assert "Broken pipe" in err


def test_a_signal_handler_may_report_between_any_two_lines_of_ours(run: Any, server: Any) -> None:
    script = run("""
        import collections, milepost, signal, sys
        signal.alarm(30)
        job = milepost.job("kidney", id="lines")
        seen, lines = 0, collections.Counter()
        def interrupt(frame, event, _):
            global seen
            if frame.f_globals["__name__"] not in ("milepost._reporter", "milepost._spool", "threading", "queue"):
                return None
            line = (frame.f_code, frame.f_lineno)
            lines[line] += 1
            # What is put off is done by the same lines.
            if event == "line" and lines[line] <= 3:
                seen += 1
                job.info(f"signal {seen}")
            return interrupt
        sys.settrace(interrupt)
        for number in range(3):
            job.info(str(number))
        job.wait(1)
        sys.settrace(None)
        print(seen)
        assert milepost.flush()
    """)
    code, out, err = script.finish()
    assert (code, err) == (0, "")
    assert int(out) > 100
    texts = [text for _, _, text in server.told("lines")]
    assert [text for text in texts if text.isdigit()] == ["0", "1", "2"]
    assert len(set(texts)) == len(texts) == 3 + int(out)


def test_a_signal_handler_may_report_at_any_one_line_of_ours(run: Any, server: Any) -> None:
    script = run("""
        import milepost, signal, sys, time
        signal.alarm(30)
        # The thread waits to be woken again.
        milepost._reporter.LINGER = 0
        job = milepost.job("kidney", id="line").open()
        told = 0
        def interrupt(frame, event, _):
            global left, told
            if frame.f_globals["__name__"] not in ("milepost._reporter", "milepost._spool", "threading", "queue"):
                return None
            if event == "line":
                left -= 1
                if left == 0:
                    told += 1
                    job.info(f"signal {number}")
            return interrupt
        for number in range(120):
            left = number + 1
            sys.settrace(interrupt)
            job.info(str(number))
            sys.settrace(None)
            job.wait()
            time.sleep(0.01)
        print(told)
        assert milepost.flush()
    """)
    code, out, err = script.finish()
    assert (code, err) == (0, "")
    texts = [text for _, _, text in server.told("line")]
    assert [text for text in texts if text.isdigit()] == [str(number) for number in range(120)]
    assert len(set(texts)) == len(texts) == 120 + int(out)
    assert 40 < int(out) < 120, "all lines are interrupted"


def test_whatever_a_signal_handler_interrupts_by_an_exception_what_is_reported_next_is_told(
    run: Any, server: Any
) -> None:
    script = run("""
        import milepost, random, signal, time
        class Interrupt(Exception): pass
        def interrupt(*_):
            raise Interrupt
        job = milepost.job("kidney", id="interrupted").open()
        signal.signal(signal.SIGALRM, interrupt)
        luck = random.Random(7)
        for number in range(2000):
            try:
                signal.setitimer(signal.ITIMER_REAL, luck.uniform(1e-6, 1e-4))
                job.info("interrupted")
                time.sleep(0.01)
                print("swallowed")
            except Interrupt as error:
                job.info(str(number))
        assert milepost.flush()
    """)
    assert script.finish() == (0, "", "")
    texts = [text for _, _, text in server.told("interrupted") if text.isdigit()]
    assert texts == [str(number) for number in range(2000)]


@pytest.mark.parametrize("kind", ["TimeoutError", "ValueError"])
def test_what_a_signal_handler_raises_goes_to_the_script(run: Any, server: Any, kind: str) -> None:
    script = run(
        """
        import milepost, os, signal
        from milepost import _job
        def interrupt(*_):
            raise KIND("too long")
        signal.signal(signal.SIGALRM, interrupt)
        def interrupted(function):
            def call(*values):
                signal.raise_signal(signal.SIGALRM)
                return function(*values)
            return call
        job = milepost.job("kidney", id="raised-KIND")
        for module, name in ((_job, "reporter_of"), (os, "write")):
            whole = getattr(module, name)
            setattr(module, name, interrupted(whole))
            try:
                job.info("lost")
            except KIND as error:
                print(error, flush=True)
            setattr(module, name, whole)
            job.info(name)
        print(job.wait())
    """.replace("KIND", kind)
    )
    code, out, err = script.finish()
    assert (code, out.replace("too long\n", ""), err) == (0, "True\n", "")
    assert "too long" in out
    assert [text for _, _, text in server.told(f"raised-{kind}")] == ["reporter_of", "write"]


def test_an_answer_that_nobody_can_decode_is_none(run: Any, server: Any) -> None:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(502)
        request.send_header("Content-Encoding", "gzip")
        request.send_header("Content-Length", "3")
        request.end_headers()
        request.wfile.write(b"<p>")

    with instead_of(server, answer):
        code, out, err = run('import milepost\nwith milepost.job("kidney", id="gzip"): pass').finish()
        assert (code, out) == (0, "")
        assert err.count("\n") == 1
        assert "cannot be reached" in err
    assert run("import milepost; assert milepost.flush()").finish() == (0, "", "")
    assert len(server.told("gzip")) == 1


def reporter(spool: Path) -> Reporter:
    settings = Settings(url="http://127.0.0.1:1", api_key="key", spool=spool, spool_limit=LIMIT, is_disabled=False)
    return Reporter(settings, "key")


def dated(seconds: float) -> httpx.Response:
    return httpx.Response(
        200, json={}, headers={"Date": format_datetime(datetime.fromtimestamp(seconds, timezone.utc))}
    )


def test_a_slow_answer_tells_what_time_it_is(spool: Path) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        time.sleep(1.2)
        return dated(time.time() + 3600)

    it = reporter(spool)
    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://127.0.0.1:1") as client:
        it._ask(client, "GET", "/server", None, "application/json")
    assert it._clock_offset is not None
    assert abs(it._clock_offset - 3600) < 3
    it.finish()


def test_the_clock_is_corrected_by_the_answer_that_came_fastest(spool: Path) -> None:
    it = reporter(spool)
    for trip, told, offset in [
        # Within what a slow answer can tell.
        (20, 11, 0),
        (20, 110, 110.5),
        (10, 105, 105.5),
        (0.1, 100, 100.5),
        (0.1, 101, 100.5),
        (20, 108, 100.5),
        # The clock was put right.
        (20, 0, 0),
    ]:
        it._correct_clock(dated(1_000_000 + told), 1_000_000, trip)
        assert it._clock_offset == offset
    it.finish()


@pytest.mark.parametrize("is_disk_full", [True, False])
def test_what_an_exception_interrupts_costs_no_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_disk_full: bool
) -> None:
    spool = SpoolFile.create(tmp_path / "spool", "http://127.0.0.1:1", "key")
    body = {"provider_job_id": "j", "kind": "info", "name": "x" * 1000}
    while spool._size <= LARGE:
        spool.append("event", body, LIMIT)
    write = os.write

    def interrupted(descriptor: int, line: bytes) -> int:
        write(descriptor, line)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        spool.append("event", body, LIMIT)
    last = spool._number
    if is_disk_full:
        monkeypatch.setattr(os, "write", lambda descriptor, line: write(descriptor, line[:10]))
        assert spool.append("event", body, LIMIT)
    monkeypatch.setattr(os, "write", write)
    numbers = []
    while entries := spool.read():
        for entry in entries:
            numbers.append(entry.number)
            # Where it might begin anew.
            assert spool.has_unsent()
            spool.settle(entry)
            if entry.number == last - 1:
                break
    assert numbers == list(range(1, spool._number + 1))
    assert not spool.has_unsent()
    spool.close()


def test_a_report_whose_script_was_interrupted_is_not_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = SpoolFile.create(tmp_path / "spool", "http://127.0.0.1:1", "key")
    write = os.write

    def interrupted(descriptor: int, line: bytes) -> int:
        write(descriptor, line)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        spool.append("event", {"provider_job_id": "j", "kind": "info"}, LIMIT)
    assert not spool.remove()
    assert spool.path.exists()


def test_what_does_not_know_its_length_is_gone_through(run: Any, server: Any) -> None:
    script = run("""
        import milepost
        from milepost.tqdm import tqdm
        class Stream:
            def __len__(self):
                raise TypeError("object of type 'IterableDataset' has no len()")
            def __iter__(self):
                return iter(range(3))
        with milepost.job("kidney", id="stream") as job:
            print(*job.track(Stream(), step="load"), *tqdm(Stream(), step="left", disable=True))
    """)
    assert script.finish() == (0, "0 1 2 0 1 2\n", "")
    assert [tag for _, tag, _ in server.told("stream")] == ["load", None]


@pytest.mark.parametrize("line", ["api_key = 5", "url = 5"])
def test_a_file_of_login_that_says_something_else_stops_nothing(run: Any, tmp_path: Path, line: str) -> None:
    (tmp_path / "milepost").mkdir()
    (tmp_path / "milepost" / "credentials.toml").write_text(line)
    text = 'import milepost\nwith milepost.job("kidney"): print("goes on")'
    code, out, err = run(text, XDG_CONFIG_HOME=str(tmp_path)).finish()
    assert (code, out, err.count("\n")) == (0, "goes on\n", 1)
    assert "credentials.toml" in err


def test_a_folder_that_is_gone_stops_nothing(run: Any) -> None:
    script = run(
        """
        import os, tempfile
        import milepost
        gone = tempfile.mkdtemp()
        os.chdir(gone)
        os.rmdir(gone)
        for _ in range(2):
            with milepost.job("kidney"):
                print("goes on")
        """,
        MILEPOST_SPOOL="here",
    )
    code, out, err = script.finish()
    assert (code, out, err.count("\n")) == (0, "goes on\n" * 2, 1)
    assert "nothing is reported" in err


def test_any_id_but_none_and_an_empty_one_is_the_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILEPOST_DISABLED", "1")
    ids: list[Any] = [0, False, None, ""]
    assert [milepost.job("kidney", id=own_id).id for own_id in ids[:2]] == ["0", "False"]
    assert all(milepost.job("kidney", id=own_id).id.startswith("kidney-") for own_id in ids[2:])


def test_a_job_for_another_process_holds_no_key_but_one_that_was_given(
    monkeypatch: pytest.MonkeyPatch, spool: Path
) -> None:
    monkeypatch.setenv("MILEPOST_API_KEY", "mp_of_the_environment")
    monkeypatch.setenv("MILEPOST_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("MILEPOST_SPOOL", str(spool))
    packed = pickle.dumps(milepost.job("kidney"))
    assert b"mp_of" not in packed
    settings = pickle.loads(packed)._settings
    assert (settings.api_key, settings.url) == ("mp_of_the_environment", "http://127.0.0.1:1")
    monkeypatch.delenv("MILEPOST_API_KEY")
    assert pickle.loads(packed)._settings is None
    given = pickle.loads(pickle.dumps(milepost.job("kidney", api_key="mp_given")))
    assert given._settings.api_key == "mp_given"


@pytest.mark.parametrize("url", ["http://a?", "http://a/?q=1", "http://a#top", "http://a:70000", "http://a b"])
def test_what_is_no_address_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="http:// or https:// and a host"):
        load_settings(url=url, api_key="mp_x")


def test_a_file_for_the_same_server_by_another_name_is_sent(run: Any, server: Any, spool: Path) -> None:
    left = SpoolFile.create(spool, f"HTTP://127.0.0.1:{server.port}/x/../api/v1/", server.key)
    left.append("open", {"tag": "kidney", "provider_job_id": "by-another-name"}, LIMIT)
    left.close()
    assert run("import milepost; assert milepost.flush()").finish() == (0, "", "")
    assert server.job("by-another-name") is not None
