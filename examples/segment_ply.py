"""Segment one object of a cloud by one click, in Python: load, encode once, ask, keep the best candidate, save.

    python examples/segment_ply.py scene.ply 0.5 0.1 -0.2 --checkpoint model.safetensors

The click is in the unit ball, as in the original's scripts: minus the cloud's mean, over the largest distance from it.
`point-sam segment` is the same in the file's own units, with more than one click.
"""

import argparse
from pathlib import Path

from point_sam import PointSAM, load_pointcloud, read_pointcloud, write_pointcloud


def main() -> None:
    parser = argparse.ArgumentParser(description="Segment one object of a cloud by one click in the unit ball.")
    parser.add_argument("cloud", type=Path, help="a cloud in any format that point_sam reads")
    parser.add_argument("click", type=float, nargs=3, metavar=("X", "Y", "Z"), help="each within -1 .. 1")
    parser.add_argument("--checkpoint", type=Path, help="weights; by default the model tiny of the package")
    parser.add_argument("--output", type=Path, help="by default the cloud's name with _mask.ply, in the current folder")
    parser.add_argument("--num-groups", type=int, help="2048 for large clouds with the model large")
    parser.add_argument("--group-size", type=int, help="256 for large clouds with the model large")
    args = parser.parse_args()

    coords, rgb, _ = load_pointcloud(args.cloud)
    model = PointSAM.from_pretrained(checkpoint_path=args.checkpoint)
    model.adjust_patch_params(args.num_groups, args.group_size)
    model.set_pointcloud(coords, rgb)
    masks, iou_scores = model.predict(prompt_point=args.click, prompt_label=1, multimask_output=True)
    for mask, iou_score in zip(masks, iou_scores, strict=True):
        print(f"predicted IoU {iou_score:.3f}: {mask.sum():,} of {len(mask):,} points")

    output = args.output or Path(f"{args.cloud.stem}_mask.ply")
    write_pointcloud(output, read_pointcloud(args.cloud), mask=masks[iou_scores.argmax()])
    print(f"wrote the best as {output}")


if __name__ == "__main__":
    main()
