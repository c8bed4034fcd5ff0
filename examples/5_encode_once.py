"""Encode once, keep the encoding as a file, ask many prompts at once: `python examples/5_encode_once.py`."""

import time

import numpy as np

from point_sam import EncodedCloud, PointSAM, Session, read_pointcloud


def main() -> None:
    cloud = read_pointcloud("examples/data/park_lidar.pcd")
    model = PointSAM.from_pretrained("tiny")
    start = time.perf_counter()
    model.encode(cloud.xyz, cloud.rgb, normalize=True).save("park.encoded.safetensors")
    print(f"encoded and saved in {time.perf_counter() - start:.2f} s")

    # Another day, another process: nothing is encoded again.
    start = time.perf_counter()
    encoded = EncodedCloud.load("park.encoded.safetensors")
    assert encoded.is_of(cloud.xyz, cloud.rgb)
    print(f"loaded in {time.perf_counter() - start:.2f} s")

    points = cloud.xyz[:: len(cloud) // 16][:16, None]  # [16, 1, 3]: one click for each of 16 objects
    logits, iou_scores = model.predict_encoded(encoded, points, np.ones((16, 1)))  # [16, 3, N], [16, 3]
    for area, iou_score in zip((logits > 0).sum(2).amax(1).tolist(), iou_scores.amax(1).tolist(), strict=True):
        print(f"predicted IoU {iou_score:.2f}, at most {area:,} points")

    session = Session(model, encoded)  # any number of sessions may share an encoding
    print(f"the tree: {session.click([163.76, 192.03, 52.95]).sum():,} points")


if __name__ == "__main__":
    main()
