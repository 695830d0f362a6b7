"""Decoding a page of 100 orders: bytes in, models out, no network."""

from __future__ import annotations

from benchmarks.measure import Figure, Slice, compare
from benchmarks.peers import DICTS, Decode, decoders, differences
from benchmarks.server import page

PAGES = 20


async def run(base_url: str, *, quick: bool) -> list[Figure]:  # noqa: ARG001 # no server needed
    # No page twice in a row, as no list has it.
    bodies = [page(100 * number, 100) for number in range(PAGES)]
    with decoders() as (found, missing):
        for name, decode in found.items():
            if wrong := differences(bodies[0], decode):
                raise AssertionError(f"{name} decodes something else: {wrong[0]}")

        def slice_of(decode: Decode) -> Slice:
            async def decode_all() -> None:
                for body in bodies:
                    decode(body)

            return decode_all

        slices = {name: slice_of(decode) for name, decode in found.items()}
        base = slices.pop(DICTS)
        measured = await compare((DICTS, base), slices, rounds=10 if quick else 30)
    return [*measured, *missing]
