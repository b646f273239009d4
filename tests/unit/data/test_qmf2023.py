"""Protocol ``qmf-2023``: bytes worked by hand, the pattern that all images share, the coins.

How often samples are hit is drawn once for fixed keys; a bound in sd says how far a sound generator
may stray.
"""

import numpy as np
import pytest

from cal.data import qmf2023
from cal.data.corruptions import Condition
from cal.data.qmf2023 import (
    cast,
    corrupted_pixels,
    corrupted_texts,
    hits,
    pattern,
    with_gaussian,
    with_salt_and_pepper,
)

IDS = np.arange(400)
FIRST = [[1.76405235, 0.40015721, 0.97873798], [2.2408932, 1.86755799, -0.97727788]]
"""The first six normal numbers of NumPy's old generator seeded with 0: known to many notebooks."""


def gaussian(eps: float, *, draw: int = 1) -> Condition:
    return Condition("qmf_gaussian", "all", eps, draw)


def salt(eps: float, *, draw: int = 1) -> Condition:
    return Condition("qmf_salt_pepper", "all", eps, draw)


def grey(value: int, *shape: int) -> np.ndarray:
    return np.full((*shape, 3), value, dtype=np.uint8)


@pytest.mark.parametrize(
    ("value", "byte"),
    [
        *[(-0.5, 0), (-0.99, 0), (0.99, 0), (254.99, 254)],  # decimals are cut off towards 0
        *[(-1.0, 255), (-1.5, 255), (-3.0, 253), (-255.0, 1), (-256.0, 0), (-300.0, 212)],
        *[(255.0, 255), (255.5, 255), (256.0, 255), (1000.0, 255)],
    ],
)
def test_sums_are_clipped_above_and_wrap_around_below(value: float, byte: int) -> None:
    """-3 is the byte 256 - 3; -300 is 512 - 300."""
    assert cast(np.array([value])).tolist() == [byte]


def test_the_pattern_is_that_of_the_old_generator_seeded_with_0() -> None:
    assert pattern(2, 3) == pytest.approx(np.array(FIRST), abs=1e-8)
    np.testing.assert_array_equal(pattern(1, 6).ravel(), pattern(2, 3).ravel())
    pattern(2, 3)[:] = 0  # a copy: the kept one stays
    assert pattern(2, 3)[0, 0] != 0


def test_an_image_by_hand() -> None:
    """Sigma 50 (eps 5 of MVSA) on grey 100, 2 x 3 pixels: 100 + 50 N, decimals cut off.

    188.20, 120.01, 148.94; 212.04, 193.38, 51.14. On grey 10 the last is 10 - 48.86 = -38.86, cut
    to -38, which wraps around to 218; on grey 250 the first three are 255, the last 201.14.
    """
    table = [[188, 120, 148], [212, 193, 51]]
    assert with_gaussian(grey(100, 2, 3), sigma=50)[..., 0].tolist() == table
    assert with_gaussian(grey(10, 2, 3), sigma=50)[1, 2].tolist() == [218, 218, 218]
    bright = with_gaussian(grey(250, 2, 3), sigma=50)[..., 2]
    assert bright.tolist() == [[255, 255, 255], [255, 255, 201]]


def test_all_images_of_one_shape_get_the_same_pattern() -> None:
    """Images, frames, RGB and depth, every noise seed: one pattern. Other widths have another."""
    images = grey(100, 400, 2, 3)
    seen = set()
    for modality in ("image", "depth"):
        for draw in (1, 2):
            noisy = corrupted_pixels(
                images, IDS, gaussian(5, draw=draw), modality=modality, data_set="mvsa-single"
            )
            seen |= {image.tobytes() for image in noisy}
    assert seen == {images[0].tobytes(), with_gaussian(images[0], sigma=50).tobytes()}
    frames = corrupted_pixels(
        grey(100, 400, 4, 2, 3), IDS, gaussian(5), modality="image", data_set="mvsa-single"
    )
    assert {frame.tobytes() for clip in frames for frame in clip} == seen
    wide, narrow = (with_gaussian(grey(100, 2, x), sigma=50)[1, 0, 0] for x in (3, 4))
    assert (wide, narrow) == (212, 193)  # row 1 begins with the fourth or the fifth number


def test_sigma_is_ten_grey_levels_for_each_eps_of_mvsa_and_one_of_nyud2() -> None:
    images = grey(100, 400, 2, 3)
    for data_set, first in (("mvsa-single", 188), ("nyud2", 108)):
        noisy = corrupted_pixels(images, IDS, gaussian(5), modality="image", data_set=data_set)
        assert set(noisy[:, 0, 0, 0].tolist()) == {100, first}


def test_salt_and_pepper_by_hand() -> None:
    """Below .05 pepper, then salt up to .1, all channels alike; the others stay."""
    draws = np.array([[0.01, 0.0499, 0.05], [0.0999, 0.1, 0.9]])
    found = with_salt_and_pepper(grey(100, 2, 3), draws)
    assert found[..., 1].tolist() == [[0, 0, 255], [255, 100, 100]]
    assert (found == found[..., :1]).all()


def test_salted_pixels_differ_from_image_to_image() -> None:
    """10 % of 20 x 20 pixels of each hit image: 5 sd over 200 images of 400 pixels."""
    images = grey(100, 400, 20, 20)
    noisy = corrupted_pixels(images, IDS, salt(10), modality="image", data_set="mvsa-single")
    struck = noisy[hits(salt(10), IDS, modality="image", image=True)]
    assert len({image.tobytes() for image in struck}) == len(struck)
    for value in (0, 255):
        share = (struck[..., 0] == value).mean()
        assert abs(share - 0.05) < 5 * (0.05 * 0.95 / (len(struck) * 400)) ** 0.5
    assert (noisy == 100).all((1, 2, 3)).sum() == 400 - len(struck)


