"""The portal's de-identification, on this machine: nothing is sent anywhere."""

import sys
from importlib.util import find_spec

# What the extra `deidentify` brings: distribution and the module that only it has. Looked for before the first file,
# because a decoder that is missing would turn away good files one by one.
MODULES = {
    "numpy": "numpy",
    "Pillow": "PIL",
    "pydicom": "pydicom",
    "pylibjpeg": "pylibjpeg",
    "pylibjpeg-libjpeg": "libjpeg",
    "pylibjpeg-openjpeg": "openjpeg",
    "tifffile": "tifffile",
    "onnxruntime": "onnxruntime",
    "opencv-python": "cv2",
    "rapidocr-onnxruntime": "rapidocr_onnxruntime",
}
INSTALL = "pip install 'cxr-commons-client[deidentify]'"


def deidentify(arguments: list[str]) -> int:
    """Run ``cxr deidentify`` with the options of ``python -m imaging.deid``.

    Returns its exit status: 0 all files were written, 1 some were refused, 2 wrong use or a package is missing.
    """
    missing = [name for name, module in MODULES.items() if find_spec(module) is None]
    if missing:
        print(f"cxr deidentify needs more packages ({', '.join(missing)}). Install them with:", file=sys.stderr)
        print(f"    {INSTALL}", file=sys.stderr)
        return 2
    from imaging.deid.__main__ import main

    return main(arguments, prog="cxr deidentify")
