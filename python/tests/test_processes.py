"""Processes that share a spool, are forked, or are killed: every report is there once, in order."""

from __future__ import annotations

import os
import random
import signal
import time
from typing import TYPE_CHECKING, Any

from milepost._spool import SpoolFile

if TYPE_CHECKING:
    from pathlib import Path


def test_sixteen_scripts_that_are_killed_and_run_again_lose_and_repeat_nothing(
    run: Any, server: Any, spool: Any
) -> None:
    text = """
        import milepost, sys, time
        name, first = sys.argv[1] if len(sys.argv) > 1 else "NAME", FIRST
        with milepost.job("kidney", id=name) as job:
            for number in range(first, 100_000):
                job.info(str(number), step="load")
                print(number, flush=True)
                time.sleep(0.005)
    """
    luck = random.Random(7)
    reported = {f"killed-{number}": 0 for number in range(16)}
    for _ in range(2):
        scripts = {
            name: run(text.replace("NAME", name).replace("FIRST", str(first))) for name, first in reported.items()
        }
        time.sleep(2.5)
        for name, script in luck.sample(sorted(scripts.items()), len(scripts)):
            script.process.kill()
            out, _ = script.process.communicate()
            whole = out.rpartition("\n")[0].splitlines()
            reported[name] = int(whole[-1]) + 1 if whole else reported[name]
    assert sum(reported.values()) > 100
    for _ in range(2):
        assert run("import milepost; assert milepost.flush()").finish()[0] == 0
    for name, count in reported.items():
        told = [int(text) for _, _, text in server.told(name)]
        # One may have been reported and not printed when the script was killed; it then came again by the next run.
        assert sorted(set(told)) == list(range(len(set(told)))), name
        assert len(set(told)) - count in (0, 1)
        assert len(told) - len(set(told)) <= 2
    assert list(spool.glob("*.jsonl")) == []


def test_a_pool_of_spawned_processes_reports(run: Any, server: Any) -> None:
    script = run("""
        import functools, milepost, multiprocessing
        def work(job, number):
            job.info(str(number), step="load")
        if __name__ == "__main__":
            with milepost.job("kidney", id="pool") as job:
                with multiprocessing.get_context("spawn").Pool(3) as pool:
                    pool.map(functools.partial(work, job), range(12))
                    pool.close()
                    pool.join()
    """)
    assert script.finish() == (0, "", "")
    texts = [text for kind, _, text in server.told("pool") if kind == "info"]
    assert sorted(texts, key=int) == [str(number) for number in range(12)]


