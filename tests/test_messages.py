from point_sam.messages import first_line, format_point, printable


def test_control_characters_cannot_break_the_line():
    assert printable("a\nb\x1b[31mc\u2028d", 99) == "a\\nb\\x1b[31mc\\u2028d"


def test_long_text_is_cut():
    assert printable("x" * 50, 10) == "x" * 7 + "..."
    assert printable("\n" * 50, 10) == "\\n\\n\\n\\" + "..."


def test_an_error_is_quoted_by_its_first_line():
    assert first_line(OSError("\n  no such thing \nand a trace")) == "no such thing "
    assert first_line(OSError("")) == "OSError"
    assert len(first_line(OSError("x" * 999))) == 200


def test_a_point_has_as_many_digits_as_asked_for():
    assert format_point((1 / 3, -2, 4567890.25)) == "(0.333333, -2, 4.56789e+06)"
    assert format_point((1 / 3, -2, 4567890.25), 10) == "(0.3333333333, -2, 4567890.25)"
