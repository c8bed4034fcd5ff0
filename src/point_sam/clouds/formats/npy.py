"""NPY: one array. [N, 3] coordinates, [N, 6] with colours, wider with more columns, or records with named fields.

A cloud with attributes does not fit and is refused; a mask is written alone, as bool [N].
"""

from typing import BinaryIO

import numpy as np
from jaxtyping import Bool

from point_sam.clouds.cloud import PointCloud, PointCloudError
from point_sam.clouds.colors import to_uint8
from point_sam.clouds.columns import cloud_from_columns
from point_sam.clouds.npyarray import MAGIC, read_array_data, read_array_header
from point_sam.clouds.registry import Format, RawCloud
from point_sam.clouds.streams import remaining

_MAX_COLUMNS = 1024


def read_npy(file: BinaryIO) -> RawCloud:
    """Columns x y z, then colours if columns 4-6 look like colours, then attributes column_4 .. ; or fields by name.

    Raises:
        PointCloudError: a header that lies, Python objects, a shape that is no cloud.
    """
    header = read_array_header(file)
    if header.nbytes > remaining(file):
        raise PointCloudError(
            f"the header announces shape {list(header.shape)} of {header.dtype}, {header.nbytes} bytes, "
            f"but {remaining(file)} follow; the file is cut short or the header is wrong"
        )
    array = read_array_data(file, header)
    if array.dtype.names is not None:
        if array.ndim != 1:
            raise PointCloudError(f"holds records of shape {list(array.shape)}; expected [N]")
        return cloud_from_columns({name: array[name] for name in array.dtype.names})
    if array.ndim != 2 or not 3 <= array.shape[1] <= _MAX_COLUMNS or array.dtype.kind not in "biuf":
        raise PointCloudError(
            f"holds {array.dtype} of shape {list(array.shape)}; a cloud is [N, 3], with colours [N, 6], or wider"
        )
    has_colors = array.shape[1] >= 6 and len(array) > 0 and _are_colors(array[:, 3:6])
    first = 6 if has_colors else 3
    attributes = {f"column_{i + 1}": array[:, i].copy() for i in range(first, array.shape[1])}
    return RawCloud(array[:, :3].astype(np.float64), to_uint8(array[:, 3:6]) if has_colors else None, attributes)


def write_npy(file: BinaryIO, cloud: PointCloud) -> None:
    """float64 [N, 3], or [N, 6] with colours 0..255.

    Raises:
        PointCloudError: the cloud has attributes, or colours so dark that they would be read back as fractions.
    """
    if cloud.attributes:
        raise PointCloudError(f".npy cannot hold the attributes {', '.join(cloud.attributes)}; write .npz")
    array = cloud.xyz
    if cloud.rgb is not None:
        if cloud.rgb.max() == 1:
            raise PointCloudError("colours of 0 and 1 only would be read back as black and full colour; write .npz")
        array = np.concatenate([array, cloud.rgb.astype(np.float64)], axis=1)
    _write(file, array)


def write_mask(file: BinaryIO, mask: Bool[np.ndarray, " N"]) -> None:
    """The mask alone, as `numpy.load` gives it back."""
    _write(file, mask)


def _write(file: BinaryIO, array: np.ndarray) -> None:
    np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)


def _are_colors(values: np.ndarray) -> bool:
    """Whole numbers in 0..255, or any in 0..1: what normals (-1..1) and lengths in metres hardly are."""
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= 255):
        return False
    return bool(high <= 1 or (values == np.rint(values)).all())


FORMAT = Format("NPY", (".npy",), read_npy, write_npy, write_mask, magic=(MAGIC,))
