import numpy as np

from point_sam.pyramid.pieces import drop_specks, find_pieces

# A line of points: each has those beside it as neighbours.
LINE = np.stack([np.maximum(np.arange(30) - 1, 0), np.minimum(np.arange(30) + 1, 29)], axis=1)


def runs(*spans):
    mask = np.zeros(30, bool)
    for start, stop in spans:
        mask[start:stop] = True
    return mask


def test_neighbours_in_the_mask_are_one_piece():
    mask = runs((2, 5), (9, 20))

    pieces = find_pieces(mask, LINE)

    assert (pieces[~mask] == -1).all()
    assert len(set(pieces[2:5])) == len(set(pieces[9:20])) == 1
    assert pieces[2] != pieces[9]
    assert pieces.max() == 1


def test_an_empty_mask_has_no_pieces():
    assert (find_pieces(np.zeros(30, bool), LINE) == -1).all()


def test_specks_turn_negative_and_all_else_stays():
    mask = runs((0, 1), (3, 15), (17, 22), (25, 27))
    logits = np.where(mask, 2.0, -1.0).astype(np.float32)

    left = drop_specks(logits, LINE, np.array([25]))

    # Of one point: a speck. Of five beside twelve: a piece. Of two: a speck, but clicked.
    np.testing.assert_array_equal(left > 0, runs((3, 15), (17, 22), (25, 27)))
    assert left[0] == -2
    np.testing.assert_array_equal(left[1:], logits[1:])


def test_an_empty_mask_stays_as_it_is():
    logits = np.full(30, -1, np.float32)

    np.testing.assert_array_equal(drop_specks(logits, LINE, np.array([3])), logits)


def test_clicks_beside_the_mask_save_no_speck():
    logits = np.where(runs((0, 1), (3, 15)), 2.0, -1.0).astype(np.float32)

    assert not drop_specks(logits, LINE, np.array([20]))[0] > 0
