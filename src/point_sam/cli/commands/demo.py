"""`point-sam demo`: two clicks on the sample in the package, checked against the sample's own labels."""

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from point_sam.cli import options as shared
from point_sam.cli.clicks import Prompt
from point_sam.cli.console import print_json, say
from point_sam.cli.outputs import MaskOutput
from point_sam.cli.segmenting import Segmenting

EPILOG = "Examples:\n\n  point-sam demo\n\n  point-sam demo -o results --json"
SAMPLE = "extinguisher.ply"
# Metres: on the hose, and off it. The second is where the evaluation's protocol clicks on what the first left wrong.
CLICKS = (Prompt((-0.1515, 0.0011, 0.5568), True), Prompt((-0.1001, 0.0031, 0.1195), False))
PART = 3  # the hose in the sample's attribute `label`


def command(
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FOLDER", help="Where the two files go; it is created if need be.")
    ] = Path("."),
    as_json: shared.Json = False,
) -> None:
    """Segment the hose of a fire extinguisher from two clicks.

    The sample and the model tiny are in the package: no network, no GPU. Writes extinguisher_mask.ply and
    extinguisher_mask.png, replacing older ones.
    """
    out.mkdir(parents=True, exist_ok=True)
    cloud_file, picture_file = out / f"{Path(SAMPLE).stem}_mask.ply", out / f"{Path(SAMPLE).stem}_mask.png"
    with resources.as_file(resources.files("point_sam.assets") / SAMPLE) as sample:
        files = shared.OutputOptions(out=cloud_file, picture=picture_file)
        target = MaskOutput(sample, files, title="point-sam demo: two clicks")
        answer = Segmenting(CLICKS, target).run()
    truth = answer.source.cloud.attributes["label"] == PART
    true_iou = float((answer.mask & truth).sum() / (answer.mask | truth).sum())
    if as_json:
        print_json({**target.summary(), **answer.summary(), "true_iou": true_iou, "seconds": answer.seconds})
        return
    say(f"A fire extinguisher of {len(truth):,} coloured points, one click on its hose and one off it, model tiny.")
    for line in answer.lines():
        say(line)
    say(f"The sample knows its hose: {int(truth.sum()):,} points, true IoU of the mask {true_iou:.2f}.")
    say(f"picture: {picture_file} (four views; the mask is orange, clicks on it green, off it red)")
    say(f"cloud:   {cloud_file} (attribute mask; opens in MeshLab, CloudCompare, Open3D)")
    say("Now your own: point-sam info FILE, then point-sam segment FILE --index 0 --picture out.png")
