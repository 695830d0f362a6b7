"""Words of addresses that people write in several ways."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final


def _ways(text: str) -> Mapping[str, str]:
    """Each way to write something, by lines of `what it is: ways to write it`."""
    found: dict[str, str] = {}
    for line in text.strip().splitlines():
        word, _, ways = line.partition(":")
        for way in [word, *ways.split(",")]:
            found[way.strip()] = word.strip()
    return found


STREETS: Final = _ways("""
    alley: aly, ally
    avenue: ave, av, aven, avn
    boulevard: blvd, boul, bd, bvd
    circle: cir, circ
    close: cl
    court: ct, crt
    cove: cv
    crescent: cres, cr
    crossing: xing
    drive: dr, drv
    expressway: expy
    freeway: fwy
    gardens: gdns
    grove: grv, gr
    heights: hts
    highway: hwy, hway
    lane: ln
    loop: lp
    parkway: pkwy, pky, parkwy
    place: pl
    plaza: plz
    point: pt
    road: rd
    route: rte
    square: sq
    street: st, str, strt
    terrace: ter, terr
    trail: trl
    turnpike: tpke
    way: wy
""")
"""Kinds of streets."""

DIRECTIONS: Final = _ways("""
    north: n
    south: s
    east: e
    west: w
    northeast: ne
    northwest: nw
    southeast: se
    southwest: sw
""")
"""Directions before or behind a street's name."""

NUMBERS: Final = _ways("""
    1st: first
    2nd: second
    3rd: third
    4th: fourth
    5th: fifth
    6th: sixth
    7th: seventh
    8th: eighth
    9th: ninth
    10th: tenth
    11th: eleventh
    12th: twelfth
""")
"""Numbered streets."""

UNITS: Final = frozenset(
    {"apartment", "apt", "unit", "suite", "ste", "room", "rm", "flat", "floor", "fl", "lot"}
    | {"no", "number", "office", "ofc"}
)
"""What stands before the name of a unit within a building."""

STATES: Final = _ways("""
    al: alabama
    ak: alaska
    az: arizona
    ar: arkansas
    ca: california
    co: colorado
    ct: connecticut
    de: delaware
    dc: district of columbia, washington dc
    fl: florida
    ga: georgia
    hi: hawaii
    id: idaho
    il: illinois
    in: indiana
    ia: iowa
    ks: kansas
    ky: kentucky
    la: louisiana
    me: maine
    md: maryland
    ma: massachusetts
    mi: michigan
    mn: minnesota
    ms: mississippi
    mo: missouri
    mt: montana
    ne: nebraska
    nv: nevada
    nh: new hampshire
    nj: new jersey
    nm: new mexico
    ny: new york
    nc: north carolina
    nd: north dakota
    oh: ohio
    ok: oklahoma
    or: oregon
    pa: pennsylvania
    pr: puerto rico
    ri: rhode island
    sc: south carolina
    sd: south dakota
    tn: tennessee
    tx: texas
    ut: utah
    vt: vermont
    va: virginia
    wa: washington
    wv: west virginia
    wi: wisconsin
    wy: wyoming
    ab: alberta
    bc: british columbia
    mb: manitoba
    nb: new brunswick
    nl: newfoundland and labrador, newfoundland
    ns: nova scotia
    nt: northwest territories
    nu: nunavut
    on: ontario
    pe: prince edward island
    qc: quebec, pq
    sk: saskatchewan
    yt: yukon
""")
"""States of the United States and provinces of Canada, by their postal abbreviations."""

COUNTRIES: Final = _ways("""
    us: usa, united states, united states of america, america, u s, u s a
    ca: can, canada
    gb: uk, united kingdom, great britain, england, scotland, wales, northern ireland
    ie: ireland
    au: australia
    nz: new zealand
    de: germany, deutschland
    at: austria, osterreich
    ch: switzerland, schweiz, suisse
    fr: france
    es: spain, espana
    it: italy, italia
    nl: netherlands, the netherlands, nederland, holland
    be: belgium, belgie, belgique
    fi: finland, suomi
    se: sweden, sverige
    no: norway, norge
    dk: denmark, danmark
    pt: portugal
    mx: mexico
""")
"""Countries."""

_LETTERS: Final = str.maketrans(
    {
        "ß": "ss",
        "ø": "o",
        "æ": "ae",
        "œ": "oe",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "\u0131": "i",
    }
)  # letters that are no plain letter with a mark
_NOT_WORDS: Final = re.compile(r"[^\w#/-]+|_")


def folded(text: str | None) -> str:
    """Text in small letters without marks, its words with one space between."""
    plain = unicodedata.normalize("NFKD", (text or "").casefold().translate(_LETTERS))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = plain.replace("'", "").replace("\u2019", "").replace("&", " and ").replace(".", " ")
    return " ".join(_NOT_WORDS.sub(" ", plain).split())


def is_state(text: str) -> bool:
    """Whether it is a state, or a province of Canada."""
    return folded(text) in STATES
