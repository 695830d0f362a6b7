"""A made-up floor plan, and the sheet on which it is drawn.

Rooms lie on a grid whose cells are a quarter of a metre and eight pixels wide.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

import attrs

__all__ = ["CELL", "FLOORS", "HEIGHT", "WIDTH", "Rect", "Sheet", "Text", "floor_area", "sheet"]

FLOORS: Final = 2
CELL: Final = 8
WIDTH: Final = 48 * CELL
HEIGHT: Final = 38 * CELL
_LEFT, _TOP, _ACROSS, _DOWN = 4, 5, 40, 28
_LEAST: Final = 10
_DOOR: Final = 3
_METRE: Final = 4
_NAMES: Final = (
    ("Living", "Kitchen", "Dining", "Study", "Hall", "Laundry", "Bath", "Pantry"),
    ("Bed 1", "Bed 2", "Bath", "Bed 3", "Study", "Landing", "Closet", "Storage"),
)
_INK, _PAPER, _GLASS, _TILE = 24, 255, 200, 238


@attrs.frozen
class Rect:
    """A filled rectangle in pixels; its shade is 0 for black to 255 for white."""

    x: int
    y: int
    width: int
    height: int
    shade: int


@attrs.frozen
class Text:
    """A line of text in letters of one cell's width; `x` and `y` are its left upper corner."""

    x: int
    y: int
    text: str


@attrs.frozen
class Sheet:
    """What is drawn, in the order in which it is drawn."""

    title: str
    marks: tuple[Rect | Text, ...]


@attrs.frozen
class _Area:
    """A part of the house, in cells."""

    x: int
    y: int
    width: int
    height: int

    @property
    def size(self) -> int:
        return self.width * self.height


@attrs.frozen
class _Wall:
    """A wall between rooms, from one cell to another along `x` or `y`."""

    upright: bool
    place: int
    begin: int
    end: int


_HOUSE: Final = _Area(_LEFT, _TOP, _ACROSS, _DOWN)


def floor_area(order: str, floor: int) -> float:
    """Square metres of a floor; the upper one lacks the landing's void."""
    void = random.Random(f"{order} void").randrange(8, 24) if floor else 0  # noqa: S311 # a drawing
    return (_HOUSE.size - void) / _METRE**2


def sheet(order: str, floor: int, address: str, note: str, *, dimensioned: bool) -> Sheet:
    """The sheet of one floor.

    Args:
        order: What the plan follows from, with the floor.
        floor: 0 for the ground floor.
        address: Written above the plan.
        note: Written below it, after floor and area.
        dimensioned: Whether rooms have their length and width.
    """
    chance = random.Random(f"{order} {floor}")  # noqa: S311 # a drawing
    rooms: list[_Area] = []
    walls: list[_Wall] = []
    _divide(_HOUSE, chance, rooms, walls)
    rooms.sort(key=lambda room: -room.size)
    name = "Ground floor" if floor == 0 else "Upper floor"
    marks: list[Rect | Text] = [Rect(0, 0, WIDTH, HEIGHT, _PAPER)]
    marks += _outside()
    for room, called in zip(rooms, _NAMES[floor], strict=False):
        marks += _room(room, called, dimensioned=dimensioned)
    for wall in walls:
        marks += _inside(wall, walls, chance)
    marks += (window for room in rooms for window in _windows(room))
    if floor == 0:
        marks.append(_cells(_LEFT + _ACROSS // 2, _TOP + _DOWN, 4, 1, _PAPER))
    below = f"{name}, {floor_area(order, floor):.1f} m2" + (f", {note}" if note else "")
    for row, line in ((2, address), (_TOP + _DOWN + 2, below)):
        shown = "".join(filter(str.isprintable, line))
        marks.append(Text(_LEFT * CELL, row * CELL, shown[: _ACROSS + 4]))
    title = "".join(filter(str.isprintable, f"{address} - {name}" if address else name))
    return Sheet(title, tuple(marks))


def _divide(
    area: _Area, chance: random.Random, rooms: list[_Area], walls: list[_Wall], depth: int = 0
) -> None:
    upright = area.width >= area.height
    length = area.width if upright else area.height
    if length < 2 * _LEAST or depth == 3:
        rooms.append(area)
        return
    at = chance.randint(_LEAST, length - _LEAST)
    if upright:
        halves = (
            attrs.evolve(area, width=at),
            attrs.evolve(area, x=area.x + at, width=length - at),
        )
        walls.append(_Wall(upright, area.x + at, area.y, area.y + area.height))
    else:
        halves = (
            attrs.evolve(area, height=at),
            attrs.evolve(area, y=area.y + at, height=length - at),
        )
        walls.append(_Wall(upright, area.y + at, area.x, area.x + area.width))
    for half in halves:
        _divide(half, chance, rooms, walls, depth + 1)


def _cells(x: int, y: int, width: int, height: int, shade: int) -> Rect:
    return Rect(x * CELL, y * CELL, width * CELL, height * CELL, shade)


def _outside() -> Iterator[Rect]:
    yield _cells(_LEFT - 1, _TOP - 1, _ACROSS + 2, _DOWN + 2, _INK)
    yield _cells(_LEFT, _TOP, _ACROSS, _DOWN, _PAPER)


def _room(room: _Area, name: str, *, dimensioned: bool) -> Iterator[Rect | Text]:
    if name in {"Bath", "Kitchen", "Laundry"}:
        yield _cells(room.x, room.y, room.width, room.height, _TILE)
    size = f"{room.width / _METRE:.1f}x{room.height / _METRE:.1f}"
    row = room.y + room.height // 2 - (2 if dimensioned else 1)
    for line in (name, size) if dimensioned else (name,):
        yield Text((room.x + (room.width - len(line)) // 2) * CELL, row * CELL, line)
        row += 2


def _inside(wall: _Wall, walls: list[_Wall], chance: random.Random) -> Iterator[Rect]:
    """The wall, and a door in it where no other wall ends."""
    yield _along(wall, wall.begin, wall.end, _INK)
    ends = {
        other.place
        for other in walls
        if other.upright is not wall.upright and wall.place in (other.begin, other.end)
    }
    free = [
        begin
        for begin in range(wall.begin + 1, wall.end - _DOOR)
        if not any(begin <= end <= begin + _DOOR for end in ends)
    ]
    begin = chance.choice(free)
    yield _along(wall, begin, begin + _DOOR, _PAPER)


def _along(wall: _Wall, begin: int, end: int, shade: int) -> Rect:
    half = CELL // 4
    place, begin, length = wall.place * CELL - half, begin * CELL, (end - begin) * CELL
    if wall.upright:
        return Rect(place, begin, 2 * half, length, shade)
    return Rect(begin, place, length, 2 * half, shade)


def _windows(room: _Area) -> Iterator[Rect]:
    """One in each outer wall of a room."""
    wide, high = room.width // 2, room.height // 2
    x, y = room.x + room.width // 4, room.y + room.height // 4
    thin, edge = CELL // 2, CELL // 4
    if room.y == _TOP:
        yield Rect(x * CELL, (_TOP - 1) * CELL + edge, wide * CELL, thin, _GLASS)
    if room.y + room.height == _TOP + _DOWN:
        yield Rect(x * CELL, (_TOP + _DOWN) * CELL + edge, wide * CELL, thin, _GLASS)
    if room.x == _LEFT:
        yield Rect((_LEFT - 1) * CELL + edge, y * CELL, thin, high * CELL, _GLASS)
    if room.x + room.width == _LEFT + _ACROSS:
        yield Rect((_LEFT + _ACROSS) * CELL + edge, y * CELL, thin, high * CELL, _GLASS)
