"""Shows what the person has that a run of scripts/attack_api.py is about. A session that has ended begins anew: some of
what is called ends it."""

from __future__ import annotations

import os
import time
from typing import Any

import requests
import schemathesis


def sign_in() -> str:
    credentials = {"email": os.environ["ATTACK_EMAIL"], "password": os.environ["ATTACK_PASSWORD"]}
    while True:
        answer = requests.post(f"{os.environ['ATTACK_URL']}/api/v1/login", json=credentials, timeout=30)
        if answer.status_code != 429:
            break
        # What is generated guesses at passwords from the same address.
        time.sleep(int(answer.headers["Retry-After"]))
    answer.raise_for_status()
    return answer.headers["Set-Cookie"].split(";")[0]


if "ATTACK_KEY" in os.environ or "ATTACK_EMAIL" in os.environ:

    @schemathesis.auth()
    class Shown:
        def get(self, case: schemathesis.Case, context: schemathesis.AuthContext) -> tuple[str, str]:
            if "ATTACK_KEY" in os.environ:
                return "Authorization", f"Bearer {os.environ['ATTACK_KEY']}"
            return "Cookie", sign_in()

        def set(self, case: schemathesis.Case, data: tuple[str, str], context: schemathesis.AuthContext) -> None:
            case.headers = {**(case.headers or {}), data[0]: data[1]}
