"""What a script reports is on the server: once, in order, whatever happens."""

from __future__ import annotations

import time
from typing import Any

from conftest import waiting


def test_a_job_and_its_steps_are_reported(run: Any, server: Any, spool: Any) -> None:
    script = run("""
        import milepost
        with milepost.job("kidney", id="case-17", customer="carol@clinic.example", name="Case 17") as job:
            job.step("load", **{"tag": "T1", "self": "scan"})
            job.step("left", Density=5.1)
            with job.step("right") as step:
                step["Density"] = 4
                step.fraction(0.5)
            print("done")
    """)
    assert script.finish() == (0, "done\n", "")
    assert server.told("case-17") == [
        ("step", "load", "Load"),
        ("step", "left", "Left"),
        ("info", "right", "Right"),
        ("step", "right", "Right"),
        ("complete", None, None),
    ]
    job = server.job("case-17")
    assert (job["status"], job["customer_email"], job["provider_job_name"]) == (
        "completed",
        "carol@clinic.example",
        "Case 17",
    )
    measured = [event["event_metadata"] for event in server.events("case-17")]
    assert measured[:2] == [{"tag": "T1", "self": "scan"}, {"Density": 5.1}], "whatever a measurement is called"
    assert list(spool.glob("*")) == [], "nothing is left on disk"


def test_what_fails_is_reported_once_and_raised_again(run: Any, server: Any) -> None:
    script = run("""
        import milepost
        with milepost.job("kidney", id="case-18") as job:
            job.step("load")
            with job.step("left"):
                raise RuntimeError("no signal")
    """)
    code, out, err = script.finish()
    assert (code, out) == (1, "")
    assert err.endswith("RuntimeError: no signal\n")
    assert server.told("case-18") == [("step", "load", "Load"), ("error", "left", "RuntimeError: no signal")]


def test_nothing_is_refused_to_a_script_without_a_server(run: Any, server: Any, spool: Any) -> None:
    text = """
        import milepost, time
        begun = time.monotonic()
        with milepost.job("kidney", id="case-19") as job:
            for tag in ["load", "left", "right", "report"]:
                job.step(tag)
        assert time.monotonic() - begun < 3, "an unreachable server is not waited for"
        print("done")
    """
    server.kill()
    code, out, err = run(text).finish()
    assert (code, out) == (0, "done\n")
    assert err.count("cannot be reached") == 1
    assert len(waiting(spool)) == 6
    server.start()
    code, out, err = run("""
        import milepost
        with milepost.job("kidney", id="case-20") as job:
            job.step("load")
    """).finish()
    assert (code, out, err) == (0, "", "")
    assert [tag for _, tag, _ in server.told("case-19")] == ["load", "left", "right", "report", None]
    assert list(spool.glob("*")) == []


