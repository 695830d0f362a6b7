"""What the generator makes of each form of method, and that it refuses what it does not know."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from cubicasa_async.resources.base import Resource
from cubicasa_async.sync import _generate

Translate = Callable[[str], str]
HEAD = '''
from __future__ import annotations
from collections.abc import AsyncGenerator, AsyncIterable
from typing import overload
from cubicasa_async.core.paging import Pager
from cubicasa_async.resources.base import Resource
class Things(Resource):
    """Things."""
'''


@pytest.fixture
def translate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Translate]:
    def translate(methods: str) -> str:
        path = tmp_path / "things_of_a_test.py"
        path.write_text(HEAD + methods, encoding="utf-8")
        module = ModuleType(path.stem)
        module.__file__ = str(path)
        monkeypatch.setitem(sys.modules, path.stem, module)
        exec(compile(path.read_text(), path, "exec"), vars(module))  # noqa: S102 # just written
        cls: type[Resource] = vars(module)["Things"]
        return _generate.twin_of(cls, _generate.Imports())

    yield translate
    sys.modules.pop("things_of_a_test", None)


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (
            'async def get(self, a: str, /, b: int = 1, *, c: str = "") -> int:\n        """G."""',
            (
                'def get(self, a: str, /, b: int = 1, *, c: str = "") -> int:\n        """G."""\n'
                "        return self.portal.run(self.asynchronous.get(a, b, c=c))"
            ),
        ),
        (
            'async def drop(self, *ids: str, **more: int) -> None:\n        """D."""',
            (
                'def drop(self, *ids: str, **more: int) -> None:\n        """D."""\n'
                "        self.portal.run(self.asynchronous.drop(*ids, **more))"
            ),
        ),
        (
            (
                'def list(self) -> Pager[int]:\n        """L: await it for one page."""\n'
                "        raise AssertionError"
            ),
            (
                'def list(self) -> SyncPager[int]:\n        """L: ask it for one `page()`."""\n'
                "        return SyncPager(self.portal, self.asynchronous.list())"
            ),
        ),
        (
            (
                'async def follow(self) -> AsyncGenerator[int, None]:\n        """F."""\n'
                "        yield 1"
            ),
            (
                'def follow(self) -> Generator[int]:\n        """F."""\n'
                "        return self.portal.iterate(self.asynchronous.follow())"
            ),
        ),
        (
            'def name(self) -> str:\n        """N."""\n        return "things"',
            'def name(self) -> str:\n        """N."""\n        return self.asynchronous.name()',
        ),
        (
            '@property\n    def size(self) -> int:\n        """S."""\n        return 1',
            (
                '@property\n    def size(self) -> int:\n        """S."""\n'
                "        return self.asynchronous.size"
            ),
        ),
        (
            "@overload\n    async def pick(self, a: int) -> int: ...",
            "@overload\n    def pick(self, a: int) -> int: ...",
        ),
    ],
)
def test_a_form_that_is_known(translate: Translate, given: str, made: str) -> None:
    assert translate(f"    {given}\n").endswith(f"\n    {made}\n")


@pytest.mark.parametrize(
    "method",
    [
        'async def feed(self, rows: AsyncIterable[int]) -> None:\n        """F."""',
        'async def more(self) -> Pager[int]:\n        """M."""',
        '@staticmethod\n    async def call() -> None:\n        """C."""',
        "async def silent(self) -> None:\n        return None",
        'async def vague(self):\n        """V."""',
        'async def told(self) -> None:\n        """Then await it."""',
        'async def far(self) -> Elsewhere:\n        """F."""',
    ],
)
def test_a_form_that_is_not_known_is_refused(translate: Translate, method: str) -> None:
    with pytest.raises(_generate.UntranslatableError):
        translate(f"    {method}\n")


def test_what_a_group_inherits_belongs_to_it(translate: Translate) -> None:
    text = translate(
        '    async def own(self) -> int:\n        """O."""\n'
        'class Base(Things):\n    """Base."""\n'
        '    async def own(self) -> int:\n        """Better."""\n'
        '    async def other(self) -> int:\n        """Other."""\n'
        'Things, Parent = Base, Things\nBase.__name__ = "Base"\n'
    )
    assert text.count("def own(") == 1
    assert "Better" in text
    assert "def other(" in text
