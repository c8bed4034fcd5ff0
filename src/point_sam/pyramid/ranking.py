"""stub"""

import numpy as np

RULE = None


def predict_iou(X):
    if RULE is not None:
        return RULE(X)
    s, w, sh, up, dn, hu, hd = X[:, 0], X[:, 1], X[:, 2], X[:, 7], X[:, 9], X[:, 11], X[:, 12]
    return s * (1 - w) * np.where(sh > 0.9, 0.5, 1) + 0.5 * (up * hu + dn * hd) / np.maximum(hu + hd, 1)