def test_a_script_that_is_killed_has_reported_what_it_did(run: Any, server: Any) -> None:
    server.kill()
    script = run("""
        import milepost, os, signal
        with milepost.job("kidney", id="case-21") as job:
            job.step("load")
            job.step("left", Comment="näher\\nbetrachtet")
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    assert script.finish()[0] == -9
    server.start()
    for _ in range(2):
        assert run("import milepost; milepost.flush()").finish()[0] == 0
    assert [tag for _, tag, _ in server.told("case-21")] == ["load", "left"]
    assert server.events("case-21")[1]["event_metadata"] == {"Comment": "näher\nbetrachtet"}


def test_a_server_that_is_away_for_a_while_gets_all_in_order(run: Any, server: Any) -> None:
    script = run("""
        import milepost, time
        with milepost.job("kidney", id="case-22") as job:
            for number in range(60):
                job.info(str(number), step="load", fraction=number / 60)
                time.sleep(0.05)
            print("done", flush=True)
            job.wait(20)
    """)
    for _ in range(2):
        assert script.process.poll() is None
        time.sleep(0.7)
        server.kill()
        time.sleep(0.5)
        server.start()
    code, out, _ = script.finish()
    assert (code, out) == (0, "done\n")
    assert [name for _, _, name in server.told("case-22")] == [*(str(number) for number in range(60)), None]


def test_a_refused_report_is_told_once_and_set_aside(run: Any, server: Any, spool: Any) -> None:
    code, _, err = run("""
        import milepost
        with milepost.job("kidney", id="case-23") as job:
            job.step("load")
            for _ in range(3):
                job.step("middle")
            job.step("left")
    """).finish()
    assert code == 0
    assert err.count("\n") == 1
    assert "case-23" in err
    assert "/tag" in err
    assert [tag for _, tag, _ in server.told("case-23")] == ["load", "left", None]
    [aside] = (spool / "refused").glob("*.jsonl")
    assert aside.read_text().count("middle") >= 3


def test_strict_raises(run: Any) -> None:
    code, out, err = run("""
        import milepost
        try:
            with milepost.job("kidney", id="case-24", strict=True) as job:
                job.step("load")
                job.step("middle")
                job.step("left")
        except milepost.RefusedError as error:
            print(error)
    """).finish()
    assert code == 0, err
    assert "/tag" in out


def test_without_a_key_or_disabled_nothing_happens(run: Any, spool: Any) -> None:
    text = """
        import milepost
        for number in range(2):
            with milepost.job("kidney", id=f"case-{number}") as job:
                job.step("load")
    """
    for variable, value in [("MILEPOST_API_KEY", ""), ("MILEPOST_DISABLED", "1")]:
        code, _, err = run(text, **{variable: value}).finish()
        assert (code, err.count("\n")) == (0, 1)
        assert err.startswith("nothing is reported: ")
        assert not spool.exists()


def test_a_clock_that_is_a_day_wrong_is_corrected(run: Any, server: Any) -> None:
    code, _, err = run("""
        import time
        real = time.time
        time.time = lambda: real() + 86_400
        import milepost
        with milepost.job("kidney", id="case-25") as job:
            job.step("load")
    """).finish()
    assert code == 0
    assert "86400 s" in err
    event = server.events("case-25")[0]
    assert event["occurred_at"][:13] <= event["created_at"][:13]


def test_sixteen_processes_share_a_spool(run: Any, server: Any, spool: Any) -> None:
    code, out, err = run("""
        import milepost, multiprocessing
        def work(number):
            with milepost.job("kidney", id=f"many-{number}") as job:
                for tag in ["load", "left", "right"]:
                    job.step(tag)
        if __name__ == "__main__":
            context = multiprocessing.get_context("fork")
            with milepost.job("kidney", id="all") as job:
                job.step("load")
                processes = [context.Process(target=work, args=(number,)) for number in range(16)]
                for process in processes: process.start()
                for process in processes: process.join()
    """).finish()
    assert (code, out, err) == (0, "", "")
    for number in range(16):
        assert [tag for _, tag, _ in server.told(f"many-{number}")] == ["load", "left", "right", None]
    assert [tag for _, tag, _ in server.told("all")] == ["load", None]
    assert list(spool.glob("*")) == []


def test_what_a_full_disk_does_not_take_is_reported_from_memory(run: Any, server: Any, spool: Any) -> None:
    code, out, err = run("""
        import milepost, resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        with milepost.job("kidney", id="case-26") as job:
            for number in range(100):
                job.info(str(number), step="load")
    """).finish()
    assert (code, out, err) == (0, "", "")
    assert [name for _, _, name in server.told("case-26")] == [*(str(number) for number in range(100)), None]
    spool.mkdir(exist_ok=True)
    spool.rename(spool.with_name("gone"))
    spool.write_text("a file is where the folder should be")
    code, out, err = run("""
        import milepost
        with milepost.job("kidney", id="case-27") as job:
            job.step("load")
    """).finish()
    assert (code, out) == (0, "")
    assert err.count("kept in memory only") == err.count("\n") == 1
    assert [tag for _, tag, _ in server.told("case-27")] == ["load", None]


def test_fractions_are_told_at_most_once_a_second(run: Any, server: Any) -> None:
    script = run("""
        import asyncio, milepost, time
        from milepost.tqdm import tqdm
        with milepost.job("kidney", id="case-28") as job:
            for _ in job.track(range(150), step="load"):
                time.sleep(0.01)
            for _ in tqdm(range(150), step="left", disable=True):
                time.sleep(0.001)
            async def numbers():
                for number in range(3):
                    yield number
            async def reads():
                async for _ in job.atrack(numbers(), step="right", total=3):
                    pass
            asyncio.run(reads())
    """)
    assert script.finish() == (0, "", "")
    events = server.events("case-28")
    steps = [event["tag"] for event in events if event["kind"] == "step"]
    assert steps == ["load", "left", "right"]
    fractions = [event["fraction"] for event in events if event["kind"] == "info" and event["tag"] == "load"]
    assert len(fractions) == 2
    assert fractions == sorted(fractions)


def test_functions_are_jobs_and_logs_are_events(run: Any, server: Any) -> None:
    script = run("""
        import asyncio, logging, milepost
        logging.getLogger().addHandler(milepost.LogHandler(step="load"))
        logging.getLogger().setLevel(logging.INFO)
        @milepost.tracked("kidney", id=lambda number: f"call-{number}")
        def work(number):
            logging.info("number %d", number)
            milepost.current_job().step("load")
        @milepost.tracked("kidney", id="async-call")
        async def work_async():
            async with milepost.current_job().step("left") as step:
                step["Density"] = 1
        for number in range(2):
            work(number)
        asyncio.run(work_async())
        logging.info("outside of every job")
    """)
    assert script.finish() == (0, "", "")
    for number in range(2):
        assert server.told(f"call-{number}") == [
            ("info", "load", f"number {number}"),
            ("step", "load", "Load"),
            ("complete", None, None),
        ]
    assert [tag for _, tag, _ in server.told("async-call")] == ["left", None]
