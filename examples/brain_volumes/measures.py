"""What is measured in a brain: one function a step, named by the step's tag in job_configs.json.

Units are those of job_configs.json: ml, mm, %. Nothing in here knows of Milepost.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Union

import nibabel as nib
import numpy as np
from matplotlib.figure import Figure
from nibabel.affines import apply_affine
from nilearn import datasets
from nilearn.image import resample_to_img
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

NILEARN = "https://nilearn.github.io/stable/modules/generated/nilearn.datasets"
TEMPLATE = f"{NILEARN}.load_mni152_template.html"
ATLAS = "https://doi.org/10.1016/j.neuroimage.2010.07.033"  # Fonov et al. 2011
HMRF_EM = "https://doi.org/10.1109/42.906424"  # Zhang, Brady and Smith 2001
CSF, GREY, WHITE = 1, 2, 3  # the labels in Study.tissue; 0 is outside the brain
SEEDS = [(-8, -4, 20), (8, -4, 20)]  # MNI mm, in the bodies of the lateral ventricles
DEPTH = 30  # mm below the surface, where no cistern reaches the lateral ventricles
FACES = ndimage.generate_binary_structure(3, 1)  # a voxel and its 6 neighbours

Measures = dict[str, Union[str, float, None]]  # None: not measured


@dataclass
class Study:
    """One image, and what the steps so far have found in it."""

    path: Path | None  # a skull-stripped T1 image in MNI space; None: the MNI152 template
    folder: Path  # where the snapshot and the report go
    results_url: str | None  # where that folder can be seen, if anywhere
    note: Callable[[str], None] = print  # tells some news of the step under way
    measures: dict[str, Measures] = field(default_factory=dict)  # by step
    image: Any = field(init=False)
    voxel_mm: tuple[float, ...] = field(init=False)
    t1: NDArray[np.float32] = field(init=False)
    brain: NDArray[np.bool_] = field(init=False)
    shares: NDArray[np.float32] = field(init=False)  # of CSF, grey, white in each brain voxel
    tissue: NDArray[np.uint8] = field(init=False)  # the tissue with the greatest share
    ventricles: NDArray[np.bool_] = field(init=False)

    def ml(self, voxels: float) -> float:
        return float(voxels * np.prod(self.voxel_mm) / 1000)

    def positions(self, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Where the voxels of a mask lie in mm: x to the right, y to the front, z up."""
        return np.asarray(apply_affine(self.image.affine, np.argwhere(mask)))

    def voxel(self, position: tuple[float, float, float]) -> tuple[int, ...]:
        """The voxel at a position in mm."""
        index = apply_affine(np.linalg.inv(self.image.affine), position).round().astype(int)
        if not all(0 <= i < size for i, size in zip(index, self.t1.shape)):
            raise ValueError(f"{position} mm is outside the image: is it registered to MNI space?")
        return tuple(index)


def measure(tag: str, study: Study) -> Measures:
    """Take one step and keep what it measured, numbers to four significant digits."""
    measures = STEPS[tag](study)
    for name, value in measures.items():
        if isinstance(value, float):
            measures[name] = float(f"{value:.4g}") if np.isfinite(value) else None
    study.measures[tag] = measures
    return measures


def load(study: Study) -> Measures:
    image: Any = nib.load(study.path) if study.path else datasets.load_mni152_template(resolution=1)
    if image.ndim != 3:
        raise ValueError(f"one volume was expected, this image has {image.ndim} dimensions")
    study.image = nib.as_closest_canonical(image)
    study.t1 = study.image.get_fdata(dtype=np.float32)
    study.voxel_mm = tuple(float(mm) for mm in study.image.header.get_zooms())
    if not all(0.4 <= mm <= 3 for mm in study.voxel_mm):
        raise ValueError(f"voxels of {study.voxel_mm} mm: each side must be 0.4 to 3 mm")
    if not np.isfinite(study.t1).all():
        raise ValueError("some voxels are not finite numbers")
    empty = 100 * float(np.mean(study.t1 == 0))
    if not 30 <= empty <= 95:
        raise ValueError(f"{empty:.0f} % of the image is empty, not 30 to 95: strip the skull")
    study.note(f"The skull is already stripped: {empty:.1f} % of the image is exactly 0")
    return {
        "Image": study.path.name if study.path else "MNI ICBM152 2009a, the average of 152 adults",
        "Matrix": " × ".join(str(size) for size in study.t1.shape),
        "Voxel size": " × ".join(f"{mm:g}" for mm in study.voxel_mm),
        "Empty background": empty,
        "Source": None if study.path else TEMPLATE,
    }


