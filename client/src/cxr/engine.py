"""The portal's de-identification, on this machine: nothing is sent anywhere."""

from cxr.extras import complain_of_missing

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


def deidentify(arguments: list[str]) -> int:
    """Run ``cxr deidentify`` with the options of ``python -m imaging.deid``.

    Returns its exit status: 0 all files were written, 1 some were refused, 2 wrong use or a package is missing.
    """
    if complain_of_missing("deidentify", "deidentify", MODULES):
        return 2
    from imaging.deid.__main__ import main

    return main(arguments, prog="cxr deidentify")
