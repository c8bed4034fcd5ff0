"""Clicks that build on each other, and undo: `python examples/2_refine.py`. The sample knows its hose."""

import numpy as np

from point_sam import PointSAM, Session, read_pointcloud, write_pointcloud

HOSE = 3  # the sample's label


def main() -> None:
    cloud = read_pointcloud("examples/data/extinguisher.ply")
    hose = cloud.attributes["label"] == HOSE
    model = PointSAM.from_pretrained("tiny")
    model.set_pointcloud(cloud.xyz, cloud.rgb, normalize=True)
    session = Session(model)

    first = session.click([-0.1515, 0.0011, 0.5568])  # on the hose: three candidates, the best is taken
    print(f"one click: IoU {iou(first, hose):.2f}, candidate {session.chosen} of {len(session.candidates.masks)}")
    print(f"another candidate: IoU {iou(session.choose(1), hose):.2f}")
    session.choose(0)
    print(f"not the holder: IoU {iou(session.click([-0.1001, 0.0031, 0.1195], positive=False), hose):.2f}")
    refined = session.mask
    session.click([0.027, 0.0025, 0.6227])  # on the button, by mistake
    print(f"a wrong click: IoU {iou(session.mask, hose):.2f}")
    session.undo()  # exactly as before
    assert (session.mask == refined).all()

    write_pointcloud("refined.ply", cloud, mask=session.mask)
    print(f"undone after {len(session.prompts)} clicks, wrote refined.ply")


def iou(mask: np.ndarray, truth: np.ndarray) -> float:
    return (mask & truth).sum() / (mask | truth).sum()


if __name__ == "__main__":
    main()
