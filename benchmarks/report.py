"""The figures as Markdown."""

from typing import Any

from benchmarks.child import Conditions
from benchmarks.rules import rules_text
from benchmarks.settings import EXACT, SETTINGS, SHIPPED
from benchmarks.speed import answer_path
from benchmarks.summary import Cell, Summary, difference, growth
from benchmarks.tasks import NAIVE, PACKAGE, groups_of
from point_sam.evaluation.tables import table

SPEED = {
    "encode": "encode",
    "first_click": "first click",
    "second_click": "second click",
    "later_click": "later click",
    "prompts": "many prompts",
}
MEMORY = ("peak", "prompts_peak", "process_peak")
OPS = {"fps": "FPS", "knn": "kNN", "interpolation": "interpolation"}
OPERATIONS = {"encode": "encode", "first_click": "first click", "later_click": "later click"}


def markdown(summary: Summary, about: dict[str, Any], conditions: Conditions) -> str:
    """Every table that there are figures for, under a heading each."""
    sections = [_head(summary, about, conditions)]
    sections += [_speed(summary, model, conditions) for model in summary.models("speed")]
    sections += [_operations(summary, model) for model in summary.models("ops")]
    sections += [_growth(summary), _reading(summary)]
    sections += [_stages(summary, model) for model in summary.models("stages")]
    sections += [_throughput(summary), _agreement(summary)]
    return "\n\n".join(section for section in sections if section) + "\n"


def seconds_text(seconds: float) -> str:
    """Three digits, in seconds or milliseconds."""
    return f"{seconds:.3g} s" if seconds >= 0.9995 else f"{seconds * 1e3:.3g} ms"


def _head(summary: Summary, about: dict[str, Any], conditions: Conditions) -> str:
    gpu = f"{about['gpu']}; " if about["gpu"] else ""
    most = max((len(records) for records in summary.records.values()), default=0)
    return (
        f"{gpu}{about['processor']}, {about['cores']} cores of which {conditions.threads} were used, "
        f"{about['memory_gb']:g} GB; torch {about['torch']}; revision {about['revision']}. "
        f"Medians of up to {most} processes each, which took turns. Every process measured one cloud with one model, "
        f"after a first run at full size that is not counted (but where it says prompts). "
        f"In brackets: how many times faster than the naive model (for memory: its share of the naive model's). "
        f"{rules_text(conditions.memory_limit, about['patience'])}"
    )


def _speed(summary: Summary, model: str, conditions: Conditions) -> str:
    names = {**SPEED, "prompts": f"{conditions.prompts} prompts"}
    lines, memory = [], []
    for points in summary.sizes("speed", model):
        plain = ("speed", NAIVE, model, points)
        for who in summary.names("speed", model, points=points):
            cell = ("speed", who, model, points)
            line = [f"{points:,}", who, *(_time(summary, cell, measure, plain) for measure in names)]
            if summary.has(cell, "prompts_one_by_one"):
                line[-1] += ", one by one"
            lines.append([*line, _difference(summary, cell, plain, conditions)])
            memory.append([*line[:2], *(_bytes(summary, cell, measure, plain) for measure in MEMORY)])
    task_sizes = dict.fromkeys(groups_of(model, points) for points in summary.sizes("speed", model))
    groups = ", ".join(f"{number} of {size}" for number, size in task_sizes)
    weights = "trained weights" if model == "tiny" else "random weights"
    note = (
        f"Groups: {groups}. The last column is the relative L2 difference of the first click's logits from those of "
        "the naive model."
    )
    memory_note = (
        f"Above weights: of encoding and three clicks, without the loaded weights and the cloud; then also with the "
        f"answers to {conditions.prompts} prompts (three masks each, float32). Process: with everything, before those "
        "prompts."
    )
    times = table(["points", "", *names.values(), "logits differ by"], lines)
    peaks = table(["points", "", "above weights", f"with {conditions.prompts} prompts", "process"], memory)
    return f"## {model}, {weights}\n\n{times}\n\n{note}\n\n### Peak memory\n\n{peaks}\n\n{memory_note}"


def _difference(summary: Summary, cell: Cell, plain: Cell, conditions: Conditions) -> str:
    if cell == plain or plain not in summary.records:
        return "-"
    found = difference(*(answer_path(summary.task(each), conditions) for each in (cell, plain)))
    return "-" if found is None else f"{found:.1g}"


