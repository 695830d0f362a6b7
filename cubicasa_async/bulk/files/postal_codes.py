"""Postal codes that were made into numbers on their way through a spreadsheet."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final


def _letters(name: str) -> str:
    """A country's name in small letters without marks, spaces, dots and an article before it."""
    plain = unicodedata.normalize("NFKD", _ARTICLE.sub("", name.strip().casefold()))
    return "".join(letter for letter in plain if letter.isalnum())


_ARTICLE: Final = re.compile(r"(?:the|die|les?|la|los)\s+|l['\u2019]")
# The countries whose codes are this many digits, and where some begin with a zero; in the United
# States four more may follow. By their ISO codes, and by their names in their own languages and in
# common ones.
_LENGTHS: Final[Mapping[tuple[int, ...], str]] = {
    (4,): """
        am arm: Armenia, Armenien, Arménie, Hayastan, Հայաստան
        au aus: Australia, Australien, Australie
        dk dnk: Denmark, Danmark, Dänemark, Danemark, Dinamarca, Danimarca, Denemarken
        ge geo: Georgia, Georgien, Géorgie, Sakartvelo, საქართველო
        no nor: Norway, Norge, Noreg, Norwegen, Norvège, Noruega, Norvegia, Noorwegen
        nz nzl: New Zealand, Aotearoa, Neuseeland, Nouvelle-Zélande, Nueva Zelanda, Nuova Zelanda
        pa pan: Panama
        ph phl: Philippines, Pilipinas, Philippinen, Filipinas, Filippine
        za zaf rsa: South Africa, Suid-Afrika, Südafrika, Afrique du Sud, Sudáfrica, Zuid-Afrika
    """,
    (5,): """
        de deu: Germany, Deutschland, Bundesrepublik Deutschland, Allemagne, Alemania, Germania
        de ger: Federal Republic of Germany, Duitsland, Tyskland
        dz dza: Algeria, Algérie, Algerien, Argelia, الجزائر
        es esp: Spain, España, Espanya, Spanien, Espagne, Spagna, Spanje
        fi fin: Finland, Suomi, Finnland, Finlande, Finlandia
        fr fra: France, République française, Frankreich, Francia, Frankrijk
        gt gtm: Guatemala
        it ita: Italy, Italia, Italien, Italie, Italië
        ke ken: Kenya, Kenia
        kr kor: South Korea, Korea, Republic of Korea, Südkorea, Corée du Sud, 대한민국, 한국
        kr kor: Korea Republic of, Corea del Sur, Corea del Sud
        la lao: Laos, Lao PDR, Lao People's Democratic Republic
        lk lka: Sri Lanka
        lt ltu: Lithuania, Lietuva, Litauen, Lituanie, Lituania
        mm mmr: Myanmar, Burma
        mx mex: Mexico, México, Mexiko, Mexique, Messico, Estados Unidos Mexicanos
        my mys: Malaysia, Malaisie, Malasia
        pe per: Peru, Pérou
        pl pol: Poland, Polska, Polen, Pologne, Polonia
        sk svk: Slovakia, Slovak Republic, Slovensko, Slowakei, Slovaquie, Eslovaquia, Slovacchia
        tr tur: Turkey, Türkiye, Türkei, Turquie, Turquía, Turchia, Turkije
        ua ukr: Ukraine, Україна, Ukraina, Ucrania, Ucraina
        va vat: Vatican, Vatican City, Holy See, Città del Vaticano, Vatikan, Vatikanstadt
        vn vnm: Vietnam, Viet Nam, Việt Nam
    """,
    (5, 9): """
        us usa: United States, United States of America, U.S. of America, America
        us usa: Vereinigte Staaten, Vereinigte Staaten von Amerika, États-Unis, Stati Uniti
        us usa: États-Unis d'Amérique, Stati Uniti d'America, Verenigde Staten, Förenta staterna
        us usa: Estados Unidos, Estados Unidos de América, EE. UU., EUA, アメリカ, 美国, США
        pr pri: Puerto Rico
        vi vir: U.S. Virgin Islands, Virgin Islands, United States Virgin Islands
    """,
    (6,): """
        cn chn: China, People's Republic of China, PRC, Chine, Cina, Volksrepublik China, 中国
        co col: Colombia, Kolumbien, Colombie
        ec ecu: Ecuador, Équateur
        kz kaz: Kazakhstan, Қазақстан, Qazaqstan, Казахстан, Kasachstan
        ro rou: Romania, România, Rumänien, Roumanie, Rumania
        sg sgp: Singapore, Singapur, Singapour, 新加坡
    """,
    (7,): """
        jp jpn: Japan, 日本, 日本国, Nippon, Japon, Japón, Giappone
    """,
    (8,): """
        br bra: Brazil, Brasil, Brasilien, Brésil, Brasile, Brazilië
    """,
}


def _by_country() -> Mapping[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for lengths, countries in _LENGTHS.items():
        for line in countries.strip().splitlines():
            codes, _, names = line.partition(":")
            for name in (*codes.split(), *names.split(",")):
                found[_letters(name)] = lengths
    return found


_BY_COUNTRY: Final = _by_country()


def spoilt(country: object, code: object) -> str:
    """Why a postal code seems to have been made into a number; empty if it does not."""
    if not isinstance(code, str):
        return ""
    if re.fullmatch(r"[0-9]+\.0+", code):
        return "a postal code has no fraction; format the column as text and write it again"
    found = re.fullmatch(r"([0-9]+)(-[0-9]{3,4})?", code)
    if not isinstance(country, str) or found is None:
        return ""
    behind = found[2] or ""
    given = len(code.replace("-", ""))
    lengths = _BY_COUNTRY.get(_letters(country), ())
    meant = next((length for length in lengths if length - 3 < given < length), None)
    if meant is None or given in lengths:
        return ""
    whole = found[1].zfill(meant - len(behind.replace("-", ""))) + behind
    return (
        f"a postal code of {country} has {' or '.join(map(str, lengths))} digits; as a number it "
        f"lost its leading zeros. If it is {whole}, format the column as text and write it so"
    )
