"""Processes that share a spool, are forked, or are killed: every report is there once, in order."""

from __future__ import annotations

import random
import time
from typing import Any


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
