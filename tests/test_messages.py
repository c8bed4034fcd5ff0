from point_sam.messages import first_line, printable


def test_control_characters_cannot_break_the_line():
    assert printable("a\nb\x1b[31mc\u2028d", 99) == "a\\nb\\x1b[31mc\\u2028d"


def test_long_text_is_cut():
    assert printable("x" * 50, 10) == "x" * 7 + "..."
    assert printable("\n" * 50, 10) == "\\n\\n\\n\\" + "..."


def test_an_error_is_quoted_by_its_first_line():
    assert first_line(OSError("\n  no such thing \nand a trace")) == "no such thing "
    assert first_line(OSError("")) == "OSError"
    assert len(first_line(OSError("x" * 999))) == 200
