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
    Adani; AGFA; AGFA HealthCare; Agfa NV; Agfa-Gevaert; Agfa-Gevaert AG; Agfa-Gevaert N.V.; Allengers; Analogic;
    Arcoma; Arcoma AB; Beijing Wandong Medical; BMI Biomedical International; Canon; Canon Electron Tubes & Devices;
    Canon Inc.; Canon Medical Systems; Canon Medical Systems Corporation; CANON_MEC; Careray; CareRay Digital
    Medical; Carestream; Carestream Health; CARESTREAM HEALTH, INC.; Cemax-Icon; Codonics; Dandong Huari; Del
    Medical; Del Medical Imaging; Delft Imaging; Digirad; DK Medical; DK Medical Systems; DMS; DMS Imaging; DRGEM;
    DRGEM Corporation; DRTECH; DRTECH Corporation; Dynarad; Eastman Kodak; Eastman Kodak Company; ECORAY; EIZO;
    Examion; FUJI; FUJI PHOTO FILM Co., ltd.; FUJIFILM; FUJIFILM Corporation; FUJIFILM Healthcare; FUJIFILM Medical
    Systems; GE Healthcare; GE Medical Systems; GE Medical Systems, LLC; GE OEC Medical Systems; General Electric;
    General Medical Merate; GMM; Hitachi; Hitachi Medical Corporation; Hologic; Hologic, Inc.; Howtek; iCRco; iCRco,
    Inc.; Imaging Dynamics Company; Imaging Dynamics Company Ltd.; IMIX; Innomed; iRay; iRay Technology; Italray;
    JPI Healthcare; KODAK; Konica; Konica Corporation; Konica Minolta; Konica Minolta Medical & Graphic; Landwind;
    Listem; Lodox; Lodox Systems; Lumisys; Medion; Medlink Imaging; Merge; Metaltronica; Micro-X; MINDRAY; Mindray
    Bio-Medical; MinXray; NeuroLogica; Neusoft; Neusoft Medical; North American Imaging; Oehm und Rehbein; OR
    Technology; Orex; OREX Computed Radiography; PerkinElmer; Perlove; Perlove Medical; Phantom Works; Philips;
    Philips Healthcare; Philips Medical Systems; PHILIPS Medical Systems DMC GmbH; Philips Medical Systems, Inc.;
    PhilipsMedicalSystems Hamburg; Picker International; PIXXGEN; Poskom; Primax; PROTEC; Quantum Medical Imaging;
    RADMIR; Rayence; Rayence Co., Ltd.; SAMSUNG; Samsung Electronics; SAMSUNG ELECTRONICS CO., LTD.; Samsung
    Medison; SEDECAL; Sedecal S.A.; Shenzhen Mindray Bio-Medical Electronics; Shimadzu; Shimadzu Corporation;
    SIEMENS; Siemens AG; Siemens Healthcare; Siemens Healthcare GmbH; Siemens Healthineers; SIEMENS Healthineers AG;
    Siemens Medical Solutions; Siemens Shanghai Medical Equipment; SIUI; SmartRay; Stephanix; Sterling Diagnostic
    Imaging; Sternmed; Summit Industries; Swissray; SWISSRAY International; Swissray Medical AG; Teledyne DALSA;
    Thales; Toray; TOSHIBA; Toshiba Medical Systems; TOSHIBA_MEC; Trex Medical; Trixell; UIH; United Imaging; United
    Imaging Healthcare; Varex; Varex Imaging; Varian; Vatech; Vidar; VIDAR Systems; VIDAR Systems Corporation;
    Vieworks; Villa Sistemi Medicali; Visaris; Viztek; Wandong; Wolverson; X-Ray Imatek; Xoran; Ziehm"""
_MODELS = """
    1417WCA; 1717SCC; 3600+; AccE GC80; AccE Glass-Free; AccE GM85; ACL4; ACR-2000; ACR-2000i; ADC 5146; ADC 51xx;
    ADC 70; ADC Compact; ADC Compact Plus; ADC Solo; ADU-2; AeroDR; AeroDR 2; AeroDR 3; AeroDR fine; AeroDR HD;
    AeroDR Premium; AeroDR Swift; AeroDR System; AeroDR TX; AeroDR X70; AMX 240; AMX 4; AMX 4 Plus; AMX Navigate;
    Apollo; Apollo DRF; Aquarius 8600; AXIOM Aristos; AXIOM Aristos FX; AXIOM Aristos FX Plus; AXIOM Aristos MX;
    AXIOM Aristos TX; AXIOM Aristos VX; AXIOM Iconos; AXIOM Iconos R200; AXIOM Luminos dRF; AXIOM Multix; AXIOM
    Multix M; AXIOM Vertix; AXIOM Vertix MD; Brivo DR-F; Brivo XR118; Brivo XR285; Brivo XR383; Brivo XR385; Brivo
    XR515; Brivo XR575; BuckyDiagnost; BuckyDiagnost CS; BuckyDiagnost TH; BuckyDiagnost VT; CALYPSO; Carbon View;
    Cassette Holder; ChromaVision; Classic CR; Clisis; CombiDiagnost R90; Console Advance; CR 10-X; CR 12-X; CR
    15-X; CR 25.0; CR 30-X; CR 30-Xm; CR 35; CR 35-X; CR 500; CR 75; CR 75.0; CR 800; CR 825; CR 85; CR 85-X; CR
    850; CR 900; CR 950; CR 975; CR-IR 341; CR-IR 342; CR-IR 346; CR-IR 348CL; CR-IR 355; CR-IR 356; CR-IR 357;
    CR-IR 359; CR-IR 362; CR-IR 363; CR-IR 364; CR-IR 368; CR-IR 391; CR-IR 392; CS-2; CS-3; CS-7; CS-7000; CXDI;
    CXDI Control Software; CXDI Control Software NE; CXDI Control Software RF; CXDI-1; CXDI-11; CXDI-22; CXDI-31;
    CXDI-401C; CXDI-401C Wireless; CXDI-401G; CXDI-40C; CXDI-40E; CXDI-40EG; CXDI-40G; CXDI-410C Wireless;
    CXDI-501C; CXDI-50C; CXDI-50G; CXDI-50RF; CXDI-55C; CXDI-55G; CXDI-60C; CXDI-60G; CXDI-701C Wireless; CXDI-702C
    Wireless; CXDI-703C Wireless; CXDI-70C; CXDI-70C Wireless; CXDI-710C Wireless; CXDI-801C Wireless; CXDI-80C;
    CXDI-80C Wireless; CXDI-810C Wireless; ddR; ddR Combi; ddR Formula; ddR Modulaire; ddR Multi; ddRAura;
    ddRCompact; ddRCruze; ddRElement; ddRVersa; Definium 5000; Definium 6000; Definium 656 HD; Definium 8000;
    Definium AMX 700; Definium Tempo; DiagnostPRO; DiagnostPRO Advantage; DigiEye 280; DigiEye 280T; DigiEye 330;
    DigiEye 350; DigiEye 560; DigiEye 560T; DigiEye 680; DigiEye 760; DigiEye 780; Digiscan; DIGISCAN 2C; DIGISCAN
    2T; Digiscan M; digital DIAGNOST; Digital Radiography CS-7; DigitalDiagnost 4; DigitalDiagnost C50;
    DigitalDiagnost C90; DigitalDiagnost Compact; DigitalDiagnost Compact Plus; DigitalDiagnost TH; DigitalDiagnost
    VM; DigitalDiagnost VR; Digitex Safire; DIRA; Direct Radiography; DirectRay; DirectView CR 500; DirectView CR
    800; DirectView CR 825; DirectView CR 850; DirectView CR 900; DirectView CR 950; DirectView CR 975; DirectView
    DR 3000; DirectView DR 3500; DirectView DR 5100; DirectView DR 7100; DirectView DR 7500; DirectView DR 9000;
    DirectView DR 9500; Discovery XR650; Discovery XR656; Discovery XR656 HD; Discovery XR656 Plus; Dosimetry PRO
    Advantage; DosimetryPRO; DR 100e; DR 100s; DR 10s; DR 14e; DR 14s; DR 17e; DR 18M; DR 24M; DR 3000; DR 3500; DR
    400; DR 5100; DR 600; DR 7100; DR 7500; DR 800; DR 9000; DR 9500; DR-ID 1200; DR-ID 1300; DR-ID 300; DR-ID
    300CL; DR-ID 400; DR-ID 600; DR-ID 700; DR-ID 800; DR-ID 900; DR-XD 1000; DR-XD 2000; Drawing Board; DRX 2530C;
    DRX Core; DRX Plus 3543; DRX Plus 4343; DRX-1; DRX-1 System; DRX-Ascend; DRX-Compass; DRX-Evolution;
    DRX-Evolution Plus; DRX-Excel; DRX-Innovation; DRX-Mobile Retrofit; DRX-Neo; DRX-PLUS; DRX-Revolution;
    DRX-Revolution Nano; DRX-Rise; DRX-Transportable; DuraDiagnost; DuraDiagnost Compact; DuraDiagnost F30; DX-D
    100; DX-D 300; DX-D 400; DX-D 500; DX-D 600; DX-D 800; DX-D Retrofit; DX-G; DX-M; DX-S; EasyDiagnost Eleva;
    EasyVision; Eleva Workspot; Elite CR; EPEX; EPEX Omniflex; Essenta DR; Essenta DR Compact; EVS 3643; EVS 4343;
    eXero-dr; FCR 5000; FCR 5000R; FCR 5501; FCR 5501D; FCR 7000; FCR 9000; FCR 9501; FCR AC-3; FCR AC-3CS; FCR
    CAPSULA; FCR CAPSULA X; FCR CAPSULA XL; FCR CAPSULA XLII; FCR Carbon; FCR Carbon X; FCR Carbon XL; FCR PRIMA;
    FCR PRIMA T; FCR PRIMA T2; FCR PROFECT; FCR PROFECT CS; FCR SmartCR; FCR SmartCR X; FCR VELOCITY; FCR VELOCITY
    T; FCR VELOCITY U; FCR XC-2; FCR XG 5000; FCR XG-1; FCR XL-1; FCR XL-2; FDR AcSelerate; FDR AQRO; FDR D-EVO; FDR
    D-EVO II; FDR D-EVO III; FDR ES; FDR Go; FDR Go Flex; FDR Go PLUS; FDR nano; FDR Smart; FDR Smart FGXR-52S; FDR
    Smart X; FDR Visionary Suite; FDR X-D1; FDR Xair; FDX Console; Film Digitizer; FLAATZ; FLUOROspeed X1;
    Fluorospot Compact; Fluorospot Compact FD; Fluorospot TOP; GC60A; GC70; GC80; GC85A; GF50; GF50A; GF85; GM60A;
    GM85; GR40CW; GU60A; GU60A-65; GXR; GXR-40; GXR-52; GXR-C; GXR-S; iCR3600; ImagePilot; ImagePilot Sigma; iQ-CR;
    IRS; KDR Advanced U-Arm; KDR Primary; LS-100; LS-75; LS-85; Luminos Agile; Luminos Agile Max; Luminos dRF;
    Luminos dRF Max; Luminos Fusion; Luminos Lotus Max; Lumiscan 20; Lumiscan 200; Lumiscan 75; Lumiscan 85; Max CR;
    MobiEye 700; MobiEye 700T; Mobile DR; MobileDaRt; MobileDaRt Evolution; MobileDaRt Evolution EFX; MobileDaRt
    Evolution MX7; MobileDaRt Evolution MX8; MobileDiagnost M50; MobileDiagnost Opta; MobileDiagnost wDR; Mobilett;
    Mobilett Elara Max; Mobilett Impact; Mobilett Mira; Mobilett Mira Max; Mobilett XP; Mobilett XP Digital;
    Mobilett XP Hybrid; Moviplan; MultiRAD 460; Multitom Rax; Multix; Multix Fusion; Multix Fusion Max; Multix
    Impact; Multix Impact C; Multix Impact E; Multix MT; Multix Select DR; Multix Swing; Multix TOP; MUSICA; NX;
    Opera T; Optima XR200amx; Optima XR220amx; Optima XR240amx; Optima XR640; Optima XR642; Optima XR646; Optima
    XR646 HD; Optima XR656; OTC18; PCR; PCR AC3; PCR AC5000; PCR Compano; PCR Corado; PCR Cosima; PCR Cosima X; PCR
    Eleva; PCR Eleva Corado; PCR Eleva S; PCR Eleva S Plus; PLX8100; PLX9600; Point-of-Care CR 120; Point-of-Care CR
    140; Point-of-Care CR 260; Point-of-Care CR 360; Practix Convenio; Precision 500D; Precision RXi;
    PrimaryDiagnost DR; ProGrade; Proteus XR/a; Proteus XR/f; ProxiDiagnost N90; Pulmodig; Q-Rad; RADEX; RADIOGRAPHY
    7300 C; Radiography 7700 M; RADREX; RADREX-i; RADspeed; RADspeed fit; RADspeed MF; RADspeed Pro; RADspeed Pro
    EDGE; REGIUS 110; REGIUS 110HQ; REGIUS 110S; REGIUS 150; REGIUS 170; REGIUS 190; REGIUS 210; REGIUS 330; REGIUS
    350; REGIUS 370; REGIUS 530; REGIUS 550; REGIUS Model 110; REGIUS Model 150; REGIUS Model 170; REGIUS Model 190;
    REGIUS Model 210; REGIUS SIGMA; REGIUS SIGMA 2; Retrofit; Revolution XQ/i; Revolution XR/d; Revolution XR/i;
    Rotanode; SIEMENS FD-X; Sierra Plus; Silhouette VR; SkyFlow; Sonialvision; Sonialvision G4; Sonialvision safire;
    Statscan; Thoravision; THORAX 2000; THORAX FD; Thunder Platform; TITAN 2000; TOPAZ; uDR 266i; uDR 370i; uDR
    380i; uDR 550i; uDR 580i; uDR 588i; uDR 592h; uDR 596i; uDR 770i; uDR 780i; Ultimax; Ultimax-i; Unity
    SpeedSuite; Vertix; Visitor T30; Vita CR; Vita Flex CR; VIVIX-S; ViVIX-S 1417N; VIVIX-S 1717; VXR-12; VXR-16;
    X-DR; X-Series; X3C; X4C; XD 10; XD 14; XD 17; XGEO; XGEO GC80; XGEO GC80V; XGEO GM60A; XGEO GR40CW; XGEO GU60A;
    Xmaru; XPLORER 1000; XPLORER 1500; XPLORER 1600; XPLORER 1700; Xpress CR; XRG; XRG1; Ysio; Ysio Max; YSIO X.pree"""


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
