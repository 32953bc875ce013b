"""Measure a brain in a T1-weighted MRI, and print what each step has found."""

from __future__ import annotations

import argparse
from pathlib import Path

import milepost
from measures import STEPS, Study, measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", help="what this run is called")
    parser.add_argument("--image", type=Path, help="skull-stripped T1 in MNI space, NIfTI [the MNI152 template]")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder for snapshots and reports")
    options = parser.parse_args()
    study = Study(options.image, options.results / options.case, results_url=None)
    with milepost.job("brain_volumes", id=options.case) as job:
        for tag in STEPS:
            measures = measure(tag, study)
            found = [f"{name} = {value}" for name, value in measures.items() if value is not None]
            print(f"{tag}: {'; '.join(found)}", flush=True)
            job.step(tag, **measures)


if __name__ == "__main__":
    main()