def _operations(summary: Summary, model: str) -> str:
    lines = []
    for points in summary.sizes("ops", model):
        plain = ("ops", NAIVE, model, points)
        for who in (NAIVE, PACKAGE):
            cell = ("ops", who, model, points)
            peak = _bytes(summary, cell, "peak", plain)
            lines.append([f"{points:,}", who, *(_time(summary, cell, m, plain) for m in OPS), peak])
    task = summary.task(next(cell for cell in summary.records if cell[0] == "ops" and cell[2] == model))
    title = f"## Point operations, {task.num_groups} centres, {task.group_size} neighbours"
    return f"{title}\n\n{table(['points', '', *OPS.values(), 'peak memory'], lines)}"


def _growth(summary: Summary) -> str:
    lines = []
    for kind, measures in (("ops", OPS), ("speed", OPERATIONS)):
        for model in summary.models(kind):
            for who in summary.names(kind, model):
                for measure, name in measures.items():
                    series = _same_groups(summary, kind, who, model, summary.series(kind, who, model, measure))
                    exponent = growth(series)
                    if exponent is not None:
                        span = f"{min(series):,} to {max(series):,}"
                        label = "{} of {}".format(*_groups(summary, kind, who, model, max(series)))
                        lines.append([f"{name}, {model} ({label})", who, span, f"{exponent:.2f}"])
    note = "The exponent b of seconds ~ points^b, by least squares of the logarithms, at one grouping."
    return (
        f"## Growth with the number of points\n\n{table(['', '', 'points', 'exponent'], lines)}\n\n{note}"
        if lines
        else ""
    )


def _groups(summary: Summary, kind: str, who: str, model: str, points: int) -> tuple[int, int]:
    task = summary.task((kind, who, model, points))
    return task.num_groups, task.group_size


def _same_groups(summary: Summary, kind: str, who: str, model: str, series: dict[int, float]) -> dict[int, float]:
    if not series:
        return {}
    wanted = _groups(summary, kind, who, model, max(series))
    return {size: value for size, value in series.items() if _groups(summary, kind, who, model, size) == wanted}


def _reading(summary: Summary) -> str:
    sizes = summary.sizes("read", "")
    if not sizes:
        return ""
    suffixes = list(
        dict.fromkeys(f["measure"] for r in summary.records["read", PACKAGE, "", sizes[0]] for f in r.findings)
    )
    cells: list[list[str]] = [
        [f"{size:,}", *(_time(summary, ("read", PACKAGE, "", size), suffix, None) for suffix in suffixes)]
        for size in sizes
    ]
    return f"## Reading a file with `load_pointcloud`\n\n{table(['points', *suffixes], cells)}"


def _stages(summary: Summary, model: str) -> str:
    (points,) = summary.sizes("stages", model)[-1:]
    names = summary.names("stages", model, points=points)
    lines = []
    for operation, name in OPERATIONS.items():
        cells: dict[str, Cell] = {who: ("stages", who, model, points) for who in names}
        stages = dict.fromkeys(
            finding["measure"].partition("/")[2]
            for cell in cells.values()
            for record in summary.records[cell]
            for finding in record.findings
            if finding["measure"].startswith(f"{operation}/") and "seconds" in finding
        )
        stages.pop("all", None)
        for stage in stages:
            values = [summary.value(cell, f"{operation}/{stage}") for cell in cells.values()]
            lines.append([name, stage, *("-" if value is None else seconds_text(value) for value in values)])
        lines.append([name, "rest", *(_rest(summary, cell, operation, list(stages)) for cell in cells.values())])
        lines.append([name, "**all**", *(_time(summary, cell, f"{operation}/all", None) for cell in cells.values())])
    return f"## Where the time goes: {model}, {points:,} points\n\n{table(['', 'stage', *names], lines)}"


def _rest(summary: Summary, cell: Cell, operation: str, stages: list[str]) -> str:
    total = summary.value(cell, f"{operation}/all")
    if total is None:
        return "-"
    return seconds_text(max(0.0, total - sum(summary.value(cell, f"{operation}/{stage}") or 0.0 for stage in stages)))


