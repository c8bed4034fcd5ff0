import functools
import http.server
import threading
import time
import types

import pytest

from point_sam import CheckpointError, PointSAM
from point_sam.checkpoints import MODELS, hub, locate


@pytest.fixture
def hub_at(monkeypatch, tmp_path):
    """Points huggingface_hub at an address, with an empty cache and no proxies."""
    from huggingface_hub import constants

    def point(url):
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.setattr(constants, "ENDPOINT", url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        template = url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        return tmp_path / "cache"

    return point


@pytest.fixture
def fake_hub(hub_at, tmp_path):
    """A server on this machine that answers as the hub does for the files in a folder, and counts its answers."""
    served, log = tmp_path / "served", []
    served.mkdir()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, *, body):
            log.append((self.command, self.path))
            file = served / self.path.rsplit("/", 1)[-1]
            if not file.is_file():
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("X-Repo-Commit", "c" * 40)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            data = file.read_bytes()
            self.send_response(200)
            self.send_header("ETag", f'"{hub.sha256_of(file)}"')
            self.send_header(
                "X-Repo-Commit", self.path.split("/")[4] if len(self.path.split("/")[4]) == 40 else "c" * 40
            )
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if body:
                self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cache = hub_at(f"http://127.0.0.1:{server.server_port}")
    yield types.SimpleNamespace(served=served, log=log, cache=cache)
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", ["large", "user/repo"])
def test_an_unreachable_hub_is_reported_within_three_seconds(hub_at, name):
    cache = hub_at("http://127.0.0.1:9")
    locate_once = functools.partial(locate, name, cache_dir=cache)
    start = time.monotonic()
    with pytest.raises(CheckpointError, match=r"the hub is out of reach .*pass checkpoint_path") as caught:
        locate_once()
    assert time.monotonic() - start < 3 + 2  # importing huggingface_hub for the first time may take a while here
    start = time.monotonic()
    with pytest.raises(CheckpointError):
        locate_once()
    assert time.monotonic() - start < 3
    assert "\n" not in str(caught.value)


def test_a_silent_hub_is_given_up_within_three_seconds(hub_at):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        cache = hub_at(f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.monotonic()
        with pytest.raises(CheckpointError, match="the hub is out of reach"):
            locate("user/repo", cache_dir=cache)
        assert time.monotonic() - start < 3


def test_a_hub_repository_is_downloaded_once_and_then_offline(fake_hub, hub_at, folder, model, same_weights):
    for file in folder.iterdir():
        (fake_hub.served / file.name).write_bytes(file.read_bytes())
    loaded = PointSAM.from_pretrained("user/repo", cache_dir=fake_hub.cache)
    assert same_weights(loaded, model)
    assert loaded.model.config == model.model.config

    hub_at("http://127.0.0.1:9")
    assert same_weights(PointSAM.from_pretrained("user/repo", cache_dir=fake_hub.cache), model)
    again = PointSAM.from_pretrained("user/repo", cache_dir=fake_hub.cache, local_files_only=True)
    assert same_weights(again, model)


def test_a_repository_without_config_is_fine_and_without_weights_is_not(fake_hub, folder):
    with pytest.raises(CheckpointError, match=r"user/repo has no file model\.safetensors"):
        locate("user/repo", cache_dir=fake_hub.cache)
    (fake_hub.served / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    assert locate("user/other", cache_dir=fake_hub.cache).settings is None


def test_local_files_only_never_asks(fake_hub):
    with pytest.raises(CheckpointError, match="is not in the hub cache and local_files_only is set"):
        locate("user/repo", cache_dir=fake_hub.cache, local_files_only=True)
    assert fake_hub.log == []


@pytest.fixture
def published(fake_hub):
    (fake_hub.served / "model.safetensors").write_bytes(b"0123456789")
    digest = hub.sha256_of(fake_hub.served / "model.safetensors")
    return hub.PublishedFile("user/published", "model.safetensors", "a" * 40, 10, digest)


def test_a_published_file_is_verified_once_and_cached(fake_hub, published, monkeypatch):
    path = hub.fetch_published(published, cache_dir=fake_hub.cache)
    assert path.read_bytes() == b"0123456789"
    requests = len(fake_hub.log)

    monkeypatch.setattr(hub, "sha256_of", lambda _: pytest.fail("hashed again"))
    assert hub.fetch_published(published, cache_dir=fake_hub.cache) == path
    assert len(fake_hub.log) == requests


def test_a_published_file_with_other_contents_is_refused(fake_hub, published):
    (fake_hub.served / "model.safetensors").write_bytes(b"9876543210")
    for _ in range(2):
        with pytest.raises(CheckpointError, match=r"has sha256 .*, not .*; delete it and load again"):
            hub.fetch_published(published, cache_dir=fake_hub.cache)


def test_a_published_file_of_another_size_is_refused(fake_hub, published):
    (fake_hub.served / "model.safetensors").write_bytes(b"01234")
    with pytest.raises(CheckpointError, match=r"has 5 bytes; .* has 10; delete it and load again"):
        hub.fetch_published(published, cache_dir=fake_hub.cache)


def test_large_is_pinned():
    published = MODELS["large"].published
    assert published.revision == "fb2cd5cd8047e3681491d82fc41b880a9a914fc8"
    assert (published.size, len(published.sha256)) == (1_244_245_632, 64)
