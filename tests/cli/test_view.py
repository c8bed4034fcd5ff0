import socket

import pytest


@pytest.fixture
def nothing_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong must be found before a server starts."""

    def start(*_: object, **__: object) -> None:
        raise AssertionError("a server was started")

    monkeypatch.setattr("point_sam.viewer.server.start", start)


@pytest.mark.usefixtures("nothing_served")
class TestRefused:
    def test_a_taken_port(self, run, scene):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            answer = run("view", scene, "--port", taken.getsockname()[1])
        assert answer.exit_code == 1
        assert answer.stderr.count("\n") == 1
        assert "is taken; give another --port" in answer.stderr

    def test_other_machines_without_a_token(self, run, scene):
        answer = run("view", scene, "--host", "0.0.0.0", "--port", 0)
        assert answer.exit_code == 2
        assert "--token is needed" in answer.stderr

    def test_a_short_token(self, run, scene):
        answer = run("view", scene, "--token", "secret", "--port", 0)
        assert answer.exit_code == 2
        assert "16 printable" in answer.stderr

    def test_a_host_of_another_machine(self, run, scene):
        answer = run("view", scene, "--host", "192.0.2.1", "--token", "auto", "--port", 0)
        assert answer.exit_code == 1
        assert "not an address of this machine" in answer.stderr

    def test_a_file_that_is_not_there(self, run, scene):
        answer = run("view", "none.ply", "--port", 0)
        assert answer.exit_code == 1
        assert "none.ply: no such file" in answer.stderr

    def test_points_without_coordinates_unless_they_are_dropped(self, run, tmp_path):
        (tmp_path / "holes.xyz").write_text("0 0 0\n1 0 0\n0 1 0\nnan 0 0\n")
        answer = run("view", tmp_path / "holes.xyz", "--port", 0)
        assert answer.exit_code == 1
        assert "drop them (--drop-invalid does)" in answer.stderr
        answer = run("view", tmp_path / "holes.xyz", "--port", 0, "--drop-invalid", "--max-points", 2)
        assert answer.exit_code == 1
        assert "3 points; at most 2 are opened" in answer.stderr

    def test_an_unknown_way_to_look_at_clicks(self, run, scene):
        answer = run("view", scene, "--port", 0, "--scales", "cubes")
        assert answer.exit_code == 2
        assert "'auto', 'balls', 'whole'" in answer.stderr

    def test_a_file_with_too_many_points(self, run, scene):
        answer = run("view", scene, "--port", 0, "--max-points", 299)
        assert answer.exit_code == 1
        assert "299" in answer.stderr
