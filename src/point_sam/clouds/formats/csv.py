"""CSV: read as any table of text, written with commas and a header row."""

from point_sam.clouds.formats.text import read_text, write_csv
from point_sam.clouds.registry import Format

FORMAT = Format("CSV", (".csv",), read_text, write_csv)