def brain_mask(study: Study) -> Measures:
    pieces, count = ndimage.label(study.t1 > 0)
    largest = pieces == 1 + np.bincount(pieces.ravel())[1:].argmax()
    study.brain = ndimage.binary_fill_holes(largest)
    return {
        "Brain volume": study.ml(study.brain.sum()),
        "Fragments removed": count - 1,
        "Holes filled": study.ml(study.brain.sum() - largest.sum()),
    }


def extent(study: Study) -> Measures:
    surface = study.positions(study.brain & ~ndimage.binary_erosion(study.brain, FACES))
    width, length, height = np.ptp(surface, axis=0) + study.voxel_mm
    corners = surface[ConvexHull(surface).vertices]
    x, y, z = study.positions(study.brain).mean(axis=0).round(1) + 0.0  # no -0.0
    return {
        "Width": float(width),
        "Length": float(length),
        "Height": float(height),
        "Longest diameter": float(pdist(corners).max()),
        "Centre": f"x {x}, y {y}, z {z}",
    }


def intensity(study: Study) -> Measures:
    inside = study.t1[study.brain]
    low, median, high = np.percentile(inside, [2, 50, 98])
    # A median filter takes away mostly noise; 1.4826 × its median size is its standard deviation.
    removed = inside - ndimage.median_filter(study.t1, size=3)[study.brain]
    noise = 1.4826 * np.median(np.abs(removed - np.median(removed)))
    return {
        "2nd percentile": float(low),
        "Median": float(median),
        "98th percentile": float(high),
        "Signal to noise": float(median / noise) if noise > 0 else None,
    }


def segmentation(study: Study, coupling: float = 0.5, tolerance: float = 1e-4) -> Measures:
    """A hidden Markov random field of three Gaussian tissues, fitted by expectation maximisation.

    A voxel is likelier to be what its 6 neighbours are, by `coupling` for each (in mean field).
    """
    box = ndimage.find_objects(study.brain.astype(np.uint8))[0]
    brain, inside = study.brain[box], study.t1[study.brain]
    neighbours = FACES.astype(np.float32)
    neighbours[1, 1, 1] = 0
    mean, spread = np.quantile(inside, [0.1, 0.5, 0.9]), np.full(3, inside.std() / 3)
    prior = np.full((3, inside.size), 1 / 3, np.float32)
    shares = np.empty_like(prior)
    for iteration in range(1, 101):
        for k in range(3):
            shares[k] = prior[k] * np.exp(-0.5 * ((inside - mean[k]) / spread[k]) ** 2) / spread[k]
        shares /= np.maximum(shares.sum(axis=0), np.finfo(np.float32).tiny)
        weight = shares.sum(axis=1, dtype=np.float64)
        previous, mean = mean, shares @ inside / weight
        spread = np.sqrt([shares[k] @ (inside - mean[k]) ** 2 / weight[k] for k in range(3)])
        if iteration % 5 == 0:
            study.note(f"Iteration {iteration}: {study.ml(weight[1]):.0f} ml of grey matter")
        if np.abs(mean - previous).max() < tolerance * np.ptp(mean):
            break
        for k in range(3):
            volume = np.zeros(brain.shape, np.float32)
            volume[brain] = shares[k]
            votes = ndimage.convolve(volume, neighbours, mode="constant")[brain]
            prior[k] = np.exp(coupling * votes)
        prior /= prior.sum(axis=0)
    else:
        raise RuntimeError(f"the segmentation has not settled after {iteration} iterations")
    study.shares = shares
    study.tissue = np.zeros(study.t1.shape, np.uint8)
    study.tissue[study.brain] = CSF + shares.argmax(axis=0)
    return {
        "Iterations": iteration,
        "CSF intensity": float(mean[0]),
        "Grey matter intensity": float(mean[1]),
        "White matter intensity": float(mean[2]),
        "Method": HMRF_EM,
    }


def tissue_volumes(study: Study) -> Measures:
    # By shares: a voxel that is half grey and half white counts half to each.
    csf, grey, white = (study.ml(share) for share in study.shares.sum(axis=1, dtype=np.float64))
    return {
        "Grey matter": grey,
        "White matter": white,
        "CSF": csf,
        "Brain tissue": 100 * (grey + white) / (csf + grey + white),
        "Uncertain voxels": 100 * float(np.mean(study.shares.max(axis=0) < 0.8)),
    }


