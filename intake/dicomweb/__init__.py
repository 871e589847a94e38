"""STOW-RS (DICOM PS3.18 10.5): programs and archives store studies over HTTP."""
