"""SHA-256 of every packaged data file, checked at load. ``make_assets`` prints them."""

SHA256: dict[str, dict[str, str]] = {
    "handwritten": {
        "handwritten.npz": "ddac0b9ce3f66e35ec5502d7a9d3dc7f3f4cb95677d6ff78fa276602c0f31e1a"
    },
    "keypad": {"digits.npz": "b2dab7b501728c22e9119ad76740b2e17c77a231e42d1e592380d90886f1a05e"},
}