def atlas(study: Study) -> Measures:
    """Compare with the tissue maps that the makers of the MNI152 template give for it."""

    def probability(tissue_map: Any) -> NDArray[np.float32]:
        here = resample_to_img(tissue_map, study.image, force_resample=True, copy_header=True)
        return np.asarray(here.get_fdata(dtype=np.float32)[study.brain])

    def dice(label: int) -> float:
        ours, theirs = found == label, expected == label
        return float(2 * np.sum(ours & theirs) / (ours.sum() + theirs.sum()))

    grey = probability(datasets.load_mni152_gm_template(resolution=1))
    white = probability(datasets.load_mni152_wm_template(resolution=1))
    expected = CSF + np.argmax([1 - grey - white, grey, white], axis=0)
    found = study.tissue[study.brain]
    return {"Dice, grey matter": dice(GREY), "Dice, white matter": dice(WHITE), "Atlas": ATLAS}


def hemispheres(study: Study) -> Measures:
    x, matter = study.positions(study.brain)[:, 0], 1 - study.shares[0]  # all but the CSF
    astride = matter[x == 0].sum() / 2  # voxels on the midline go half to each side
    left, right = (study.ml(matter[side].sum() + astride) for side in (x < 0, x > 0))
    if np.array_equal(study.t1, study.t1[::-1]):
        study.note("The halves mirror each other exactly: a symmetric template, not a person")
    return {
        "Left": left,
        "Right": right,
        "Asymmetry": round(200 * abs(left - right) / (left + right), 2),
    }


def ventricles(study: Study) -> Measures:
    """The deep fluid that hangs together with the bodies of the lateral ventricles."""
    depth = ndimage.distance_transform_edt(study.brain, sampling=study.voxel_mm)
    pools, _ = ndimage.label((study.tissue == CSF) & (depth > DEPTH))
    seeded = [pools[study.voxel(seed)] for seed in SEEDS]
    if 0 in seeded:
        raise ValueError(f"no fluid at {SEEDS} mm: is the image registered to MNI space?")
    study.ventricles = np.isin(pools, seeded)
    volume = study.ml(study.ventricles.sum())
    length = np.ptp(study.positions(study.ventricles)[:, 1]) + study.voxel_mm[1]
    return {
        "Ventricle volume": volume,
        "Ventricle length": float(length),
        "Share of the brain": 100 * volume / study.ml(study.brain.sum()),
    }


def report(study: Study) -> Measures:
    study.folder.mkdir(parents=True, exist_ok=True)
    labels = np.ma.masked_equal(np.where(study.ventricles, 4, study.tissue), 0)
    figure = Figure(figsize=(12, 8.5), facecolor="black", layout="constrained")
    slices = study.voxel(SEEDS[1])
    for axis, panels in enumerate(figure.subplots(2, 3).T):
        across, up = (mm for other, mm in enumerate(study.voxel_mm) if other != axis)
        for panel, volume, colours in zip(panels, (study.t1, labels), ("gray", "viridis")):
            image = volume.take(slices[axis], axis).T
            panel.imshow(image, cmap=colours, origin="lower", aspect=up / across)
            panel.axis("off")
    figure.savefig(study.folder / "snapshot.png", dpi=110)

    mask, tissues = study.measures["brain_mask"], study.measures["tissue_volumes"]
    summary = (
        f"Brain {mask['Brain volume']:g} ml: {tissues['Grey matter']:g} ml grey matter, "
        f"{tissues['White matter']:g} ml white matter, {tissues['CSF']:g} ml fluid"
    )
    text = json.dumps({"summary": summary, **study.measures}, indent=2, ensure_ascii=False)
    (study.folder / "report.json").write_text(text + "\n", encoding="utf-8")
    return {
        "Summary": summary,
        "Snapshot size": (study.folder / "snapshot.png").stat().st_size / 1000,
        "Snapshot": f"{study.results_url}/snapshot.png" if study.results_url else None,
        "Report": f"{study.results_url}/report.json" if study.results_url else None,
    }


STEPS: dict[str, Callable[[Study], Measures]] = {
    "load": load,
    "brain_mask": brain_mask,
    "extent": extent,
    "intensity": intensity,
    "segmentation": segmentation,
    "tissue_volumes": tissue_volumes,
    "atlas": atlas,
    "hemispheres": hemispheres,
    "ventricles": ventricles,
    "report": report,
}
