"""One click, three candidates, the best one saved: `python examples/1_click.py`, with your cloud and click if you like.

The click is in the file's units. `point-sam segment` does the same from the shell.
"""

import argparse

from point_sam import PointSAM, read_pointcloud, write_pointcloud


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cloud", default="examples/data/extinguisher.ply", help="in any format that point_sam reads")
    parser.add_argument("--point", type=float, nargs=3, default=[-0.1515, 0.0011, 0.5568], help="on the object")
    parser.add_argument("--checkpoint", help="weights; by default the model tiny of the package")
    parser.add_argument("--out", default="clicked.ply", help="the suffix names the format")
    args = parser.parse_args()

    cloud = read_pointcloud(args.cloud)
    model = PointSAM.from_pretrained(checkpoint_path=args.checkpoint)
    model.set_pointcloud(cloud.xyz, cloud.rgb, normalize=True)  # encodes once
    masks, iou_scores = model.predict(prompt_point=args.point)
    for mask, iou_score in zip(masks, iou_scores, strict=True):
        print(f"predicted IoU {iou_score:.2f}: {mask.sum():,} of {len(mask):,} points")

    write_pointcloud(args.out, cloud, mask=masks[iou_scores.argmax()])
    print(f"wrote the best as {args.out}")


if __name__ == "__main__":
    main()
