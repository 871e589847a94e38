"""The words that may stay: defined terms of DICOM PS3.3, body parts of PS3.16 Annex L, names of makers and models."""

import re

from . import codes

YES_NO = frozenset({"YES", "NO"})
IMAGE_TYPE = frozenset({"ORIGINAL", "DERIVED", "PRIMARY", "SECONDARY", "", "OTHER", "SINGLE", "POST_PROCESSED"})
VIEW_POSITION = frozenset({"AP", "PA", "LL", "RL", "RLD", "LLD", "RLO", "LLO", "LATERAL", "LAT"})
CONVERSION_TYPE = frozenset({"DV", "DI", "DF", "WSD", "SD", "SI", "DRW", "SYN"})
_BODY_PARTS = """
    ABDOMEN ABDOMENPELVIS ANKLE ARM BREAST CALCANEUS CERVIX CHEST CHESTABDOMEN CHESTABDPELVIS CLAVICLE COCCYX
    CSPINE CTSPINE ELBOW EXTREMITY FEMUR FINGER FOOT FOREARM HAND HEAD HEADNECK HEART HIP HUMERUS JAW KNEE LEG LOWERLEG
    LSPINE LSSPINE LUNG MANDIBLE MAXILLA MEDIASTINUM NECK NECKCHEST NECKCHESTABDOMEN NOSE ORBIT PELVIS RADIUS RIB RIBS
    SCAPULA SHOULDER SKULL SPINE SSPINE STERNUM THIGH THORAX THUMB TIBIA TIBIAFIBULA TLSPINE TOE TSPINE ULNA WHOLEBODY
    WRIST"""
BODY_PARTS = frozenset(_BODY_PARTS.split())

_MAKERS = """
    AGFA; Agfa-Gevaert; AGFA HealthCare; Canon; Canon Inc.; Canon Medical Systems; Carestream; Carestream Health;
    CARESTREAM HEALTH, INC.; DRTECH; Del Medical; EIZO; Eastman Kodak Company; FUJI PHOTO FILM Co., ltd.;
    FUJIFILM; FUJIFILM Corporation; FUJI; GE Healthcare; GE MEDICAL SYSTEMS; GMM; Hitachi; Hologic; iRay; Imaging
    Dynamics Company Ltd.; Italray; KODAK; Konica Minolta; Konica; Lodox; Lumisys; Medlink Imaging; MINDRAY;
    Philips; Philips Medical Systems; Philips Healthcare; Rayence; SAMSUNG; Samsung Electronics; SEDECAL;
    Shimadzu; SIEMENS; Siemens Healthineers; Siemens Healthcare; Sternmed; Stephanix; Swissray; TOSHIBA; Toray;
    Trixell; United Imaging; Varian; Vidar; VIDAR Systems; Vieworks; Villa Sistemi Medicali; Phantom Works"""
_MODELS = """
    ADC Solo; ADC 51xx; CR 10-X; CR 15-X; CR 25.0; CR 30-X; CR 35-X; CR 75.0; CR 85-X; DX-D 100; DX-D 300; DX-D 600;
    DX-G; DX-M; CXDI; CXDI Control Software NE; CR 900; CR 950; CR 975; Classic CR; Elite CR; DirectView CR 850;
    DirectView CR 975; DR 3500; DR 7500; DR 9500; DRX-1; DRX-Evolution; DRX-Evolution Plus; DRX-Ascend;
    DRX-Revolution; DRX-Compass; Vita CR; FCR XG-1; FCR PROFECT; FCR Carbon; FCR 5000; FCR 5501; CR-IR 341; CR-IR
    348CL; CR-IR 357; CR-IR 359; CR-IR 362; CR-IR 363; CR-IR 368; DR-ID 300CL; DR-ID 600; DR-ID 700; DR-ID 800;
    DR-ID 900; DR-ID 1200; FDR D-EVO; FDR Go; FDR Smart; Definium 5000; Definium 6000; Definium 8000; Discovery
    XR650; Discovery XR656; Optima XR220amx; Optima XR646; Optima XR656; Revolution XQ/i; Revolution XR/d; Brivo
    XR575; Thunder Platform; REGIUS 110; REGIUS 150; REGIUS 170; REGIUS 190; REGIUS 210; REGIUS SIGMA; AeroDR;
    CS-7; DigiEye 280; DigiEye 560; digital DIAGNOST; MobileDiagnost wDR; PCR Eleva; Eleva Workspot; Essenta DR;
    ProGrade; BuckyDiagnost; GC60A; GC80; GC85A; GM60A; GU60A; XGEO; MobileDaRt Evolution; RADspeed; Sonialvision;
    AXIOM Aristos; AXIOM Aristos VX; AXIOM Aristos FX; AXIOM Aristos MX; Fluorospot Compact FD;
    FLUOROSPOT_COMPACT; Mobilett Mira; Mobilett XP; Multix Fusion; Multix Impact; Ysio; Ysio Max; YSIO X.pree;
    ddR; Drawing Board"""


def spelled(names: str) -> dict[str, str]:
    """Letters and digits only, upper case -> the name as it is written out (at most 64 characters, the LO limit)."""
    plain = (" ".join(name.split()) for name in names.split(";"))
    return {re.sub(r"[^A-Z0-9]+", "", name.upper()): name for name in plain if name}


MANUFACTURERS = spelled(_MAKERS)
MODELS = spelled(_MODELS)


def _known(listed: str) -> dict[tuple[str, str], str]:
    """(scheme, value) -> meaning, in SNOMED CT and in the older SRT codes of the same concepts."""
    known = {}
    for line in listed.strip().splitlines():
        value, older, meaning = line.split(" ", 2)
        scheme, _, number = value.rpartition(":")
        known[scheme or "SCT", number] = meaning
        known.update({("SRT", code): meaning for code in older.split(",") if older != "-"})
    return known


ANATOMY = _known(codes.ANATOMY)
VIEWS = _known(codes.VIEWS)
VIEW_MODIFIERS = _known(codes.VIEW_MODIFIERS)