def test_threads_report_side_by_side(run: Any, server: Any) -> None:
    script = run("""
        import milepost
        from concurrent.futures import ThreadPoolExecutor
        with milepost.job("kidney", id="threads") as job:
            def work(number):
                for index in range(50):
                    with job.step("load") as step:
                        step["Density"] = number * 1000 + index
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(work, range(8)))
    """)
    assert script.finish() == (0, "", "")
    told = [event["event_metadata"]["Density"] for event in server.events("threads") if event["kind"] == "step"]
    assert sorted(told) == sorted(number * 1000 + index for number in range(8) for index in range(50))
    for number in range(8):
        of_thread = [value for value in told if value // 1000 == number]
        assert of_thread == sorted(of_thread)


def test_a_child_goes_on_after_a_fork_in_the_middle(run: Any, server: Any) -> None:
    script = run("""
        import milepost, os, sys
        with milepost.job("kidney", id="forked") as job:
            job.info("before")
            child = os.fork()
            if child == 0:
                job.info("child")
                job.wait()
                os._exit(0)
            os.waitpid(child, 0)
            job.info("parent")
    """)
    assert script.finish() == (0, "", "")
    texts = [text for kind, _, text in server.told("forked") if kind == "info"]
    assert sorted(texts) == ["before", "child", "parent"]


def test_the_exit_code_is_the_scripts_own(run: Any, server: Any) -> None:
    cases = [
        ("sys.exit(3)", 3, "SystemExit: 3"),
        ("sys.exit(0)", 0, None),
        ("raise KeyboardInterrupt", -2, "KeyboardInterrupt"),
        ("1 / 0", 1, "ZeroDivisionError: division by zero"),
    ]
    for number, (statement, code, told) in enumerate(cases):
        plain = run(f"import sys\n{statement}").finish()
        script = run(f"import sys, milepost\nwith milepost.job('kidney', id='exit-{number}'):\n    {statement}")
        ended = script.finish()
        assert (ended[0], ended[1], ended[2].splitlines()[-1:]) == (code, plain[1], plain[2].splitlines()[-1:])
        assert server.told(f"exit-{number}") == [("error", None, told) if told else ("complete", None, None)]


def test_a_child_that_is_forked_while_another_thread_holds_our_locks_goes_on(run: Any, server: Any) -> None:
    script = run("""
        import os, signal, threading
        os.register_at_fork(after_in_child=lambda: signal.alarm(20))
        import milepost
        from milepost import _reporter
        with milepost.job("kidney", id="locked") as job:
            [reporter] = _reporter._reporters.values()
            held, done = threading.Event(), threading.Event()
            def hold():
                with reporter._spool._lock, reporter._condition, reporter._holding, _reporter._lock:
                    held.set()
                    done.wait()
            threading.Thread(target=hold).start()
            held.wait()
            child = os.fork()
            if child == 0:
                job.info("child")
                os._exit(0 if job.wait() else 1)
            ended = os.waitpid(child, 0)[1]
            done.set()
            print(ended)
    """)
    assert script.finish() == (0, "0\n", "")
    assert ("info", None, "child") in server.told("locked")


def test_a_child_keeps_no_lock_of_a_file_that_is_sent_while_it_is_forked(tmp_path: Path) -> None:
    left = SpoolFile.create(tmp_path / "spool", "http://127.0.0.1:1", "key")
    left.close()
    taken = SpoolFile.take_over(left.path)
    assert taken is not None
    child = os.fork()
    if child == 0:
        time.sleep(30)
        os._exit(0)
    try:
        taken.close()
        until = time.monotonic() + 5
        while (again := SpoolFile.take_over(left.path)) is None and time.monotonic() < until:
            time.sleep(0.05)
        assert again is not None
        again.close()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_child_that_ends_within_the_block_does_not_end_the_job(run: Any, server: Any) -> None:
    script = run("""
        import milepost, os, sys
        with milepost.job("kidney", id="child-ends") as job:
            for end in (lambda: sys.exit(0), lambda: 1 / 0):
                child = os.fork()
                if child == 0:
                    sys.stderr = open(os.devnull, "w")
                    job.info("child")
                    end()
                os.waitpid(child, 0)
            job.step("load")
    """)
    assert script.finish() == (0, "", "")
    assert [kind for kind, _, _ in server.told("child-ends")] == ["info", "info", "step", "complete"]


def test_whichever_thread_reports_first_the_job_is_opened_before(run: Any, server: Any) -> None:
    script = run("""
        import milepost, threading, time
        from milepost._reporter import Reporter
        report = Reporter.report
        def slowly(self, kind, body, **options):
            if kind == "open":
                time.sleep(0.3)
            return report(self, kind, body, **options)
        Reporter.report = slowly
        job = milepost.job("kidney", id="first")
        threads = [threading.Thread(target=job.info, args=(str(number),)) for number in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(job.wait())
    """)
    assert script.finish() == (0, "True\n", "")
    assert sorted(text for _, _, text in server.told("first")) == ["0", "1", "2", "3"]


def test_an_event_waits_for_the_process_that_is_still_to_open_its_job(run: Any, server: Any, spool: Path) -> None:
    late = SpoolFile.create(spool, server.url, server.key)
    late.append("open", {"tag": "kidney", "provider_job_id": "late"}, 1_000_000)
    time.sleep(0.01)
    for name, kept in (("late", 1), ("never", 0)):
        early = SpoolFile.create(spool, server.url, server.key)
        early.append("event", {"provider_job_id": name, "kind": "info", "name": "early"}, 1_000_000)
        early.close()
        code, out, err = run("import milepost; print(milepost.flush())").finish()
        assert (code, out, early.path.exists()) == (0, "False\n", name == "late")
        assert ("refuses" in err) is not bool(kept)
    # What is about a job that nobody opens was set aside.
    assert [path.name for path in (spool / "refused").iterdir()] == [early.path.name]
    late.close()
    assert run("import milepost; print(milepost.flush())").finish() == (0, "True\n", "")
    assert server.told("late") == [("info", None, "early")]
