// The fields beside the file field of the upload form.
const FIELDS = ["group", "sex", "age", "smoke", "smoke_packyears", "patient_key"];

/** @param {HTMLFormElement} form */
const inputs = (form) => FIELDS.map((name) => form.elements[name]).filter(Boolean);

/** False, with the browser's own words beside the first wrong field. */
export function isValid(form) {
  const wrong = inputs(form).find((input) => !input.checkValidity());
  if (!wrong) return true;
  wrong.closest("details")?.setAttribute("open", "");
  wrong.reportValidity();
  return false;
}

/**
 * What is said, in the names that the server knows (tus Upload-Metadata); nothing for empty fields.
 * @param {HTMLFormElement} form
 * @param {Record<string, number>} classes class ids by the values of the field `group`
 */
export function described(form, classes) {
  const said = {};
  for (const { name, value } of inputs(form)) {
    if (!value.trim()) continue;
    if (name === "group") said.class_id = String(classes[value]);
    else said[name] = value.trim();
  }
  return said;
}
