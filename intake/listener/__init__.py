"""C-STORE and C-ECHO (DICOM PS3.4 B, PS3.7 9.1): hospitals' archives and devices send over the DICOM protocol."""