@pytest.mark.parametrize(
    ("condition", "image", "share"),
    [
        (gaussian(5), True, 0.5),
        (gaussian(10), True, 0.5),
        (salt(5), True, 0.25),  # .5 eps / 10
        (salt(10), True, 0.5),
        (salt(5), False, 0.5),  # the text beside it
        (gaussian(0), True, 0.0),
        (salt(0), False, 0.0),
    ],
)
def test_how_many_samples_are_hit(condition: Condition, image: bool, share: float) -> None:
    """Five sd of a coin over 10,000 samples."""
    found = hits(condition, np.arange(10_000), modality="image", image=image).mean()
    assert abs(found - share) <= 5 * (share * (1 - share) / 10_000) ** 0.5


def test_a_hit_is_a_function_of_noise_seed_sample_and_modality() -> None:
    """The same samples at eps 5 and 10, in any order; others for another seed or modality."""
    kept = hits(gaussian(5), IDS, modality="rgb", image=True)
    assert (hits(gaussian(10), IDS, modality="rgb", image=True) == kept).all()
    assert (hits(gaussian(5), IDS[::-1], modality="rgb", image=True) == kept[::-1]).all()
    assert (hits(gaussian(5), IDS[7:8], modality="rgb", image=True) == kept[7:8]).all()
    others = [
        hits(gaussian(5), IDS, modality="depth", image=True),
        *(hits(gaussian(5, draw=d), IDS, modality="rgb", image=True) for d in (2, 3, 4, 5)),
    ]
    for other in others:  # agree by chance in half of 400 samples, sd 10: 5 sd
        assert abs((other == kept).sum() - 200) < 50


def test_words() -> None:
    """At eps 10 every word of a hit text; single spaces part words, so two hold an empty one."""
    texts = ["RT @a: so  happy"] * 400
    found = corrupted_texts(texts, IDS, gaussian(10), modality="text")
    assert set(found) == {"RT @a: so  happy", "_ _ _ _ _"}
    struck = hits(gaussian(10), IDS, modality="text", image=False)
    assert [text.startswith("_") for text in found] == struck.tolist()
    assert corrupted_texts([], IDS[:0], gaussian(5), modality="text") == []


def test_half_of_the_words_at_eps_5() -> None:
    """Five sd of a coin over the words of all hit texts; the others stay as they are."""
    texts = [" ".join("abcdefgh")] * 400
    found = corrupted_texts(texts, IDS, salt(5), modality="text")
    struck = hits(salt(5), IDS, modality="text", image=False)
    assert all(text == texts[0] for text, on in zip(found, struck, strict=True) if not on)
    words = [word for text, on in zip(found, struck, strict=True) if on for word in text.split()]
    assert abs(words.count("_") / len(words) - 0.5) < 5 * 0.5 / len(words) ** 0.5


@pytest.mark.parametrize("condition", [gaussian(5), salt(10, draw=3)])
def test_a_sample_is_corrupted_alike_in_any_order_and_batch(condition: Condition) -> None:
    images = np.random.default_rng(0).integers(0, 256, (400, 4, 5, 3)).astype(np.uint8)
    before = images.copy()
    texts = [f"one two three {i}" for i in IDS]
    whole = corrupted_pixels(images, IDS, condition, modality="image", data_set="mvsa-single")
    words = corrupted_texts(texts, IDS, condition, modality="text")
    for rows in (IDS[::-1], IDS[5:6], IDS[3::7]):
        some = corrupted_pixels(
            images[rows], rows, condition, modality="image", data_set="mvsa-single"
        )
        np.testing.assert_array_equal(some, whole[rows])
        again = corrupted_texts([texts[i] for i in rows], rows, condition, modality="text")
        assert again == [words[i] for i in rows]
    np.testing.assert_array_equal(images, before)
    assert (whole != images).any()


def test_numpys_own_generator_is_not_touched() -> None:
    before = str(np.random.get_state())
    qmf2023._pattern.cache_clear()
    corrupted_pixels(grey(9, 400, 2, 2), IDS, gaussian(5), modality="image", data_set="nyud2")
    assert str(np.random.get_state()) == before


def test_what_is_none_of_it_is_refused() -> None:
    images = grey(0, 2, 2, 2)
    ids = IDS[:2]
    with pytest.raises(ValueError, match="kind: given 'gaussian'; allowed: qmf_gaussian, qmf_salt"):
        corrupted_texts(["a", "b"], ids, Condition("gaussian", "all", 5), modality="text")
    with pytest.raises(ValueError, match="severity: given eps 11; allowed: 0 to 10"):
        corrupted_texts(["a", "b"], ids, gaussian(11), modality="text")
    with pytest.raises(ValueError, match=r"pixels: given float64 \[2, 2, 2, 3\]; allowed: uint8"):
        corrupted_pixels(
            images.astype(float),  # type: ignore[arg-type]
            ids,
            gaussian(5),
            modality="image",
            data_set="nyud2",
        )
    with pytest.raises(ValueError, match="data_set: given 'ave'; allowed: mvsa-single, nyud2"):
        corrupted_pixels(images, ids, gaussian(5), modality="image", data_set="ave")
