"""Files on the Hugging Face hub: cached, resumed and shown by huggingface_hub; checked and failing fast here."""

import hashlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from point_sam.checkpoints.errors import CheckpointError
from point_sam.messages import first_line

# Seconds within which the hub must begin to answer. huggingface_hub alone retries for 23 s without a network.
_PATIENCE = 2.3
_TIMEOUT_VARIABLE = "HF_HUB_ETAG_TIMEOUT"
_BLOCK = 1 << 22


@dataclass(frozen=True)
class PublishedFile:
    """One file of one revision, known by its contents.

    Attributes:
        size: in bytes.
        sha256: of the contents, hexadecimal.
    """

    repo_id: str
    filename: str
    revision: str
    size: int
    sha256: str


def fetch_published(
    file: PublishedFile,
    revision: str | None = None,
    *,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
) -> Path:
    """`file` from the cache or the hub, with its size and sha256 verified once after the download.

    Args:
        revision: another revision than the pinned one; its contents are then not verified.

    Raises:
        CheckpointError: the hub cannot deliver, or delivered something else.
    """
    wanted = file.revision if revision is None else revision
    path = fetch(file.repo_id, file.filename, revision=wanted, cache_dir=cache_dir, local_files_only=local_files_only)
    if wanted == file.revision:
        _verify(path, file)
    return path


def fetch(
    repo_id: str,
    filename: str,
    *,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
) -> Path:
    """A file of a repository, from the cache or the hub.

    Raises:
        CheckpointError: the hub is out of reach (said within 3 s), or has no such repository, revision or file.
    """
    found = _fetch(repo_id, filename, revision=revision, cache_dir=cache_dir, local_files_only=local_files_only)
    if found is None:
        raise CheckpointError(
            f"the hub repository {repo_id} has no file {filename}; name another repository, or download its "
            f"weights and pass checkpoint_path"
        )
    return found


def fetch_optional(
    repo_id: str,
    filename: str,
    *,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
) -> Path | None:
    """As `fetch`, but None where the repository (or, without a network, the cache) has no such file."""
    try:
        return _fetch(repo_id, filename, revision=revision, cache_dir=cache_dir, local_files_only=local_files_only)
    except HubUnavailableError:
        return None


class HubUnavailableError(CheckpointError):
    """The file is not in the cache, and the hub may not or cannot be asked."""


def _fetch(
    repo_id: str, filename: str, *, revision: str | None, cache_dir: str | Path | None, local_files_only: bool
) -> Path | None:
    # Half a second to import, so only once the hub is really asked.
    from huggingface_hub import constants, errors, hf_hub_download, hf_hub_url, try_to_load_from_cache

    where: dict[str, Any] = {"repo_id": repo_id, "filename": filename, "revision": revision}
    try:
        cached = try_to_load_from_cache(**where, cache_dir=cache_dir)
    except errors.HFValidationError as err:
        raise CheckpointError(f"{repo_id!r} is not a hub repository id ({err})") from err
    local = Path(cached) if isinstance(cached, str) else None
    # A commit's contents never change, a branch's may: only the latter is worth asking about again.
    if local is not None and (_is_commit(revision) or local_files_only or constants.HF_HUB_OFFLINE):
        return local
    if local_files_only or constants.HF_HUB_OFFLINE:
        reason = "local_files_only is set" if local_files_only else "HF_HUB_OFFLINE is set"
        raise HubUnavailableError(f"{filename} of {repo_id} is not in the hub cache and {reason}; {_way_out(repo_id)}")
    trouble = _trouble(hf_hub_url(**where))
    if trouble is not None:
        if local is not None:
            return local
        raise HubUnavailableError(f"the hub is out of reach ({trouble}); {_way_out(repo_id)}")
    try:
        return Path(hf_hub_download(**where, cache_dir=cache_dir))
    except errors.LocalEntryNotFoundError as err:  # a kind of EntryNotFoundError: the connection broke
        raise CheckpointError(
            f"downloading {filename} of {repo_id} failed ({first_line(err)}); {_way_out(repo_id)}"
        ) from err
    except errors.EntryNotFoundError:
        return None
    except errors.RevisionNotFoundError as err:
        raise CheckpointError(
            f"the hub repository {repo_id} has no revision {revision!r}; give a branch, tag or commit of it, or leave "
            f"revision out"
        ) from err
    except errors.GatedRepoError as err:
        raise CheckpointError(
            f"the hub repository {repo_id} asks for consent on its page and for `hf auth login`"
        ) from err
    except errors.RepositoryNotFoundError as err:
        raise CheckpointError(
            f"the hub has no repository {repo_id}, or it is private: check the spelling, or run `hf auth login`"
        ) from err
    except (errors.HTTPError, OSError) as err:
        raise CheckpointError(
            f"downloading {filename} of {repo_id} failed ({first_line(err)}); {_way_out(repo_id)}"
        ) from err


def _trouble(url: str) -> str | None:
    """Why the hub does not answer, within seconds; None where it does (whatever it answers).

    The question goes through huggingface_hub's own HTTP client, hence through whatever endpoint, proxy and
    certificates are configured for it. A thread keeps the deadline, because name resolution knows none.
    """
    from huggingface_hub.utils import get_session

    patience = max(_PATIENCE, float(os.environ.get(_TIMEOUT_VARIABLE) or 0))
    answer: list[str | None] = []

    def ask() -> None:
        try:
            status = get_session().head(url, timeout=patience).status_code
            answer.append(f"it answered HTTP {status}" if status >= 500 else None)
        # requests, httpx and what a configured client may add share no class of errors.
        except Exception as err:
            answer.append(first_line(err))

    thread = threading.Thread(target=ask, daemon=True, name="point-sam-hub-probe")
    thread.start()
    thread.join(patience)
    return answer[0] if answer else f"no answer in {patience:.1f} s; {_TIMEOUT_VARIABLE} grants more"


def _verify(path: Path, file: PublishedFile) -> None:
    """Compare size and sha256 once; a note beside the cached repository spares the next start the hashing."""
    size = path.stat().st_size
    if size != file.size:
        raise CheckpointError(
            f"{path} has {size} bytes; {file.filename} of {file.repo_id} has {file.size}; delete it and load again"
        )
    # <repository>/snapshots/<revision>/<file>
    note = path.parents[2] / f".point-sam-verified-{file.sha256[:16]}"
    state = f"{file.sha256} {size} {path.stat().st_mtime_ns}"
    if note.is_file() and note.read_text(encoding="ascii", errors="replace") == state:
        return
    found = sha256_of(path)
    if found != file.sha256:
        raise CheckpointError(f"{path} has sha256 {found}, not {file.sha256}; delete it and load again")
    # A cache that cannot be written (shared, read-only) only costs the hashing at every start.
    try:
        note.write_text(state, encoding="ascii")
    except OSError:
        return


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file's contents."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _is_commit(revision: str | None) -> bool:
    return revision is not None and len(revision) == 40 and all(c in "0123456789abcdef" for c in revision)


def _way_out(repo_id: str) -> str:
    return (
        f"download model.safetensors of https://huggingface.co/{repo_id} elsewhere and pass checkpoint_path=..., or "
        f"set HF_ENDPOINT to a mirror; 'tiny' needs no network"
    )
