"""All parts of a cloud without a click: `python examples/3_everything.py`. In the shell: `point-sam everything`."""

import argparse

from point_sam import MaskGenerator, PointCloud, PointSAM, read_pointcloud, write_pointcloud
from point_sam.automatic import label_points
from point_sam.display import show


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cloud", default="examples/data/extinguisher.ply")
    parser.add_argument("--points", type=int, default=64, help="clicks tried; more find more, and take longer")
    args = parser.parse_args()

    cloud = read_pointcloud(args.cloud)
    model = PointSAM.from_pretrained("tiny")
    model.set_pointcloud(cloud.xyz, cloud.rgb, normalize=True)
    records = MaskGenerator(model, points_per_cloud=args.points).generate()
    for record in records:
        print(f"{record['area']:6,} points, predicted IoU {record['predicted_iou']:.2f}")

    labels = label_points(records, len(cloud))  # of the smallest mask that holds a point; -1: of none
    write_pointcloud("parts.ply", PointCloud(cloud.xyz, cloud.rgb, {"label": labels}))
    show(cloud, labels=labels).image.save("parts.png")
    print(f"{(labels >= 0).mean():.0%} of the points have a label; wrote parts.ply and parts.png")


if __name__ == "__main__":
    main()
