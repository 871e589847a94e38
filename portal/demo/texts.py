"""The words of the demo dataset; a blank line parts paragraphs."""

SLUG = "demo-cxr"
TITLE = "Demo chest radiographs"
SUMMARY = "Drawn phantoms and one real computed radiograph, sent by three invented hospitals through the real pipeline."
DESCRIPTION = "\n\n".join(
    [
        "This dataset shows what the portal does; it is no data for research. Its images are phantoms that the program "
        "draws itself: ribs, lungs, heart and noise with varied anatomy, normal or with shadows as pneumonia and "
        "COVID-19 may cast. The word PHANTOM stood in the corner of each, and the name of an invented patient in some; "
        "the search for text found and painted that over. One real chest radiograph in three transfer syntaxes comes "
        "from the pydicom project.",
        "Every file was uploaded by a demo hospital with invented names, dates and numbers in its header, "
        "de-identified, segmented, assessed, judged and released as any other file would be.",
    ]
)
CITATION = "CXR Commons: Demo chest radiographs. Drawn phantoms, 2026."
MASKS_SLUG = "demo-masks"
MASKS_TITLE = "Demo lung masks"
MASKS_CITATION = "CXR Commons: Demo lung masks. Drawn phantoms, 2026."
MASKS_SUMMARY = "Outlines of drawn lungs from two invented sources; one of them lets its images go along."
AGREEMENT = "\n\n".join(
    [
        "This is the agreement of a demo. A real one would be written with your institution's lawyers.",
        "1. You use the radiographs for the research that you described in your request, and for nothing else.",
        "2. You do not try to find out who the patients are. If you notice something that could identify a patient, "
        "you tell the data managers at once and use the image no further.",
        "3. You pass the radiographs on to nobody. Colleagues of your project register and sign for themselves.",
        "4. You keep the files where only you and those who signed can read them, and delete them when the permission "
        "ends.",
        "5. You cite the dataset in the way that its page gives in whatever you publish with it.",
        "6. The images come without any warranty. They are not for the diagnosis of patients.",
    ]
)
