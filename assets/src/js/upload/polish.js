// Uppy's Polish with Polish plurals (its own knows two forms, the language has three) and what is missing there.
import base from "@uppy/locales/lib/pl_PL.js";

const FORMS = { one: 0, few: 1 };
const rules = new Intl.PluralRules("pl");

const forms = (one, few, many) => ({ 0: one, 1: few, 2: many });

// Where Uppy has two forms the second serves for few and many.
const threefold = Object.fromEntries(
  Object.entries(base.strings).map(([key, text]) =>
    typeof text === "object" && text !== null ? [key, forms(text[0], text[1], text[1])] : [key, text],
  ),
);

export default {
  strings: {
    ...threefold,
    dashboardTitle: "Pliki do wysłania",
    dropPasteBoth: "Upuść tutaj pliki lub %{browseFiles} albo %{browseFolders}",
    browseFiles: "wybierz pliki",
    browseFolders: "wybierz foldery",
    dropHint: "Upuść pliki tutaj",
    addMoreFiles: "Dodaj więcej plików",
    addingMoreFiles: "Dodawanie plików",
    xFilesSelected: forms("Wybrano %{smart_count} plik", "Wybrano %{smart_count} pliki", "Wybrano %{smart_count} plików"),
    uploadingXFiles: forms(
      "Wysyłanie %{smart_count} pliku",
      "Wysyłanie %{smart_count} plików",
      "Wysyłanie %{smart_count} plików",
    ),
    processingXFiles: forms(
      "Przetwarzanie %{smart_count} pliku",
      "Przetwarzanie %{smart_count} plików",
      "Przetwarzanie %{smart_count} plików",
    ),
    uploadXFiles: forms("Wyślij %{smart_count} plik", "Wyślij %{smart_count} pliki", "Wyślij %{smart_count} plików"),
    uploadXNewFiles: forms(
      "Wyślij jeszcze %{smart_count} plik",
      "Wyślij jeszcze %{smart_count} pliki",
      "Wyślij jeszcze %{smart_count} plików",
    ),
    xMoreFilesAdded: forms(
      "Dodano jeszcze %{smart_count} plik",
      "Dodano jeszcze %{smart_count} pliki",
      "Dodano jeszcze %{smart_count} plików",
    ),
    filesUploadedOfTotal: forms(
      "Wysłano %{complete} z %{smart_count} pliku",
      "Wysłano %{complete} z %{smart_count} plików",
      "Wysłano %{complete} z %{smart_count} plików",
    ),
    exceedsSize: "Plik %{file} jest większy niż dozwolone %{size}",
    uploadFailed: "Nie wysłano wszystkiego",
    complete: "Wysłano",
    retry: "Spróbuj ponownie",
    retryUpload: "Spróbuj ponownie",
    showErrorDetails: "Pokaż szczegóły błędu",
  },
  pluralize: (count) => FORMS[rules.select(count)] ?? 2,
};
