"""Ansible playbooks: played against the image's root as against a machine, and repeatable."""

import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from product import Herdbook, herdbook_with, layers_of
from tiny import assert_clear, leftovers

pytestmark = [pytest.mark.root, pytest.mark.archive]

SECRET = "tok-5e2a90c7d1b3"  # noqa: S105 - made up
RECIPE = """image: t/played
from: debian:bookworm
packages: [python3]
variants: [container]
run:
  - ansible: provision/site.yml
    variables: {port: 8080}
    secrets: [token]
  - command: test -e /etc/web.conf
"""
FILES = {
    "site.yml": """\
- name: Set up the web server
  hosts: all
  become: true
  roles: [web]
  tasks:
    - name: Know the token by its hash
      ansible.builtin.copy:
        content: "{{ lookup('file', '/run/secrets/token') | hash('sha256') }}"
        dest: /etc/web.token
        mode: "0600"
    - name: Write as somebody else
      ansible.builtin.shell: id -un >/srv/web/who
      become_user: web
    - name: Add a line
      ansible.builtin.lineinfile: {path: /etc/environment, line: LANG=C.UTF-8, create: true}
""",
    "roles/web/tasks/main.yml": """\
- name: Add who runs it
  ansible.builtin.user: {name: web, uid: 1234, home: /srv/web, shell: /usr/sbin/nologin}
- name: Configure
  ansible.builtin.template: {src: web.conf.j2, dest: /etc/web.conf, owner: web, mode: "0640"}
  notify: Note the change
- name: Place the page
  ansible.builtin.copy: {src: page.html, dest: /srv/web/, mode: "0444"}
""",
    "roles/web/handlers/main.yml": """\
- name: Note the change
  ansible.builtin.file: {path: /etc/web.changed, state: touch, mode: "0644"}
""",
    "roles/web/templates/web.conf.j2": """\
port {{ port }} on {{ ansible_facts['distribution_release'] }}
""",
    "roles/web/files/page.html": "<p>page</p>\n",
}


def write(folder: Path) -> Path:
    """Write recipe, playbook and secret; return the recipe."""
    for name, text in FILES.items():
        path = folder / "provision" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "token").write_text(SECRET + "\n")
    recipe = folder / "web.yaml"
    recipe.write_text(RECIPE)
    return recipe


@dataclass(frozen=True)
class Played:
    herdbook: Herdbook
    recipe: Path
    built: dict[str, Any]

    def build(self, folder: Path, **changed: str) -> Any:
        """Run a build of a copy in which files of the playbook read otherwise."""
        recipe = self.copy(folder)
        for name, text in changed.items():
            (folder / "provision" / f"{name}.yml").write_text(text)
        return self.herdbook.run("build", recipe, "--secret", f"token={folder}/token")

    def copy(self, folder: Path) -> Path:
        shutil.copytree(self.recipe.parent, folder, dirs_exist_ok=True)
        return folder / self.recipe.name


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder = tmp_path_factory.mktemp("played")
    recipe = write(folder)
    herdbook = Herdbook(tmp_path_factory.mktemp("state"))
    built = herdbook.json("build", recipe, "--secret", f"token={folder}/token")
    return Played(herdbook, recipe, built)


def test_a_play_leaves_what_it_leaves_on_a_machine(played: Played) -> None:
    digest = layers_of(played.built, "container")["run"].partition(":")[2]
    with tarfile.open(played.herdbook.state / "blobs/sha256" / digest) as archive:
        members = {member.name: member for member in archive}
        found = {
            name: content.read().decode()
            for name, member in members.items()
            if member.isfile() and (content := archive.extractfile(member))
        }
    assert found["etc/web.conf"] == "port 8080 on bookworm\n"
    assert (members["etc/web.conf"].uid, members["etc/web.conf"].mode) == (1234, 0o640)
    assert found["srv/web/who"] == "web\n"
    assert members["srv/web/page.html"].mode == 0o444
    assert len(found["etc/web.token"]) == 64
    assert "etc/web.changed" in found
    assert "web:x:1234" in found["etc/passwd"]
    own = ("ansible", "__pycache__", ".pyc", "passwd-", "etc/.pwd.lock")
    assert [name for name in members if any(each in name for each in own)] == []


def test_a_play_leaves_the_same_bytes_elsewhere(played: Played, tmp_path: Path) -> None:
    """In another state, without a network, from files with other modes and times."""
    recipe = played.copy(tmp_path / "copy")
    for path in (tmp_path / "copy/provision").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    offline = ("unshare", "--net", "sh", "-c", 'umask 0077; TZ=Asia/Tokyo exec "$@"', "sh")
    elsewhere = herdbook_with(played.herdbook.state / "archive", tmp_path / "state", *offline)
    token = tmp_path / "copy/token"
    built = elsewhere.json("build", "--locked", recipe, "--secret", f"token={token}")
    assert built["digest"] == played.built["digest"]


def test_no_trace_of_the_secret_is_left(played: Played) -> None:
    files = [path for path in played.herdbook.state.rglob("*") if path.is_file()]
    assert [
        path for path in files if not path.is_symlink() and SECRET.encode() in path.read_bytes()
    ] == []


def test_a_changed_template_is_played_anew(played: Played, tmp_path: Path) -> None:
    recipe = played.copy(tmp_path)
    template = tmp_path / "provision/roles/web/templates/web.conf.j2"
    template.write_text("changed\n")
    recipe.write_text(RECIPE.replace("t/played", "t/changed"))
    built = played.herdbook.json("build", recipe, "--secret", f"token={tmp_path}/token")
    before, after = (layers_of(each, "container") for each in (played.built, built))
    assert {title for title in before if before[title] != after[title]} == {"run"}


def test_a_failed_task_is_told_in_ansibles_own_words(played: Played, tmp_path: Path) -> None:
    site = "- hosts: all\n  tasks:\n    - {name: Break, shell: 'cat /run/secrets/token; exit 3'}\n"
    result = played.build(tmp_path, site=site)
    assert_clear(result, 9, "TASK [Break]", "site.yml:3", "rc: 3", f"{tmp_path}/web.yaml:6")
    assert SECRET not in result.stderr + result.stdout
    assert "PLAY RECAP" not in result.stderr
    assert leftovers(played.herdbook.state) == []


@pytest.mark.parametrize(
    ("site", "words"),
    [
        ("- hosts: web\n  tasks: [{ping: }]\n", "hosts: all"),
        ("- hosts: all\n  tasks: [{pin: }]\n", "resolve module/action 'pin'"),
        ("- hosts: all\n  roles: [absent]\n", "absent"),
        ("- hosts: all\n  tasks: [{user: {name: a, shell: /bin/}, bad: }]\n", "site.yml:2"),
        ("- hosts: all\n  tasks: [{systemd: {name: a, enabled: true}}]\n", "systemctl"),
        ("hosts all\n", "site.yml"),
    ],
)
def test_a_playbook_that_cannot_be_played_is_explained(
    played: Played, tmp_path: Path, site: str, words: str
) -> None:
    assert_clear(played.build(tmp_path, site=site), 9, words)


def test_an_image_without_python_is_told_what_it_lacks(played: Played, tmp_path: Path) -> None:
    recipe = played.copy(tmp_path)
    recipe.write_text(RECIPE.replace("packages: [python3]\n", ""))
    result = played.herdbook.run("build", recipe, "--secret", f"token={tmp_path}/token")
    assert_clear(result, 9, "python3 to `packages`", "raw")