def _throughput(summary: Summary) -> str:
    limit: Cell = ("limits", PACKAGE, "", 0)
    if limit not in summary.records:
        return ""
    best = {name: summary.value(limit, f"matmul {name}", "rate") for name in ("float32", "bfloat16")}
    copy = summary.value(limit, "copy", "rate")
    lines = []
    for model in summary.models("stages"):
        for points in summary.sizes("stages", model):
            for who in summary.names("stages", model, points=points):
                cell = ("stages", who, model, points)
                for operation, name in OPERATIONS.items():
                    flops = summary.value(cell, f"{operation}/flops", "count")
                    seconds = summary.value(cell, f"{operation}/all")
                    if flops and seconds:
                        shares = [f"{flops / seconds / rate:.0%}" if rate else "-" for rate in best.values()]
                        rates = [f"{flops / 1e9:.3g}", f"{flops / seconds / 1e12:.3g}"]
                        lines.append([f"{model}, {points:,}", who, name, *rates, *shares])
    head = ["", "", "", "GFLOP", "TFLOP/s", "of float32 products", "of bfloat16 products"]
    measured = ", ".join(f"{name} {rate / 1e12:.3g} TFLOP/s" for name, rate in best.items() if rate)
    note = f"Here one large product of matrices reaches: {measured}; a copy moves {(copy or 0) / 1e9:.3g} GB/s."
    return f"## Matrix throughput\n\n{table(head, lines)}\n\n{note}" if lines else f"## Matrix throughput\n\n{note}"


def _agreement(summary: Summary) -> str:
    parts = []
    for cell in sorted(cell for cell in summary.records if cell[0] == "agreement"):
        _, choice, _, points = cell
        lines = [line for name in SETTINGS if (line := _agreement_line(summary, cell, name))]
        where = f"the same objects with {points:,} points" if points else "objects as they are"
        masks = len(summary.values(cell, f"{EXACT}/1", "iou"))
        head = [
            "setting",
            "agreement",
            "worst tenth",
            f"with {SHIPPED}",
            "IoU@1",
            "IoU, last",
            "encode",
            "first click",
            "later click",
        ]
        if lines:
            parts.append(f"### {choice}; {where}, {masks} masks\n\n{table(head, lines)}")
    about = "\n".join(f"- {name}: {setting.about}" for name, setting in SETTINGS.items() if setting.agreement)
    note = (
        f'Agreement is the mean IoU of a setting\'s masks with those of "{EXACT}" at the same clicks and mask prompts, '
        f"over all clicks, and likewise with those of {SHIPPED}; IoU is with the truth. Times are medians in one "
        f'process; in brackets, how many times faster than "{EXACT}".\n\n{about}'
    )
    return "\n\n".join(["## Agreement: tiny, validation objects", *parts, note]) if parts else ""


def _agreement_line(summary: Summary, cell: Cell, name: str) -> list[str]:
    clicks = 0
    while summary.has(cell, f"{name}/{clicks + 1}"):
        clicks += 1
    if not clicks:
        return []
    agreed, shipped = (
        sorted(value for k in range(1, clicks + 1) for value in summary.values(cell, f"{name}/{k}", key))
        for key in ("agreement", "shipped")
    )
    tenth = agreed[: max(1, len(agreed) // 10)]
    first, last = (summary.values(cell, f"{name}/{k}", "iou") for k in (1, clicks))
    figures = [sum(x) / len(x) for x in (agreed, tenth, shipped, first, last)]
    times = []
    for measure in OPERATIONS:
        seconds, exact = (summary.value(cell, f"{who}/{measure}") for who in (name, EXACT))
        text = "-" if seconds is None else seconds_text(seconds)
        times.append(text if name == EXACT or not seconds or not exact else f"{text} ({exact / seconds:.1f}x)")
    return [name, *(f"{value:.4f}" for value in figures[:3]), *(f"{value:.3f}" for value in figures[3:]), *times]


def _time(summary: Summary, cell: Cell, measure: str, plain: Cell | None) -> str:
    seconds = summary.value(cell, measure)
    if seconds is None:
        return summary.missing(cell, measure)
    base = None if plain is None or plain == cell else summary.value(plain, measure)
    return seconds_text(seconds) if base is None else f"{seconds_text(seconds)} ({base / seconds:.1f}x)"


def _bytes(summary: Summary, cell: Cell, measure: str, plain: Cell) -> str:
    value = summary.value(cell, measure, "bytes")
    if value is None:
        return summary.missing(cell, measure)
    base = summary.value(plain, measure, "bytes") if plain != cell else None
    text = f"{value / 1e9:.2f} GB"
    return text if not base else f"{text} ({value / base:.0%})"
